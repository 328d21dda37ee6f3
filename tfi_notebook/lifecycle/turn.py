"""The moment at which a submit may leave: its intent is on disk, and is still its own.

The intent is written when the request has its turn, so that it is seconds old at most, and what
only stands in line leaves no trace. Another kernel that takes the sender for dead may give the row
up. Who decides is the ledger: giving up is a transaction that changes an `intent`, and so is the
sender's mark before every further try, so one of the two comes too late and knows it. Between the
mark and the first byte there is no transaction; therefore a mark must be fresh when the first byte
leaves, much fresher than what others wait for. A process that was stopped or put to sleep in
between asks again.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from tfi_notebook.errors import NotSentError
from tfi_notebook.lifecycle.lease import BEATS_PER_LIFE

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.lifecycle.feed import Feed
    from tfi_notebook.lifecycle.ledger import Ledger

_MARK = "UPDATE jobs SET changed_at = ? WHERE key = ? AND status = 'intent'"


class SubmittedBeforeError(Exception):
    """The same payload was submitted before; `.row` is that submit."""

    def __init__(self, row: JobSnapshot) -> None:
        super().__init__("submitted before")
        self.row = row


class Turn:
    """One submit on its way out; what `api.calls.Gate` asks for.

    Args:
        ledger: where the row is marked.
        feed: writes the intent down, and tells of it.
        intent: the row.
        check_open: raises when nothing is to be sent any more.
        force: write it in any case.
        replaces: key of the unknown row that it is submitted again for.

    Attributes:
        row: the row as it was written.
        begun: True once the intent is on disk.
        left: True from the first byte of a try until it is proven that the try was not taken.
    """

    def __init__(
        self,
        ledger: Ledger,
        feed: Feed,
        intent: JobSnapshot,
        check_open: Callable[[], None],
        *,
        force: bool,
        replaces: str | None,
    ) -> None:
        self.row = intent
        self.begun = self.left = False
        self._ledger = ledger
        self._feed = feed
        self._check_open = check_open
        self._force = force
        self._replaces = replaces
        self._marked_at = (0.0, 0.0)

    async def open(self) -> None:
        """Have the intent on disk: new at the first try, still there at every further one.

        Raises:
            SubmittedBeforeError: an earlier submit counts; nothing was written.
            NotSentError: the workspace was closed, or another kernel has given the row up.
            LedgerError: it could not be written.
        """
        while True:
            self._check_open()
            self._marked_at = _clocks()
            await (self._mark() if self.begun else self._begin())
            if self._is_fresh():
                break
        self._check_open()  # it may have been closed while that was written

    def may_send(self) -> bool:
        """Tell whether the first byte may leave now; it counts as sent from then on."""
        self.left = self._is_fresh()
        return self.left

    def was_not_taken(self) -> None:
        """Take note that the service has not looked at the last try."""
        self.left = False

    async def _begin(self) -> None:
        self.row = self.row.having(created_at=time.time())
        try:
            earlier = await self._feed.begin(self.row, force=self._force, replaces=self._replaces)
        except asyncio.CancelledError:
            self.begun = True  # it is written all the same, and must not be left as an intent
            raise
        if earlier is not None:
            raise SubmittedBeforeError(earlier)
        self.begun = True

    async def _mark(self) -> None:
        self._ledger.check_place()
        if not await self._ledger.transact(self._mark_in):
            raise NotSentError("another kernel took this submit for lost and gave it up unsent")

    def _mark_in(self, db: sqlite3.Connection) -> bool:
        self._ledger.life.sustain(db)
        return bool(db.execute(_MARK, (time.time(), self.row.key)).rowcount)

    def _is_fresh(self) -> bool:
        """By either clock: the monotonic one may stand still while the machine sleeps."""
        ages = (now - then for now, then in zip(_clocks(), self._marked_at, strict=True))
        return max(map(abs, ages)) < self._ledger.life.ttl_s / BEATS_PER_LIFE


def _clocks() -> tuple[float, float]:
    return time.monotonic(), time.time()
