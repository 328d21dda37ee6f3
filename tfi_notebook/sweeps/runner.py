"""Works a run off on the background loop: submits its points in order, and follows their jobs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tfi_notebook.contract.records import JobStatus
from tfi_notebook.errors import (
    ApiError,
    AuthError,
    LedgerError,
    NotSentError,
    RateLimitedError,
    ServiceDownError,
    SubmitUnknownError,
    TfiError,
)
from tfi_notebook.http import redact
from tfi_notebook.sweeps.led import Led
from tfi_notebook.sweeps.queue import Queue
from tfi_notebook.sweeps.table import INVALID, NEW
from tfi_notebook.sweeps.tables import State

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from decimal import Decimal

    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.lifecycle.workspace import Workspace
    from tfi_notebook.sweeps.store import Store
    from tfi_notebook.sweeps.sweep import Sweep
    from tfi_notebook.sweeps.tables import Standing

_PAYMENT_REQUIRED = 402
_LATER = (NotSentError, ServiceDownError, RateLimitedError)
"""Nothing was sent, for no fault of the point: it is submitted when the service is back."""

TASKS_PER_JOB = 2
"""So many points are worked on for each that may be in flight: videos that are slow to fetch hold
new submits back, so that finished jobs do not pile up."""


class Runner(Led):
    """One run at work. Everything here belongs to the background loop.

    Args:
        workspace: the connection.
        store: the run in the ledger.

    Attributes:
        queue: the points, as they come up.
    """

    def __init__(self, workspace: Workspace, store: Store) -> None:
        super().__init__(workspace, store)
        self.queue = Queue(workspace, store, self.books, self._take_up)
        self._engine = workspace.engine
        self._tasks: set[asyncio.Task[None]] = set()
        self._following: set[asyncio.Task[None]] = set()
        self._looking_up: asyncio.Task[None] | None = None
        self._again = False
        self._counting = True
        self._unsubscribe: Callable[[], None] = lambda: None

    # -- what a person asks for ------------------------------------------------------------

    @property
    def active(self) -> bool:
        """Whether anything more will happen by itself."""
        at_work = self._tasks or self._counting if self.leads else self.books.unfinished
        return self._working and (self.state is State.RUNNING or bool(at_work))

    async def settled(self) -> None:
        """Wait until nothing more will happen by itself."""
        while self.active:
            await self._some_news()

    def set_limits(self, max_in_flight: int, budget_credits: Decimal | None) -> None:
        """Say how many jobs may be at the service at once, and what the run may spend.

        Without a new budget the old one holds.
        """
        self.store.record.max_in_flight = max_in_flight
        if budget_credits is not None:
            self.store.record.budget_credits = budget_credits
            self.books.purse.budget_credits = budget_credits

    async def take_in(self, sweep: Sweep) -> None:
        """Add the points of a sweep.

        Raises:
            LedgerError: they cannot be written.
        """
        await self.queue.take_in(sweep)
        self._once_more()

    async def enter(self, state: State, reason: str = "") -> None:
        """Pause, go on or stop.

        Raises:
            LedgerError: it is not on disk; it holds all the same while this kernel lives.
        """
        self.store.record.state, self.store.record.reason = state, reason
        if state is State.STOPPED:
            for task in self._following:
                task.cancel()
        self._once_more()
        await self._save()

    async def reopen(self, indices: list[int]) -> None:
        """Submit points again.

        Raises:
            LedgerError: it cannot be written.
        """
        await self.store.reopen(indices)
        self._once_more()

    # -- the way through -------------------------------------------------------------------

    async def _through(self) -> None:
        self._unsubscribe()
        self.books.live.clear()  # what was heard of since the last time has nobody who follows it
        self._unsubscribe = self._engine.subscribe(self._heard)
        try:
            await self._rounds()
        finally:
            if not self.books.live:  # else a person may yet decide about a job that is unknown
                self._unsubscribe()
            for task in self._tasks:
                task.cancel()

    async def _rounds(self) -> None:
        """Count, submit, follow; again as long as points were added or put back meanwhile."""
        while True:
            self._again = False
            try:
                await self._once()
            except LedgerError as error:
                self._halt(error.message)
                await self._while(lambda: self.state is State.PAUSED)
                continue
            if not self._again:
                break
        if self.state is State.RUNNING:
            self._end()

    async def _once(self) -> None:
        self._counting = True
        try:
            await self.queue.survey()
        finally:
            self._counting = False
            self._tell()
        if self.state is not State.STOPPED:
            async for row in self.queue.pending():
                if not await self._admitted(row):
                    break
                self.books.begin(row, self.queue.body(row))
                self._spawn(self._carry(row))
        await self._while(lambda: bool(self._tasks) and not self._again)

    def _end(self) -> None:
        left = self.books.unfinished
        self.store.record.state = State.PAUSED if left else State.DONE
        if left:
            self.store.record.reason = (
                f"{left:,} jobs are not watched any more; run.resume() asks again"
            )

    # -- one point -------------------------------------------------------------------------

    async def _admitted(self, row: Standing) -> bool:
        """Wait until a point may be submitted; False if the run was stopped."""
        while self.state is not State.STOPPED:
            free, note = self._may_submit(row)
            self._say(note)
            if free:
                return True
            await self._some_news()
        return False

    def _may_submit(self, row: Standing) -> tuple[bool, str]:
        """Return whether a point may be submitted now, and a word about why not."""
        if self.state is State.PAUSED:
            return False, ""
        if (outage := self._engine.client.outage) is not None:
            self._look_for_service()
            return False, redact(str(outage))
        in_flight = self.books.in_flight()
        most = self.store.record.max_in_flight
        if len(in_flight) >= most or len(self._tasks) >= TASKS_PER_JOB * most:
            return False, ""
        purse = self.books.purse
        body, waits = self.queue.body(row), bool(in_flight)
        problem = purse.hindrance(body, self.books.at_risk(), waits=waits)
        if problem and not waits:
            self._halt(problem)
        return not problem, problem

    async def _carry(self, row: Standing) -> None:
        """Submit a point, and follow its job to the end."""
        try:
            payload = self.queue.payload(row)
            job = await self._engine.submit(payload, force=False, wanted=self._submits)
        except SubmitUnknownError:
            self.books.leave(row.fingerprint)
        except _LATER as error:
            self._put_back(row, error.message)
        except (LedgerError, AuthError) as error:
            self._put_back(row, error.message)
            self._halt(error.message)
        except TfiError as error:
            await self._refused(row, error)
        else:
            await self._until_end(row, job)

    def _submits(self) -> bool:
        """Whether what still stands in line is to be sent: not once it was paused or stopped."""
        return self.state is State.RUNNING

    async def _refused(self, row: Standing, error: TfiError) -> None:
        text = f"{error.field}: {error.message}" if error.field else error.message
        if isinstance(error, ApiError) and error.status_code == _PAYMENT_REQUIRED:
            self._put_back(row, text)
            self._halt(text)
            return
        try:  # before the entry goes: a count under way must not take the point for a new one
            await self.store.mark(row.index, redact(text))
        except LedgerError as failure:
            self._halt(failure.message)
        live = self.books.live.get(row.fingerprint)
        known = live is not None and live.status is JobStatus.REJECTED
        self.books.leave(row.fingerprint, "" if known else row.status or INVALID)

    def _put_back(self, row: Standing, reason: str) -> None:
        self.books.leave(row.fingerprint, NEW)
        self._again = not self.workspace.closed
        self._say(redact(reason))

    def _take_up(self, row: Standing, job: JobSnapshot) -> None:
        """Follow a job that was open before; one that is `unknown` waits for a person."""
        job = self._engine.latest(job)
        self.books.enter(row, JobStatus(row.status or job.status), self.queue.body(row))
        self.books.hear(job)
        if self.state is not State.STOPPED and not job.status.is_final:
            self._spawn(self._until_end(row, job))
        else:
            self.books.leave(row.fingerprint)

    async def _until_end(self, row: Standing, job: JobSnapshot) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._following.add(task)
        self.books.hear(job)
        try:
            if self.state is not State.STOPPED:
                await self._engine.settled(job)
        finally:
            if self.state is State.STOPPED:
                self._engine.unwatch([job.key])
            self._following.discard(task)
            self.books.hear(self._engine.latest(job))
            self.books.leave(row.fingerprint)

    # -- news ------------------------------------------------------------------------------

    def _heard(self, job: JobSnapshot) -> None:
        if self.books.hear(job):
            if job.status.is_final and not self._working:
                self.books.leave(job.fingerprint)
            self._tell()

    def _once_more(self) -> None:
        self._again = True
        self._tell()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._beside(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _look_for_service(self) -> None:
        if self._looking_up is None or self._looking_up.done():
            self._looking_up = self._beside(self._engine.client.available())
