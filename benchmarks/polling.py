"""How well the status requests are placed: staleness of results against requests per job.

Simulates jobs of log-normal durations with the toolkit's own schedule and prints, for each case,

- the mean staleness (from a job's end to the request that sees it) and the requests per job,
- the staleness of a fixed interval that makes as many requests, and the ratio of the two,
- staleness x requests in parts of the least that any schedule can reach with these durations.

Then it lets many jobs share one budget of requests, against asking them in turn.

Usage: `python benchmarks/polling.py [--jobs 200000]`
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from tfi_notebook.lifecycle.durations import Spread, fit
from tfi_notebook.lifecycle.schedule import Schedule, schedule_for
from tfi_notebook.lifecycle.turns import Budget, Turns
from tfi_notebook.settings import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

ROUNDS = 20
"""How often a class is learned anew; every round has its share of the jobs."""
MIX = ((20.0, 0.2), (45.0, 0.2), (90.0, 0.2), (240.0, 0.25))
"""Median in s and sigma of the four classes of the mixed case."""
SEED = 20_261_122


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a case came to; times in s."""

    staleness_s: float
    requests: float
    fixed_staleness_s: float
    bound: float

    @property
    def to_fixed(self) -> float:
        """Staleness in parts of a fixed interval's with as many requests."""
        return self.staleness_s / self.fixed_staleness_s

    @property
    def to_bound(self) -> float:
        """Staleness x requests in parts of the least possible."""
        return self.staleness_s * self.requests / self.bound


def one_class(sigma: float, jobs: int, learned_from: int | None, median_s: float = 60.0) -> Outcome:
    """Simulate jobs of one class.

    Args:
        sigma: of the durations' logarithm.
        jobs: how many, over all rounds.
        learned_from: earlier jobs of the class that are known; None: the durations' law itself.
        median_s: median duration in s.
    """
    return classes([(median_s, sigma)], jobs, learned_from)


def classes(mix: Sequence[tuple[float, float]], jobs: int, learned_from: int | None) -> Outcome:
    """Simulate a mix of equally frequent classes, each (median in s, sigma), as `one_class`."""
    rng = np.random.default_rng(SEED)
    rounds = [_one_round(rng, mix, jobs // ROUNDS, learned_from) for _ in range(ROUNDS)]
    staleness, requests, fixed = (float(np.mean(column)) for column in zip(*rounds, strict=True))
    bound = float(np.mean([math.sqrt(least_product(*law)) for law in mix])) ** 2
    return Outcome(staleness, requests, fixed, bound)


def _one_round(
    rng: np.random.Generator,
    mix: Sequence[tuple[float, float]],
    jobs: int,
    learned_from: int | None,
) -> tuple[float, float, float]:
    stale: list[Floats] = []
    asked: list[Floats] = []
    lasting: list[Floats] = []
    for median_s, sigma in mix:
        durations = median_s * np.exp(rng.normal(0, sigma, jobs // len(mix)))
        known = Spread(median_s, sigma, jobs=10_000)
        if learned_from is not None:
            known = fit(median_s * np.exp(rng.normal(0, sigma, learned_from)))
        late, count = evaluate(schedule_for(known, Limits()), durations)
        stale.append(late)
        asked.append(count)
        lasting.append(durations)
    requests = float(np.concatenate(asked).mean())
    fixed = fixed_staleness_s(np.concatenate(lasting), requests)
    return float(np.concatenate(stale).mean()), requests, fixed


def evaluate(schedule: Schedule, durations: Floats) -> tuple[Floats, Floats]:
    """Return each job's staleness in s and its number of requests, (jobs,) each."""
    times, last = [], float(durations.max())
    at = 0.0
    while at < last:
        at += schedule.pause_s(at)
        times.append(at)
    seen = np.searchsorted(times, durations)
    return np.array(times)[seen] - durations, seen.astype(np.float64) + 1


def fixed_staleness_s(durations: Floats, requests: float) -> float:
    """Return the mean staleness in s of the fixed interval that makes so many requests a job."""
    low, high = 1e-3, float(durations.max())
    for _ in range(50):
        interval = math.sqrt(low * high)
        counts = np.ceil(durations / interval)
        low, high = (interval, high) if counts.mean() > requests else (low, interval)
    return float((counts * interval - durations).mean())


def least_product(median_s: float, sigma: float) -> float:
    """Return the least staleness x requests of any schedule: ½ (∫ √(f S) dt)², in s."""
    scores = np.linspace(-8, 8, 20_001)
    at = median_s * np.exp(sigma * scores)
    density = np.exp(-(scores**2) / 2) / (math.sqrt(2 * math.pi) * sigma * at)
    survival = np.array([math.erfc(score / math.sqrt(2)) / 2 for score in scores])
    heights = np.sqrt(density * survival)
    area = sum(
        (right - left) * (low + high) / 2
        for (left, right), (low, high) in zip(pairwise(at), pairwise(heights), strict=True)
    )
    return float(area**2) / 2


# -- many jobs, one budget -------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class _Job:
    spread: Spread
    begun: float
    lasts_s: float
    running_s: float = 0.0


def shared_budget(jobs: int, in_flight: int, rate_per_s: float, *, in_turn: bool) -> Outcome:
    """Simulate jobs of two classes (30 and 150 s, sigma 0.5) under one budget of requests.

    Args:
        jobs: how many in all.
        in_flight: how many run at the same time.
        rate_per_s: requests a second.
        in_turn: ask whoever was not asked for longest, as fast as the budget allows, and not by
            schedule and likelihood.
    """
    rng = np.random.default_rng(SEED)
    worth: Callable[[_Job, float], float] = (
        (lambda job, now: now - job.begun - job.running_s)
        if in_turn
        else (lambda job, now: job.spread.ended_between(job.running_s, now - job.begun))
    )
    turns, budget = Turns[_Job](worth), Budget(rate_per_s)
    waiting = [_new_job(rng) for _ in range(jobs)]
    stale: list[float] = []
    requests, now = 0, 0.0
    for job in waiting[:in_flight]:
        _line_up(turns, job, now, in_turn=in_turn)
    del waiting[:in_flight]
    while len(stale) < jobs:
        if not turns.waiting(now):
            now = turns.next_due
        while not budget.take(now):
            now += max(budget.wait_s(now), 1e-9)
        asked = turns.take(now)
        assert asked is not None
        requests += 1
        asked.running_s = now - asked.begun
        if asked.running_s >= asked.lasts_s:
            stale.append(asked.running_s - asked.lasts_s)
            if not waiting:
                continue
            asked = waiting.pop()
            asked.begun = now
        _line_up(turns, asked, now, in_turn=in_turn)
    return Outcome(float(np.mean(stale)), requests / jobs, math.nan, math.nan)


def _new_job(rng: np.random.Generator) -> _Job:
    median_s = float(rng.choice([30.0, 150.0]))
    return _Job(Spread(median_s, 0.5, jobs=100), 0.0, median_s * math.exp(rng.normal(0, 0.5)))


def _line_up(turns: Turns[_Job], job: _Job, now: float, *, in_turn: bool) -> None:
    pause_s = 0.0 if in_turn else schedule_for(job.spread, Limits()).pause_s(now - job.begun)
    turns.add(job, now + pause_s)


def main() -> int:
    """Simulate every case and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=200_000)
    jobs: int = parser.parse_args().jobs
    print(f"{jobs:,} jobs a case; median 60 s; earlier jobs of the class: learned from")
    print("case              learned from  staleness  requests  fixed  ratio  x bound")
    for learned_from in (5, 20, 100, None):
        for sigma in (0.1, 0.25, 0.5, 1.0):
            _show(f"sigma {sigma}", learned_from, one_class(sigma, jobs, learned_from))
        _show("four classes", learned_from, classes(MIX, jobs, learned_from))
    print("\none budget, 1,000 jobs of 30 and 150 s     in turn            by likelihood")
    for in_flight, rate in ((50, 5.0), (50, 20.0), (1000, 20.0)):
        both = [shared_budget(1000, in_flight, rate, in_turn=way) for way in (True, False)]
        told = [f"{way.staleness_s:6.2f} s x {way.requests:5.1f}" for way in both]
        print(f"{in_flight:5} in flight, {rate:4.0f} requests/s      {told[0]}   {told[1]}")
    return 0


def _show(case: str, learned_from: int | None, outcome: Outcome) -> None:
    known = "known" if learned_from is None else f"{learned_from} jobs"
    print(
        f"{case:16}  {known:>12}  {outcome.staleness_s:7.2f} s  {outcome.requests:8.2f}"
        f"  {outcome.fixed_staleness_s:5.2f}  {outcome.to_fixed:5.2f}  {outcome.to_bound:7.2f}",
        flush=True,
    )


if __name__ == "__main__":
    raise SystemExit(main())
