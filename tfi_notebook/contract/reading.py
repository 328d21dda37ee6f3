"""How any answer of the API is read: tolerant of shape, strict about what is taken for what.

Both generations of the documentation put the same things in different places and under
different names. What is foreign here stays foreign: text is cut down to what can be stored, and
what goes into an error passes `redact` first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import SplitResult, urlsplit

from tfi_notebook.errors import ApiError, BadResponseError, NotFoundError
from tfi_notebook.http import redact

SAID_MAX_CHARS = 200
YEAR_S = 31_536_000
COUNT_MAX = 10**9
_NOT_FOUND = re.compile(r"not found|no job found", re.IGNORECASE)


def mapping(value: object) -> Mapping[str, Any]:
    """Return a JSON object, or an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def first(*candidates: object) -> object:
    """Return the first candidate that is neither None nor empty text, or None."""
    return next((candidate for candidate in candidates if candidate not in (None, "")), None)


def text(value: object) -> str:
    r"""Return text, a list of texts as one, or "" for anything else.

    Half characters (lone surrogates, which JSON can carry) are replaced: nothing could store them.

    Example:
        >>> text("a"), text(["a", "b"]), text(5), text("\ud800")
        ('a', 'a; b', '', '?')
    """
    if isinstance(value, list):
        return "; ".join(text(item) for item in value if isinstance(item, str))
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def error_text(body: object) -> str:
    """Return the human text of an error body, wherever the API put it; empty if there is none.

    A body that is nothing but text is that text, unless it is a web page.

    Example:
        >>> error_text({"message": ["a is wrong", "b is wrong"]}), error_text({"error": "bad"})
        ('a is wrong; b is wrong', 'bad')
    """
    fields = mapping(body)
    nested = mapping(fields.get("error")).get("message")
    bare = body if isinstance(body, str) and not body.lstrip().startswith("<") else ""
    candidates = (fields.get("message"), nested, fields.get("error"), fields.get("detail"), bare)
    return next(filter(None, map(text, candidates)), "")


def bad_answer(body: object, problem: str) -> BadResponseError:
    """Return the error for a successful answer that does not hold what it should.

    Args:
        body: the answer; what it says instead is told, redacted and cut.
        problem: what is wrong with it, to follow "the service's answer".
    """
    said = redact(error_text(body), SAID_MAX_CHARS)
    return BadResponseError(f"the service's answer {problem}" + (f" ({said})" if said else ""))


def unusable(body: object, problem: str) -> ApiError:
    """Return `NotFoundError` if the answer says that there is no such thing, else `bad_answer`.

    The API answers a wrong id with 404 on some pages, with 200 and a message on others.

    Args:
        body: the answer.
        problem: as for `bad_answer`.
    """
    said = redact(error_text(body), SAID_MAX_CHARS)
    if _NOT_FOUND.search(said):
        return NotFoundError(f"the service says: {said}", status_code=200)
    return bad_answer(body, problem)


def decimal_or_none(value: object) -> Decimal | None:
    """Return a finite Decimal from a number or numeric text, else None.

    Example:
        >>> decimal_or_none("12.5"), decimal_or_none(1250), decimal_or_none("many")
        (Decimal('12.5'), Decimal('1250'), None)
    """
    if value is None or isinstance(value, bool):
        return None
    try:
        amount = Decimal(str(value))
    except (InvalidOperation, ValueError):
        return None
    return amount if amount.is_finite() else None


def fraction(value: object) -> float | None:
    """Return a number within 0..1, or None for what is no number."""
    number = decimal_or_none(value)
    return min(max(float(number), 0.0), 1.0) if number is not None else None


def seconds_or_none(value: object) -> float | None:
    """Return a duration in s of at most a year, or None for what is none."""
    number = decimal_or_none(value)
    return float(number) if number is not None and 0 <= number <= YEAR_S else None


def whole_or_none(value: object) -> int | None:
    """Return a whole number from 0 on, or None for what is none."""
    number = decimal_or_none(value)
    return int(number) if number is not None and 0 <= number <= COUNT_MAX else None


def moment(value: object) -> datetime | None:
    """Return the time that an ISO text states (UTC if it names no zone), or None.

    Example:
        >>> moment("2026-04-01T00:00:00.000Z").isoformat()
        '2026-04-01T00:00:00+00:00'
    """
    try:
        stated = datetime.fromisoformat(text(value))
    except ValueError:
        return None
    return stated if stated.tzinfo else stated.replace(tzinfo=UTC)


def epoch_moment(value: object) -> datetime | None:
    """Return the time that is a number of seconds since 1970 (UTC), or None."""
    seconds = decimal_or_none(value)
    try:
        return None if seconds is None else datetime.fromtimestamp(float(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def web_address(value: object) -> SplitResult | None:
    """Return the parts of an absolute http(s) URL with a host, or None for anything else."""
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
        usable = parts is not None and parts.scheme in {"http", "https"} and parts.hostname
    except ValueError:
        return None
    return parts if usable else None
