"""The newest snapshot of every job, on disk and in memory, and who wants to hear of changes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict, deque
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from tfi_notebook.contract.records import JobStatus
from tfi_notebook.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.lifecycle.ledger import Ledger

    Listener = Callable[[JobSnapshot], None]

_log = logging.getLogger(__name__)
RETRY_PAUSE_S = 0.1
KEPT_ENDED = 256
"""So many ended jobs are kept in memory; the others are read from the ledger when asked for."""
_lasting = attrgetter(
    "status", "raw_status", "job_id", "output", "path", "credit_used", "started_at", "finished_at"
)
"""The part of a snapshot that is worth an fsync: progress and remarks on the way are not."""


class Feed:
    """Takes changed snapshots, writes down what must last, and tells the listeners.

    What cannot be written (a full disk) is kept in memory as owed. It goes to disk together with
    the next row that is written; until then no new intent can be written either, and so nothing
    more is submitted.

    Everything but `latest`, `snapshots` and `subscribe` belongs to the loop's thread.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._latest: dict[str, JobSnapshot] = {}
        self._handed: dict[str, JobSnapshot] = {}
        self._owed: dict[str, JobSnapshot] = {}
        self._listeners: list[Listener] = []
        self._settled: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._ended: deque[str] = deque()

    async def begin(
        self, intent: JobSnapshot, *, force: bool = False, replaces: str | None = None
    ) -> JobSnapshot | None:
        """Write an intent down and tell of it, unless the same payload was submitted before.

        Returns:
            None if the intent is on disk; else the earlier submit's row.

        Raises:
            LedgerError: it could not be written; nothing must be submitted.
        """
        owed = tuple(self._owed.values())
        earlier = await self._ledger.begin(intent, force=force, replaces=replaces, also=owed)
        self._paid(owed)
        if earlier is None:
            self._handed[intent.key] = intent
            self._announce(intent)
        return earlier

    async def publish_async(self, row: JobSnapshot) -> None:
        """Make a snapshot the newest one, and tell of it once it is on disk.

        If it cannot be written it is told of all the same, and owed to the disk: the service
        knows the job, and who watches it must not be left with an old status.
        """
        if self._is_news(row):
            owed = self._hand(row)
            try:
                await self._ledger.write(*owed, row)
            except LedgerError as error:
                row = self._owe(row, error)
            else:
                self._paid((*owed, row))
        self._announce(row)

    async def record(self, row: JobSnapshot) -> None:
        """Like `publish_async`, for what a person has decided about an unknown job.

        Raises:
            LedgerError: it could not be written, or the job is not unknown any more; nothing has
                changed.
        """
        if not await self._ledger.change(row, [JobStatus.UNKNOWN]):
            raise LedgerError("the job's answer has come meanwhile", hint="tfi.jobs() shows it")
        self.take(row)

    def take(self, row: JobSnapshot) -> None:
        """Make a row that was just written to the ledger the newest one, and tell of it."""
        self._handed[row.key] = row
        self._owed.pop(row.key, None)
        self._announce(row)

    async def close(self, grace_s: float) -> None:
        """Write what is owed, trying for `grace_s`; else into the ledger's side file.

        Raises:
            LedgerError: the ledger did not take it; the error names the jobs' ids.
        """
        until = time.monotonic() + grace_s
        while owed := tuple(self._owed.values()):
            try:
                await self._ledger.write(*owed)
                self._paid(owed)
            except LedgerError as error:
                if time.monotonic() >= until:
                    raise _unwritten(owed, error, kept=self._keep_aside(owed)) from None
                await asyncio.sleep(RETRY_PAUSE_S)

    def settle(self, key: str) -> None:
        """Tell those who wait that nothing more will come for this job by itself."""
        self._settled[key].set()
        self._ended.append(key)
        while len(self._ended) > KEPT_ENDED:
            self._forget(self._ended.popleft())

    def unsettle(self, key: str) -> None:
        """Make `settled` wait again: the job is watched once more."""
        self._settled[key].clear()

    async def settled(self, key: str) -> None:
        """Wait until nothing more is to come for this job."""
        await self._settled[key].wait()

    def latest(self, row: JobSnapshot) -> JobSnapshot:
        """Return the newest snapshot of the row's job."""
        known = self._latest.get(row.key)
        if known is not None:
            return known
        complete = row.status.is_final and (row.path or row.status is not JobStatus.DONE)
        # else it may have ended since, so long ago that it is only on disk
        return row if complete else self._ledger.get(row.key) or row

    def newest(self, row: JobSnapshot) -> JobSnapshot:
        """Return the newest snapshot of a row that was read from the ledger just now.

        Another kernel may have found out, or decided, what became of an open submit.
        """
        known = self._latest.get(row.key, row)
        open_here = known.status in {JobStatus.INTENT, JobStatus.UNKNOWN}
        if open_here and known.status is not row.status and row.key not in self._owed:
            self._latest[row.key] = self._handed[row.key] = known = row
        return known

    def snapshots(self, limit: int | None = None, **conditions: Any) -> list[JobSnapshot]:  # noqa: ANN401 - passed on
        """Return the newest snapshots of the jobs in the ledger, newest job first.

        Args:
            limit: this many at most.
            **conditions: as `Ledger.select` takes them.
        """
        return [self.newest(row) for row in self._ledger.select(limit=limit, **conditions)]

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every change, on the loop's thread; return what ends it."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unsubscribe

    def _is_news(self, row: JobSnapshot) -> bool:
        before = self._handed.get(row.key)
        if before is None or _lasting(before) != _lasting(row):
            return True
        return row.status.is_final and before.message != row.message

    def _hand(self, row: JobSnapshot) -> tuple[JobSnapshot, ...]:
        """Note the row as given to the ledger; return what is to be written before it."""
        self._handed[row.key] = row
        return tuple(self._owed.values())

    def _owe(self, row: JobSnapshot, error: LedgerError) -> JobSnapshot:
        if self._handed[row.key] is row:  # else a newer snapshot is already on its way
            before = self._owed.get(row.key)
            self._owed[row.key] = row
            if row.job_id and not (before and before.job_id):
                self._keep_aside((row,))  # an id that was paid for outlives even a kill
        _log.warning("not on disk yet: %s", error.message)
        return row.having(message=f"not in the ledger yet: {error.message}")

    def _paid(self, rows: tuple[JobSnapshot, ...]) -> None:
        for row in rows:
            owed = self._owed.get(row.key)
            if owed is row or self._handed.get(row.key) is row:
                self._owed.pop(row.key, None)
        if rows and not self._owed:
            self._ledger.owed.clear()

    def _keep_aside(self, rows: tuple[JobSnapshot, ...]) -> bool:
        try:
            self._ledger.owed.keep(rows)
        except OSError:  # the very same disk, as a rule; the rows are still in memory
            return False
        return True

    def _forget(self, key: str) -> None:
        """Drop a job that has ended and is on disk: a run may have a hundred thousand of them."""
        row = self._latest.get(key)
        ended = row is None or (row.status.is_final and row.status is not JobStatus.UNKNOWN)
        if ended and key not in self._owed and self._settled[key].is_set():
            self._latest.pop(key, None)
            self._handed.pop(key, None)
            self._settled.pop(key, None)

    def _announce(self, row: JobSnapshot) -> None:
        self._latest[row.key] = row
        for listener in tuple(self._listeners):
            try:
                listener(row)
            except Exception:  # noqa: BLE001 - a listener's fault is not the job's
                _log.exception("a listener of job changes failed")


def _unwritten(rows: tuple[JobSnapshot, ...], error: LedgerError, *, kept: bool) -> LedgerError:
    ids = ", ".join(row.job_id for row in rows if row.job_id) or "none with an id"
    return LedgerError(
        f"{len(rows)} rows could not be written before closing (jobs: {ids}): {error.message}",
        hint="they are in a file next to the ledger, and are entered when it is opened next"
        if kept
        else "note the ids: tfi.job(id) takes such a job up",
    )
