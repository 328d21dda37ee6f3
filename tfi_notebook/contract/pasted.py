"""What a person pastes, read back into the fields of a request body; nothing of it is run.

JSON, a cURL command, or a call of `build_payload` in Python. Of a command only the body is taken:
a key in its headers is neither kept nor repeated, and no message quotes what was pasted.
"""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from tfi_notebook.contract.code import body_defaults, form_of
from tfi_notebook.contract.model import did_you_mean
from tfi_notebook.contract.payloads import TalkingVideoPayload
from tfi_notebook.contract.shell import body_argument
from tfi_notebook.contract.templates import TemplatePayload
from tfi_notebook.contract.values import NAME_MAX_CHARS, json_value
from tfi_notebook.errors import ArgumentError, PayloadError

if TYPE_CHECKING:
    from collections.abc import Iterable

TEXT_MAX_CHARS: Final = 1_000_000
_TAKES: Final = "paste a JSON body, a cURL command, or a call of tfi.build_payload(...)"
_CURL: Final = re.compile(r"(?:\$\s+)?curl(?:\.exe)?\s")
_PRINTED: Final = re.compile(r"\{\s*'")
_MODELS: Final = {
    "build_payload": TalkingVideoPayload,
    "TalkingVideoPayload": TalkingVideoPayload,
    "build_template_payload": TemplatePayload,
    "TemplatePayload": TemplatePayload,
}
_KEY_WORDS: Final = frozenset({"apikey", "xapikey", "authorization", "tfiapikey"})


def read_back(text: str) -> dict[str, Any]:
    r"""Return the fields of a request body from what a person has pasted.

    The fields are not checked any further: `payload_from_body` does that, or the form they go to.

    Args:
        text: JSON (or a dict as Python writes it), a cURL command with its body in it, or Python
            with one call of `build_payload` or `build_template_payload` whose values are written
            out; fields that the call leaves out have their defaults.

    Returns:
        Field → JSON value.

    Raises:
        ArgumentError: it is no text, or far too long; nothing was read.
        PayloadError: what it is cannot be told, or a field is wrong, unknown, or given twice.

    Example:
        >>> read_back('curl https://h/jobs/v2 -H "x-api-key: ..." -d "{\\"version\\": 5}"')
        {'version': 5}
        >>> read_back("tfi.build_payload(version=5)")["output_size"]
        400
    """
    plain = _checked_text(text)
    if _CURL.match(plain):
        body = _json(body_argument(plain))
    elif _PRINTED.match(plain):
        body = _printed(plain)
    elif plain.startswith(("{", "[")):
        body = _json(plain)
    else:
        body = _call(plain)
    _check_names(body)
    return body


def _checked_text(text: object) -> str:
    if not isinstance(text, str):
        raise ArgumentError(f"must be text, not {type(text).__name__}", field="text", hint=_TAKES)
    plain = text.strip().removeprefix("\ufeff").lstrip()
    if not plain:
        raise ArgumentError("is empty", field="text", hint=_TAKES)
    if len(plain) > TEXT_MAX_CHARS:
        raise ArgumentError(f"has more than {TEXT_MAX_CHARS:,} characters", field="text")
    return plain


def _printed(text: str) -> dict[str, Any]:
    """Read what `print(payload.body())` writes, which looks much like JSON."""
    tree = _parsed(text)
    if tree is None or len(tree.body) != 1 or not isinstance(tree.body[0], ast.Expr):
        raise _refused("is neither JSON nor a dict as Python prints it")
    return _mapping(_value("payload", tree.body[0].value))


def _json(text: str) -> dict[str, Any]:
    try:
        read = json.loads(text, object_pairs_hook=_without_twins, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        problem = f"is no JSON: {error.msg} in line {error.lineno}, column {error.colno}"
    except PayloadError:
        raise
    except (ValueError, RecursionError):
        problem = "is no JSON that can be read: a number too long, or too deep"
    else:
        return _mapping(read)
    raise _refused(problem)


def _mapping(read: object) -> dict[str, Any]:
    if not isinstance(read, dict):
        raise _refused(f"must be one JSON object, not {type(read).__name__}")
    return {str(name): _plain(str(name), value) for name, value in read.items()}


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counted = Counter(name for name, _ in pairs)
        twins = [_named(name) for name in found if counted[name] > 1]
        raise PayloadError(dict.fromkeys(twins, "is given twice"))
    return found


def _no_constant(_word: str) -> None:
    raise _refused("holds NaN or Infinity, which JSON does not know")


def _call(text: str) -> dict[str, Any]:
    """Read the keywords of the one call that builds a payload."""
    tree = _parsed(text)
    if tree is None:
        raise _refused("is neither JSON nor a cURL command, and no Python that can be read")
    calls = [node for node in ast.walk(tree) if _called(node) in _MODELS]
    if not calls:
        raise _refused("is neither JSON nor a cURL command, and no Python that builds a payload")
    call = calls[0]
    if len(calls) > 1 or not isinstance(call, ast.Call):
        raise _refused("holds more than one payload: paste one of them")
    if call.args:
        raise _refused("the call has an argument without a name: each field is a keyword")
    given = _without_twins(list(_keywords(call.keywords)))
    extra = given.pop("extra", {})
    defaults = body_defaults(_MODELS[_called(call)])
    return _mapping({**defaults, **given, **_mapping(extra)})


def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _called(node: ast.AST) -> str:
    """Return the last name of what is called: `build_payload` for `tfi.build_payload(...)`."""
    func = node.func if isinstance(node, ast.Call) else None
    return getattr(func, "attr", "") or getattr(func, "id", "")


def _keywords(keywords: Iterable[ast.keyword]) -> Iterable[tuple[str, Any]]:
    for keyword in keywords:
        if keyword.arg is not None:
            yield keyword.arg, _value(keyword.arg, keyword.value)
        else:
            yield from _mapping(_value("payload", keyword.value)).items()


def _value(field: str, node: ast.expr) -> Any:  # noqa: ANN401 - any literal
    if field == "job_type" and _called(node) == "UnlistedJobType" and isinstance(node, ast.Call):
        node = node.args[0] if len(node.args) == 1 else node
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        problem = "must be written out: names and calculations are not run here"
    raise PayloadError({_named(field): problem}, hint=_TAKES)


def _plain(field: str, value: object) -> Any:  # noqa: ANN401 - any JSON
    try:
        return json_value(value)
    except (ValueError, RecursionError) as error:
        problem = str(error)
    raise PayloadError({_named(field): problem})


def _check_names(body: dict[str, Any]) -> None:
    """Refuse what is no field; in the template form a field may have any name but a key's."""
    keys = [name for name in body if re.sub("[^a-z]", "", name.lower()) in _KEY_WORDS]
    if keys:
        raise PayloadError(dict.fromkeys(keys, "is a header, and no field of the body"))
    known = TalkingVideoPayload.model_fields
    if form_of(body) is TemplatePayload:
        return
    problems = {
        _named(name): f"is not a field{did_you_mean(name, known)}"
        for name in body
        if name not in known
    }
    if problems:
        raise PayloadError(problems)


def _named(name: str) -> str:
    """Only what looks like a name is repeated: the rest is foreign text."""
    return name[:NAME_MAX_CHARS] if name.isidentifier() else "payload"


def _refused(problem: str) -> PayloadError:
    return PayloadError({"payload": problem}, hint=_TAKES)
