"""A run in the ledger: its parts, its points as they are reached, and where each of them stands."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any

from tfi_notebook.contract.links import kept, kept_body, replaced
from tfi_notebook.errors import SweepError
from tfi_notebook.lifecycle.rows import SELECT, read_row
from tfi_notebook.sweeps import tables
from tfi_notebook.sweeps.tables import Part, Record, Standing, State

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.lifecycle.ledger import Ledger
    from tfi_notebook.sweeps.points import Point
    from tfi_notebook.sweeps.sweep import Sweep

AHEAD = 1_000
"""So many points are written down together, before the first of them is submitted."""


class Store:
    """One run in a ledger.

    Args:
        ledger: where it is.
        service: the service whose jobs it has.
        name: the run's name.

    Raises:
        SweepError: there is no such run.
        LedgerError: the ledger cannot be read.
    """

    def __init__(self, ledger: Ledger, service: str, name: str) -> None:
        self.ledger = ledger
        self.service = service
        self.name = name
        self.record = self._read_record()
        self.parts = self._read_parts()

    # -- as a whole ------------------------------------------------------------------------

    @property
    def axes(self) -> tuple[str, ...]:
        """The fields that vary, of every part, in the order in which they came."""
        return tuple(dict.fromkeys(name for part in self.parts for name in part.axes))

    @property
    def lease_name(self) -> str:
        """Name of the lease without which nobody may work on the run."""
        return f"run-{self.record.run}"

    def refresh(self) -> None:
        """Read again what another kernel may have written.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        self.record = self._read_record()
        self.parts = self._read_parts()

    async def save(self) -> None:
        """Write the record down.

        Raises:
            LedgerError: it cannot be written.
        """
        await self.ledger.transact(self.write_record)

    def write_record(self, db: sqlite3.Connection) -> None:
        """Write the record down within a transaction."""
        now = self.record
        budget = None if now.budget_credits is None else str(now.budget_credits)
        tally = json.dumps(now.tally)
        row = (now.state, now.reason, tally, now.max_in_flight, budget, now.run)
        db.execute(tables.SAVE, row)

    async def add(self, sweep: Sweep) -> Part:
        """Take in a sweep; one that is in the run already is found again.

        What was held back of it before anything was sent may be submitted: a URL may be signed
        anew, a file may be back.

        Raises:
            LedgerError: it cannot be written.
        """
        definition, digest = sweep.definition(), sweep.digest
        known = next((part for part in self.parts if part.digest == digest), None)
        if known is not None:
            where = (self.service, strangers(self.ledger), self.record.run, known.number)
            await self.ledger.transact(lambda db: db.execute(tables.UNMARK, where) and None)
            return known
        base = kept_body(sweep.base.body())
        part = Part(len(self.parts), digest, sweep.axes, base, len(sweep), 0, time.time())
        row = (
            self.record.run, part.number, digest, json.dumps(part.axes), json.dumps(base),
            part.total, 0, part.created_at, definition,
        )  # fmt: skip
        await self.ledger.transact(lambda db: db.execute(tables.NEW_PART, row) and None)
        self.parts.append(part)
        return part

    def definition(self, part: Part) -> str:
        """Return what the part's sweep was made from.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        query = "SELECT definition FROM run_parts WHERE run = ? AND part = ?"
        return str(self.ledger.query(query, self.record.run, part.number)[0][0])

    # -- points ----------------------------------------------------------------------------

    def written(self) -> int:
        """Return how many points are written down; those that are the same twice count once.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        query = "SELECT coalesce(max(idx) + 1, 0) FROM run_points WHERE run = ?"
        return int(self.ledger.query(query, self.record.run)[0][0])

    async def write(self, part: Part, points: Iterator[Point]) -> int:
        """Write down the next points of a part, and return how many were new to the run.

        Args:
            part: the part.
            points: its sweep's points from `part.reached` on.

        Raises:
            LedgerError: they cannot be written.
        """
        batch = list(islice(points, AHEAD))
        new = await self.ledger.transact(lambda db: self._write(db, part, batch))
        part.reached = batch[-1].place + 1 if batch else part.total
        return new

    def standing(self, start: int, stop: int) -> list[Standing]:
        """Return where the points of a stretch stand, without their jobs' payloads.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        where = (self.service, strangers(self.ledger), self.record.run)
        rows = self.ledger.query(tables.STANDING, *where, start, stop)
        return [_standing(row) for row in rows]

    def spent_before(self) -> Decimal:
        """Return the credits of the run's jobs in whose place another one was tried.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        begun = self.record.created_at
        rows = self.ledger.query(tables.SUPERSEDED, self.record.run, self.service, begun)
        return sum((Decimal(used) for (used,) in rows), Decimal(0))

    def jobs(self, keys: Sequence[str]) -> dict[str, JobSnapshot]:
        """Return jobs by their keys.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        where = "WHERE key IN (SELECT value FROM json_each(?))"
        rows = self.ledger.query(f"{SELECT} {where}", json.dumps(keys))
        return {row.key: row for row in map(read_row, rows)}

    async def mark(self, index: int, problem: str) -> None:
        """Write down why a point is not submitted.

        Raises:
            LedgerError: it cannot be written.
        """
        row = (problem, self.record.run, index)
        await self.ledger.transact(lambda db: db.execute(tables.MARK, row) and None)

    async def reopen(self, indices: Iterable[int]) -> None:
        """Let points be submitted again: what became of them so far does not count any more.

        Raises:
            LedgerError: it cannot be written.
        """
        rows = [(time.time(), self.record.run, index) for index in indices]
        await self.ledger.transact(lambda db: db.executemany(tables.REOPEN, rows) and None)

    # -- inside ----------------------------------------------------------------------------

    def _read_record(self) -> Record:
        found = self.ledger.query(tables.RUN, self.service, self.name)
        if not found:
            raise SweepError(f"there is no run {self.name!r}", hint=_others(self.ledger))
        run, state, reason, tally, most, budget, created_at = found[0]
        spend = None if budget is None else Decimal(budget)
        return Record(run, State(state), reason, json.loads(tally), most, spend, created_at)

    def _read_parts(self) -> list[Part]:
        return [
            Part(number, digest, tuple(json.loads(axes)), json.loads(base), *rest)
            for number, digest, axes, base, *rest in self.ledger.query(
                tables.PARTS, self.record.run
            )
        ]

    def _write(self, db: sqlite3.Connection, part: Part, batch: list[Point]) -> int:
        run = self.record.run
        prints = json.dumps([point.fingerprint for point in batch if point.fingerprint])
        known = {found for (found,) in db.execute(tables.KNOWN, (run, prints))}
        index = first = db.execute(tables.NEXT, (run,)).fetchone()[0]
        rows = []
        for point in batch:
            if point.fingerprint in known:
                continue
            known |= {point.fingerprint} - {""}
            values = json.dumps(replaced(point.axes, kept))
            what = (part.number, point.place, values, point.fingerprint, point.problem)
            rows.append((run, index, *what, part.created_at))
            index += 1
        db.executemany(tables.NEW_POINT, rows)
        reached = batch[-1].place + 1 if batch else part.total
        db.execute(tables.REACHED, (reached, run, part.number))
        return int(index - first)


async def opened(ledger: Ledger, service: str, name: str) -> Store:
    """Return the run of this name; it is made if there is none.

    Raises:
        LedgerError: the ledger cannot be written.
    """
    row = (service, name, time.time())
    await ledger.transact(lambda db: db.execute(tables.NEW_RUN, row) and None)
    return Store(ledger, service, name)


def strangers(ledger: Ledger) -> str:
    """Return the accounts that are known to be others', as `tables.OURS` takes them."""
    return " ".join(sorted(ledger.author.strangers))


def _standing(row: tuple[Any, ...]) -> Standing:
    index, part, place, values, fingerprint, problem, key, status, used, created_at = row
    spent = None if used is None else Decimal(used)
    point = (index, part, place, tuple(json.loads(values)), fingerprint, problem)
    return Standing(*point, key, status, spent, created_at)


def _others(ledger: Ledger) -> str:
    names = ledger.query("SELECT name FROM runs ORDER BY run DESC LIMIT 5")
    known = ", ".join(name for (name,) in names)
    return f"the latest runs are {known}" if known else "there is none yet: Sweep.run() makes one"
