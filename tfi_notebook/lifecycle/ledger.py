"""The ledger: every submit written down before it is sent, and every change after it.

A submit costs credits, has no idempotency key and cannot be listed or cancelled. So the intent is
on disk, fsynced, before the POST, and the job's id right after the answer; a crash between the two
leaves a row that says so instead of a job nobody remembers. No ledger write, no POST.
"""

from __future__ import annotations

import atexit
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from tfi_notebook.errors import LedgerError
from tfi_notebook.lifecycle.lease import Lease, sign_of_life
from tfi_notebook.lifecycle.medium import Place, open_durable, open_reading
from tfi_notebook.lifecycle.owed import Owed
from tfi_notebook.lifecycle.owner import Owner
from tfi_notebook.lifecycle.readings import Readings
from tfi_notebook.lifecycle.rows import Author, Entry, change, enter
from tfi_notebook.lifecycle.schema import migrate
from tfi_notebook.lifecycle.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tfi_notebook.contract.records import JobStatus
    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.lifecycle.medium import Journal

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]
"""What is done within a write transaction; it may be done again if that transaction fails."""


class Ledger(Readings):
    """A SQLite file with one row for each submit. Safe to use from several threads and processes.

    Args:
        path: the file; it is made with mode 0600, for payloads are nobody else's business.
        journal: SQLite's journal; by default the one that is safe on the file's disk.
        life_s: how long others take this opening for alive without a sign of life.

    Attributes:
        life: this opening's sign of life, a lease that is renewed with every intent.
        author: who makes the rows from now on.
        owed: keeps what the ledger does not take.

    Raises:
        LedgerError: the file cannot be opened, or was written by a newer version.
    """

    def __init__(self, path: Path, journal: Journal | None = None, *, life_s: float = 60.0) -> None:
        self.path = path
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._owner = Owner.entering()
        self.author = Author(self._owner.text())
        self.owed = Owed(path, self._owner)
        self.life = Lease(self, sign_of_life(self._owner), life_s)
        with self._as_ledger_error():
            self._db, self._journal = open_durable(path, journal)
            migrate(self._db)
            self._reader = open_reading(path)
            self._place = Place(path)
        self._writer = Writer(self._db, self._perform, self._error)
        # what was taken is written even if nobody closes; a ledger out of use is not kept for it
        self._at_exit = _closer(weakref.ref(self))
        atexit.register(self._at_exit)

    @property
    def journal(self) -> str:
        """How commits reach the disk: `wal`, or `truncate` and why."""
        return str(self._journal)

    def close(self) -> None:
        """Write what was taken, and close the file."""
        atexit.unregister(self._at_exit)
        if os.getpid() != self._pid:
            return
        self._owner.leave()
        self._writer.close()
        with self._lock:
            self._reader.close()

    # -- writing ---------------------------------------------------------------------------

    async def write(self, *rows: JobSnapshot) -> None:
        """Write rows durably, new or changed, all of them or none.

        Raises:
            LedgerError: they could not be written; nothing must be submitted then.
        """
        await self._enter(Entry(rows))

    def put(self, *rows: JobSnapshot) -> None:
        """Like `write`, for callers outside of a loop: blocks until the rows are on disk.

        Raises:
            LedgerError: they could not be written; nothing must be submitted then.
        """
        self._check_process()
        self._writer.do_blocking(Entry(rows))

    async def begin(
        self,
        intent: JobSnapshot,
        *,
        force: bool = False,
        replaces: str | None = None,
        also: Iterable[JobSnapshot] = (),
    ) -> JobSnapshot | None:
        """Write an intent down, unless the same payload was submitted before.

        Looking and writing are one transaction, so that of several kernels only one submits.

        Args:
            intent: the new row.
            force: write it in any case.
            replaces: key of an unknown row, which is written off as soon as the new one has an id.
            also: other rows to be written first.

        Returns:
            None if the intent is on disk; else the earlier row, and nothing was written of it.

        Raises:
            LedgerError: it could not be written; nothing must be submitted.
        """
        return await self._enter(Entry(tuple(also), intent, force, replaces))

    async def change(self, row: JobSnapshot, only_from: Iterable[JobStatus]) -> bool:
        """Write a row unless its status is another one by now; tell whether it was written.

        Raises:
            LedgerError: it could not be written.
        """
        return await self.transact(lambda db: change(db, row, only_from))

    async def transact(self, work: Work[T]) -> T:
        """Do some work in one write transaction; return its result once it is on disk.

        Raises:
            LedgerError: it could not be written.
        """
        self._check_process()
        result: T = await self._writer.do(work)
        return result

    def transact_blocking(self, work: Work[T]) -> T:
        """Like `transact`, for callers outside of a loop.

        Raises:
            LedgerError: it could not be written.
        """
        self._check_process()
        result: T = self._writer.do_blocking(work)
        return result

    # -- inside ----------------------------------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Hold the connection that reads; its errors become a `LedgerError`."""
        self._check_process()
        with self._lock, self._as_ledger_error():
            yield self._reader

    async def _enter(self, entry: Entry) -> JobSnapshot | None:
        self._check_process()
        self.check_place()
        earlier: JobSnapshot | None = await self._writer.do(entry)
        return earlier

    def _perform(self, db: sqlite3.Connection, tasks: list[Any]) -> list[Any]:
        entries = [task for task in tasks if isinstance(task, Entry)]
        entered = iter(enter(db, entries, self.author))
        if any(entry.intent for entry in entries):
            self.life.sustain(db)
        return [next(entered) if isinstance(task, Entry) else task(db) for task in tasks]

    def check_place(self) -> None:
        """What is written to a file that was deleted or replaced, no other kernel can know of.

        Raises:
            LedgerError: it was.
        """
        if not self._place.is_kept():
            raise LedgerError(
                f"the ledger {self.path.name} was deleted or replaced while it was in use",
                hint="close this workspace and connect again: tfi.connect()",
            )

    def _check_process(self) -> None:
        """A forked child has neither the writer's thread nor the right to use the connections."""
        if os.getpid() != self._pid:
            raise LedgerError("the ledger was opened before a fork", hint="call tfi.connect() here")

    def _error(self, error: Exception) -> LedgerError:
        return LedgerError(
            f"the ledger {self.path.name} cannot be used: {error}",
            hint="check space and rights of its folder, or name another: tfi.connect(ledger=...)",
        )

    @contextmanager
    def _as_ledger_error(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            failure = self._error(error)
        else:
            return
        raise failure


def _closer(reference: weakref.ref[Ledger]) -> Any:  # noqa: ANN401 - a plain callback
    def close() -> None:
        ledger = reference()
        if ledger is not None:
            ledger.close()

    return close
