"""The ledger: every submit written down before it is sent, and every change after it.

A submit costs credits, has no idempotency key and cannot be listed or cancelled. So the intent is
on disk, fsynced, before the POST, and the job's id right after the answer; a crash between the two
leaves a row that says so instead of a job nobody remembers. No ledger write, no POST.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfi_notebook.contract.records import JobStatus
from tfi_notebook.contract.snapshot import JobSnapshot
from tfi_notebook.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    seq INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    service TEXT NOT NULL,
    local INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    body TEXT NOT NULL,
    status TEXT NOT NULL,
    raw_status TEXT NOT NULL,
    job_id TEXT,
    message TEXT NOT NULL,
    output TEXT,
    path TEXT,
    credit_used TEXT,
    created_at REAL NOT NULL,
    started_at REAL,
    finished_at REAL
) STRICT;
CREATE INDEX IF NOT EXISTS jobs_by_fingerprint ON jobs (service, fingerprint);
CREATE INDEX IF NOT EXISTS jobs_by_job_id ON jobs (job_id);
CREATE INDEX IF NOT EXISTS jobs_by_status ON jobs (service, status);
"""
_COLUMNS = (
    "key", "service", "local", "fingerprint", "body", "status", "raw_status", "job_id",
    "message", "output", "path", "credit_used", "created_at", "started_at", "finished_at",
)  # fmt: skip
_UPSERT = (
    f"INSERT INTO jobs ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))}) "  # noqa: S608 - constants only
    "ON CONFLICT (key) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name != "key")
)
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM jobs"  # noqa: S608 - constants only


class Ledger:
    """A SQLite file with one row for each submit. Safe to use from several threads.

    Args:
        path: the file; it is made with mode 0600, for payloads are nobody else's business.

    Raises:
        LedgerError: the file cannot be opened, or was written by a newer version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        with _as_ledger_error(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._prepare()

    def _prepare(self) -> None:
        self._db.execute("PRAGMA busy_timeout = 5000")
        self._db.execute("PRAGMA journal_mode = WAL")
        # a lost row would be a paid job that nobody remembers, so every commit is fsynced
        self._db.execute("PRAGMA synchronous = FULL")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise LedgerError(
                f"the ledger {self.path.name} was written by a newer version",
                hint="update tfi-notebook, or name another file: tfi.connect(ledger=...)",
            )
        self._db.executescript(_SCHEMA)
        self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def put(self, row: JobSnapshot) -> None:
        """Write a row durably, new or changed.

        Raises:
            LedgerError: it could not be written; nothing must be submitted then.
        """
        with self._lock, _as_ledger_error(self.path):
            self._db.execute(_UPSERT, _to_columns(row))

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
        where = "WHERE service = ? AND status IN ('intent', 'queued', 'processing', 'other')"
        return self._rows(f"{where} ORDER BY seq", service)

    def recent(self, limit: int | None = None) -> list[JobSnapshot]:
        """Return rows of every service, newest first."""
        return self._rows("ORDER BY seq DESC LIMIT ?", -1 if limit is None else limit)

    def check(self) -> str:
        """Return `ok`, or what SQLite's own quick check finds wrong with the file."""
        with self._lock, _as_ledger_error(self.path):
            return str(self._db.execute("PRAGMA quick_check").fetchone()[0])

    def _rows(self, where: str, *parameters: object) -> list[JobSnapshot]:
        with self._lock, _as_ledger_error(self.path):
            found = self._db.execute(f"{_SELECT} {where}", parameters).fetchall()
        return [_from_columns(columns) for columns in found]


@contextmanager
def _as_ledger_error(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        reason = str(error)
    else:
        return
    raise LedgerError(
        f"the ledger {path.name} cannot be used: {reason}",
        hint="check space and rights of its folder, or name another: tfi.connect(ledger=...)",
    )


def _to_columns(row: JobSnapshot) -> tuple[Any, ...]:
    values = {name: getattr(row, name) for name in _COLUMNS}
    values["local"] = int(row.local)
    values["body"] = json.dumps(row.body)
    values["status"] = row.status.value
    values["path"] = str(row.path) if row.path else None
    values["credit_used"] = str(row.credit_used) if row.credit_used is not None else None
    return tuple(values.values())


def _from_columns(columns: tuple[Any, ...]) -> JobSnapshot:
    values = dict(zip(_COLUMNS, columns, strict=True))
    values["local"] = bool(values["local"])
    values["body"] = json.loads(values["body"])
    values["status"] = JobStatus(values["status"])
    values["path"] = Path(values["path"]) if values["path"] else None
    used = values["credit_used"]
    values["credit_used"] = Decimal(used) if used is not None else None
    return JobSnapshot(**values)
