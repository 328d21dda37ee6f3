"""Works a search off, on a thread of its own: asks for trials, runs them, tells what they gave.

A thread and not the background loop, because measuring a video takes seconds, and the loop serves
every job. The jobs go through a run, which pays for each payload once; so nothing is lost if this
thread dies at any point: a trial that is open in the study is looked for in the run again.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from tfi_notebook.contract.records import JobStatus
from tfi_notebook.errors import DownloadError, PayloadError, SweepError, TfiError
from tfi_notebook.lifecycle.lease import Lease, acquire
from tfi_notebook.sweeps.goals import reason_of
from tfi_notebook.sweeps.points import changed
from tfi_notebook.sweeps.sweep import Sweep

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tfi_notebook.contract.model import Payload
    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.lifecycle.workspace import Workspace
    from tfi_notebook.sweeps.cell import Cell
    from tfi_notebook.sweeps.goals import Goals
    from tfi_notebook.sweeps.run import Run
    from tfi_notebook.sweeps.study import Study, Trial

_LOOK_EVERY_S: Final = 1.0
_HALTED = {"paused", "stopped"}
_held: dict[tuple[Path, str], tuple[Workspace, Lease]] = {}
"""By ledger and name: the leases that searches of this process have taken, and for whom."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a search may go.

    Attributes:
        n_trials: trials in all, those of earlier kernels among them.
        max_in_flight: trials side by side.
        budget_credits: the most that its run may spend; None for no limit.
    """

    n_trials: int
    max_in_flight: int
    budget_credits: float | None


class Seeker:
    """One search at work.

    Args:
        workspace: the connection.
        base: the payload that the trials start from.
        name: the name of the search and of its run.
        study: where the trials are written down.
        goals: what it is after.
        limits: how far it may go.

    Attributes:
        trials: by number.
        run: what has submitted the jobs; None before the first.
        reason: why it goes on no further; empty while it does, and when all is done.
        error: what has ended it, if something has.
        ended: set at the end.
    """

    def __init__(
        self,
        workspace: Workspace,
        base: Payload,
        name: str,
        study: Study,
        goals: Goals,
        limits: Limits,
    ) -> None:
        self.workspace = workspace
        self.name = name
        self.study = study
        self.goals = goals
        self.limits = limits
        self.trials: dict[int, Trial] = {trial.number: trial for trial in study.trials()}
        self.run: Run | None = None
        self.reason = ""
        self.error: BaseException | None = None
        self.ended = threading.Event()
        self._base = base
        self._news = threading.Event()
        self._stopped = False
        self._open: dict[str, list[Trial]] = {}
        self._left_out: list[Trial] = []
        self._known: dict[str, Trial] = {}

    @property
    def under_way(self) -> int:
        """How many trials have been begun and not ended."""
        return sum(trial.open for trial in self.trials.values())

    def begin(self) -> None:
        """Start, or go on where an earlier kernel has left it.

        Raises:
            SweepError: another kernel works on it.
            LedgerError: the ledger cannot be written.
        """
        lease = self.workspace.run(self._acquired())
        if lease is None:
            raise SweepError(
                f"another kernel works on the search {self.name!r}",
                hint="go on there, or end that kernel and try again",
            )
        threading.Thread(
            target=self._work, args=(lease,), name=f"tfi-search-{self.name}", daemon=True
        ).start()

    def stop(self) -> None:
        """Begin no more trials; those under way stay open, and `begin` elsewhere takes them up."""
        self._stopped = True
        self._news.set()

    # -- on the thread ---------------------------------------------------------------------

    def _work(self, lease: Lease) -> None:
        keeping = self.workspace.start(lease.keep())
        unsubscribe = self.workspace.subscribe(lambda _row: self._news.set())
        try:
            self._take_up()
            while self._turn():
                self._news.wait(_LOOK_EVERY_S)
                self._news.clear()
        except BaseException as error:  # noqa: BLE001 - whoever waits for the search raises it
            self.error = error
        finally:
            unsubscribe()
            keeping.cancel()
            self._hand_over(lease)
            self.ended.set()

    def _hand_over(self, lease: Lease) -> None:
        with suppress(TfiError):  # a workspace that was closed cannot: see `_acquired`
            self.workspace.run(lease.release())
            self.workspace.run(self._redraw())

    async def _acquired(self) -> Lease | None:
        """Take the search's lease; one that a closed workspace of this process has left is free."""
        ledger = self.workspace.engine.ledger
        name = f"search-{self.workspace.settings.service_name}-{self.name}"
        left = _held.get((ledger.path, name))
        if left is not None and left[0].closed:
            await ledger.transact(left[1].give_back)
        lease = await acquire(ledger, name)
        if lease is not None:
            _held[ledger.path, name] = (self.workspace, lease)
        return lease

    async def _redraw(self) -> None:
        self.workspace.painter.changed()

    def _take_up(self) -> None:
        """Go on with the trials that an earlier kernel has begun."""
        for trial in self.trials.values():
            if not trial.open:
                self._known.setdefault(self._fingerprint(trial.axes), trial)
        left = [trial for trial in self.trials.values() if trial.open]
        self._submit([trial for trial in left if self._is_new(trial)])

    def _turn(self) -> bool:
        """Tell what has ended, ask for more; return whether there is anything to wait for."""
        in_flight = self._tell_ended()
        if self._stopped or self.workspace.closed:
            self.reason = "stopped"
            return False
        if self._left_out:
            self._submit(self._left_out)
            return True
        if self.run is not None and self.run.state in _HALTED:
            self.reason = self.run.reason
            return in_flight
        self.reason = ""
        self._submit(self._asked())
        return bool(self._open)

    def _asked(self) -> list[Trial]:
        """Ask for as many trials as there is room for; return those that need a job."""
        fresh = []
        most = self.limits
        while len(self.trials) < most.n_trials and self.under_way < most.max_in_flight:
            trial = self.study.ask()
            self.trials[trial.number] = trial
            if self._is_new(trial):
                fresh.append(trial)
        return fresh

    def _is_new(self, trial: Trial) -> bool:
        """Take a trial in; what is known of its payload is told at once, without a job."""
        try:
            key = self._fingerprint(trial.axes)
        except PayloadError as error:
            self._end(trial, (), reason_of(error))
            return False
        if key in self._known:
            known = self._known[key]
            self._end(trial, known.outcome, known.problem)
            return False
        same = self._open.setdefault(key, [])
        same.append(trial)
        return len(same) == 1

    def _submit(self, trials: list[Trial]) -> None:
        if not trials:
            return
        columns = {axis: [trial.axes[axis] for trial in trials] for axis in trials[0].axes}
        sweep = Sweep.zip(self._base, workspace=self.workspace, name=self.name, **columns)
        self.run = sweep.run(
            budget_credits=self.limits.budget_credits,
            max_in_flight=self.limits.max_in_flight,
            confirm=True,
        )
        # a kernel that has ended may hold the run for some seconds yet: then they are tried again
        self._left_out = [] if self.run.took_in else trials

    def _tell_ended(self) -> bool:
        """Tell the study of the trials that have ended; return whether a job is under way."""
        if self.run is None or not self._open:
            return False
        in_flight = False
        for cell in self.run.cells():
            key = self._fingerprint(cell.axes)
            if key not in self._open:
                continue
            if not self._has_ended(cell):
                in_flight |= cell.snapshot is not None
                continue
            outcome, problem = self._outcome(cell)
            if self.workspace.closed:  # who takes the search up next tells it
                return False
            for trial in self._open.pop(key):
                self._known[key] = self._end(trial, outcome, problem)
        return in_flight

    def _outcome(self, cell: Cell) -> tuple[tuple[float, ...], str]:
        row = cell.snapshot
        if row is None or row.status is not JobStatus.DONE:
            return (), cell.problem or (f"{row.status}: {row.message}" if row else "")
        try:
            return self.goals.measure(self._with_video(cell, row), self.workspace), ""
        except TfiError as error:
            return (), reason_of(error)

    def _with_video(self, cell: Cell, row: JobSnapshot) -> Cell:
        """Fetch the video if it is missing: a kernel may have died before it could."""
        if row.path is None:
            with suppress(DownloadError):  # not every objective looks at the video
                self.workspace.run(self.workspace.download_async(row))
        return replace(cell, snapshot=self.workspace.latest(row))

    def _end(self, trial: Trial, outcome: tuple[float, ...], problem: str) -> Trial:
        ended = self.study.tell(trial, outcome, problem)
        self.trials[trial.number] = ended
        if not self.workspace.closed:
            self.workspace.run(self._redraw())
        return ended

    def _fingerprint(self, values: Mapping[str, Any]) -> str:
        return changed(self._base, list(values), list(values.values())).fingerprint

    def _has_ended(self, cell: Cell) -> bool:
        """A job that is done is watched until its video is here, or could not be fetched.

        A refusal ends a point only once the run has given it up: it may be tried again.
        """
        row = cell.snapshot
        if row is None or row.status is JobStatus.REJECTED:
            return bool(cell.problem)
        if row.status is JobStatus.DONE and row.path is None:
            return row.key not in self.workspace.engine.tracker.watched()
        return row.status.is_final
