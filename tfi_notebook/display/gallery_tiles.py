"""What a gallery is made of: tiles, and where each of them stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from tfi_notebook.display import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path


class Box(NamedTuple):
    """A part of a picture, in 0..1 of its width and height."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Tile:
    """One video of the matrix. All texts are foreign: they are escaped where they are shown.

    Attributes:
        row: label of its row, such as `4`; empty where there is nothing to tell.
        column: label of its column.
        path: the mp4, or None where there is none.
        poster: one frame as JPEG bytes; see `gallery_sheet.poster_max_bytes` for how large.
        numbers: what is shown under it, name → text; the first one is the headline.
        note: what is said in the place of the video, such as "failed: no face was found".
        mouth: where the mouth is, for the zoom; None zooms into the middle.
    """

    row: str
    column: str
    path: Path | None = None
    poster: bytes | None = None
    numbers: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    mouth: Box | None = None


class Places:
    """Rows and columns of a matrix: numbers by size, other labels in the order of the tiles.

    Attributes:
        tiles: the tiles, as they were given.
        row_name: what the rows are.
        column_name: what the columns are.
        rows: the labels of the rows.
        columns: the labels of the columns.

    Raises:
        ValueError: two tiles have the same place.
    """

    def __init__(self, tiles: Sequence[Tile], row_name: str, column_name: str) -> None:
        self.tiles = tuple(tiles)
        self.row_name, self.column_name = row_name, column_name
        self.rows = _ordered(tile.row for tile in tiles)
        self.columns = _ordered(tile.column for tile in tiles)
        self._at = {(tile.row, tile.column): tile for tile in tiles}
        if len(self._at) < len(tiles):
            raise ValueError(f"several videos have the same {row_name} and {column_name}")

    @property
    def flows(self) -> bool:
        """Whether the tiles are one row or one column, which may be laid out as there is room."""
        return min(len(self.rows), len(self.columns)) <= 1

    def label(self, tile: Tile) -> str:
        """Return what names a tile in one line, such as `version 4 · iteration_count 10`."""
        parts = ((self.row_name, tile.row), (self.column_name, tile.column))
        return " · ".join(named(name, text) for name, text in parts if text)

    def tile(self, row: str, column: str) -> Tile | None:
        """Return the tile at a place, or None where the matrix has a gap."""
        return self._at.get((row, column))


def named(name: str, text: str) -> str:
    """Return the label of a row or column with what it is a value of, readable and bounded.

    Example:
        >>> named("version", "4")
        'version 4'
    """
    return words.readable(f"{name} {text}", 80)


def _ordered(labels: Iterable[str]) -> tuple[str, ...]:
    each = tuple(dict.fromkeys(labels))
    try:
        return tuple(sorted(each, key=float))
    except ValueError:
        return each
