"""How jobs stand in the ledger's table: many are written by few statements, and read back.

sqlite3 gives up Python's global lock in every statement, and under load each return costs a wait
for the busy loop. So what is committed together is also written together: one statement takes up
to 64 rows, and a batch costs a handful of statements however many wait for it.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from tfi_notebook.contract.records import JobStatus
from tfi_notebook.contract.snapshot import JobSnapshot

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

T = TypeVar("T")
_FIXED = ("key", "service", "local", "fingerprint", "body", "created_at")
"""What never changes once a row is made; the body is turned into JSON once."""
_MADE = ("owner", "account", "replaces")
"""Who made a row, with whose key, and in place of which other one."""
_MOVING = (
    "status", "raw_status", "job_id", "message", "output", "path", "credit_used", "started_at",
    "finished_at", "changed_at",
)  # fmt: skip
_READ = tuple(name for name in _FIXED + _MOVING if name != "changed_at")
SELECT = f"SELECT {', '.join(_READ)} FROM jobs"  # noqa: S608 - constants only
UNDER_WAY = "'intent', 'accepted', 'queued', 'processing', 'other'"
_SUBMITTED = f"{UNDER_WAY}, 'done', 'unknown'"
_TOGETHER_MAX = 64


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """Something to be entered into the ledger.

    Attributes:
        rows: jobs as they stand, new or changed.
        intent: a new row, to be made unless the same payload was submitted before.
        force: make it in any case.
        replaces: key of the row that is closed once the intent has its id.
    """

    rows: tuple[JobSnapshot, ...] = ()
    intent: JobSnapshot | None = None
    force: bool = False
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class Author:
    """Who makes rows.

    Attributes:
        owner: the opening of the ledger, as `Owner.text` gives it.
        account: tells the hash of the key that is used; None where keys mean nothing.
        strangers: accounts that are known to be others': what they submitted is not ours.
    """

    owner: str
    account: Callable[[], str | None] = lambda: None
    strangers: frozenset[str] = frozenset()


def enter(
    db: sqlite3.Connection, entries: Sequence[Entry], author: Author
) -> list[JobSnapshot | None]:
    """Enter what was gathered, within one transaction.

    Args:
        db: a connection within a transaction.
        entries: in the order in which they came.
        author: who makes the rows that are new.

    Returns:
        For each entry the row of an earlier submit, because of which its intent was not made;
        None if there is none.

    Raises:
        sqlite3.Error: something cannot be written.
    """
    rows = [row for entry in entries for row in entry.rows]
    new = {entry.intent.key for entry in entries if entry.intent}
    # what is known of other jobs comes first: it may end what stands in an intent's way
    _write(db, [row for row in rows if row.key not in new], author)
    results = _begin(db, entries, author)
    _write(db, [row for row in rows if row.key in new], author)
    return results


def change(db: sqlite3.Connection, row: JobSnapshot, only_from: Iterable[JobStatus]) -> bool:
    """Write a row down unless its status has become another one than those of `only_from`.

    Returns:
        Whether it was written.
    """
    states = [status.value for status in only_from]
    where = f" AND status IN ({', '.join('?' * len(states))})"
    return bool(db.execute(_update_sql(1) + where, (row.key, *_moving(row), *states)).rowcount)


def read_row(columns: Sequence[Any]) -> JobSnapshot:
    """Return the snapshot of one row of `SELECT`."""
    values = dict(zip(_READ, columns, strict=True))
    values["local"] = bool(values["local"])
    values["body"] = json.loads(values["body"])
    values["status"] = JobStatus(values["status"])
    values["path"] = Path(values["path"]) if values["path"] else None
    used = values["credit_used"]
    values["credit_used"] = Decimal(used) if used is not None else None
    return JobSnapshot(**values)


def _begin(
    db: sqlite3.Connection, entries: Sequence[Entry], author: Author
) -> list[JobSnapshot | None]:
    """Insert the intents whose payload has no earlier submit, also not in this very batch."""
    asked = {_payload_of(entry.intent) for entry in entries if entry.intent and not entry.force}
    known = submitted(db, list(asked), author) if asked else {}
    results: list[JobSnapshot | None] = []
    fresh = []
    replaced = {}
    for entry in entries:
        row = entry.intent
        earlier = known.get(_payload_of(row)) if row and not entry.force else None
        results.append(earlier)
        if row is not None and earlier is None:
            known[_payload_of(row)] = row
            fresh.append(row)
            replaced[row.key] = entry.replaces
    _insert(db, fresh, author, replaced)
    return results


def submitted(
    db: sqlite3.Connection, asked: list[tuple[str, str]], author: Author
) -> dict[tuple[str, str], JobSnapshot]:
    """Return the newest row that counts as submitted, for each (service, fingerprint)."""
    found: list[JobSnapshot] = []
    for some in _chunks(asked):
        parameters = [value for pair in some for value in pair]
        rows = db.execute(_select_sql(len(some)), parameters).fetchall()
        found += [read_row(row) for *row, account in rows if account not in author.strangers]
    return {_payload_of(row): row for row in found}


def _write(db: sqlite3.Connection, rows: list[JobSnapshot], author: Author) -> None:
    """Update rows, and insert those that are not there; several of one job in their order."""
    while rows:
        first = {row.key: row for row in reversed(rows)}
        rows = [row for row in rows if first[row.key] is not row]
        for some in _chunks(list(first.values())):
            if _update(db, some) != len(some):
                absent = [row for row in some if not _update(db, [row])]
                _insert(db, absent, author)


def _update(db: sqlite3.Connection, rows: list[JobSnapshot]) -> int:
    parameters = [value for row in rows for value in (row.key, *_moving(row))]
    return db.execute(_update_sql(len(rows)), parameters).rowcount


def _insert(
    db: sqlite3.Connection,
    rows: list[JobSnapshot],
    author: Author,
    replaced: Mapping[str, str | None] = MappingProxyType({}),
) -> None:
    by = (author.owner, author.account())
    for some in _chunks(rows):
        values = [(*_fixed(row), *by, replaced.get(row.key), *_moving(row)) for row in some]
        db.execute(_insert_sql(len(some)), [value for row in values for value in row])


@lru_cache
def _select_sql(count: int) -> str:
    pairs = ", ".join(["(?, ?)"] * count)
    # CROSS JOIN fixes the order: one look into the index for each pair, never a scan
    asked = f"(VALUES {pairs}) AS asked CROSS JOIN jobs INDEXED BY jobs_by_fingerprint"
    same = "service = asked.column1 AND fingerprint = asked.column2"
    where = f"WHERE {same} AND status IN ({_SUBMITTED})"
    return f"SELECT {', '.join(_READ)}, account FROM {asked} {where} ORDER BY seq"  # noqa: S608 - constants only


@lru_cache
def _update_sql(count: int) -> str:
    new = {name: f"new.column{at}" for at, name in enumerate(_MOVING, start=2)}
    changes = ", ".join(f"{name} = {value}" for name, value in new.items())
    rows = ", ".join([f"({', '.join('?' * (len(_MOVING) + 1))})"] * count)
    # an id that stands is never taken away by a kernel that has not heard of it
    where = f"WHERE key = new.column1 AND (jobs.job_id IS NULL OR {new['job_id']} IS NOT NULL)"
    return f"UPDATE jobs SET {changes} FROM (VALUES {rows}) AS new {where}"  # noqa: S608 - constants only


@lru_cache
def _insert_sql(count: int) -> str:
    names = (*_FIXED, *_MADE, *_MOVING)
    rows = ", ".join([f"({', '.join('?' * len(names))})"] * count)
    known = "ON CONFLICT (key) DO NOTHING"  # it has an id, and this row has none: see `_update_sql`
    return f"INSERT INTO jobs ({', '.join(names)}) VALUES {rows} {known}"  # noqa: S608 - constants only


def _chunks(items: list[T]) -> Iterator[list[T]]:
    """Split into lists of at most 64, so that most batches are one statement of each kind."""
    for start in range(0, len(items), _TOGETHER_MAX):
        yield items[start : start + _TOGETHER_MAX]


def _payload_of(row: JobSnapshot) -> tuple[str, str]:
    return row.service, row.fingerprint


def _fixed(row: JobSnapshot) -> tuple[Any, ...]:
    body = json.dumps(row.body)
    return row.key, row.service, int(row.local), row.fingerprint, body, row.created_at


def _moving(row: JobSnapshot) -> tuple[Any, ...]:
    return (
        row.status.value,
        row.raw_status,
        row.job_id,
        row.message,
        row.output,
        str(row.path) if row.path else None,
        str(row.credit_used) if row.credit_used is not None else None,
        row.started_at,
        row.finished_at,
        time.time(),
    )
