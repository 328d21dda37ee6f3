"""When to try again, how much at a time, and when to stop. Pure: no I/O, no sleeping.

Every clock and every random number comes from outside, so that a simulation runs in no time.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

TOKENS_PER_SUCCESS = 0.1


def backoff_s(
    tries: int, *, first_s: float, max_s: float, draw: Callable[[], float] = random.random
) -> float:
    """Return the pause before the next try: exponential with full jitter.

    Uniform in `0 .. min(max_s, first_s · 2^(tries-1))`, so that callers that failed together do
    not come back together (M. Brooker, "Exponential Backoff And Jitter", AWS 2015).

    Args:
        tries: how often it was tried, 1 or more.
        first_s: upper end of the first pause.
        max_s: upper end of every pause.
        draw: random number in 0..1.

    Example:
        >>> [backoff_s(n, first_s=0.5, max_s=3, draw=lambda: 1.0) for n in (1, 2, 3, 4)]
        [0.5, 1.0, 2.0, 3.0]
    """
    return draw() * min(max_s, first_s * 2.0 ** min(tries - 1, 64))


def retry_after_s(header: str | None, *, now: float, max_s: float) -> float | None:
    """Read a `Retry-After` header: whole seconds or an HTTP date (RFC 9110, 10.2.3).

    Args:
        header: its text; None when there is none.
        now: Unix time in s, for the date form.
        max_s: longest pause that is granted.

    Returns:
        The pause in s, 0 to `max_s`; None when there is no header, or nonsense in it.

    Example:
        >>> retry_after_s("7", now=0, max_s=60), retry_after_s("soon", now=0, max_s=60)
        (7.0, None)
        >>> retry_after_s("Thu, 01 Jan 1970 00:00:30 GMT", now=10, max_s=60)
        20.0
    """
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:12]), max_s)
    try:
        date = parsedate_to_datetime(text)
        stated = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, OSError):
        return None
    return min(max(stated - now, 0.0), max_s)


class RetryBudget:
    """Tokens that all calls share: a failure takes one, a success gives a tenth back.

    Failed calls are repeated only while more than half of the tokens are left, so that an outage
    is met with at most `tokens / 2` repeats and, in the long run, one for every ten successes
    (gRPC proposal A6, "Throttling Retry Attempts and Hedged RPCs").

    Example:
        >>> budget = RetryBudget(4)
        >>> budget.failed(); budget.allows()
        True
        >>> budget.failed(); budget.allows()
        False
    """

    def __init__(self, tokens: int) -> None:
        self._most = float(tokens)
        self._left = float(tokens)

    def succeeded(self) -> None:
        """Give a tenth of a token back."""
        self._left = min(self._most, self._left + TOKENS_PER_SUCCESS)

    def failed(self) -> None:
        """Take one token."""
        self._left = max(0.0, self._left - 1.0)

    def allows(self) -> bool:
        """Tell whether a failed call may be repeated."""
        return self._left > self._most / 2


@dataclass(frozen=True, slots=True)
class Outage:
    """The time since the service stopped answering."""

    since: float
    """Unix time in s of the first failure in the row."""
    failures: int
    """Failed requests in a row, the looks for its end included."""
    reason: str
    """What the last one failed with, fit to be shown."""

    def __str__(self) -> str:
        """Tell it in half a sentence.

        Example:
            >>> print(Outage(since=0, failures=6, reason="HTTP 503"))
            the service is down since 00:00:00 UTC (6 failures in a row, HTTP 503)
        """
        clock = datetime.fromtimestamp(self.since, UTC).strftime("%H:%M:%S")
        count = f"{self.failures} failures in a row"
        return f"the service is down since {clock} UTC ({count}, {self.reason})"


class Circuit:
    """Counts failures in a row over all calls; from `most` on the service counts as down.

    Args:
        most: so many failures in a row open the circuit.
        clock: Unix time in s.
    """

    def __init__(self, most: int, *, clock: Callable[[], float] = time.time) -> None:
        self._most = most
        self._clock = clock
        self._run: Outage | None = None

    @property
    def outage(self) -> Outage | None:
        """The outage, or None while the service counts as up."""
        return self._run if self._run is not None and self._run.failures >= self._most else None

    def failed(self, reason: str) -> None:
        """Take note of a request that failed."""
        if self._run is None:
            self._run = Outage(self._clock(), 1, reason)
        else:
            self._run = Outage(self._run.since, self._run.failures + 1, reason)

    def succeeded(self) -> None:
        """Take note of a request that the service has answered: it is up."""
        self._run = None
