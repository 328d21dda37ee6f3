"""When to ask for a job's status again. Pure arithmetic: no clock, no sleep.

A status request that comes long before the end is wasted, one that comes long after it lets the
result go stale. For requests of density n(t) and durations with density f and survival S

    requests per job = ∫ n S dt,    mean staleness = ∫ f / (2 n) dt,

and by Cauchy-Schwarz their product is at least ½ (∫ √(f S) dt)². The least is reached where n is
in proportion to the square root of the hazard f / S (Keller, "Optimum checking schedules for
systems subject to random failure", Management Science 21, 1974). Durations of one class of jobs
are taken as log-normal; how they are learned stands in `durations`.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, islice, pairwise
from typing import TYPE_CHECKING, Final

from tfi_notebook.lifecycle.durations import PRIOR_MEDIAN_S, STRAY_SIGMA, WARM_JOBS, Spread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tfi_notebook.settings import Limits

TOO_WIDE_SIGMA: Final = 0.9
"""Above this a learned schedule is no better than a fixed interval (measured)."""

_GRID_REACH: Final = 4.5  # sigmas to either side of the median
_GRID_STEP: Final = 0.1
_LONGEST_PLAN: Final = 500
_RAMP_STEPS: Final = 64
_TINY: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Schedule:
    """Status requests of one job.

    Attributes:
        times_s: when to ask, in s since the submit, ascending.
        tail_s: pause between requests after the last of them.
        floor_s: shortest pause.
    """

    times_s: tuple[float, ...]
    tail_s: float
    floor_s: float

    def pause_s(self, elapsed_s: float) -> float:
        """Return the pause before the next request.

        Args:
            elapsed_s: seconds since the submit.

        Example:
            >>> schedule = Schedule((40.0, 50.0, 55.0), tail_s=5.0, floor_s=0.5)
            >>> [schedule.pause_s(at) for at in (0, 40.0, 49.9, 70.0)]
            [40.0, 10.0, 5.1, 5.0]
        """
        # a request that ran a little early must not be repeated a moment later
        upcoming = bisect_left(self.times_s, elapsed_s + self.floor_s / 2)
        if upcoming < len(self.times_s):
            return round(self.times_s[upcoming] - elapsed_s, 6)
        return self.tail_s


@lru_cache(maxsize=256)
def schedule_for(spread: Spread, limits: Limits) -> Schedule:
    """Plan the status requests for jobs of a class.

    Args:
        spread: what is known of the class.
        limits: `polls_per_job`, shortest and longest pauses.

    Returns:
        While fewer than `WARM_JOBS` are known, a geometric ramp, made denser by the prior; where
        the durations scatter too much, a fixed interval; else the square root of the hazard.

    Example:
        >>> from tfi_notebook.lifecycle.durations import Spread
        >>> from tfi_notebook.settings import Limits
        >>> plan = schedule_for(Spread(60.0, 0.2, jobs=50), Limits())
        >>> 25 < plan.times_s[0] < 60
        True
    """
    floor_s = min(limits.poll_floor_s, limits.poll_first_s)
    if spread.jobs < WARM_JOBS:
        return _cold(spread, limits, floor_s)
    if spread.sigma > TOO_WIDE_SIGMA:
        interval = spread.mean_s / max(limits.polls_per_job - 0.5, 0.5)
        return Schedule((), min(max(interval, floor_s), limits.poll_max_s), floor_s)
    return _learned(spread, limits, floor_s)


def ramp_s(limits: Limits, step: int, *, embedded: bool = False) -> float:
    """Return the geometric pause before request number `step` (from 0).

    It serves where nothing is known of the durations, after errors, and for a service in this
    process, which costs nothing to ask and is asked often.
    """
    first = limits.local_poll_first_s if embedded else limits.poll_first_s
    longest = limits.local_poll_max_s if embedded else limits.poll_max_s
    return float(min(longest, first * limits.poll_growth ** min(step, _RAMP_STEPS)))


def pause_by_progress_s(elapsed_s: float, progress: float, limits: Limits) -> float:
    """Return the pause for a service that tells how far a job is: a quarter of what is left.

    Args:
        elapsed_s: seconds since the submit.
        progress: 0..1, above 0.
        limits: shortest and longest pauses.
    """
    left_s = elapsed_s * (1 - progress) / progress
    return max(min(limits.poll_floor_s, limits.poll_first_s), min(left_s / 4, limits.poll_max_s))


def _cold(spread: Spread, limits: Limits, floor_s: float) -> Schedule:
    """Where little is known, look early and often enough to learn of a failure at once."""
    guess = _learned(spread, limits, floor_s)
    at, times = 0.0, []
    for step in range(_RAMP_STEPS):
        at += max(floor_s, min(guess.pause_s(at), ramp_s(limits, step)))
        times.append(at)
    return Schedule(tuple(times), guess.tail_s, floor_s)


def _learned(spread: Spread, limits: Limits, floor_s: float) -> Schedule:
    # with the fourth root, waiting is shared out fairly between short jobs and long ones: ten
    # times as long makes not quite twice as many requests (0.8 of the product for a mix of classes)
    wanted = limits.polls_per_job * (spread.median_s / PRIOR_MEDIAN_S) ** 0.25
    times = islice(_spaced(_crossings(spread, wanted), limits, floor_s), _LONGEST_PLAN)
    return Schedule(tuple(times), limits.poll_max_s, floor_s)


def _spaced(times: list[float], limits: Limits, floor_s: float) -> Iterator[float]:
    """Fill gaps that are too long, and leave out what comes too soon."""
    last, longest = 0.0, limits.poll_head_max_s
    for at in times:
        while at - last > longest:
            last += longest
            longest = limits.poll_max_s
            yield last
        if at - last >= floor_s:
            last, longest = at, limits.poll_max_s
            yield at


def _crossings(spread: Spread, polls_per_job: float) -> list[float]:
    """Return the times at which the cumulative density of requests passes a whole number."""
    grid = _grid(spread)
    survival = [max(spread.survival(at), _TINY) for at in grid]
    density = [spread.density(at) for at in grid]
    shape = [math.sqrt(f / s) for f, s in zip(density, survival, strict=True)]
    per_job = _integral(grid, [n * s for n, s in zip(shape, survival, strict=True)])[-1]
    # half a request more comes from passing whole numbers only
    scale = max(polls_per_job - 0.5, 0.5) / per_job
    cumulative = [scale * value for value in _integral(grid, shape)]
    return _whole_numbers(grid, cumulative)


def _whole_numbers(grid: list[float], cumulative: list[float]) -> list[float]:
    times = []
    for number in range(1, min(int(cumulative[-1]), _LONGEST_PLAN) + 1):
        right = bisect_left(cumulative, number)
        low, high = cumulative[right - 1], cumulative[right]
        share = (number - low) / (high - low)
        times.append(grid[right - 1] + share * (grid[right] - grid[right - 1]))
    return times


def _grid(spread: Spread) -> list[float]:
    """Times that lie densely where either kind of job ends."""
    steps = round(_GRID_REACH / _GRID_STEP)
    scores = [step * _GRID_STEP for step in range(-steps, steps + 1)]
    sigmas = {spread.sigma, max(STRAY_SIGMA, spread.sigma)}
    return sorted({spread.median_s * math.exp(s * z) for s in sigmas for z in scores} | {0.0})


def _integral(grid: list[float], values: list[float]) -> list[float]:
    """Cumulative integral by trapezoids; as long as the grid, starting at 0."""
    cells = (
        (right - left) * (low + high) / 2
        for (left, right), (low, high) in zip(pairwise(grid), pairwise(values), strict=True)
    )
    return list(accumulate(cells, initial=0.0))
