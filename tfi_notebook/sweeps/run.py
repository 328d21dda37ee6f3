"""The handle of a run: a live board, its control, and the way to its results."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tfi_notebook import arguments
from tfi_notebook.lifecycle.waiting import show_progress, wait_for
from tfi_notebook.sweeps.asked import check_addable
from tfi_notebook.sweeps.board import board, progress, steps
from tfi_notebook.sweeps.cells import Cells, bulk_points
from tfi_notebook.sweeps.results import Results
from tfi_notebook.sweeps.tables import State
from tfi_notebook.sweeps.tiles import Shown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from decimal import Decimal

    from tfi_notebook.display.painter import Drawing
    from tfi_notebook.lifecycle.workspace import Workspace
    from tfi_notebook.sweeps.cell import Cell
    from tfi_notebook.sweeps.runner import Runner
    from tfi_notebook.sweeps.sweep import Sweep
    from tfi_notebook.sweeps.table import Points


class Run(Results, Shown):
    """A sweep at work. Shown in a notebook it is a live board.

    Made by `Sweep.run` and `tfi.run`, not by hand.

    Example:
        >>> run = sweep.run(budget_credits=100)              # doctest: +SKIP
        >>> run.wait(timeout_s=600).results()                # doctest: +SKIP
    """

    def __init__(self, runner: Runner, *, took_in: bool = False) -> None:
        self._runner = runner
        self._store = runner.store
        self._took_in = took_in

    # -- what it is ------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name by which `tfi.run(name)` takes it up again."""
        return self._store.name

    @property
    def axes(self) -> tuple[str, ...]:
        """The names of the fields that vary, in the order in which they were given."""
        return self._store.axes

    @property
    def workspace(self) -> Workspace:
        """The connection that the jobs belong to."""
        return self._runner.workspace

    @property
    def took_in(self) -> bool:
        """Whether the sweep it was made by is in it; not if another kernel worked on it then."""
        return self._took_in

    @property
    def state(self) -> str:
        """`running`, `paused`, `stopped` or `done`."""
        return str(self._runner.state)

    @property
    def reason(self) -> str:
        """Why nothing is submitted just now; empty while all goes on."""
        return self._store.record.reason or self._runner.note

    @property
    def counts(self) -> dict[str, int]:
        """How many points stand where: `new`, `invalid`, or the status of the job."""
        return self._runner.books.words()

    @property
    def spent_credits(self) -> Decimal:
        """What the run's jobs have cost so far, as the service tells it."""
        return self._runner.books.purse.spent

    def cells(self) -> Sequence[Cell]:
        """Return the points that the run has reached, in order; it is 1,000 points ahead."""
        return Cells(self._store, self.workspace)

    def points(self) -> Points:
        """Return the points that the run has reached, column by column, read in bulk."""
        return bulk_points(self._store)

    # -- waiting ---------------------------------------------------------------------------

    def wait(self, timeout_s: float | None = None) -> Run:
        """Wait until nothing more will happen by itself: all ended, or paused, or stopped.

        Says how far it is whenever that has changed, unless `TFI_QUIET=1`. Ctrl-C ends the
        waiting, not the run.

        Args:
            timeout_s: longest wait in s; None waits until the end.

        Returns:
            This run: look at `.state` and `.reason`.

        Raises:
            WaitTimeoutError: it is not ended yet; it goes on.
            ServiceError: the workspace was closed.
            ArgumentError: `timeout_s` is no number.
        """
        limit_s = None if timeout_s is None else arguments.number("timeout_s", timeout_s)
        progress = show_progress(
            self.workspace.painter, line=self._draw_line, step=lambda: steps(self._runner)
        )
        try:
            wait_for(self.workspace, self._settles, limit_s, self._goes_on)
        finally:
            if progress is not None:
                progress.close()
        return self

    async def done(self) -> Run:
        """Wait like `wait`, without blocking the kernel: `await run.done()`."""
        await asyncio.wrap_future(self.workspace.start(self._runner.settled()))
        return self

    # -- control ---------------------------------------------------------------------------

    def pause(self) -> Run:
        """Submit nothing more; jobs that were submitted are followed to their ends.

        Raises:
            SweepError: another kernel works on the run.
        """
        self.workspace.run(self._enter(State.PAUSED, "paused; run.resume() goes on"))
        return self

    def resume(self) -> Run:
        """Go on: submit what is left, and follow what is under way.

        Raises:
            SweepError: another kernel works on the run.
        """
        self.workspace.run(self._enter(State.RUNNING, ""))
        return self

    def stop(self) -> Run:
        """Submit nothing more and ask for nothing more, at once.

        Jobs that the service has go on there, and are charged: its API cannot cancel. What is
        being sent at this moment still gets its answer written down. `resume` takes all of it up.

        Raises:
            SweepError: another kernel works on the run.
        """
        text = "stopped; jobs at the service go on there, and run.resume() takes them up"
        self.workspace.run(self._enter(State.STOPPED, text))
        return self

    def retry_failed(self, *, confirm: bool = False) -> Run:
        """Submit failed points again.

        Those that never started (refused, or not sent) are free to try. Those that failed in
        rendering, or whose answer was lost and that were written off, may be charged again, so
        that they are tried with `confirm` only; the local service is free.

        Args:
            confirm: try those that failed in rendering or were written off, too.

        Raises:
            SweepError: another kernel works on the run.
        """
        self.workspace.run(self._retry(charged=confirm or self.workspace.settings.local))
        return self

    def add(self, sweep: Sweep, *, confirm: bool = False) -> Run:
        """Add the points of another sweep; those that the run has already are not made twice.

        A run that is paused or stopped stays so.

        Args:
            sweep: of the same workspace.
            confirm: must be True on the live API, as a sign that the cost is meant.

        Raises:
            ArgumentError: it is no sweep.
            SweepError: another kernel works on the run; the sweep belongs to another workspace;
                or it is the live API, new jobs are to be made, and `confirm` is not True.
            LedgerError: the ledger cannot be written.
        """
        check_addable(self.workspace, sweep, confirm=confirm)
        self.workspace.run(self._add(sweep))
        return self

    async def _enter(self, state: State, reason: str) -> None:
        async with self._leading() as runner:
            await runner.enter(state, reason)

    async def _retry(self, *, charged: bool) -> None:
        async with self._leading() as runner:
            found = [row for row in runner.queue.failed() if charged or not row.was_charged]
            await runner.reopen([row.index for row in found])
            await runner.enter(State.RUNNING)

    async def _add(self, sweep: Sweep) -> None:
        async with self._leading() as runner:
            await runner.take_in(sweep)
            if runner.state is State.DONE:
                await runner.enter(State.RUNNING)

    @asynccontextmanager
    async def _leading(self) -> AsyncIterator[Runner]:
        async with self._runner.attached():
            self._runner.check_leads()
            yield self._runner

    async def _settles(self) -> None:
        try:
            await self._runner.settled()
        finally:
            await self.workspace.painter.flush()

    def _goes_on(self) -> str:
        return f"the run goes on while a kernel is open; take it up with tfi.run({self.name!r})"

    # -- what is shown ---------------------------------------------------------------------

    def drawing(self) -> Drawing:
        """Return the board as it stands now, for who shows it within something else."""
        return board(self._runner)

    def _draw_line(self) -> Drawing:
        return progress(self._runner)

    def __repr__(self) -> str:
        """Return the board as text."""
        return self.drawing().plain

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return self.drawing().bundle()

    def _ipython_display_(self) -> None:
        if not self.workspace.painter.show(self.drawing):
            raise NotImplementedError  # IPython falls back to the MIME bundle
