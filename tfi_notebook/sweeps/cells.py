"""The points of a run as they are read: page by page, or all of them column by column."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

from tfi_notebook.sweeps import tables
from tfi_notebook.sweeps.cell import Cell
from tfi_notebook.sweeps.store import strangers
from tfi_notebook.sweeps.table import INVALID, NEW, TROUBLE, Points

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tfi_notebook.lifecycle.workspace import Workspace
    from tfi_notebook.sweeps.store import Store
    from tfi_notebook.sweeps.tables import Part, Standing

_TOGETHER = 500


class Cells(Sequence[Cell]):
    """The points that a run has reached, in order; read from the ledger as they are asked for.

    Args:
        store: the run.
        workspace: knows the newest state of live jobs.
    """

    def __init__(self, store: Store, workspace: Workspace) -> None:
        self._store = store
        self._workspace = workspace
        self._count = store.written()

    def __len__(self) -> int:
        """Return how many points there are."""
        return self._count

    def __iter__(self) -> Iterator[Cell]:
        """Give every point."""
        for start in range(0, self._count, _TOGETHER):
            yield from self.page(start, start + _TOGETHER)

    @overload
    def __getitem__(self, at: int) -> Cell: ...
    @overload
    def __getitem__(self, at: slice) -> list[Cell]: ...
    def __getitem__(self, at: int | slice) -> Cell | list[Cell]:
        """Return a point, or a list of several.

        Raises:
            IndexError: there is no such point.
        """
        if isinstance(at, slice):
            indices = range(self._count)[at]
            if not indices:
                return []
            first = min(indices)
            page = self.page(first, max(indices) + 1)
            return [page[index - first] for index in indices]
        index = range(self._count)[at]
        return self.page(index, index + 1)[0]

    def page(self, start: int, stop: int) -> list[Cell]:
        """Return the points of a stretch."""
        rows = self._store.standing(start, min(stop, self._count))
        jobs = self._store.jobs([row.key for row in rows if row.key])
        return [self._cell(row, jobs) for row in rows]

    def _cell(self, row: Standing, jobs: dict[str, Any]) -> Cell:
        job = jobs.get(row.key or "")
        axes = axis_values(self._store.axes, self._store.parts[row.part], row.values)
        snapshot = self._workspace.latest(job) if job else None
        return Cell(row.index, axes, snapshot, row.problem)


def axis_values(names: Sequence[str], part: Part, values: Sequence[Any]) -> dict[str, Any]:
    """Return a value for each axis of a run; one that does not vary in a part has its base's."""
    known = dict(zip(part.axes, values, strict=True))
    return {name: known[name] if name in known else part.base.get(name) for name in names}


def bulk_points(store: Store) -> Points:
    """Return the points that a run has reached, column by column, in one statement.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    where = (store.service, strangers(store.ledger), store.record.run)
    rows = store.ledger.query(tables.BULK, *where)
    columns = zip(*rows, strict=True) if rows else [()] * len(tables.BULK_COLUMNS)
    parts, values, problems, words, created, started, finished, used, ids, paths, messages = columns
    decoded = json.loads(f"[{','.join(values)}]")
    return Points(
        axes=_axis_columns(store, parts, decoded),
        status=[
            word or (INVALID if problem else NEW)
            for word, problem in zip(words, problems, strict=True)
        ],
        created_at=created,
        started_at=started,
        finished_at=finished,
        credits=used,
        job_id=ids,
        path=paths,
        problem=[
            problem or (message if word in TROUBLE else "")
            for problem, word, message in zip(problems, words, messages, strict=True)
        ],
    )


def _axis_columns(
    store: Store, parts: Sequence[int], values: list[list[Any]]
) -> dict[str, Sequence[Any]]:
    if len(store.parts) == 1:
        columns = zip(*values, strict=True) if values else [()] * len(store.axes)
        return dict(zip(store.axes, columns, strict=True))
    rows = [
        axis_values(store.axes, store.parts[part], row)
        for part, row in zip(parts, values, strict=True)
    ]
    return {name: [row[name] for row in rows] for name in store.axes}
