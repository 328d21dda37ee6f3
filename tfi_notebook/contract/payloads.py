"""Form A of `POST /jobs/v2`: the flat talking-video payload, validated before it is sent."""

from __future__ import annotations

import difflib
import hashlib
import inspect
import json
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

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
from tfi_notebook.errors import PayloadError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails


class TalkingVideoPayload(BaseModel):
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

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    image_url: PublicUrl = Field(
        title="Picture",
        description="Publicly reachable URL of the portrait (png, jpg, webp, bmp).",
    )
    audio_url: PublicUrl = Field(
        title="Narration",
        description="Publicly reachable URL of the narration audio (mp3, wav, m4a, flac, ogg).",
    )
    job_type: JobType = Field(
        "ai_talking_video", title="Job type", description="Kind of job the API is to run."
    )
    project_id: ProjectId = Field(title="Project", description="Project to which the job belongs.")
    is_clone_required: Flag = Field(
        default=False,
        title="Clone pass",
        description="Run a clone pass before rendering. TFI does not say what is cloned.",
    )
    language: Language = Field(
        "en", title="Language", description="Language of the narration, for the lip-sync."
    )
    version: Version = Field(6, title="Version", description="Model version.")
    output_size: OutputSize = Field(
        400,
        title="Output size",
        description="Edge of the video in px. TFI does not say which edge.",
    )
    crop: Flag = Field(
        default=True, title="Crop", description="Cut the picture to the face before rendering."
    )
    dynamic_scale: DynamicScale = Field(
        1.0, title="Motion", description="Factor on the motion of head and mouth (1 = normal)."
    )
    iteration_count: IterationCount = Field(
        10, title="Iterations", description="Refinement iterations: more take longer."
    )
    expand_ratio: ExpandRatio = Field(
        0.5,
        title="Expand",
        description="Room around the face when cropping: side = (1 + 2 x ratio) x face.",
    )
    values: Strings = Field(
        (), title="Values", description="Extra renderer tuning, a list of strings."
    )

    def __init__(self, **fields: Any) -> None:  # noqa: ANN401 - validated right here
        try:
            super().__init__(**fields)
        except ValidationError as error:
            problems = explain(error.errors(include_url=False, include_input=False))
        else:
            return
        # raised outside the handler, so that no traceback shows the input
        raise PayloadError(problems)

    def body(self) -> dict[str, Any]:
        """Return the JSON body of the request: every field, by its own name."""
        return self.model_dump(mode="json")

    def replace(self, **changes: Any) -> TalkingVideoPayload:  # noqa: ANN401 - validated
        """Return a validated copy with some fields changed.

        Raises:
            PayloadError: a changed field is wrong.
        """
        return TalkingVideoPayload(**(self.body() | changes))

    @property
    def fingerprint(self) -> str:
        """Stable hash of the normalised body: equal for payloads that ask for the same video."""
        return fingerprint(self.body())


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


def _keyword_signature() -> inspect.Signature:
    """The model's own fields as keywords, so that Shift-Tab and Tab in a notebook show them."""
    fields = TalkingVideoPayload.model_fields
    generated = inspect.signature(TalkingVideoPayload).parameters.values()
    parameters = [item.replace(annotation=fields[item.name].annotation) for item in generated]
    return inspect.Signature(parameters, return_annotation=TalkingVideoPayload)


build_payload.__signature__ = _keyword_signature()  # type: ignore[attr-defined]


def field_names() -> list[str]:
    """Return the 13 field names in the order of the reference page."""
    return list(TalkingVideoPayload.model_fields)


def fingerprint(body: Mapping[str, Any]) -> str:
    """Hash a request body independently of the order of its keys.

    Args:
        body: JSON-ready fields, as `TalkingVideoPayload.body` gives them.

    Returns:
        64 hexadecimal digits (SHA-256 of the canonical JSON).

    Example:
        >>> fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
        True
    """
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def explain(errors: list[ErrorDetails]) -> dict[str, str]:
    """Turn pydantic's error list into field → message, without any input value."""
    return {_field_of(error): _message_of(error) for error in errors}


def _field_of(error: ErrorDetails) -> str:
    return str(error["loc"][0]) if error["loc"] else "payload"


def _message_of(error: ErrorDetails) -> str:
    if error["type"] == "missing":
        return "is required"
    if error["type"] == "extra_forbidden":
        close = difflib.get_close_matches(_field_of(error), field_names(), n=1)
        return "is not a field" + (f"; did you mean {close[0]}?" if close else "")
    return error["msg"].removeprefix("Value error, ")
