"""Looks through the whole ledger for a person, page by page.

A search may have to read every row. So it has a connection of its own, that nobody waits for who
follows a job, and what it asks goes through a thread.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from typing import TYPE_CHECKING, Any

from tfi_notebook.errors import LedgerError
from tfi_notebook.lifecycle.medium import open_reading
from tfi_notebook.lifecycle.rows import SELECT, read_row

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tfi_notebook.contract.snapshot import JobSnapshot

_SEARCHED = ("job_id", "key", "message", "service")
_LIKE_STATUS = "status LIKE ?2 ESCAPE '\\'"
_IN_PAYLOAD = (
    # the whole text first, which is quick, and then its values: nobody looks for its brackets
    "body LIKE ?1 ESCAPE '\\' AND EXISTS (SELECT 1 FROM json_tree(body)"
    " WHERE atom LIKE ?1 ESCAPE '\\' AND type IN ('text', 'integer', 'real'))"
)
_OF_PROJECT = (
    "coalesce(json_extract(body, '$.template_id'), json_extract(body, '$.project_id'))"
    " IN (SELECT value FROM json_each(?3))"
)


class Finder:
    """Pages of the jobs in a ledger, of whatever kernel and service. Safe to use from any thread.

    Args:
        path: the ledger's file, which is open elsewhere.
    """

    def __init__(self, path: Path) -> None:
        self._db = open_reading(path)
        self._lock = threading.Lock()

    def page(
        self,
        text: str = "",
        status: str = "",
        *,
        projects: Sequence[str] = (),
        offset: int,
        limit: int,
        oldest_first: bool = False,
    ) -> list[JobSnapshot]:
        """Return some of the rows that match.

        Args:
            text: what id, message, status, service or a value of the payload hold; letters of
                either case.
            status: only this one; empty for all.
            projects: ids of projects whose name holds the text: their jobs match as well.
            offset: leave out so many.
            limit: this many at most.
            oldest_first: in the order in which they were submitted, else the newest first.

        Raises:
            LedgerError: the file cannot be read.
        """
        where, values = _condition(text, status, projects)
        order = "ASC" if oldest_first else "DESC"
        sql = f"{SELECT} {where} ORDER BY seq {order} LIMIT ? OFFSET ?"
        return [read_row(row) for row in self._ask(sql, *values, limit, offset)]

    def counts(self, text: str = "", projects: Sequence[str] = ()) -> dict[str, int]:
        """Return how many rows that match, as in `page`, have each status.

        Raises:
            LedgerError: the file cannot be read.
        """
        where, values = _condition(text, "", projects)
        sql = f"SELECT status, count(*) FROM jobs {where} GROUP BY status"  # noqa: S608 - constants only
        return dict(self._ask(sql, *values))

    def close(self) -> None:
        """Close the connection, after what is being read."""
        with self._lock:
            self._db.close()

    def _ask(self, sql: str, *values: object) -> list[Any]:
        try:
            with self._lock:
                return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            reason = str(error)
        raise LedgerError(f"the ledger cannot be searched: {reason}")


def _condition(text: str, status: str, projects: Sequence[str]) -> tuple[str, list[str]]:
    parts, values = [], []
    if text:
        wanted = [*(f"{name} LIKE ?1 ESCAPE '\\'" for name in _SEARCHED), _LIKE_STATUS, _IN_PAYLOAD]
        values = [f"%{_literal(said)}%" for said in (text, text.replace(" ", "_"))]
        if projects:
            wanted.append(_OF_PROJECT)
            values.append(json.dumps(projects))
        parts.append(f"({' OR '.join(wanted)})")
    if status:
        parts.append("status = ?")
        values.append(status)
    return (f"WHERE {' AND '.join(parts)}" if parts else ""), values


def _literal(text: str) -> str:
    """Return a text with the signs quoted that mean something in a pattern."""
    for sign in ("\\", "%", "_"):
        text = text.replace(sign, f"\\{sign}")
    return text
