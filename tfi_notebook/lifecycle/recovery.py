"""What earlier and other kernels have left: ids that wait to be entered, and lost submits.

An intent whose owner lives is under way, and is left alone. An owner lives as long as its process
is there and the sign of life of its opening (a lease, renewed with every intent and while answers
are awaited) has not run out. From another machine, or where processes cannot be looked at, only
the sign tells; because the two clocks may differ, it must then also have stood still for its whole
life by the clock of the one who looks.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tfi_notebook.lifecycle.lease import Holder, read_holder
from tfi_notebook.lifecycle.owed import enter_owed
from tfi_notebook.lifecycle.owner import Owner

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.lifecycle.feed import Feed
    from tfi_notebook.lifecycle.ledger import Ledger
    from tfi_notebook.settings import Settings

_INTENTS = (
    "SELECT key, jobs.owner, changed_at, leases.owner, token, expires_at, expires_tick_s "
    "FROM jobs LEFT JOIN leases ON name = 'opening-' || json_extract(jobs.owner, '$.token') "
    "WHERE service = ? AND status = 'intent' ORDER BY seq"
)
_GIVE_UP = (
    "UPDATE jobs SET status = 'unknown', message = ?, finished_at = ?, changed_at = ? "
    "WHERE key = ? AND status = 'intent'"
)
LOST = "the kernel ended while it was submitted; it may exist"


class Recovery:
    """Finds what others have left.

    Args:
        settings: the connection whose jobs are meant.
        ledger: the ledger.
        feed: takes the changes.

    Attributes:
        undecided: how many intents of others were left alone at the last look.
    """

    def __init__(self, settings: Settings, ledger: Ledger, feed: Feed) -> None:
        self.undecided = 0
        self._service = settings.service_name
        self._life_s = settings.limits.sign_of_life_s
        limits = settings.limits
        self._longest_submit_s = 2 * (limits.submit_timeout_s + limits.submit_retry_s)
        self._ledger = ledger
        self._feed = feed
        self._seen: dict[str, tuple[float, float]] = {}

    async def run(self) -> list[JobSnapshot]:
        """Enter what is owed to the ledger, and turn the intents of dead owners into `unknown`.

        Should an owner live after all, it sends nothing more for such a row, and the answer to
        what it had sent counts.

        Returns:
            The rows that have an id and whose end has not been seen, to be watched.

        Raises:
            LedgerError: the ledger cannot be used.
        """
        await enter_owed(self._ledger)
        left = self._ledger.query(_INTENTS, self._service)
        if self._lost(left):
            for key in await self._ledger.transact(self._give_up):
                self._tell(key)
        return [row for row in self._ledger.unfinished(self._service) if row.job_id is not None]

    def _give_up(self, db: sqlite3.Connection) -> list[str]:
        """Look again within the transaction: an owner may have shown that it lives."""
        lost = self._lost(db.execute(_INTENTS, (self._service,)).fetchall())
        now = time.time()
        for key in lost:
            db.execute(_GIVE_UP, (LOST, now, now, key))
        return lost

    def _lost(self, intents: Iterable[tuple[Any, ...]]) -> list[str]:
        lost: list[str] = []
        self.undecided = 0
        for key, owner, changed_at, *lease in intents:
            known = Owner.parse(owner)
            if self._is_gone(known, changed_at, read_holder(lease)):
                lost.append(key)
            elif known is None or not known.is_open:
                self.undecided += 1
        return lost

    def _is_gone(self, owner: Owner | None, changed_at: float, sign: Holder | None) -> bool:
        alive = owner.is_alive() if owner else None
        if alive is False:
            return True
        if owner is None or not owner.token:  # of a version that gave no signs of life
            return alive is None and changed_at < time.time() - self._longest_submit_s
        if owner.is_open or sign is None or not sign.is_gone:
            return sign is None
        return owner.is_near or self._has_stood_still(owner.token, sign)

    def _has_stood_still(self, token: str, sign: Holder) -> bool:
        now = time.monotonic()
        value, since = self._seen.get(token, (None, now))
        if value != sign.expires_at:
            since = now
        self._seen[token] = (sign.expires_at, since)
        return now - since >= self._life_s

    def _tell(self, key: str) -> None:
        row = self._ledger.get(key)
        if row is not None:
            self._feed.take(row)
