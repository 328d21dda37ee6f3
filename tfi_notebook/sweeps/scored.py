"""The scores of a run's finished videos, as columns of its table."""

from __future__ import annotations

import warnings
from math import isnan
from typing import TYPE_CHECKING

from tfi_notebook.contract.records import JobStatus
from tfi_notebook.lifecycle.export import load_pandas
from tfi_notebook.quality.table import NAMES
from tfi_notebook.sweeps.table import AFTER_SCORES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd  # type: ignore[import-untyped] # it publishes no types

    from tfi_notebook.settings import Settings
    from tfi_notebook.sweeps.cell import Cell

WITHOUT = 'the scores are left out: pip install "tfi-notebook[local]"'


def with_scores(frame: pd.DataFrame, cells: Sequence[Cell], settings: Settings) -> pd.DataFrame:
    """Return the table with the scores of the finished videos before `job_id`.

    Args:
        frame: the table of these cells.
        cells: the points of the run.
        settings: of the run's workspace.

    Returns:
        The table with a column for each score; without any, and with a warning, where the packages
        that measure are missing: `frame.attrs["notes"]` says so too.
    """
    try:
        measured = _measured(cells, settings)
    except ImportError:
        warnings.warn(WITHOUT, stacklevel=3)
        frame.attrs["notes"] = [WITHOUT]
        return frame
    pandas = load_pandas()
    columns = {
        name: pandas.array([_number(found.get(name)) for found in measured], dtype="Float64")
        for name in NAMES
    }
    before = frame.drop(columns=list(AFTER_SCORES))
    return pandas.concat(
        [before, pandas.DataFrame(columns, index=frame.index), frame[list(AFTER_SCORES)]], axis=1
    )


def _measured(cells: Sequence[Cell], settings: Settings) -> list[Mapping[str, float]]:
    """Return the scores of each cell; none for a cell without a video."""
    from tfi_notebook.lifecycle.judged import language_of, picture_of  # noqa: PLC0415 - an extra
    from tfi_notebook.quality.many import score_many  # noqa: PLC0415 - an optional extra

    rows = {cell.index: cell.snapshot for cell in cells if cell.snapshot is not None}
    done = {
        row.path: row.body
        for row in rows.values()
        if row.status is JobStatus.DONE and row.path is not None and row.path.is_file()
    }
    pictures = {path: picture_of(body, settings) for path, body in done.items()}
    scored = score_many(
        list(done),
        cache=settings.data_dir / "scores",
        pictures={path: picture for path, picture in pictures.items() if picture},
        languages={path: language_of(body) for path, body in done.items()},
    )
    found: dict[Path | None, Mapping[str, float]] = {
        path: scores for path, scores in scored if scores is not None
    }
    return [found.get(row.path, {}) if (row := rows.get(cell.index)) else {} for cell in cells]


def _number(value: float | None) -> float | None:
    return None if value is None or isnan(value) else float(value)
