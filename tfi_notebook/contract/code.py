"""A payload as text that a person can copy: JSON, a call in Python, a command for the shell.

`pasted` is the way back. Nothing here knows a key: the command names the variable that holds it.
"""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any, Final

from tfi_notebook.contract.fields import JOB_TYPES
from tfi_notebook.contract.model import Payload
from tfi_notebook.contract.payloads import TalkingVideoPayload
from tfi_notebook.contract.templates import TemplatePayload, is_template_form
from tfi_notebook.contract.values import thaw

if TYPE_CHECKING:
    from collections.abc import Mapping

LINE_MAX_CHARS: Final = 88
"""What fits is written on one line, as the formatter `black` does it."""
_INDENT: Final = 4


def as_json(payload: Payload | Mapping[str, Any]) -> str:
    r"""Return the JSON body of the request, a line for each field.

    Args:
        payload: a checked payload, or the fields of its body, right or not.

    Example:
        >>> print(as_json({"version": 5, "values": []}))
        {
          "version": 5,
          "values": []
        }
    """
    return json.dumps(body_of(payload), indent=2, ensure_ascii=False)


def as_curl(payload: Payload | Mapping[str, Any], base_url: str) -> str:
    r"""Return the request as a command for a POSIX shell; the key comes from `$TFI_API_KEY`.

    Args:
        payload: as for `as_json`.
        base_url: address of the API.

    Example:
        >>> print(as_curl({"version": 5}, "https://api.example.com"))
        curl https://api.example.com/jobs/v2 \
          -H "x-api-key: $TFI_API_KEY" \
          -H 'content-type: application/json' \
          --data-raw '{
          "version": 5
        }'
    """
    lines = (
        f"curl {shlex.quote(base_url.rstrip('/') + '/jobs/v2')}",
        '-H "x-api-key: $TFI_API_KEY"',
        "-H 'content-type: application/json'",
        # --data would take a body that begins with @ for the name of a file
        f"--data-raw {shlex.quote(as_json(payload))}",
    )
    return " \\\n  ".join(lines)


def as_python(payload: Payload | Mapping[str, Any]) -> str:
    """Return the call that builds the payload, without the fields that have their default.

    Args:
        payload: as for `as_json`.

    Returns:
        One expression in which the package is called `tfi`; an equal payload comes of it.

    Example:
        >>> print(as_python({"job_type": "tts", "values": {"headline": "Hi"}, "version": 2}))
        tfi.build_template_payload(
            job_type="tts",
            values={"headline": "Hi"},
        )
    """
    body, model = body_of(payload), form_of(payload)
    is_template = issubclass(model, TemplatePayload)
    if is_template:
        body = _with_extra(body, model)
    defaults = body_defaults(model)
    arguments = "".join(
        _argument(name, value)
        for name, value in body.items()
        if name not in defaults or not _same(value, defaults[name])
    )
    builder = "build_template_payload" if is_template else "build_payload"
    return f"tfi.{builder}(\n{arguments})" if arguments else f"tfi.{builder}()"


def body_of(payload: Payload | Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a request body, the caller's own."""
    return payload.body() if isinstance(payload, Payload) else dict(thaw(payload))


def form_of(payload: Payload | Mapping[str, Any]) -> type[Payload]:
    """Return the form in which a payload or the fields of a body are written."""
    if isinstance(payload, Payload):
        return type(payload)
    return TemplatePayload if is_template_form(payload) else TalkingVideoPayload


def body_defaults(model: type[Payload]) -> dict[str, Any]:
    """Return the fields that a body has without being given them, as JSON has them."""
    fields = model.model_fields.items()
    values = {
        name: thaw(field.get_default(call_default_factory=True))
        for name, field in fields
        if not field.is_required() and name != "extra"
    }
    return {name: value for name, value in values.items() if value is not None}


def _with_extra(body: Mapping[str, Any], model: type[Payload]) -> dict[str, Any]:
    """Gather the fields that the form has no name for, as its call takes them."""
    own = {name: value for name, value in body.items() if name in model.model_fields}
    extra = {name: value for name, value in body.items() if name not in own}
    return own | ({"extra": extra} if extra else {})


def _same(value: object, default: object) -> bool:
    """True is no 1 here, but 1 is 1.0: the payload makes one number of them."""
    return value == default and isinstance(value, bool) == isinstance(default, bool)


def _argument(name: str, value: Any) -> str:  # noqa: ANN401 - any JSON
    margin = " " * _INDENT
    if name == "job_type" and isinstance(value, str) and value not in JOB_TYPES:
        return f"{margin}{name}=tfi.UnlistedJobType({_text(value)}),\n"
    return f"{margin}{name}={_literal(value, _INDENT, len(name) + 1)},\n"


def _literal(value: Any, indent: int, before_chars: int = 0) -> str:  # noqa: ANN401 - any JSON
    """Write a JSON value in Python, over several lines where one is too short for it.

    Args:
        value: the value.
        indent: blanks before the line it begins on.
        before_chars: what stands on that line already.
    """
    short = _one_line(value)
    fits = indent + before_chars + len(short) + 1 <= LINE_MAX_CHARS
    if fits or not value or not isinstance(value, (dict, list, tuple)):
        return short
    deeper = indent + _INDENT
    if isinstance(value, dict):
        named = ((f"{_text(key)}: ", item) for key, item in value.items())
    else:
        named = (("", item) for item in value)
    items = [f"{' ' * deeper}{name}{_literal(item, deeper, len(name))},\n" for name, item in named]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return f"{opening}\n{''.join(items)}{' ' * indent}{closing}"


def _one_line(value: Any) -> str:  # noqa: ANN401 - any JSON
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_text(k)}: {_one_line(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_one_line, value)) + "]"
    return repr(value)


def _text(value: str) -> str:
    """Write text with double quotes, unless that needs more backslashes."""
    written = repr(value)
    return written if '"' in value or written[0] == '"' else f'"{written[1:-1]}"'
