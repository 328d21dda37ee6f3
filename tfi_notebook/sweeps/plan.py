"""What a run would do, take and cost, told before anything is sent."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any

from tfi_notebook.contract.links import kept, replaced
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.display import plans as shown
from tfi_notebook.errors import TfiError
from tfi_notebook.lifecycle.export import load_pandas
from tfi_notebook.lifecycle.prices import CLASS, Prices
from tfi_notebook.sweeps.store import strangers
from tfi_notebook.sweeps.table import INVALID, NEW
from tfi_notebook.sweeps.tables import FINGERPRINTS, IN_RUN, RUN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    import pandas as pd  # type: ignore[import-untyped] # it publishes no types

    from tfi_notebook.lifecycle.workspace import Workspace
    from tfi_notebook.sweeps.points import Point
    from tfi_notebook.sweeps.sweep import Sweep

AT_A_TIME = 2_000
PROBLEMS_MAX = 20
"""So many wrong points are named; all others are counted."""
RUNNING = "running"
CREDITS_WITHIN_S = 5.0
_LEFT = {JobStatus.FAILED, JobStatus.WRITTEN_OFF}
_DECIDING = {*CLASS, "template_id", "audio_url"}


@dataclass(frozen=True, slots=True)
class Kind:
    """New jobs of one kind, which take and cost about the same.

    Attributes:
        axes: the fields that tell the kind from others, with their values.
        new: how many of them there are.
        usual_s: median duration in s; None without history.
        price: median price in credits; None without history.
    """

    axes: dict[str, Any]
    new: int
    usual_s: float | None
    price: Decimal | None


@dataclass(frozen=True)
class Plan:
    """What a run of a sweep would do. Shown in a notebook it is a table.

    Attributes:
        sweep: the sweep.
        max_in_flight: how many jobs are meant to be at the service at once.
        counts: points by where they stand: `new`, `done`, `running`, `unknown` (their submit had
            no answer; they are not sent again), `failed`, `rejected` and `written_off` (in the
            sweep's run, where `Run.retry_failed` submits them again, and nothing else does),
            `invalid`, and `folded` (the same as another).
        kinds: the new jobs by what their duration and price depend on.
        problems: the first of the wrong points, each with axis, row and reason.
        failed_before: how many of the new ones have failed in an earlier try.
        credits_left: what the account has; None if the service did not say.
        free: whether the jobs are rendered on this machine, which costs nothing.
    """

    sweep: Sweep
    max_in_flight: int
    counts: Counter[str]
    kinds: tuple[Kind, ...]
    problems: tuple[str, ...]
    failed_before: int
    credits_left: Decimal | None
    free: bool

    @property
    def new(self) -> int:
        """How many jobs a run would make."""
        return self.counts[NEW]

    @property
    def minutes(self) -> float | None:
        """Expected minutes of the run; None where no job of any kind has finished yet.

        The median durations of the ledger's own jobs, summed up and divided by the jobs that are
        at the service at once. Kinds without history are left out, and counted in `untimed`.
        """
        known = [kind.usual_s * kind.new for kind in self.kinds if kind.usual_s is not None]
        return sum(known) / min(self.max_in_flight, max(self.new, 1)) / 60 if known else None

    @property
    def untimed(self) -> int:
        """How many new jobs are of a kind of which none has finished yet."""
        return sum(kind.new for kind in self.kinds if kind.usual_s is None)

    @property
    def cost(self) -> Decimal | None:
        """Expected credits of the run; None where no price of any kind is known."""
        if self.free:
            return Decimal(0)
        known = [kind.price * kind.new for kind in self.kinds if kind.price is not None]
        return sum(known, Decimal(0)) if known else None

    @property
    def unpriced(self) -> int:
        """How many new jobs are of a kind of which no price is known."""
        return 0 if self.free else sum(kind.new for kind in self.kinds if kind.price is None)

    @property
    def cost_words(self) -> str:
        """The expected cost in words."""
        return shown.cost_words(self._view())

    def frame(self) -> pd.DataFrame:
        """Return one line for each point: its axes, `status`, `expected_s`, `expected_credits`.

        Raises:
            MissingExtraError: pandas is not installed (extra `data`).
            LedgerError: the ledger cannot be read.
        """
        pandas = load_pandas()
        survey = _Survey(self.sweep)
        lines = [
            [*replaced(point.axes, kept), word, *survey.expectation(point), point.problem]
            for point, word in survey.points()
        ]
        columns = [*self.sweep.axes, "status", "expected_s", "expected_credits", "problem"]
        return pandas.DataFrame(lines, columns=columns)

    def _view(self) -> shown.PlanView:
        return shown.PlanView(
            counts=self.counts,
            kinds=[(kind.axes, kind.new, kind.usual_s, kind.price) for kind in self.kinds],
            problems=self.problems,
            failed_before=self.failed_before,
            minutes=self.minutes,
            untimed=self.untimed,
            max_in_flight=self.max_in_flight,
            cost=self.cost,
            unpriced=self.unpriced,
            credits_left=self.credits_left,
            free=self.free,
        )

    def __repr__(self) -> str:
        """Return the plan as text."""
        return shown.plan_text(self._view())

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        view = self._view()
        return {"text/html": shown.plan_table(view), "text/plain": shown.plan_text(view)}


def plan(sweep: Sweep, max_in_flight: int) -> Plan:
    """Return what a run of a sweep would do; see `Sweep.plan`."""
    asked = None if sweep.workspace.settings.local else _ask_credits(sweep.workspace)
    survey = _Survey(sweep)
    counts: Counter[str] = Counter()
    kinds: Counter[tuple[Any, ...]] = Counter()
    problems: list[str] = []
    for point, word in survey.points():
        counts[word] += 1
        if word == NEW:
            kinds[survey.kind(point)] += 1
        elif word == INVALID and len(problems) < PROBLEMS_MAX:
            problems.append(point.problem)
    return Plan(
        sweep=sweep,
        max_in_flight=max_in_flight,
        counts=counts,
        kinds=tuple(survey.described(kind, count) for kind, count in kinds.items()),
        problems=tuple(problems),
        failed_before=survey.failed_before,
        credits_left=_answer(asked),
        free=sweep.workspace.settings.local,
    )


class _Survey:
    """Looks every point up in the ledger, many with one statement."""

    def __init__(self, sweep: Sweep) -> None:
        settings, engine = sweep.workspace.settings, sweep.workspace.engine
        self.failed_before = 0
        self._sweep = sweep
        self._service = settings.service_name
        self._ledger = engine.ledger
        self._durations = engine.durations
        self._prices = None if settings.local else Prices(engine.ledger, self._service)
        self._base = sweep.base.body()
        found = engine.ledger.query(RUN, self._service, sweep.name)
        self._run: int | None = found[0][0] if found else None
        self._deciding = [at for at, name in enumerate(sweep.axes) if name in _DECIDING]

    def points(self) -> Iterator[tuple[Point, str]]:
        """Give every point with the word for where it stands."""
        seen: set[bytes] | None = None if self._sweep.is_distinct else set()
        every = self._sweep.points()
        while batch := list(islice(every, AT_A_TIME)):
            asked = json.dumps([point.fingerprint for point in batch if point.fingerprint])
            known, left = self._known(asked), self._left(asked)
            for point in batch:
                yield point, self._word(point, known, left, seen)

    def kind(self, point: Point) -> tuple[Any, ...]:
        """Return the values of the axes on which duration and price depend."""
        return tuple([point.axes[at] for at in self._deciding])

    def described(self, kind: tuple[Any, ...], count: int) -> Kind:
        """Return what is known of a kind."""
        values = dict(zip([self._sweep.axes[at] for at in self._deciding], kind, strict=True))
        usual_s, price = self._usual(self._base | values)
        return Kind(replaced(values, kept), count, usual_s, price)

    def expectation(self, point: Point) -> tuple[float | None, float | None]:
        """Return the usual duration, in s, and price, in credits, of a point's job."""
        if point.problem:
            return None, None
        usual_s, price = self._usual(
            self._base | dict(zip(self._sweep.axes, point.axes, strict=True))
        )
        return usual_s, None if price is None else float(price)

    def _usual(self, body: dict[str, Any]) -> tuple[float | None, Decimal | None]:
        spread = self._durations.spread(body)
        price = Decimal(0) if self._prices is None else self._prices.of(body)
        return spread.median_s if spread.jobs else None, price

    def _known(self, asked: str) -> dict[str, str]:
        where = (self._service, strangers(self._ledger))
        return dict(self._ledger.query(FINGERPRINTS, *where, asked))

    def _left(self, asked: str) -> dict[str, str]:
        """Return what the sweep's run has tried, and does not try again by itself."""
        where = (self._service, strangers(self._ledger), self._run)
        rows = self._ledger.query(IN_RUN, *where, asked) if self._run is not None else []
        return {
            fingerprint: status
            for fingerprint, status, problem in rows
            if status in _LEFT or (status == JobStatus.REJECTED and problem)
        }

    def _word(
        self, point: Point, known: dict[str, str], left: dict[str, str], seen: set[bytes] | None
    ) -> str:
        if not point.fingerprint:
            return INVALID
        if seen is not None:
            digest = bytes.fromhex(point.fingerprint)
            if digest in seen:
                return "folded"
            seen.add(digest)
        status = known.get(point.fingerprint)
        if status in {JobStatus.DONE, JobStatus.UNKNOWN}:
            return str(status)
        if point.fingerprint in left:
            return left[point.fingerprint]
        if status is None or JobStatus(status).is_final:
            self.failed_before += status == JobStatus.FAILED
            return NEW
        return RUNNING


def _ask_credits(workspace: Workspace) -> Future[Decimal]:
    return workspace.start(workspace.credits_async())


def _answer(asked: Future[Decimal] | None) -> Decimal | None:
    """The plan does not fail because the account could not be asked."""
    try:
        return asked.result(CREDITS_WITHIN_S) if asked else None
    except (TfiError, TimeoutError):
        return None
