"""Named leases in the ledger: of several kernels, one runs a thing and the others look on.

A lease lasts for some seconds and is renewed by its holder's heartbeat. It is free again once it
has run out, or as soon as its holder's process is known to be dead. On one machine the time is
taken from its monotonic clock, which all its processes share, so that a jump of the wall clock
neither ends a lease nor makes it last.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tfi_notebook.errors import LedgerError
from tfi_notebook.lifecycle.owner import Owner

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from tfi_notebook.lifecycle.ledger import Ledger

BEATS_PER_LIFE = 3
"""Heartbeats in the life of a lease: it outlasts two that come late."""
FORGET_AFTER_S = 7 * 86_400.0
_SELECT = "SELECT owner, token, expires_at, expires_tick_s FROM leases WHERE name = ?"
_FORGET = "DELETE FROM leases WHERE expires_at < ?"
_UPSERT = "INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lease.

    Attributes:
        owner: its process; None if that cannot be read.
        token: tells this acquisition from every other one.
        expires_at: Unix time in s at which the lease runs out, by the holder's wall clock.
        expires_tick_s: the same by the monotonic clock of the holder's machine.
    """

    owner: Owner | None
    token: str
    expires_at: float
    expires_tick_s: float

    @property
    def is_gone(self) -> bool:
        """True once the lease has run out, or its holder is dead."""
        if self.owner is not None and self.owner.is_near:
            return self.owner.is_alive() is False or time.monotonic() >= self.expires_tick_s
        return time.time() >= self.expires_at


class Lease:
    """A lease that this process has acquired; made by `acquire`.

    Attributes:
        name: its name.
        ttl_s: how long it lasts without a renewal, in s.
    """

    def __init__(self, ledger: Ledger, name: str, ttl_s: float) -> None:
        self.name = name
        self.ttl_s = ttl_s
        self._ledger = ledger
        self._token = uuid.uuid4().hex

    async def renew(self) -> bool:
        """Let it last for `ttl_s` from now.

        Returns:
            False if it is lost: it had run out, and another has taken it or given it back.

        Raises:
            LedgerError: the ledger cannot be written.
        """
        return await self._ledger.transact(self._renew)

    async def release(self) -> None:
        """Give it back; nothing happens if it is lost already.

        Raises:
            LedgerError: the ledger cannot be written.
        """
        await self._ledger.transact(self.give_back)

    async def keep(self) -> None:
        """Renew it until it is lost; run this as a task next to the work, and cancel it after.

        A heartbeat that cannot be written is tried again until the lease has run out.
        """
        until = time.monotonic() + self.ttl_s
        while time.monotonic() < until:
            await asyncio.sleep(self.ttl_s / BEATS_PER_LIFE)
            try:
                if not await self.renew():
                    return
            except LedgerError:
                continue
            until = time.monotonic() + self.ttl_s

    def take(self, db: sqlite3.Connection) -> bool:
        """Write it down within a transaction, if it is free."""
        held = read_holder(db.execute(_SELECT, (self.name,)).fetchone())
        if held is not None and not held.is_gone:
            return False
        self._write(db)
        return True

    def sustain(self, db: sqlite3.Connection) -> None:
        """Make sure, within a transaction, that it lasts for two thirds of its life at least."""
        found = db.execute(_SELECT, (self.name,)).fetchone()
        held = read_holder(found)
        fresh_s = self.ttl_s * (1 - 1 / BEATS_PER_LIFE)
        if held is None:
            db.execute(_FORGET, (time.time() - FORGET_AFTER_S,))
        if held is None or held.expires_tick_s - time.monotonic() < fresh_s:
            self._write(db)

    def _renew(self, db: sqlite3.Connection) -> bool:
        held = read_holder(db.execute(_SELECT, (self.name,)).fetchone())
        if held is None or held.token != self._token:
            return False
        self._write(db)
        return True

    def give_back(self, db: sqlite3.Connection) -> None:
        """Release it within a transaction."""
        db.execute("DELETE FROM leases WHERE name = ? AND token = ?", (self.name, self._token))

    def _write(self, db: sqlite3.Connection) -> None:
        ends = (time.time() + self.ttl_s, time.monotonic() + self.ttl_s)
        db.execute(_UPSERT, (self.name, Owner.this().text(), self._token, *ends))


async def acquire(ledger: Ledger, name: str, *, ttl_s: float = 30.0) -> Lease | None:
    """Take a lease if it is free.

    Args:
        ledger: where leases are written down.
        name: name of the lease, such as `run-<id>`.
        ttl_s: how long it lasts without a renewal, in s.

    Returns:
        The lease, or None if another holds it: `holder` tells who.

    Raises:
        LedgerError: the ledger cannot be written.
    """
    lease = Lease(ledger, name, ttl_s)
    return lease if await ledger.transact(lease.take) else None


def holder(ledger: Ledger, name: str) -> Holder | None:
    """Return who holds a lease, or None if it is free.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    rows = ledger.query(_SELECT, name)
    held = read_holder(rows[0]) if rows else None
    return None if held is None or held.is_gone else held


def sign_of_life(owner: Owner) -> str:
    """Return the name of the lease by which an opening of a ledger shows that it lives."""
    return f"opening-{owner.token}"


def read_holder(columns: Sequence[Any] | None) -> Holder | None:
    """Return the holder that the columns of a lease name; None if there is no such lease."""
    if columns is None or columns[0] is None:
        return None
    owner, token, expires_at, expires_tick_s = columns
    return Holder(Owner.parse(owner), token, expires_at, expires_tick_s)
