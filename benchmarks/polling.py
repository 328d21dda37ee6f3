"""How well the status requests are placed: staleness of results against requests per job.

Jobs of log-normal durations (median 60 s, or four classes of 20 to 240 s) are simulated with this
package's own schedule, and real durations of the local service are replayed. For each case: the
mean staleness (from a job's end to the request that sees it) and the requests a job takes; the same
at the other clients' cadences; the staleness of a fixed interval that makes as many requests, and
the ratio of the two; and staleness x requests in parts of the least that any schedule can reach.
Then many jobs share one budget of requests, against asking them in turn.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.findings import OURS, Findings, Table
from tfi_notebook.lifecycle.durations import Durations, Spread, fit
from tfi_notebook.lifecycle.schedule import Schedule, schedule_for
from tfi_notebook.lifecycle.turns import Budget, Turns
from tfi_notebook.settings import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

TITLE = "Status requests"
RECORDED = Path(__file__).parent / "recorded_durations.json"
CADENCES_S = {"fal-client": 0.1, "replicate": 0.5, "openai": 1.0, "huggingface_hub": 1.0}
"""Seconds between two status requests, in the sources of the locked versions."""
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


# -- other clients' ways ---------------------------------------------------------------------


def replayed(jobs: Sequence[Mapping[str, float]]) -> list[tuple[float, float]]:
    """Ask for jobs that are known to have taken so long, while learning from those before them.

    Args:
        jobs: in the order in which they ended: `duration_s`, and the fields that tell the class.

    Returns:
        (staleness in s, requests) of each job.
    """
    known, found = Durations(), []
    for job in jobs:
        late, asked = evaluate(schedule_for(known.spread(job), Limits()), _alone(job))
        found.append((float(late[0]), float(asked[0])))
        known.learn(job, job["duration_s"])
    return found


def _alone(job: Mapping[str, float]) -> Floats:
    return np.array([job["duration_s"]])


def every(interval_s: float, durations: Floats) -> tuple[float, float]:
    """Return staleness in s and requests a job of a fixed interval."""
    counts = np.ceil(durations / interval_s)
    return float((counts * interval_s - durations).mean()), float(counts.mean())


def simulated(mix: Sequence[tuple[float, float]], jobs: int) -> dict[str, tuple[float, float]]:
    """Return staleness and requests of every client for a mix of classes, 20 jobs known of each."""
    rng = np.random.default_rng(SEED)
    drawn = [median_s * np.exp(rng.normal(0, sigma, jobs)) for median_s, sigma in mix]
    ours = classes(mix, jobs, learned_from=20)
    return {OURS: (ours.staleness_s, ours.requests)} | {
        name: every(interval_s, np.concatenate(drawn)) for name, interval_s in CADENCES_S.items()
    }


def recorded() -> dict[str, tuple[float, float]]:
    """Return the same for the local service's jobs in `recorded_durations.json`."""
    jobs: list[dict[str, float]] = json.loads(RECORDED.read_text())["jobs"]
    ours = np.array(replayed(jobs))
    lasting = np.concatenate([_alone(job) for job in jobs])
    return {OURS: (float(ours[:, 0].mean()), float(ours[:, 1].mean()))} | {
        name: every(interval_s, lasting) for name, interval_s in CADENCES_S.items()
    }


# -- the benchmark ---------------------------------------------------------------------------


def run(rounds: int, *, quick: bool) -> Findings:
    """Simulate every case once: the same seed gives the same figures."""
    del rounds
    jobs = 4_000 if quick else 100_000
    known = {
        f"spread {sigma}": {
            _taught(taught): one_class(sigma, jobs, taught).to_fixed
            for taught in (5, 20, 100, None)
        }
        for sigma in (0.1, 0.25, 0.5, 1.0)
    }
    mixed = {_taught(taught): classes(MIX, jobs, taught).to_fixed for taught in (5, 20, 100, None)}
    bounds = [one_class(sigma, jobs, None).to_bound for sigma in (0.1, 0.25, 0.5, 1.0)]
    return Findings(
        measures={
            "one_class": known["spread 0.25"][_taught(100)],
            "four_classes": mixed[_taught(20)],
            "wide_class": max(known["spread 1.0"][_taught(taught)] for taught in (5, 20, 100)),
            "to_bound": max(bounds),
        },
        tables=[
            *_against_clients(jobs),
            Table(
                "Staleness against a fixed interval of as many requests", "x", "neither",
                known | {"four classes": mixed},
            ),
            _budgets(),
        ],
        notes=[
            "Cadences as the clients come: " + ", ".join(
                f"{name} every {interval_s:g} s" for name, interval_s in CADENCES_S.items()
            ) + ". gradio_client holds a stream open instead.",
            ("A short interval sees a result sooner and asks hundreds of times for it; the product "
            "of both is what a schedule can be good at. The recorded jobs are the local service's, "
            "of some seconds each, asked for as the live API is."),
        ],
    )  # fmt: skip


def _taught(jobs: int | None) -> str:
    return "class known" if jobs is None else f"{jobs} jobs known"


def _against_clients(jobs: int) -> list[Table]:
    found = {
        "simulated, one class": simulated([(60.0, 0.25)], jobs),
        "simulated, four classes": simulated(MIX, jobs),
        "recorded": recorded(),
    }
    pairs = [(case, name, pair) for case, row in found.items() for name, pair in row.items()]
    tables: dict[str, dict[str, dict[str, float]]] = {
        "product": {},
        "staleness": {},
        "requests": {},
    }
    for case, name, (staleness_s, requests) in pairs:
        for table, figure in zip(
            tables, (staleness_s * requests, staleness_s, requests), strict=True
        ):
            tables[table].setdefault(case, {})[name] = figure
    return [
        Table("Staleness x status requests of a job", "s", "lower", tables["product"], OURS),
        Table("Mean staleness of a result", "s", "lower", tables["staleness"], "", "none"),
        Table("Status requests of a job", "requests", "lower", tables["requests"], "", "none"),
    ]


def _budgets() -> Table:
    rows = {}
    for in_flight, rate in ((50, 5.0), (1000, 20.0)):
        both = {
            way: shared_budget(300, min(in_flight, 300), rate, in_turn=way) for way in (True, False)
        }
        case = f"{min(in_flight, 300)} in flight, {rate:.0f} requests/s"
        rows[case] = {
            "in turn": both[True].staleness_s * both[True].requests,
            f"{OURS}: by likelihood": both[False].staleness_s * both[False].requests,
        }
    return Table(
        "Many jobs, one budget: staleness x requests of a job", "s", "lower", rows, "in turn"
    )
