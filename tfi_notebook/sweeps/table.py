"""The points of a run as a tidy table, built column by column."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfi_notebook.contract.records import JobStatus
from tfi_notebook.display.player import shown_path
from tfi_notebook.http import redact
from tfi_notebook.lifecycle.export import cell_of, load_pandas

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd  # type: ignore[import-untyped] # it publishes no types

    from tfi_notebook.sweeps.cell import Cell, HasCells

NEW, INVALID = "new", "invalid"
"""Where a point stands that has no job: not submitted yet, or never to be."""
STATUSES = (NEW, INVALID, *map(str, JobStatus))
TROUBLE = (JobStatus.FAILED, JobStatus.REJECTED, JobStatus.UNKNOWN)
AFTER_SCORES = ("job_id", "path", "problem")


@dataclass(frozen=True, slots=True)
class Points:
    """The points of a run, column by column: sequences of one length, in the run's order.

    Attributes:
        axes: the values of each field that varies.
        status: words of `STATUSES`.
        created_at: Unix times in s of the submits.
        started_at: Unix times in s at which the rendering was first seen.
        finished_at: Unix times in s at which the end was seen.
        credits: what the service says the jobs have cost; numbers as text are taken too.
        job_id: the API's ids.
        path: the downloaded videos, as they stand in the ledger.
        problem: what went wrong; foreign text.
    """

    axes: Mapping[str, Sequence[Any]]
    status: Sequence[str]
    created_at: Sequence[float | None]
    started_at: Sequence[float | None]
    finished_at: Sequence[float | None]
    credits: Sequence[Any]
    job_id: Sequence[str | None]
    path: Sequence[str | None]
    problem: Sequence[str | None]


def columns_of(run: HasCells) -> Points:
    """Return the points of a run, read from its cells."""
    cells = run.cells()
    rows = [cell.snapshot for cell in cells]
    return Points(
        axes={name: [cell.axes.get(name) for cell in cells] for name in run.axes},
        status=[_status(cell) for cell in cells],
        created_at=[row.created_at if row else None for row in rows],
        started_at=[row.started_at if row else None for row in rows],
        finished_at=[row.finished_at if row else None for row in rows],
        credits=[row.credit_used if row else None for row in rows],
        job_id=[row.job_id if row else None for row in rows],
        path=[str(row.path) if row and row.path else None for row in rows],
        problem=[_problem(cell) for cell in cells],
    )


def points_frame(points: Points) -> pd.DataFrame:
    """Return the points as a frame, without scores.

    Every column may have gaps (`NA`): whole numbers are `Int64`, others `Float64`, texts
    `string`, and `status` is a category in the order of a job's life. URLs have no query, and
    `path` is below the working folder or a bare name, as everywhere else.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    pandas = load_pandas()
    made, started, ended = map(_numbers, (points.created_at, points.started_at, points.finished_at))
    columns = {name: _axis(values, points.status) for name, values in points.axes.items()}
    columns |= {
        "status": pandas.Categorical(points.status, categories=STATUSES, ordered=True),
        "queue_s": (started - made).round(3),
        "render_s": (ended - started).round(3),
        "credits": _numbers(points.credits),
        "job_id": pandas.array(points.job_id, dtype="string"),
        "path": pandas.array(_shown(points.path), dtype="string"),
        "problem": pandas.array(
            [redact(text) if text else None for text in points.problem], dtype="string"
        ),
    }
    return pandas.DataFrame(columns)


def _status(cell: Cell) -> str:
    if cell.snapshot is None:
        return INVALID if cell.problem else NEW
    return str(cell.snapshot.status)


def _problem(cell: Cell) -> str:
    row = cell.snapshot
    return cell.problem or (row.message if row is not None and row.status in TROUBLE else "")


def _axis(values: Sequence[Any], status: Sequence[str]) -> Any:  # noqa: ANN401 - a pandas array
    """Return an axis with the type that its values have in common, else as texts.

    A wrong value does not make numbers texts: it is missing then, and `problem` tells of it.
    """
    pandas = load_pandas()
    kinds = {type(value) for value, word in zip(values, status, strict=True) if word != INVALID}
    kinds -= {type(None)}
    if kinds and (kinds <= {int, float} or kinds == {bool}):
        return pandas.array([value if type(value) in kinds else None for value in values])
    return pandas.array([_text(value) for value in values], dtype="string")


def _text(value: object) -> str | None:
    return None if value is None else str(cell_of(value))


def _numbers(values: Sequence[Any]) -> Any:  # noqa: ANN401 - a pandas array
    return load_pandas().array(
        [None if value is None else float(value) for value in values], dtype="Float64"
    )


def _shown(paths: Sequence[str | None]) -> list[str | None]:
    here = os.getcwd()  # noqa: PTH109 - a key, not a path to go on from
    parts = [path.rpartition(os.sep) if path else None for path in paths]
    return [part and _shown_folder(part[0] + part[1], here) + part[2] for part in parts]


@lru_cache(maxsize=64)
def _shown_folder(folder: str, _here: str) -> str:
    """How `shown_path` shows the files of a folder, looked up once for each folder."""
    return shown_path(Path(folder, "x")).removesuffix("x")
