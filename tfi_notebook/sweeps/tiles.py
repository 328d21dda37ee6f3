"""The videos of a run as a gallery: which of them stands where, with poster, mouth and numbers."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from math import isqrt
from typing import TYPE_CHECKING, Any

from tfi_notebook import arguments
from tfi_notebook.contract.model import did_you_mean
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.display.gallery import TILES_MAX, Box, GalleryView, Tile, gallery
from tfi_notebook.display.gallery_sheet import poster_max_bytes
from tfi_notebook.display.gallery_tiles import named
from tfi_notebook.errors import NoFaceError, SourceError, SweepError
from tfi_notebook.lifecycle.export import cell_of
from tfi_notebook.quality.table import NAMES
from tfi_notebook.sweeps.columns import require
from tfi_notebook.sweeps.scored import with_scores
from tfi_notebook.sweeps.shown import plain, short
from tfi_notebook.sweeps.table import columns_of, points_frame

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd  # type: ignore[import-untyped] # it publishes no types

    from tfi_notebook.lifecycle.workspace import Workspace
    from tfi_notebook.sweeps.cell import Cell, HasCells

_FILLED_MIN = 0.5
"""A matrix with more gaps than this is no matrix: its videos are shown one after another."""
_STILL = {"iteration_count", "audio_url", "output_size", "dynamic_scale", "language"}
"""Fields that do not move the face within the picture."""
_FACE_WIDTH_PX = 512
_LIPS = (61, 291, 0, 17)  # corners, middle of the upper and of the lower edge (MediaPipe's mesh)
_MOUTH_ROOM = 0.25  # an open mouth is larger than the one that was found


class Shown:
    """Gives a run its gallery."""

    def gallery(
        self: HasCells,
        rows: str | None = None,
        columns: str | None = None,
        *,
        show: Sequence[str] = ("lip_sync", "render_s"),
        where: Mapping[str, Any] | None = None,
    ) -> GalleryView:
        """Return the run's videos as a matrix that plays, pauses, scrubs and loops in step.

        Points that have no video yet are in it, with the reason. In a saved notebook a sheet of
        posters with the numbers is left.

        Args:
            rows: the axis of which each value is a row; default the first that varies.
            columns: the axis of which each value is a column; default the second that varies.
                Where the axes make no matrix, each video stands for itself, with all its values.
            show: columns of the results that stand under each video, the most important first.
                Scores that cannot be measured here are left out.
            where: axis → value: only these points are shown.

        Raises:
            SweepError: no such axis, value or column; several videos at one place (it names the
                axes that are to be fixed in `where`); or too many videos.
            MissingExtraError: pandas is not installed (extra `data`).

        Example:
            >>> run.gallery("version", "iteration_count", where={"output_size": 400})
            ... # doctest: +SKIP
        """
        fixed = arguments.mapping("where", where, hint='where={"output_size": 400}')
        part = _Part(self.name, self.axes, self.workspace, _chosen(self, fixed))
        sides = _sides(part, rows, columns)
        return gallery(
            _tiles(part, sides, arguments.names("show", show)),
            row_name=sides.row_name,
            column_name=sides.column_name,
            caption=_caption(part, fixed),
        )


@dataclass(frozen=True, slots=True)
class _Part:
    """Some of the points of a run."""

    name: str
    axes: tuple[str, ...]
    workspace: Workspace
    chosen: Sequence[Cell]

    def cells(self) -> Sequence[Cell]:
        return self.chosen

    def varying(self) -> list[str]:
        """Return the axes that have more than one value here."""
        return [axis for axis in self.axes if len({_text(cell, axis) for cell in self.chosen}) > 1]


@dataclass(frozen=True, slots=True)
class _Sides:
    """The axes whose values name a row, and those whose values name a column."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]

    @property
    def row_name(self) -> str:
        return self.rows[0] if len(self.rows) == 1 else ""

    @property
    def column_name(self) -> str:
        return self.columns[0] if len(self.columns) == 1 else ""

    def place(self, cell: Cell) -> tuple[str, str]:
        """Return the labels of a point's row and column."""
        return _label(cell, self.rows), _label(cell, self.columns)


def _label(cell: Cell, axes: tuple[str, ...]) -> str:
    if len(axes) == 1:
        return _text(cell, axes[0])
    return " · ".join(named(axis, _text(cell, axis)) for axis in axes)


def _text(cell: Cell, axis: str) -> str:
    """Return a value as it may be shown: lists as JSON, URLs without a query."""
    return short(cell_of(cell.axes.get(axis)))


# -- which points, and where each stands ---------------------------------------------------


def _chosen(run: HasCells, where: Mapping[str, Any]) -> list[Cell]:
    _check_axes(run, where)
    cells = [cell for cell in run.cells() if all(cell.axes.get(k) == v for k, v in where.items())]
    if not cells:
        wanted = ", ".join(f"{axis} {value!r}" for axis, value in where.items())
        known = {axis: sorted({_text(cell, axis) for cell in run.cells()}) for axis in where}
        hint = "; ".join(f"{axis} is one of {', '.join(texts)}" for axis, texts in known.items())
        raise SweepError(f"no point has {wanted}" if where else "there is no point", hint=hint)
    if len(cells) > TILES_MAX:
        text = f"a gallery shows at most {TILES_MAX:,} videos, not {len(cells):,}"
        raise SweepError(text, hint="fix some axes: run.gallery(where={axis: value})")
    return cells


def _check_axes(run: HasCells, names: Iterable[str]) -> None:
    known = dict.fromkeys(run.axes)
    for name in names:
        if name not in known:
            text = f"{name!r} is no axis of the run{did_you_mean(str(name), known)}"
            raise SweepError(text, hint=f"its axes: {', '.join(run.axes) or 'none'}")


def _sides(part: _Part, rows: str | None, columns: str | None) -> _Sides:
    """Return what the rows and columns are: as asked for, else the first two that vary."""
    _check_axes(part, [name for name in (rows, columns) if name is not None])
    free = part.varying()
    if rows is None and columns is None and not _is_matrix(part, free):
        return _Sides((), tuple(free or part.axes))
    others = [axis for axis in free if axis not in (rows, columns)]
    row = rows if rows is not None else next(iter(others), None)
    column = columns if columns is not None else next((a for a in others if a != row), None)
    sides = _Sides((row,) if row else (), (column,) if column else ())
    _check_places(part, sides, free)
    return sides


def _is_matrix(part: _Part, free: list[str]) -> bool:
    """Tell whether the axes that vary are two that fill most of a matrix."""
    if len(free) != 2:  # noqa: PLR2004 - rows and columns
        return False
    places = 1
    for axis in free:
        places *= len({_text(cell, axis) for cell in part.chosen})
    # there are more where values that differ read the same, such as 5 and "5"
    return _FILLED_MIN * places <= len(part.chosen) <= places


def _check_places(part: _Part, sides: _Sides, free: list[str]) -> None:
    (place, count), *_ = Counter(map(sides.place, part.chosen)).most_common(1)
    if count == 1:
        return
    others = [axis for axis in free if axis not in (*sides.rows, *sides.columns)]
    where = ", ".join(f'"{axis}": {part.chosen[0].axes.get(axis)!r}' for axis in others)
    raise SweepError(
        f"{count} videos fall on {' · '.join(filter(None, place))}: they differ in "
        f"{', '.join(others) or 'nothing that is an axis'}",
        hint=f"fix what else varies: where={{{where}}}" if others else "fix some: where={...}",
    )


def _caption(part: _Part, where: Mapping[str, Any]) -> str:
    count = len(part.chosen)
    fixed = [named(axis, short(cell_of(value))) for axis, value in where.items()]
    return " · ".join([part.name, f"{count:,} {'video' if count == 1 else 'videos'}", *fixed])


# -- what each tile shows ------------------------------------------------------------------


def _tiles(part: _Part, sides: _Sides, show: Sequence[str]) -> list[Tile]:
    frame = _frame(part, show)
    columns = {name: plain(frame[name]) for name in show if name in frame.columns}
    problems, mouths = plain(frame["problem"]), _Mouths()
    poster_bytes = poster_max_bytes(len(part.chosen))
    tiles, taken = [], set()
    for at, cell in enumerate(part.chosen):
        path = _video(cell)
        row, column = sides.place(cell)
        if (row, column) in taken:  # other values, but the same once they are shortened
            column = f"{column} (point {cell.index})"
        taken.add((row, column))
        numbers = {name: short(values[at]) for name, values in columns.items()} if path else {}
        poster = _poster(path, poster_bytes) if path else None
        note = "" if path else _why_not(cell, problems[at])
        mouth = mouths.of(cell) if poster else None
        tiles.append(Tile(row, column, path, poster, numbers, note, mouth))
    return tiles


def _frame(part: _Part, show: Sequence[str]) -> pd.DataFrame:
    """Return the results of these points; the videos are measured only if a score is shown."""
    frame = points_frame(columns_of(part))
    if any(name in NAMES for name in show):
        frame = with_scores(frame, part.chosen, part.workspace.settings)
    require(frame, [name for name in show if name not in NAMES])
    return frame


def _video(cell: Cell) -> Path | None:
    row = cell.snapshot
    if row is None or row.status is not JobStatus.DONE or row.path is None:
        return None
    return row.path if row.path.is_file() else None


def _why_not(cell: Cell, problem: str | None) -> str:
    status = "not submitted" if cell.snapshot is None else str(cell.snapshot.status)
    if cell.snapshot is not None and cell.snapshot.status is JobStatus.DONE:
        return "its video is not on this machine"
    return f"{status}: {problem}" if problem else status


def _poster(path: Path, limit_bytes: int) -> bytes | None:
    """Return a still of at most so many bytes; None without the `local` extra."""
    try:
        from tfi_notebook.media.video import poster  # noqa: PLC0415 - an optional extra
    except ImportError:
        return None
    width_px = min(320, isqrt(6 * limit_bytes))  # a face takes about a sixth of a byte for a px
    try:
        data = poster(path, width_px=width_px)
        while len(data) > limit_bytes and width_px > 1:
            width_px = width_px * 3 // 4
            data = poster(path, width_px=width_px)
    except SourceError:
        return None
    return data


class _Mouths:
    """Where the mouth is, looked up once for all videos of one picture."""

    def __init__(self) -> None:
        self._known: dict[str, Box | None] = {}

    def of(self, cell: Cell) -> Box | None:
        """Return the mouth of a point that has a video, or None if no face is found."""
        row = cell.snapshot
        assert row is not None
        assert row.path is not None
        body = {name: value for name, value in row.body.items() if name not in _STILL}
        key = json.dumps(body, sort_keys=True, default=str)
        if key not in self._known:
            self._known[key] = _mouth(row.path)
        return self._known[key]


def _mouth(path: Path) -> Box | None:
    from tfi_notebook.media.face import find_face  # noqa: PLC0415 - an optional extra
    from tfi_notebook.media.frames import poster, read_picture  # noqa: PLC0415 - the same

    picture = read_picture(poster(path, width_px=_FACE_WIDTH_PX))
    try:
        lips = find_face(picture).landmarks[list(_LIPS), :2]
    except NoFaceError:
        return None
    low, high = lips.min(axis=0), lips.max(axis=0)
    room = _MOUTH_ROOM * (high[0] - low[0])
    edges = [max(0.0, float(value)) for value in (*(low - room), *(high - low + 2 * room))]
    height_px, width_px = picture.shape[:2]
    return Box(*(edge / size for edge, size in zip(edges, (width_px, height_px) * 2, strict=True)))
