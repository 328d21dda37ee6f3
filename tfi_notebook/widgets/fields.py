"""What a form knows of each field: read from the payload's model, so that none is listed twice.

A field that is added to the model appears by itself, in the group `REST`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, get_args, get_origin

from tfi_notebook.contract.about import About
from tfi_notebook.display import words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic.fields import FieldInfo

    from tfi_notebook.contract.model import Payload
    from tfi_notebook.contract.records import MappingFields

GROUPS: Final = {
    "Source": ("image_url", "audio_url"),
    "Project": ("project_id", "job_type", "language"),
    "Render": (
        "version",
        "output_size",
        "iteration_count",
        "dynamic_scale",
        "crop",
        "expand_ratio",
        "is_clone_required",
        "values",
    ),
}
"""The groups, and their fields in the order in which they stand."""
REST: Final = "Render"
"""The group in which a field appears that is named in none."""
TEMPLATE: Final = "Template"
"""The group of the fields that a project's template takes."""
VALUE: Final = "values."
"""What the name of a template's field begins with, as errors name it."""
PICTURE, SOUND = "picture", "sound"
_TEMPLATE_KINDS: Final = {
    "image": ("url", PICTURE, "Publicly reachable URL of a picture."),
    "audio": ("url", SOUND, "Publicly reachable URL of a sound."),
}
_SHARED: Final = ("project_id", "job_type")
_LABEL_CHARS: Final = 80


def described(model: type[Payload]) -> list[dict[str, Any]]:
    """Describe each field of a payload's model for a form, in the order of `GROUPS`.

    Args:
        model: `TalkingVideoPayload` or a class made from it.

    Returns:
        One plain dict for each field: `name`, `title`, `help`, `source` (from where the meaning
        is known), `group`, and `kind`: url, uuid, toggle, int, float, flag, tags, choice or
        text. Where there is one, also `default`, `minimum`, `maximum`, `step`, `options` (value
        and label of each) and `media` (picture or sound, of a url).

    Example:
        >>> from tfi_notebook.contract.payloads import TalkingVideoPayload
        >>> [field["kind"] for field in described(TalkingVideoPayload)][:4]
        ['url', 'url', 'uuid', 'choice']
    """
    fields = model.model_fields
    return [_described(name, fields[name], group) for group, name in _ordered(fields)]


def template(model: type[Payload], mapping: MappingFields) -> list[dict[str, Any]]:
    """Describe the fields of form B: project, kind of job, and what the template takes.

    Args:
        model: the model of form A, for the controls that both forms have.
        mapping: the template's own fields; a `label` is foreign text.
    """
    return [
        *(_described(name, model.model_fields[name], "Project") for name in _SHARED),
        *(
            _mapped(name, field.label, field.instruction_type)
            for name, field in mapping.fields.items()
        ),
    ]


def _ordered(fields: Mapping[str, FieldInfo]) -> Iterator[tuple[str, str]]:
    grouped = {name for names in GROUPS.values() for name in names}
    rest = [name for name in fields if name not in grouped]
    for group, names in GROUPS.items():
        for name in (*names, *(rest if group == REST else ())):
            if name in fields:
                yield group, name


def _described(name: str, field: FieldInfo, group: str) -> dict[str, Any]:
    about = next((item for item in field.metadata if isinstance(item, About)), About(""))
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    told: dict[str, Any] = {
        "name": name,
        "title": field.title or name,
        "help": field.description or "",
        "source": about.source,
        "group": group,
        "kind": _kind(field.annotation, extra),
    }
    if not field.is_required():
        told["default"] = _plain(field.get_default(call_default_factory=True))
    if told["kind"] == "url":
        told["media"] = SOUND if name.startswith("audio") else PICTURE
    limits = {"minimum": "minimum", "maximum": "maximum", "step": "multipleOf"}
    told |= {ours: extra[theirs] for ours, theirs in limits.items() if theirs in extra}
    if options := _options(field.annotation, extra, about):
        told["options"] = options
    return told


def _kind(annotation: object, extra: Mapping[str, Any]) -> str:
    if get_origin(annotation) is Literal:
        return "toggle"
    if get_origin(annotation) in {tuple, list}:
        return "tags"
    for kind, meant in (("flag", bool), ("int", int), ("float", float)):
        if annotation is meant:
            return kind
    by_format = {"uri": "url", "uuid": "uuid"}.get(str(extra.get("format")))
    return by_format or ("choice" if "enum" in extra else "text")


def _options(annotation: object, extra: Mapping[str, Any], about: About) -> list[list[Any]]:
    choices = get_args(annotation) if get_origin(annotation) is Literal else extra.get("enum", ())
    return [[item, str(item)] for item in choices] or [list(item) for item in about.offered.items()]


def _plain(value: Any) -> Any:  # noqa: ANN401 - as many types as fields
    return list(value) if isinstance(value, tuple) else value


def _mapped(name: str, label: str, instruction_type: str) -> dict[str, Any]:
    """Describe one field of a template; a kind that is not known yet is taken for text."""
    kind, media, about = _TEMPLATE_KINDS.get(instruction_type, ("lines", "", "Text."))
    return {
        "name": VALUE + name,
        "title": words.readable(label, _LABEL_CHARS) or name,
        "help": about,
        "source": f"the template names it {words.readable(name, _LABEL_CHARS)}",
        "group": TEMPLATE,
        "kind": kind,
        "media": media,
    }
