"""The types of form A's fields: how each value is cleaned, bounded and explained.

**None of the bounds below is TFI's.** The public documentation states no minimum, maximum or
default for any tuning field. The defaults are the values of its example request; the bounds are
this toolkit's guard against typing errors that would be paid for, and are set wider than what
public systems of this kind accept.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field

JOB_TYPES = (
    "ai_talking_video",
    "video",
    "tts",
    "image",
    "photo_qc",
    "pdf",
    "ai_image_generation",
)
VERSIONS = (4, 5, 6)
URL_MAX_CHARS = 2048
WHOLE_MAX = 2**53
"""Larger whole numbers are not carried exactly by every JSON reader."""

_LANGUAGE = re.compile(
    r"(?P<language>[a-z]{2,3})(-(?P<script>[a-z]{4}))?(-(?P<region>[a-z]{2}|\d{3}))?"
    r"(?P<variants>(-([a-z0-9]{5,8}|\d[a-z0-9]{3}))*)",
    re.IGNORECASE,
)


def plain(value: Any) -> Any:  # noqa: ANN401 - a validator takes whatever the user gave
    """Return the Python value that a numpy or pandas scalar holds; anything else as it is."""
    is_scalar = getattr(value, "ndim", None) == 0 and hasattr(value, "item")
    return value.item() if is_scalar else value


def whole(value: Any) -> int:  # noqa: ANN401 - a validator takes whatever the user gave
    """Return a whole number as an int; 20.0 is one, True and "20" are none.

    Raises:
        ValueError: it is no whole number.
    """
    number = plain(value)
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    try:
        index = operator.index(number)
    except TypeError:
        index = None  # an array of several, a text, a fraction
    if index is None or isinstance(number, bool):
        raise ValueError(f"must be a whole number such as 20, not {shown(number)}")
    if abs(index) > WHOLE_MAX:
        raise ValueError("is far too large")
    return index


def whole_text(value: str) -> str:
    """Return text as it is, if it can be sent.

    Raises:
        ValueError: it holds half a character (a lone surrogate), which no encoding can carry.
    """
    if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
        raise ValueError("must not hold half characters (lone surrogates)")
    return value


def _real(value: Any) -> float:  # noqa: ANN401 - a validator takes whatever the user gave
    number = plain(value)
    try:
        real = float(number)
    except (TypeError, ValueError):
        real = None  # an array of several, an object
    except OverflowError:
        real = math.inf
    if real is None or isinstance(number, (bool, str, bytes)):
        raise ValueError(f"must be a number such as 1.5, not {shown(number)}")
    if not math.isfinite(real):
        raise ValueError("must be finite: NaN and infinity mean nothing to a renderer")
    if abs(real) > WHOLE_MAX:
        raise ValueError("is far too large")
    return real


def _flag(value: Any) -> bool:  # noqa: ANN401 - a validator takes whatever the user gave
    flag = plain(value)
    if not isinstance(flag, bool):
        raise ValueError(f"must be True or False, not {shown(flag)}")  # noqa: TRY004 - pydantic
    return flag


def _version(value: Any) -> int:  # noqa: ANN401 - a validator takes whatever the user gave
    number = whole(value)
    if number not in VERSIONS:
        raise ValueError(f"must be 4, 5 or 6 (the model versions), not {number}")
    return number


def _url(value: Any) -> str:  # noqa: ANN401 - a validator takes whatever the user gave
    if not isinstance(value, str):
        raise ValueError(f"must be a URL as text, not {shown(value)}")  # noqa: TRY004 - pydantic
    text = value.strip()
    parts = _split_url(text)
    if parts.scheme.lower() not in {"http", "https"}:
        raise ValueError(
            f"must be an http or https URL, not {parts.scheme or 'a path'}"
            " (for a local file use tfi.asset(path), which gives a URL)"
        )
    if not parts.hostname:
        raise ValueError("must name a host, as in https://host/path")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not carry a user name or password")
    return text


def _split_url(text: str) -> Any:  # noqa: ANN401 - typeshed's name for it is private
    if len(text) > URL_MAX_CHARS:
        raise ValueError(f"must have at most {URL_MAX_CHARS} characters")
    if any(char.isspace() or not char.isprintable() for char in text) or "\\" in text:
        raise ValueError("must not hold blanks, backslashes or control characters")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError("is not a URL") from None
    return parts


def _uuid(value: Any) -> str:  # noqa: ANN401 - a validator takes whatever the user gave
    try:
        return str(UUID(str(value).strip()))
    except ValueError:
        raise ValueError("must be a UUID, as in 468ea7a0-66e1-4357-a760-236e54167f3e") from None


def _language(value: Any) -> str:  # noqa: ANN401 - a validator takes whatever the user gave
    match = _LANGUAGE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError("must be a language tag such as 'en', 'de' or 'pt-BR'")
    script, region = match["script"], match["region"]
    tags = [match["language"].lower(), script and script.title(), region and region.upper()]
    return "-".join(tag for tag in tags if tag) + match["variants"].lower()


class UnlistedJobType(str):
    """A job type that the documentation does not list, and that is meant all the same.

    The documentation calls `job_type` free text on one page and a closed list on another. A
    plain string is held to the list, since a slip would be paid for; this class is the override.

    Example:
        >>> from tfi_notebook.contract.templates import TemplatePayload
        >>> TemplatePayload(job_type=UnlistedJobType("podcast")).job_type
        'podcast'
    """

    __slots__ = ()


def _job_type(value: Any) -> str:  # noqa: ANN401 - a validator takes whatever the user gave
    if isinstance(value, UnlistedJobType) and value.strip():
        return str(value)
    if not isinstance(value, str) or value not in JOB_TYPES:
        raise ValueError(f"must be one of {', '.join(JOB_TYPES)}")
    return str(value)


def _strings(value: Any) -> tuple[str, ...]:  # noqa: ANN401 - a validator takes what came
    if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
        raise ValueError("must be a list of strings")
    if isinstance(value, dict):
        raise ValueError("must be a list of strings; an object belongs to template projects")  # noqa: TRY004 - pydantic
    items = tuple(value)
    if not all(isinstance(item, str) for item in items):
        raise ValueError("must hold strings only")
    for item in items:
        whole_text(item)
    return items


def _within(low: float, high: float) -> AfterValidator:
    """Check a range and say it in words."""

    def check(value: float) -> float:
        if not low <= value <= high:
            raise ValueError(f"must be between {low:g} and {high:g}, not {shown(value)}")
        return value

    return AfterValidator(check)


def shown(value: object) -> str:
    """Say in a message what was given: a number as people write it, of all else the kind.

    Example:
        >>> shown(1e9), shown(-1e-05), shown(10**5000), shown("secret"), shown([1])
        ('1000000000', '-0.00001', 'a number', 'text', 'a list')
    """
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, (int, float)) and abs(value) <= WHOLE_MAX:
        return f"{Decimal(repr(value)):f}".removesuffix(".0")
    known = next((words for kinds, words in _KINDS.items() if isinstance(value, kinds)), "")
    return known or type(value).__name__


_KINDS: dict[Any, str] = {
    str: "text", (int, float): "a number", (list, tuple): "a list", Mapping: "an object",
}  # fmt: skip


def _between(low: float, high: float, step: float) -> dict[str, Any]:
    return {"minimum": low, "maximum": high, "multipleOf": step}


_URL_SCHEMA: dict[str, Any] = {
    "format": "uri", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://[^/]", "maxLength": URL_MAX_CHARS,
}  # fmt: skip
_LANGUAGE_SCHEMA: dict[str, Any] = {
    "pattern": "^[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?"
    "(-([A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*$"
}

PublicUrl = Annotated[str, BeforeValidator(_url), Field(json_schema_extra=_URL_SCHEMA)]
ProjectId = Annotated[str, BeforeValidator(_uuid), Field(json_schema_extra={"format": "uuid"})]
JobType = Annotated[
    str, BeforeValidator(_job_type), Field(json_schema_extra={"enum": list(JOB_TYPES)})
]
Flag = Annotated[bool, BeforeValidator(_flag)]
Language = Annotated[str, BeforeValidator(_language), Field(json_schema_extra=_LANGUAGE_SCHEMA)]
Version = Annotated[Literal[4, 5, 6], BeforeValidator(_version)]
Strings = Annotated[tuple[str, ...], BeforeValidator(_strings)]

OutputSize = Annotated[
    int,
    BeforeValidator(whole),
    _within(64, 2048),
    Field(json_schema_extra=_between(64, 2048, 8)),
]
"""Guard 64 to 2048 px: the widest range that a public system of this kind offers starts at 128
and ends at 2048; below 256 px models trained at 512 px have been seen not to move the lips."""

IterationCount = Annotated[
    int,
    BeforeValidator(whole),
    _within(1, 100),
    Field(json_schema_extra=_between(1, 100, 1)),
]
"""Guard 1 to 100: time grows linearly with it, public defaults are 20 to 40, and users report no
visible gain beyond about 30. A slip of the finger to 1000 would cost a hundred times as much."""

DynamicScale = Annotated[
    float,
    BeforeValidator(_real),
    _within(0, 3),
    Field(json_schema_extra=_between(0, 3, 0.05)),
]
"""Guard 0 to 3: public sliders run from 0.5 (mild) to 2.0 (strong); above about 1.4 users find the
motion too much. It scales motion, not the size of the video."""

ExpandRatio = Annotated[
    float,
    BeforeValidator(_real),
    _within(0, 2),
    Field(json_schema_extra=_between(0, 2, 0.05)),
]
"""Guard 0 to 2: the crop's side is (1 + 2r) times the face, so r = 2 is five faces wide; public
sliders run from 0.1 to 1.0. It only acts with `crop=True`."""
