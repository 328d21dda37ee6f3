"""What the ledger can be asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tfi_notebook.contract.records import JobStatus
from tfi_notebook.lifecycle.rows import SELECT, UNDER_WAY, Author, read_row, submitted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from contextlib import AbstractContextManager

    from tfi_notebook.contract.snapshot import JobSnapshot


@dataclass(frozen=True, slots=True)
class Transition:
    """One step of a job's history: the status that it reached, and when (Unix time in s)."""

    status: JobStatus
    at: float


class Readings(ABC):
    """The reading side of the ledger."""

    author: Author

    @abstractmethod
    def reading(self) -> AbstractContextManager[sqlite3.Connection]:
        """Hold the connection that reads; its errors become a `LedgerError`."""

    def get(self, key_or_job_id: str) -> JobSnapshot | None:
        """Return the newest row with this key or job id."""
        rows = self._rows("WHERE key = ?1 OR job_id = ?1 ORDER BY seq DESC LIMIT 1", key_or_job_id)
        return rows[0] if rows else None

    def find(self, service: str, fingerprint: str) -> list[JobSnapshot]:
        """Return the rows of the same payload on the same service, newest first."""
        where = "WHERE service = ? AND fingerprint = ? ORDER BY seq DESC"
        return self._rows(where, service, fingerprint)

    def submitted(self, service: str, fingerprint: str) -> JobSnapshot | None:
        """Return the row of an earlier submit of the same payload, as `begin` would."""
        asked = (service, fingerprint)
        with self.reading() as db:
            return submitted(db, [asked], self.author).get(asked)

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
        service: str | Iterable[str] | None = None,
        since: float | None = None,
        version: int | Iterable[int] | None = None,
        limit: int | None = None,
    ) -> list[JobSnapshot]:
        """Return the rows that meet every condition, newest first.

        What a person gives passes `lifecycle.filters` first.

        Args:
            status: one status or several, as `JobStatus` or its word.
            service: one name of a service or several, as in `JobSnapshot.service`.
            since: submitted at this Unix time in s or later.
            version: one model version or several.
            limit: this many rows at most.
        """
        wanted = [
            ("status", None if status is None else _several(status)),
            ("service", None if service is None else _several(service)),
            ("json_extract(body, '$.version')", None if version is None else _several(version)),
        ]
        parts = [(f"{name} IN ({', '.join('?' * len(of))})", of) for name, of in wanted if of]
        empty = any(of == [] for _, of in wanted)
        if since is not None:
            parts.append(("created_at >= ?", [since]))
        where = f"WHERE {' AND '.join(text for text, _ in parts)}" if parts else ""
        values = [value for _, of in parts for value in of]
        most = 0 if empty else -1 if limit is None else limit
        return self._rows(f"{where} ORDER BY seq DESC LIMIT ?", *values, most)

    def same_source(self, row: JobSnapshot, limit: int) -> list[JobSnapshot]:
        """Return finished jobs of the same picture and sound with another payload, newest first.

        Args:
            row: the job whose relatives are meant; one without a picture and a sound has none.
            limit: this many at most.
        """
        where = (
            "WHERE status = 'done' AND path IS NOT NULL AND fingerprint <> ?"
            " AND json_extract(body, '$.image_url') = ? AND json_extract(body, '$.audio_url') = ?"
            " ORDER BY seq DESC LIMIT ?"
        )
        source = (row.body.get(name) for name in ("image_url", "audio_url"))
        return self._rows(where, row.fingerprint, *source, limit)

    def history(self, key: str) -> list[Transition]:
        """Return every status that a job has had, in order, with the moment of each."""
        query = "SELECT status, at FROM transitions WHERE key = ? ORDER BY seq"
        return [Transition(JobStatus(word), at) for word, at in self.query(query, key)]

    def check(self) -> str:
        """Return `ok`, or what SQLite's own quick check finds wrong with the file."""
        return str(self.query("PRAGMA quick_check")[0][0])

    def query(self, sql: str, *parameters: object) -> list[Any]:
        """Return what a reading statement finds.

        Raises:
            LedgerError: the file cannot be read.
        """
        with self.reading() as db:
            return db.execute(sql, parameters).fetchall()

    def _rows(self, where: str, *parameters: object) -> list[JobSnapshot]:
        return [read_row(columns) for columns in self.query(f"{SELECT} {where}", *parameters)]


def _several(value: object) -> list[Any]:
    return [value] if isinstance(value, str | int) else list(value)  # type: ignore[call-overload]
