"""Conditions on jobs as a person writes them, checked and made into what the ledger compares."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

from tfi_notebook import arguments, settings
from tfi_notebook.contract.model import did_you_mean
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.errors import ArgumentError

T = TypeVar("T")
SEVERAL_MAX = 1000
"""Most values of one condition; SQLite takes some thousands in one statement."""
_MOMENTS = 'such as "2026-11-01", a datetime or date, Unix seconds, or timedelta(days=7) back'
_SERVICES = f'"local", or an address such as "{settings.LIVE_BASE_URL}"'


def checked(limit: object, conditions: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keyword arguments of `Ledger.select` for what a person asked for.

    Args:
        limit: this many rows at most; None for all.
        conditions: `status` (a `JobStatus`, its word, or several), `service` (a name or several),
            `version` (a number or several), `since` (see `moment`). None is no condition.

    Raises:
        ArgumentError: naming the condition that there is not, or whose value cannot be one.

    Example:
        >>> checked(5, {"status": "DONE", "version": [5, 6]})
        {'status': ['done'], 'version': [5, 6], 'limit': 5}
    """
    for name in conditions:
        if name not in _READ:
            guess = did_you_mean(name, dict.fromkeys([*_READ, "limit"]))
            hint = f"jobs() takes limit, {', '.join(_READ)}"
            raise ArgumentError(f"is no condition{guess}", field=name, hint=hint)
    read = {name: _READ[name](value) for name, value in conditions.items() if value is not None}
    hint = "limit=20 gives the newest 20; without it all are given"
    return read | {"limit": None if limit is None else arguments.whole("limit", limit, hint=hint)}


def moment(given: object) -> float:
    """Return the Unix time in s that is meant.

    Args:
        given: Unix time in s; a datetime or a date (local time unless it says otherwise), or
            either as ISO 8601 text; or a timedelta, counted back from now.

    Raises:
        ArgumentError: it is none of these.
    """
    try:
        return arguments.number("since", _seconds(given), hint=_MOMENTS)
    except (ValueError, OverflowError, OSError) as error:
        if isinstance(error, ArgumentError):
            raise
    raise ArgumentError("is no moment", field="since", hint=_MOMENTS)


def _seconds(given: object) -> object:
    if isinstance(given, str):
        given = datetime.fromisoformat(given.strip())
    if isinstance(given, timedelta):
        return time.time() - abs(given.total_seconds())
    if isinstance(given, date) and not isinstance(given, datetime):
        given = datetime(given.year, given.month, given.day)  # noqa: DTZ001 - a day of the person's
    return given.timestamp() if isinstance(given, datetime) else given


def _several(name: str, read: Callable[[object], T]) -> Callable[[object], list[T]]:
    def read_all(given: object) -> list[T]:
        if not isinstance(given, Iterable) or isinstance(given, str | bytes | Mapping):
            return [read(given)]
        some = list(islice(given, SEVERAL_MAX + 1))  # it may be endless
        if len(some) <= SEVERAL_MAX:
            return [read(each) for each in some]
        hint = f"give {SEVERAL_MAX} at most"
        raise ArgumentError("is too many at once", field=name, hint=hint)

    return read_all


def _status(given: object) -> str:
    words = {str(status): status for status in JobStatus}
    word = given.strip().lower() if isinstance(given, str) else ""
    if word in words:
        return word
    guess = did_you_mean(word, words)
    hint = f"one or several of {', '.join(words)}"
    raise ArgumentError(f"is no status of a job{guess}", field="status", hint=hint)


def _service(given: object) -> str:
    if given == "local":
        return "local"
    if isinstance(given, str) and "://" in given:
        return settings.one_name(settings.service_address(given, name="service"))
    raise ArgumentError("is no service", field="service", hint=_SERVICES)


def _version(given: object) -> int:
    return arguments.whole(
        "version", given, least=-arguments.WHOLE_MAX, hint="such as 6, or [5, 6]"
    )


_READ: dict[str, Callable[[object], Any]] = {
    "status": _several("status", _status),
    "service": _several("service", _service),
    "version": _several("version", _version),
    "since": moment,
}
