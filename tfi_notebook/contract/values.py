"""What form B carries besides plain fields: the template's values, and fields nobody documented."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)

from tfi_notebook.contract.fields import PublicUrl, plain, shown, whole_text

NAME_MAX_CHARS: Final = 200
NESTING_MAX: Final = 20
EXACT_MAX: Final = 2**53 - 1
"""The largest whole number that every reader of JSON keeps exactly."""

ASSET_KEYS: Final = MappingProxyType(
    {"image_url": frozenset({"image_url"}), "audio_url": frozenset({"audio_url", "effects"})}
)
"""The two asset objects of the documentation: the key of the URL → every key it may have."""

_URL: TypeAdapter[str] = TypeAdapter(PublicUrl)


class FrozenMap(Mapping[str, Any]):
    """A JSON object that cannot be changed, all the way down: objects and lists in it neither.

    Example:
        >>> frozen = FrozenMap({"effects": [1, 2]})
        >>> frozen["effects"], frozen == {"effects": (1, 2)}
        ((1, 2), True)
        >>> thaw(frozen)
        {'effects': [1, 2]}
    """

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, Any] = MappingProxyType({})) -> None:
        self._items = {key: freeze(value) for key, value in items.items()}

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - any JSON value
        """Return the value of a key."""
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        """Go through the keys in the order they were given."""
        return iter(self._items)

    def __len__(self) -> int:
        """Return the number of keys."""
        return len(self._items)

    def __hash__(self) -> int:
        """Hash the content: equal objects have equal hashes."""
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        """Show it as the plain object it stands for."""
        return repr(thaw(self))


def freeze(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a JSON value with objects as `FrozenMap` and lists as tuples."""
    if isinstance(value, Mapping):
        return FrozenMap(value)
    return tuple(map(freeze, value)) if isinstance(value, (list, tuple)) else value


def thaw(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a frozen JSON value as plain dicts and lists, which are the caller's own."""
    if isinstance(value, Mapping):
        return {key: thaw(inner) for key, inner in value.items()}
    return [thaw(inner) for inner in value] if isinstance(value, tuple) else value


def _text(value: Any) -> str:  # noqa: ANN401 - a validator takes whatever the user gave
    text = value.strip() if isinstance(value, str) else ""
    if not text or not text.isprintable() or len(text) > NAME_MAX_CHARS:
        raise ValueError(f"must be text of 1 to {NAME_MAX_CHARS} printable characters")
    return text


def _object(value: Any) -> dict[Any, Any]:  # noqa: ANN401 - the same
    if not isinstance(value, Mapping):
        raise ValueError(f"must be an object, not {shown(value)}")  # noqa: TRY004 - pydantic
    return dict(value)


def _template_value(value: Any) -> Any:  # noqa: ANN401 - the same
    if isinstance(value, str):
        return whole_text(value)
    if not isinstance(value, Mapping):
        raise ValueError(  # noqa: TRY004 - pydantic
            'must be text, {"image_url": ...} or {"audio_url": ..., "effects": [...]},'
            f" not {shown(value)}"
        )
    return _asset(dict(value))


def _asset(asset: dict[Any, Any]) -> dict[str, Any]:
    kinds = [name for name in ASSET_KEYS if name in asset]
    if len(kinds) != 1:
        raise ValueError("must hold either image_url or audio_url")
    kind = kinds[0]
    if unknown := asset.keys() - ASSET_KEYS[kind]:
        raise ValueError(f"must not hold {_names(unknown)} beside {kind}")
    checked = asset | {kind: _asset_url(kind, asset[kind])}
    if "effects" in asset:
        if not isinstance(asset["effects"], (list, tuple)):
            raise ValueError("effects must be a list")
        checked["effects"] = json_value(asset["effects"])
    return checked


def _asset_url(kind: str, url: object) -> str:
    try:
        return _URL.validate_python(url)
    except ValidationError as error:
        reason = error.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")
    raise ValueError(f"{kind} {reason}")


def _names(names: set[Any]) -> str:
    """Only what looks like a name is repeated: the rest is foreign text."""
    known = sorted(name for name in names if isinstance(name, str) and name.isidentifier())
    return ", ".join(name[:40] for name in known[:5]) or "such a key"


def json_value(value: Any, depth: int = 0) -> Any:  # noqa: ANN401 - any JSON value
    """Return a value as JSON has it, with plain numbers for numpy's and lists for tuples.

    Args:
        value: None, a flag, a number, text, or lists and objects of them.
        depth: how deep it lies; for the recursion.

    Raises:
        ValueError: something in it has no exact place in JSON.

    Example:
        >>> json_value({"gain": (0.5, 1)})
        {'gain': [0.5, 1]}
    """
    item = plain(value)
    if depth > NESTING_MAX:
        raise ValueError(f"must not be nested more than {NESTING_MAX} deep")
    if isinstance(item, Mapping):
        return {_text(key): json_value(inner, depth + 1) for key, inner in item.items()}
    if isinstance(item, (list, tuple)):
        return [json_value(inner, depth + 1) for inner in item]
    if isinstance(item, float) and not math.isfinite(item):
        raise ValueError("must be finite: JSON knows neither NaN nor infinity")
    if isinstance(item, int) and abs(item) > EXACT_MAX:
        raise ValueError(f"must be within ±{EXACT_MAX}: larger numbers are rounded on their way")
    if isinstance(item, str):
        return whole_text(item)
    if item is None or isinstance(item, (bool, int, float)):
        return item
    raise ValueError(f"must be text, a number, a flag, a list or an object, not {shown(item)}")


_ASSET_SCHEMAS: list[dict[str, Any]] = [
    {
        "type": "object",
        "properties": {"image_url": _URL.json_schema()},
        "required": ["image_url"],
        "additionalProperties": False,
    },
    {
        "type": "object",
        "properties": {
            "audio_url": _URL.json_schema(),
            "effects": {"type": "array"},
        },
        "required": ["audio_url"],
        "additionalProperties": False,
    },
]

Name = Annotated[str, BeforeValidator(_text), Field(min_length=1, max_length=NAME_MAX_CHARS)]
TemplateValue = Annotated[
    Any,
    BeforeValidator(_template_value),
    WithJsonSchema({"anyOf": [{"type": "string"}, *_ASSET_SCHEMAS]}),
]
JsonValue = Annotated[Any, BeforeValidator(json_value)]
TemplateValues = Annotated[
    Mapping[Name, TemplateValue],
    BeforeValidator(_object),
    AfterValidator(freeze),
    PlainSerializer(thaw, return_type=dict[str, Any]),
]
"""Mapping-field id → text or asset object; frozen."""
ExtraFields = Annotated[
    Mapping[Name, JsonValue],
    BeforeValidator(_object),
    AfterValidator(freeze),
    PlainSerializer(thaw, return_type=dict[str, Any]),
]
"""Name → any JSON value; frozen."""
