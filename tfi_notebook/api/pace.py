"""How many requests at once and how many per second: found out from what is refused. Pure."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

CALM_S = 5.0
CALM_REQUESTS = 28
"""A rate that is known is kept to for so long, and for so many requests."""
PROBE_S = 1.7
ENOUGH_SERVED = 10
"""Fewer say little about a rate."""
BELOW = 0.98
ALIKE = 0.1
LESS_BEFORE_KNOWN, LESS_ONCE_KNOWN = 0.5, 0.9
FREE_AT = 8.0
STALE_S = 60.0
"""What was counted for so long says too little about now."""
SHORTEST_TRIP_S = 1e-3
LEAST_PER_S = 1 / 60
RTT_WEIGHT = 0.2


class AdaptiveLimit:
    """How many requests may be under way, and how fast one may follow the other.

    The number grows with every success up to `most` (TCP's slow start). Nothing more is needed
    until a request is refused for being one too many; from then on there is a pace as well:

    1. The first refusals halve it, once per round trip, from what the speed was.
    2. Most services count with a token bucket. It is empty at each refusal, so what was served
       between two refusals, over the time between, *is* the rate that is allowed (the delivery
       rate of BBR, Cardwell et al. 2016). The pace becomes 98 % of that.
    3. Two such rates in a row that are alike are kept to for 5 s (28 requests, if they take
       longer). Then, or at once while no rate is sure, the pace grows by 2^((t/1.7 s)²), slowly
       at first, as CUBIC does around the last known good rate (RFC 9438). A limit still there
       ends that at its edge; one that was lifted is left behind 64 times faster within 10 s, and
       then there is no pace any more.

    So a limit costs one or two refusals every 6 s. Halving and creeping up again, as TCP does,
    met it every few requests, and where each refusal asks for a pause of a second, two thirds of
    what is allowed were lost. `benchmarks/rate_limited.py` measures it.

    Args:
        first: how many at once it begins with.
        most: where the growth ends.
        clock: monotonic time in s.
    """

    def __init__(
        self, first: float, most: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = min(first, most)
        self._most = most
        self._clock = clock
        self._per_s: float | None = None
        self._cut_at = self._calm_from = -math.inf
        self._count_from(-math.inf)
        self._is_sure = self._was_sure = False
        self._round_trip_s = 0.0

    @property
    def slots(self) -> int:
        """Requests that may be under way at the same time, 1 or more."""
        return max(1, int(self._limit))

    @property
    def gap_s(self) -> float:
        """Time from the start of one request to the next in s; 0 while nothing limits it."""
        return 0.0 if self._per_s is None else 1 / self._pace(self._per_s)

    def succeeded(self, sent_at: float) -> None:
        """Take note of a request that was served.

        Args:
            sent_at: the clock's time when it was sent.
        """
        self._measure(sent_at)
        self._served += 1
        self._limit = min(self._most, self._limit + 1)
        if self._per_s is not None and self._is_free(self._per_s):
            self._per_s = None

    def throttled(self, sent_at: float, pause_s: float = 0.0) -> None:
        """Take note of a request that was refused because there were too many.

        Of all that were under way together, only the first counts.

        Args:
            sent_at: the clock's time when it was sent.
            pause_s: for how long the service wants to be left alone.
        """
        self._measure(sent_at)
        if sent_at < self._cut_at:
            return
        now = self._clock()
        self._per_s = max(self._slower(now), LEAST_PER_S)
        self._calm_from = now + pause_s
        self._paused_s += pause_s

    def _slower(self, now: float) -> float:
        self._cut_at = now
        before = self._limit / max(self._round_trip_s, SHORTEST_TRIP_S)
        known = self._per_s or before
        span_s = now - self._counted_from
        if self._served < ENOUGH_SERVED or not self._paused_s < span_s < STALE_S:
            if span_s >= STALE_S:
                self._count_from(now)
            less = LESS_ONCE_KNOWN if self._was_sure and self._per_s else LESS_BEFORE_KNOWN
            return (self._pace(known) if self._per_s else before) * less
        found = BELOW * self._served / self._counting_s(span_s)
        alike = abs(found / known - 1) < ALIKE + 2 / self._served
        self._is_sure = alike or self._paused_s > 0  # each look that is too early costs a pause
        self._was_sure = True
        self._cut_at = now + self._round_trip_s  # what is under way still takes tokens
        self._count_from(now)
        return found

    def _counting_s(self, span_s: float) -> float:
        """The time in which what was served came in.

        In a pause the service gathers tokens, until its bucket is full. Over a long time these
        few do not count; over a short one, it is somewhere between with and without the pause.
        """
        active_s = span_s - self._paused_s
        return active_s if active_s >= CALM_S else math.sqrt(span_s * active_s)

    def _count_from(self, now: float) -> None:
        self._counted_from, self._served, self._paused_s = now, 0, 0.0

    def _pace(self, known_per_s: float) -> float:
        """Requests per second, from what is known to be served and the time since a refusal."""
        calm_s = ENOUGH_SERVED / known_per_s
        if self._is_sure:
            calm_s = max(CALM_S, CALM_REQUESTS / known_per_s)
        beyond_s = self._clock() - self._calm_from - calm_s
        return known_per_s * math.exp2(min((max(beyond_s, 0.0) / PROBE_S) ** 2, 64.0))

    def _is_free(self, known_per_s: float) -> bool:
        """Whether the pace is far above what so many at once can reach."""
        return self._pace(known_per_s) * self._round_trip_s > FREE_AT * self._most

    def _measure(self, sent_at: float) -> None:
        took_s = self._clock() - sent_at
        known = self._round_trip_s or took_s
        self._round_trip_s = known + RTT_WEIGHT * (took_s - known)
