"""The points of a run in the order in which they come up, counted as they are read."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tfi_notebook.contract.records import JobStatus
from tfi_notebook.sweeps.sweep import Sweep

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from tfi_notebook.contract.model import Payload
    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.lifecycle.workspace import Workspace
    from tfi_notebook.sweeps.books import Books
    from tfi_notebook.sweeps.points import Point
    from tfi_notebook.sweeps.store import Store
    from tfi_notebook.sweeps.tables import Part, Standing

AT_A_TIME = 1_000
"""So many points are read together: the loop is held up for some milliseconds."""


class Queue:
    """What a run still has to submit.

    Args:
        workspace: the connection.
        store: the run in the ledger.
        books: counts every point that is read.
        follow: called with every point whose job is open already, and that job.
    """

    def __init__(
        self,
        workspace: Workspace,
        store: Store,
        books: Books,
        follow: Callable[[Standing, JobSnapshot], None],
    ) -> None:
        self._workspace = workspace
        self._store = store
        self._books = books
        self._follow = follow
        self._sweeps: dict[int, Sweep] = {}
        self._points: dict[int, Iterator[Point]] = {}
        self._open: list[int] = []

    async def take_in(self, sweep: Sweep) -> None:
        """Add a sweep to the run, and write its first points down.

        Raises:
            LedgerError: they cannot be written.
        """
        part = await self._store.add(sweep)
        self._sweeps[part.number] = sweep
        if part.reached == 0:
            await self._reach(part)

    async def survey(self) -> None:
        """Count every point anew, and note where there is something to submit.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        self._books.restart()
        self._open = []
        for start in range(0, self._store.written(), AT_A_TIME):
            rows = self._store.standing(start, start + AT_A_TIME)
            if sum(self._books.count(row, self.body(row)) for row in rows):
                self._open.append(start)
            self._follow_open(rows)
            await asyncio.sleep(0)
        unreached = sum(part.total - part.reached for part in self._store.parts)
        self._books.finish(unreached, self._store.spent_before())

    async def pending(self) -> AsyncIterator[Standing]:
        """Give the points to be submitted, in order; those not reached before are written first.

        Raises:
            LedgerError: the ledger cannot be read or written.
        """
        for start in self._open:
            for row in self._pending_in(start, start + AT_A_TIME):
                yield row
        for part in self._store.parts:
            while part.reached < part.total:
                start = self._store.written()
                before = part.reached
                await self._reach(part)
                stop = self._store.written()
                rows = self._store.standing(start, stop)
                self._books.count_more(part.reached - before, rows, self.body)
                self._follow_open(rows)
                for row in self._pending_in(start, stop):
                    yield row

    def failed(self) -> Iterator[Standing]:
        """Give every point that has failed, before or in rendering, or was refused.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        for start in range(0, self._store.written(), AT_A_TIME):
            for row in self._store.standing(start, start + AT_A_TIME):
                if row.has_failed and row.fingerprint not in self._books.live:
                    yield row

    def body(self, row: Standing) -> dict[str, Any]:
        """Return the fields that price and duration of a point's job depend on, and others."""
        part = self._store.parts[row.part]
        return part.base | dict(zip(part.axes, row.values, strict=True))

    def payload(self, row: Standing) -> Payload:
        """Return the payload of a point.

        Raises:
            PayloadError: it cannot be built any more.
        """
        return self._sweep(self._store.parts[row.part]).payload(row.place)

    def _pending_in(self, start: int, stop: int) -> list[Standing]:
        # told apart at once: what is read here is old by the time that the last of it comes up
        rows = self._store.standing(start, stop)
        return [row for row in rows if self._books.is_pending(row)]

    def _follow_open(self, rows: list[Standing]) -> None:
        opened = [row for row in rows if _is_open(row) and row.fingerprint not in self._books.live]
        jobs = self._store.jobs([row.key for row in opened if row.key]) if opened else {}
        for row in opened:
            if job := jobs.get(row.key or ""):
                self._follow(row, job)

    async def _reach(self, part: Part) -> None:
        points = self._points.pop(part.number, None) or self._sweep(part).points(part.reached)
        await self._store.write(part, points)
        self._points[part.number] = points

    def _sweep(self, part: Part) -> Sweep:
        if part.number not in self._sweeps:
            definition = self._store.definition(part)
            made = Sweep.defined(definition, self._workspace, self._store.name)
            self._sweeps[part.number] = made
        return self._sweeps[part.number]


def _is_open(row: Standing) -> bool:
    if row.status is None:
        return False
    status = JobStatus(row.status)
    return not status.is_final or status is JobStatus.UNKNOWN
