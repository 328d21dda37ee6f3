"""The newest snapshot of every job, on disk and in memory, and who wants to hear of changes."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.lifecycle.ledger import Ledger

    Listener = Callable[[JobSnapshot], None]

_log = logging.getLogger(__name__)


class Feed:
    """Takes changed snapshots, writes down what must last, and tells the listeners.

    Everything but `latest`, `snapshots` and `subscribe` belongs to the loop's thread.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._latest: dict[str, JobSnapshot] = {}
        self._listeners: list[Listener] = []
        self._settled: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def publish(self, row: JobSnapshot) -> None:
        """Make a snapshot the newest one. It is on disk before anybody hears of it.

        Raises:
            LedgerError: it could not be written.
        """
        before = self._latest.get(row.key)
        if before is None or _lasting(before) != _lasting(row):
            self._ledger.put(row)
        self._latest[row.key] = row
        for listener in tuple(self._listeners):
            try:
                listener(row)
            except Exception:  # noqa: BLE001 - a listener's fault is not the job's
                _log.exception("a listener of job changes failed")

    def settle(self, key: str) -> None:
        """Tell those who wait that nothing more will come for this job by itself."""
        self._settled[key].set()

    def unsettle(self, key: str) -> None:
        """Make `settled` wait again: the job is watched once more."""
        self._settled[key].clear()

    async def settled(self, key: str) -> None:
        """Wait until nothing more is to come for this job."""
        await self._settled[key].wait()

    def latest(self, row: JobSnapshot) -> JobSnapshot:
        """Return the newest snapshot of the row's job."""
        return self._latest.get(row.key, row)

    def snapshots(self, limit: int | None = None) -> list[JobSnapshot]:
        """Return the newest snapshots of all jobs in the ledger, newest job first."""
        return [self.latest(row) for row in self._ledger.recent(limit)]

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every change, on the loop's thread; return what ends it."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unsubscribe


def _lasting(row: JobSnapshot) -> JobSnapshot:
    """The part of a snapshot that is worth an fsync: progress and remarks on the way are not."""
    if row.status.is_final:
        return row.having(progress=None, stale_since=None)
    return row.having(progress=None, stale_since=None, message="")
