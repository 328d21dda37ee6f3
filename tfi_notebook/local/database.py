"""One SQLite file that several threads of several processes use at once."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from tfi_notebook.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

BUSY_TIMEOUT_S: Final = 5.0
BUSY, NO_STORAGE = 503, 507
"""HTTP statuses of a queue that takes nothing now, and of one that takes nothing more."""


class Database:
    """A connection that any thread may use, one at a time.

    Args:
        path: the file; created if need be.
        schema: statements that make its tables where they are missing.

    Raises:
        ServiceError: from every method, when the file cannot be read or written.
    """

    def __init__(self, path: Path, schema: str) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(
            path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        self._db.row_factory = sqlite3.Row
        with self._access() as db:
            # NORMAL survives a killed process; a power cut may lose the last free renderings
            db.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {schema}")

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        with self._lock:
            self._db.close()

    def run(
        self, sql: str, values: Mapping[str, str | float | None] = MappingProxyType({})
    ) -> list[dict[str, Any]]:
        """Run one statement, which is one transaction; `:now` is the Unix time in s."""
        with self._access() as db:
            cursor = db.execute(sql, {"now": time.time(), **values})
            return [dict(row) for row in cursor.fetchall()]

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold off the writing of all other connections; after an error nothing is written."""
        with self._access() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield
                db.execute("COMMIT")
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")

    @contextmanager
    def _access(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._lock:
                yield self._db
        except sqlite3.Error as error:
            raise ServiceError(
                f"the local queue cannot be used ({error})",
                status_code=BUSY if _is_busy(error) else NO_STORAGE,
                hint="check that the disk is writable and not full",
            ) from error


def _is_busy(error: sqlite3.Error) -> bool:
    """Tell whether another process holds the file; extended codes have the plain one below."""
    code = getattr(error, "sqlite_errorcode", 0) or 0
    return code & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
