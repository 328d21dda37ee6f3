"""What the figures have to be: one table, and what is said of a run that misses it.

A goal is what the project sets out to reach. A gate stands at 0.7 of it and guards against falling
back: machines differ, and a shared one is slower in some rounds than in others. What must never be
otherwise (jobs made for one submit) has its gate at the goal itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

GATE = 0.7


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure to be reached.

    Attributes:
        benchmark: whose figure.
        measure: its name there.
        sense: `>=` or `<=`.
        figure: the goal.
        says: what it means.
        exact: there is no room between the goal and its gate.
    """

    benchmark: str
    measure: str
    sense: Literal[">=", "<="]
    figure: float
    says: str
    exact: bool = False

    @property
    def gate(self) -> float:
        """Return where the gate stands."""
        if self.exact:
            return self.figure
        return self.figure * GATE if self.sense == ">=" else self.figure / GATE

    def met_by(self, measured: float) -> bool:
        """Tell whether a figure reaches the goal."""
        return self._holds(measured, self.figure)

    def passed_by(self, measured: float) -> bool:
        """Tell whether a figure gets through the gate."""
        return self._holds(measured, self.gate)

    def _holds(self, measured: float, wanted: float) -> bool:
        return measured >= wanted if self.sense == ">=" else measured <= wanted


@dataclass(frozen=True, slots=True)
class Verdict:
    """A goal and what was measured; NaN: nothing, for its benchmark or a peer was not there."""

    goal: Goal
    measured: float

    @property
    def word(self) -> str:
        """`met`, `missed`, `gate broken` or `not measured`."""
        if math.isnan(self.measured):
            return "not measured"
        if self.goal.met_by(self.measured):
            return "met"
        return "missed" if self.goal.passed_by(self.measured) else "gate broken"


GOALS = (
    Goal("importing", "to_httpx_pydantic", "<=", 0.15,
         "`import tfi_notebook` against `import httpx, pydantic`, in a live kernel"),
    Goal("first_payload", "to_by_hand", "<=", 1.15,
         "import, client and first payload against the same by hand"),
    Goal("submit_throughput", "ledgered_to_httpx_64", ">=", 4.0,
         "ledgered submits at 64 workers against one shared `httpx.AsyncClient`"),
    Goal("submit_throughput", "ledgered_to_replicate_64", ">=", 1.3,
         "ledgered submits at 64 workers against replicate's async create"),
    Goal("submit_throughput", "durability_price", ">=", 0.80,
         "submits with the ledger against the same client's without it, at 64 workers"),
    Goal("submit_throughput", "ledgered_256_to_64", ">=", 0.95,
         "ledgered submits at 256 workers against 64: no collapse"),
    Goal("submit_throughput", "ledger_to_request_cpu", "<=", 0.33,
         "CPU time of the ledger's part of a submit against the request's"),
    Goal("fault_grid", "jobs_per_submit", "<=", 1.0,
         "most jobs made by one submit, over all faults", exact=True),
    Goal("kill_loop", "jobs_lost_or_doubled", "<=", 0.0,
         "jobs lost, doubled or unknown to the ledger after kills", exact=True),
    Goal("polling", "one_class", "<=", 0.55,
         "staleness against a fixed interval of as many requests, spread 0.25"),
    Goal("polling", "four_classes", "<=", 0.50,
         "the same for a mix of four classes of jobs"),
    Goal("polling", "wide_class", "<=", 1.10,
         "the same at spread 1.0, where nothing can be gained"),
    Goal("polling", "to_bound", "<=", 1.3,
         "staleness x requests against the least possible, class known"),
    Goal("sweep_scale", "memory_ratio", "<=", 0.20,
         "memory of a tracked job against one pydantic payload"),
    Goal("sweep_scale", "board_ratio", "<=", 0.03,
         "bytes of the board of 100,000 jobs against a table of 1,000"),
    Goal("rate_limited", "refused_share", "<=", 0.05,
         "share of answers that are 429, in the long run"),
    Goal("rate_limited", "of_allowed", ">=", 0.85, "served of what the service allows"),
    Goal("rate_limited", "recovered_after_s", "<=", 10.0,
         "seconds to be back once the limit is gone"),
    Goal("rendering", "version_5_real_time", "<=", 0.15,
         "local renderer, version 5, 400 px: wall time against the voice's"),
    Goal("rendering", "version_6_real_time", "<=", 0.22, "the same for version 6"),
    Goal("rendering", "cpu_to_encoding", "<=", 3.5,
         "CPU of a frame against encoding it alone, version 6"),
    Goal("rendering", "large_real_time", "<=", 1.0,
         "local renderer, version 6, 1024 px: wall time against the voice's"),
    Goal("rendering", "peak_mb", "<=", 600.0,
         "peak memory of one rendering process in MB, up to 1024 px"),
    Goal("rendering", "two_to_one_process", ">=", 1.7,
         "a long voice on two processes against one"),
    Goal("panel_opening", "panel_warm_ms", "<=", 1000.0,
         "panel usable in a warm kernel, in ms"),
    Goal("panel_opening", "panel_messages", "<=", 60.0,
         "widget messages of the panel's opening"),
    Goal("panel_opening", "panel_bytes", "<=", 60_000.0, "their bytes, pictures and clips aside"),
    Goal("panel_opening", "panel_over_jobs_messages", "<=", 60.0,
         "messages over a ledger with 50 jobs"),
    Goal("panel_opening", "panel_over_jobs_bytes", "<=", 60_000.0, "their bytes"),
    Goal("board_watching", "board_messages_per_s", "<=", 2.0,
         "messages a second to a board of 1,000 jobs at work"),
    Goal("board_watching", "board_bytes_per_s", "<=", 10_000.0, "their bytes, headers included"),
)  # fmt: skip


def judge(measures: Mapping[str, Mapping[str, float]]) -> list[Verdict]:
    """Compare what was measured, benchmark → name → figure, with every goal."""
    return [
        Verdict(goal, measures.get(goal.benchmark, {}).get(goal.measure, math.nan))
        for goal in GOALS
    ]
