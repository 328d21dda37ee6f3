"""Form A of `POST /jobs/v2`: the flat talking-video payload, validated before it is sent."""

# annotations are evaluated here: pydantic reads them
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from tfi_notebook.contract.about import BOUNDED, LANGUAGES, REFERENCE, WORKERS, About
from tfi_notebook.contract.fields import (
    DynamicScale,
    ExpandRatio,
    Flag,
    IterationCount,
    JobType,
    Language,
    OutputSize,
    ProjectId,
    PublicUrl,
    Strings,
    Version,
)
from tfi_notebook.contract.model import Payload, show_keywords


class TalkingVideoPayload(Payload):
    """The 13 fields of `POST /jobs/v2`, exactly as the reference page names them.

    The model is frozen: a payload that was checked stays what was checked. Field types and the
    guards on them are explained in `tfi_notebook.contract.fields`; no bound there is TFI's.

    Raises:
        PayloadError: naming every wrong field at once, with a "did you mean" for unknown ones.

    Example:
        >>> payload = TalkingVideoPayload(
        ...     image_url="https://cdn.example.com/image.png",
        ...     audio_url="https://cdn.example.com/audio.mp3",
        ...     project_id="468ea7a0-66e1-4357-a760-236e54167f3e",
        ... )
        >>> payload.version, payload.iteration_count
        (6, 10)
        >>> TalkingVideoPayload(iteration_cout=5)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        tfi_notebook.errors.PayloadError: the payload has problems...
    """

    if TYPE_CHECKING:

        def __init__(self, /, **fields: Any) -> None:  # noqa: ANN401 - checked at run time
            """Check the fields."""

    image_url: Annotated[PublicUrl, About(WORKERS)] = Field(
        title="Picture",
        description="Publicly reachable URL of the portrait (png, jpg, webp, bmp).",
    )
    audio_url: Annotated[PublicUrl, About(WORKERS)] = Field(
        title="Narration",
        description="Publicly reachable URL of the narration audio (mp3, wav, m4a, flac, ogg).",
    )
    job_type: Annotated[JobType, About(f"{REFERENCE}; list: TFI's later pages")] = Field(
        "ai_talking_video", title="Job type", description="Kind of job the API is to run."
    )
    project_id: Annotated[ProjectId, About(REFERENCE)] = Field(
        title="Project", description="Project to which the job belongs."
    )
    is_clone_required: Annotated[Flag, About(REFERENCE)] = Field(
        default=False,
        title="Clone pass",
        description="Run a clone pass before rendering. TFI does not say what is cloned.",
    )
    language: Annotated[Language, About(f"{REFERENCE}; languages: not documented", LANGUAGES)] = (
        Field("en", title="Language", description="Language of the narration, for the lip-sync.")
    )
    version: Annotated[Version, About(REFERENCE)] = Field(
        6, title="Version", description="Model version."
    )
    output_size: Annotated[OutputSize, About(BOUNDED)] = Field(
        400,
        title="Output size",
        description="Edge of the video in px. TFI does not say which edge.",
    )
    crop: Annotated[Flag, About(f"{REFERENCE}; to the face: a guess")] = Field(
        default=True, title="Crop", description="Cut the picture to the face before rendering."
    )
    dynamic_scale: Annotated[DynamicScale, About(f"{BOUNDED}; what it scales: a guess")] = Field(
        1.0, title="Motion", description="Factor on the motion of head and mouth (1 = normal)."
    )
    iteration_count: Annotated[IterationCount, About(BOUNDED)] = Field(
        10, title="Iterations", description="Refinement iterations: more take longer."
    )
    expand_ratio: Annotated[ExpandRatio, About(f"{BOUNDED}; formula: public models")] = Field(
        0.5,
        title="Expand",
        description="Room around the face when cropping: side = (1 + 2 x ratio) x face.",
    )
    values: Annotated[Strings, About(f"{REFERENCE}; strings: not documented")] = Field(
        (), title="Values", description="Extra settings for the renderer, as a list of texts."
    )

    def urls(self) -> dict[str, str]:
        """Return the two URLs that the service will fetch, by the name of their field."""
        return {"image_url": self.image_url, "audio_url": self.audio_url}


def build_payload(**fields: Any) -> TalkingVideoPayload:  # noqa: ANN401 - validated
    """Build and check a payload; keyword-only, one keyword for each field of the API.

    Args:
        **fields: the fields of `TalkingVideoPayload`; `image_url`, `audio_url` and `project_id`
            have no default here (`tfi.build_payload` fills in samples in local mode).

    Returns:
        The frozen payload.

    Raises:
        PayloadError: naming every wrong, missing or unknown field.
    """
    return TalkingVideoPayload(**fields)


show_keywords(build_payload, TalkingVideoPayload)


def field_names() -> list[str]:
    """Return the 13 field names in the order of the reference page."""
    return list(TalkingVideoPayload.model_fields)
