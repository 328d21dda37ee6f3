"""Form B of `POST /jobs/v2`: a template with its values, validated before it is sent."""

# annotations are evaluated here: pydantic reads them
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

from pydantic import BeforeValidator, Field, field_validator

from tfi_notebook.contract.fields import JobType, ProjectId, whole
from tfi_notebook.contract.model import Payload, did_you_mean, fingerprint, show_keywords
from tfi_notebook.contract.payloads import TalkingVideoPayload
from tfi_notebook.contract.values import (
    ASSET_KEYS,
    EXACT_MAX,
    ExtraFields,
    FrozenMap,
    Name,
    TemplateValues,
    json_value,
    thaw,
)

STUDIO_VERSION: Final = 2
"""The workflow version that TFI's studio sends."""


def _workflow_version(value: Any) -> int:  # noqa: ANN401 - a validator takes what came
    return int(json_value(whole(value)))


class PayloadNotice(UserWarning):
    """A payload is right, but may not mean what it seems to."""


class TemplatePayload(Payload):
    """The template-driven body of `POST /jobs/v2`: only `job_type` must be given.

    Fields that the documentation does not list go into `extra`, and nowhere else. The API keeps
    the whole body as the job's `input` and hands unknown fields on to the worker, so a slip in a
    name would be paid for and do nothing; `extra` says that it is no slip.

    Raises:
        PayloadError: naming every wrong field at once, `values.<id>` for one value.

    Example:
        >>> payload = TemplatePayload(
        ...     job_type="ai_talking_video",
        ...     template_id="468ea7a0-66e1-4357-a760-236e54167f3e",
        ...     values={
        ...         "headline": "Spring is here",
        ...         "avatar": {"image_url": "https://cdn.example.com/image.png"},
        ...     },
        ... )
        >>> sorted(payload.body())
        ['job_type', 'template_id', 'values', 'version']
        >>> payload.urls()
        {'values.avatar.image_url': 'https://cdn.example.com/image.png'}
    """

    if TYPE_CHECKING:

        def __init__(self, /, **fields: Any) -> None:  # noqa: ANN401 - checked at run time
            """Check the fields."""

    job_type: JobType = Field(title="Job type", description="Kind of job the API is to run.")
    template_id: ProjectId | None = Field(
        None,
        title="Template",
        description="Template to be filled in. The API resolves it before project_id.",
    )
    project_id: Name | None = Field(
        None,
        title="Project",
        description="Project or source id; without effect where template_id is given.",
    )
    values: TemplateValues = Field(
        default_factory=FrozenMap,
        title="Values",
        description='Mapping-field id → text, {"image_url": ...} or'
        ' {"audio_url": ..., "effects": [...]}.',
    )
    version: Annotated[
        int,
        BeforeValidator(_workflow_version),
        Field(json_schema_extra={"minimum": -EXACT_MAX, "maximum": EXACT_MAX}),
    ] = Field(
        STUDIO_VERSION,
        title="Workflow version",
        description="Version of the workflow, not of the model; TFI's studio sends 2.",
    )
    session_id: Name | None = Field(
        None, title="Session", description="Your own id, for correlated notifications."
    )
    extra: ExtraFields = Field(
        default_factory=FrozenMap,
        title="Extra fields",
        description="Fields of the body that the documentation does not list.",
    )

    @field_validator("extra")
    @classmethod
    def _extra_is_extra(cls, extra: Mapping[str, Any]) -> Mapping[str, Any]:
        if known := sorted(extra.keys() & cls.model_fields.keys() - {"extra"}):
            raise ValueError(f"must not hold {', '.join(known)}: give it as a field of its own")
        return extra

    def body(self) -> dict[str, Any]:
        """Return the JSON body: the given fields by their own names, `extra` beside them."""
        fields = self.model_dump(mode="json", exclude={"extra"}, exclude_none=True)
        return fields | dict(thaw(self.extra))

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Self:
        """Make the payload again that has this body; fields without a name here are extra.

        Raises:
            PayloadError: naming every wrong or missing field.
        """
        own = cls.model_fields.keys() - {"extra"}
        extra = {name: value for name, value in body.items() if name not in own}
        fields = {name: value for name, value in body.items() if name in own}
        return super().from_body(fields | {"extra": extra})

    @property
    def fingerprint(self) -> str:
        """Stable hash of what is asked for: `session_id` only says who is to be notified."""
        body = self.body()
        body.pop("session_id", None)
        return fingerprint(body)

    def urls(self) -> dict[str, str]:
        """Return every URL that the service will fetch, as `values.<id>.<key>` → URL."""
        return {
            f"values.{name}.{key}": value[key]
            for name, value in self.values.items()
            if isinstance(value, Mapping)
            for key in ASSET_KEYS
            if key in value
        }

    def notices(self) -> list[str]:
        """Tell what is right but may not mean what it seems to; empty if there is nothing.

        Example:
            >>> TemplatePayload(job_type="video", project_id="spring", version=6).notices()
            ["version: 6 is a workflow version here, not a model version; TFI's studio sends 2"]
        """
        told = []
        if self.template_id and self.project_id:
            told.append("project_id: has no effect, because the API resolves template_id first")
        if not self.template_id and not self.project_id:
            told.append("template_id: is not given, nor is project_id; the API may find no source")
        if self.version != STUDIO_VERSION:
            told.append(
                f"version: {self.version} is a workflow version here, not a model version;"
                f" TFI's studio sends {STUDIO_VERSION}"
            )
        return told

    @classmethod
    def _about_unknown(cls, name: str) -> str:
        if name in ASSET_KEYS:
            return f'is no field of a template; give it as a value: {{"<id>": {{"{name}": ...}}}}'
        guess = did_you_mean(name, cls.model_fields)
        return f"is not a field{guess or '; if the API takes it all the same, put it into extra'}"


def build_template_payload(**fields: Any) -> TemplatePayload:  # noqa: ANN401 - validated
    """Build and check a template payload; keyword-only, one keyword for each field.

    Args:
        **fields: the fields of `TemplatePayload`.

    Returns:
        The frozen payload.

    Raises:
        PayloadError: naming every wrong, missing or unknown field.

    Warns:
        PayloadNotice: once for each of the payload's `notices`.
    """
    payload = TemplatePayload(**fields)
    for notice in payload.notices():
        warnings.warn(notice, PayloadNotice, stacklevel=2)
    return payload


show_keywords(build_template_payload, TemplatePayload)


def payload_from_body(body: Mapping[str, Any]) -> Payload:
    """Make the payload again that has this body, in the form it is written in.

    Raises:
        PayloadError: naming every wrong, missing or unknown field.

    Example:
        >>> payload_from_body({"job_type": "tts", "values": {"headline": "Hi"}}).job_type
        'tts'
    """
    form = TemplatePayload if is_template_form(body) else TalkingVideoPayload
    return form.from_body(body)


def is_template_form(body: Mapping[str, Any]) -> bool:
    """Tell in which form a body is written: True is form B, False form A.

    A body is form B when it names a template, when its `values` are an object, or when it says
    what kind of job it wants, but neither picture nor sound at the top level; every body that
    `Payload.body` gives is told apart by this.
    """
    has_template = "template_id" in body or isinstance(body.get("values"), Mapping)
    is_flat = "image_url" in body or "audio_url" in body
    return has_template or ("job_type" in body and not is_flat)
