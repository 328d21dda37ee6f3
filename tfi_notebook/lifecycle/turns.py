"""Whose turn it is: which jobs are due, which goes first, and how many requests may go at all.

While the budget suffices, every job is asked for when its schedule says so. When more are due
than may be asked for, the one goes first that most likely has ended since it was last asked for:
the oldest first would ask for the same stragglers again and again. Pure: `now` is an argument.
"""

from __future__ import annotations

import heapq
import math
from itertools import count
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_RANK_EVERY_S: Final = 1.0
_RANKED_ANEW: Final = 32  # so few are ranked for every turn
_PATIENCE: Final = 1e-3  # what a second of waiting weighs in probability: nobody waits for ever


class Turns(Generic[T]):
    """A line of things that fall due, each with its time.

    Args:
        likelihood: probability, at `now`, that asking tells something new.

    Example:
        >>> turns = Turns[str](lambda name, now: 0.9 if name == "likely" else 0.1)
        >>> turns.add("early", due=1.0)
        >>> turns.add("likely", due=2.0)
        >>> turns.take(now=0.5), turns.next_due
        (None, 1.0)
        >>> turns.take(now=3.0), turns.take(now=3.0), turns.take(now=3.0)
        ('likely', 'early', None)
    """

    def __init__(self, likelihood: Callable[[T, float], float]) -> None:
        self._likelihood = likelihood
        self._order = count()
        self._later: list[tuple[float, int, T]] = []
        self._due: list[tuple[float, T]] = []  # best last
        self._ranked_at = -math.inf
        self._fresh: list[tuple[float, T]] = []

    def add(self, item: T, due: float) -> None:
        """Let something fall due at a time."""
        heapq.heappush(self._later, (due, next(self._order), item))

    def clear(self) -> None:
        """Forget everything."""
        for line in (self._later, self._due, self._fresh):
            line.clear()

    @property
    def next_due(self) -> float:
        """When the next thing falls due that is not due yet; infinite if there is none."""
        return self._later[0][0] if self._later else math.inf

    def waiting(self, now: float) -> int:
        """Return how many are due."""
        while self._later and self._later[0][0] <= now:
            due, _, item = heapq.heappop(self._later)
            self._fresh.append((due, item))
        return len(self._fresh) + len(self._due)

    def take(self, now: float) -> T | None:
        """Take out the due thing that is most worth asking for; None if nothing is due."""
        waiting = self.waiting(now)
        if not waiting:
            return None
        stale = now - self._ranked_at >= _RANK_EVERY_S
        if not self._due or stale or waiting <= _RANKED_ANEW:
            self._rank(now)
        return self._due.pop()[1]

    def _rank(self, now: float) -> None:
        line = self._due + self._fresh
        line.sort(key=lambda entry: self._worth(entry, now))
        self._due, self._fresh, self._ranked_at = line, [], now

    def _worth(self, entry: tuple[float, T], now: float) -> float:
        due, item = entry
        return self._likelihood(item, now) + _PATIENCE * (now - due)


class Budget:
    """A bucket of request tokens that fills at a steady rate.

    Args:
        rate_per_s: tokens a second.
        burst: how many may be saved up.
    """

    def __init__(self, rate_per_s: float, burst: float = 2.0) -> None:
        self._rate = rate_per_s
        self._burst = max(1.0, burst)
        self._tokens = self._burst
        self._at = -math.inf

    def take(self, now: float) -> bool:
        """Take a token if there is one; `now` is monotonic, in s."""
        self._fill(now)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def wait_s(self, now: float) -> float:
        """Return the seconds until there is a token."""
        self._fill(now)
        return max(0.0, (1 - self._tokens) / self._rate)

    def _fill(self, now: float) -> None:
        gained = self._rate * max(0.0, now - self._at)
        self._tokens = min(self._burst, self._tokens + gained)
        self._at = now
