"""A side file for what the ledger does not take: an id that was paid for must outlive the kernel.

While another process holds the ledger, or its disk is full, an answer cannot be written there. It
is kept in memory, and in a file of this opening's own next to the ledger. Whoever opens the ledger
later, or finds an intent without an answer, enters what such files hold.
"""

from __future__ import annotations

import glob
import json
import os
from contextlib import suppress
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfi_notebook.contract.records import JobStatus
from tfi_notebook.contract.snapshot import JobSnapshot
from tfi_notebook.lifecycle.medium import PRIVATE
from tfi_notebook.lifecycle.owner import Owner
from tfi_notebook.lifecycle.rows import Entry, change, enter

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from tfi_notebook.lifecycle.ledger import Ledger

_KNOWN = "SELECT 1 FROM jobs WHERE key = ?"


class Owed:
    """The side file of one opening of a ledger; it is there while something is owed.

    Args:
        ledger: path of the ledger.
        owner: the opening.
    """

    def __init__(self, ledger: Path, owner: Owner) -> None:
        self._path = ledger.with_name(f"{ledger.name}.owed-{owner.token}.jsonl")
        self._owner = owner
        self._is_there = False

    def keep(self, rows: Iterable[JobSnapshot]) -> None:
        """Add rows, fsynced.

        Raises:
            OSError: the file cannot be written.
        """
        lines = [f"{json.dumps({'owner': self._owner.text()} | _plain(row))}\n" for row in rows]
        self._is_there = True
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE)
        with os.fdopen(handle, "a") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())

    def clear(self) -> None:
        """Nothing is owed any more."""
        if self._is_there:
            self._is_there = False
            with suppress(OSError):  # what is entered twice does no harm
                self._path.unlink(missing_ok=True)


async def enter_owed(ledger: Ledger) -> None:
    """Enter what the side files next to a ledger hold, and remove those of openings that are gone.

    Raises:
        LedgerError: the ledger cannot be written.
    """
    for path in ledger.path.parent.glob(f"{glob.escape(ledger.path.name)}.owed-*.jsonl"):
        await _enter_file(ledger, path)


async def _enter_file(ledger: Ledger, path: Path) -> None:
    text = _text(path)
    found = [pair for pair in map(_parsed, text.splitlines()) if pair]
    await ledger.transact(lambda db: _enter(db, ledger, [row for row, _ in found]))
    if not any(owner is not None and owner.is_alive() for _, owner in found):
        _remove(path, text)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:  # its owner has removed it, or it is another user's
        return ""


def _remove(path: Path, text: str) -> None:
    """Remove a file that holds nothing but what was entered."""
    with suppress(OSError):
        if path.stat().st_size == len(text.encode()):
            path.unlink()


def _enter(db: sqlite3.Connection, ledger: Ledger, rows: list[JobSnapshot]) -> None:
    """What has been found out or decided in the meantime stands, but for a job that exists."""
    for row in rows:
        if db.execute(_KNOWN, (row.key,)).fetchone() is None:
            enter(db, [Entry((row,))], ledger.author)
        else:
            exists = (JobStatus.WRITTEN_OFF,) if row.job_id else ()
            change(db, row, (JobStatus.INTENT, JobStatus.UNKNOWN, *exists))


def _plain(row: JobSnapshot) -> dict[str, Any]:
    """Return a row as JSON takes it."""
    path, used = row.path and str(row.path), row.credit_used and str(row.credit_used)
    return asdict(row.having(path=None, credit_used=None)) | {"path": path, "credit_used": used}


def _parsed(line: str) -> tuple[JobSnapshot, Owner | None] | None:
    """Return a row and its owner; None for a line that was not written to its end."""
    try:
        fields = json.loads(line)
        owner = Owner.parse(fields.pop("owner"))
        path, used = fields["path"], fields["credit_used"]
        fields["path"], fields["credit_used"] = path and Path(path), used and Decimal(used)
        return JobSnapshot(**fields | {"status": JobStatus(fields["status"])}), owner
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError):
        return None
