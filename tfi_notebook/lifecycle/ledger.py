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
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from tfi_notebook.contract.records import JobStatus
from tfi_notebook.errors import LedgerError
from tfi_notebook.lifecycle.medium import open_durable, open_reading
from tfi_notebook.lifecycle.owner import Owner
from tfi_notebook.lifecycle.rows import SELECT, UNDER_WAY, Entry, enter, read_row
from tfi_notebook.lifecycle.schema import migrate
from tfi_notebook.lifecycle.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.lifecycle.medium import Journal

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]
"""What is done within a write transaction; it may be done again if that transaction fails."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One step of a job's history: the status that it reached, and when (Unix time in s)."""

    status: JobStatus
    at: float


class Ledger:
    """A SQLite file with one row for each submit. Safe to use from several threads and processes.

    Args:
        path: the file; it is made with mode 0600, for payloads are nobody else's business.
        journal: SQLite's journal; by default the one that is safe on the file's disk.

    Raises:
        LedgerError: the file cannot be opened, or was written by a newer version.
    """

    def __init__(self, path: Path, journal: Journal | None = None) -> None:
        self.path = path
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._owner = Owner.this().text()
        with self._as_ledger_error():
            self._db, self._journal = open_durable(path, journal)
            migrate(self._db)
            self._reader = open_reading(path)
            found = path.stat()
            self._place = (found.st_dev, found.st_ino)
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
        self, intent: JobSnapshot, *, force: bool = False, also: Iterable[JobSnapshot] = ()
    ) -> JobSnapshot | None:
        """Write an intent down, unless the same payload was submitted before.

        Looking and writing are one transaction, so that of several kernels only one submits.

        Args:
            intent: the new row.
            force: write it in any case.
            also: other rows to be written first.

        Returns:
            None if the intent is on disk; else the earlier row, and nothing was written of it.

        Raises:
            LedgerError: it could not be written; nothing must be submitted.
        """
        self._check_place()
        return await self._enter(Entry(tuple(also), intent, force))

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

    # -- reading ---------------------------------------------------------------------------

    def get(self, key_or_job_id: str) -> JobSnapshot | None:
        """Return the newest row with this key or job id."""
        rows = self._rows("WHERE key = ?1 OR job_id = ?1 ORDER BY seq DESC LIMIT 1", key_or_job_id)
        return rows[0] if rows else None

    def find(self, service: str, fingerprint: str) -> list[JobSnapshot]:
        """Return the rows of the same payload on the same service, newest first."""
        where = "WHERE service = ? AND fingerprint = ? ORDER BY seq DESC"
        return self._rows(where, service, fingerprint)

    def unfinished(self, service: str) -> list[JobSnapshot]:
        """Return the service's rows whose end has not been seen, oldest first."""
        return self._rows(f"WHERE service = ? AND status IN ({UNDER_WAY}) ORDER BY seq", service)

    def recent(self, limit: int | None = None) -> list[JobSnapshot]:
        """Return rows of every service, newest first."""
        return self.select(limit=limit)

    def select(
        self,
        *,
        status: str | Iterable[str] | None = None,
        service: str | None = None,
        since: float | datetime | None = None,
        version: int | Iterable[int] | None = None,
        limit: int | None = None,
    ) -> list[JobSnapshot]:
        """Return the rows that meet every condition, newest first.

        Args:
            status: one status or several, as `JobStatus` or its word.
            service: name of the service, as in `JobSnapshot.service`.
            since: submitted at this Unix time in s, or this moment, or later.
            version: one model version or several.
            limit: this many rows at most.
        """
        wanted = [
            ("status", None if status is None else _several(status)),
            ("service", None if service is None else [service]),
            ("json_extract(body, '$.version')", None if version is None else _several(version)),
        ]
        parts = [(f"{name} IN ({', '.join('?' * len(of))})", of) for name, of in wanted if of]
        empty = any(of == [] for _, of in wanted)
        if since is not None:
            moment = since.timestamp() if isinstance(since, datetime) else since
            parts.append(("created_at >= ?", [moment]))
        where = f"WHERE {' AND '.join(text for text, _ in parts)}" if parts else ""
        values = [value for _, of in parts for value in of]
        most = 0 if empty else -1 if limit is None else limit
        return self._rows(f"{where} ORDER BY seq DESC LIMIT ?", *values, most)

    def history(self, key: str) -> list[Transition]:
        """Return every status that a job has had, in order, with the moment of each."""
        query = "SELECT status, at FROM transitions WHERE key = ? ORDER BY seq"
        return [Transition(JobStatus(word), at) for word, at in self.query(query, key)]

    def intents(self, service: str) -> list[tuple[JobSnapshot, Owner | None]]:
        """Return the service's rows that are not known to be sent, each with its owner."""
        where = "WHERE service = ? AND status = 'intent' ORDER BY seq"
        owners = self.query(f"SELECT key, owner FROM jobs {where}", service)  # noqa: S608 - constants
        known = {key: Owner.parse(text) for key, text in owners}
        return [(row, known.get(row.key)) for row in self._rows(where, service)]

    def check(self) -> str:
        """Return `ok`, or what SQLite's own quick check finds wrong with the file."""
        return str(self.query("PRAGMA quick_check")[0][0])

    def query(self, sql: str, *parameters: object) -> list[Any]:
        """Return what a reading statement finds.

        Raises:
            LedgerError: the file cannot be read.
        """
        self._check_process()
        with self._lock, self._as_ledger_error():
            return self._reader.execute(sql, parameters).fetchall()

    # -- inside ----------------------------------------------------------------------------

    def _rows(self, where: str, *parameters: object) -> list[JobSnapshot]:
        return [read_row(columns) for columns in self.query(f"{SELECT} {where}", *parameters)]

    async def _enter(self, entry: Entry) -> JobSnapshot | None:
        self._check_process()
        earlier: JobSnapshot | None = await self._writer.do(entry)
        return earlier

    def _perform(self, db: sqlite3.Connection, tasks: list[Any]) -> list[Any]:
        entries = [task for task in tasks if isinstance(task, Entry)]
        entered = iter(enter(db, entries, self._owner))
        return [next(entered) if isinstance(task, Entry) else task(db) for task in tasks]

    def _check_place(self) -> None:
        """What is written to a file that was deleted or replaced, no other kernel can know of."""
        try:
            here = self.path.stat()
        except OSError:
            here = None
        if here is None or (here.st_dev, here.st_ino) != self._place:
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


def _several(value: object) -> list[Any]:
    return [value] if isinstance(value, str | int) else list(value)  # type: ignore[call-overload]


def _closer(reference: weakref.ref[Ledger]) -> Any:  # noqa: ANN401 - a plain callback
    def close() -> None:
        ledger = reference()
        if ledger is not None:
            ledger.close()

    return close
