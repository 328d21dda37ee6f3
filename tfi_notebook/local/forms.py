"""What a request of either form means to the local renderer, which renders one kind of job.

A template request (form B) is read for the local service's one project: its values name the
picture and the sound, and tuning fields may stand beside them at the top level, where the API
lets unknown fields through to its worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from tfi_notebook.contract.local import LOCAL_PROJECT_ID
from tfi_notebook.contract.model import did_you_mean
from tfi_notebook.contract.payloads import TalkingVideoPayload
from tfi_notebook.contract.templates import TemplatePayload
from tfi_notebook.errors import PayloadError
from tfi_notebook.local.renderer.options import RenderOptions

if TYPE_CHECKING:
    from tfi_notebook.contract.model import Payload

JOB_TYPE: Final = "ai_talking_video"
FIELDS: Final = {
    "image": {"label": "Picture", "instructionType": "image"},
    "audio": {"label": "Narration", "instructionType": "audio"},
}
"""The mapping fields of the local project."""

_URL_KEYS: Final = {"image": "image_url", "audio": "audio_url"}
_TUNING: Final = TalkingVideoPayload.model_fields.keys() - {
    "image_url", "audio_url", "job_type", "project_id", "version", "values",
}  # fmt: skip


def talking_video(payload: Payload) -> TalkingVideoPayload:
    """Return the talking video that a payload asks for.

    Args:
        payload: either form. A template's `version` is a workflow's, so the model version
            keeps its default.

    Raises:
        PayloadError: another kind of job, another project, or values this project has not.
    """
    if payload.job_type != JOB_TYPE:
        raise PayloadError({"job_type": f"the local service renders {JOB_TYPE} only"})
    if isinstance(payload, TalkingVideoPayload):
        return payload
    assert isinstance(payload, TemplatePayload), "there are two forms"
    if problems := _project_problems(payload) | _value_problems(payload.values):
        raise PayloadError(problems, hint="the local project's mapping fields are image and audio")
    urls = {key: payload.values[name][key] for name, key in _URL_KEYS.items()}
    tuning = {name: value for name, value in payload.body().items() if name in _TUNING}
    return TalkingVideoPayload(project_id=LOCAL_PROJECT_ID, **urls, **tuning)


def render_fields(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return form A's fields for a stored request body of either form.

    Bodies were checked before they were stored; flat ones are taken as they are.
    """
    if not isinstance(body.get("values"), Mapping):
        return dict(body)
    return talking_video(TemplatePayload.from_body(body)).body()


def render_options(body: Mapping[str, Any], **changes: Any) -> RenderOptions:  # noqa: ANN401 - checked there
    """Return how a stored request body wants to be rendered, with some options changed.

    Raises:
        PayloadError: a value is out of its range.

    Example:
        >>> render_options({"version": 5, "values": []}, output_size=256).version
        5
    """
    wanted = render_fields(body) | changes
    taken = {option.name for option in fields(RenderOptions)} & wanted.keys()
    return RenderOptions(**{name: wanted[name] for name in taken})


def name_in(payload: Payload, field: str | None) -> str | None:
    """Return where a payload has what form A calls `image_url` or `audio_url`.

    Example:
        >>> name_in(TemplatePayload(job_type="ai_talking_video"), "image_url")
        'values.image.image_url'
    """
    places = {key: f"values.{name}.{key}" for name, key in _URL_KEYS.items()}
    return places.get(field or "", field) if isinstance(payload, TemplatePayload) else field


def ignored(body: Mapping[str, Any]) -> list[str]:
    """Return the fields of a request body that change nothing in a local rendering.

    Example:
        >>> ignored({"image_url": "...", "values": ["x"], "is_clone_required": True})
        ['values', 'is_clone_required']
        >>> ignored({"values": {"audio": {"audio_url": "...", "effects": ["echo"]}}})
        ['values.audio.effects']
    """
    values = body.get("values")
    if isinstance(values, Mapping):
        audio = values.get("audio")
        effects = isinstance(audio, Mapping) and audio.get("effects")
        names = ["values.audio.effects"] if effects else []
    else:
        names = ["values"] if values else []
    return names + (["is_clone_required"] if body.get("is_clone_required") else [])


def _project_problems(payload: TemplatePayload) -> dict[str, str]:
    field = "template_id" if payload.template_id or not payload.project_id else "project_id"
    if getattr(payload, field) == LOCAL_PROJECT_ID:
        return {}
    return {field: f"must be {LOCAL_PROJECT_ID}, the local service's one project"}


def _value_problems(values: Mapping[str, Any]) -> dict[str, str]:
    wrong = {
        f"values.{name}": f'must be given as {{"{key}": ...}}'
        for name, key in _URL_KEYS.items()
        if not isinstance(values.get(name), Mapping) or key not in values[name]
    }
    unknown = values.keys() - FIELDS.keys()
    return wrong | {
        f"values.{name}": "is no field of the local project" + did_you_mean(name, FIELDS)
        for name in sorted(unknown)
    }
