"""The gallery without its widget: posters and numbers as HTML and as text, within a byte budget."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, TypeGuard

from tfi_notebook.display import html, words
from tfi_notebook.display.gallery_tiles import named

if TYPE_CHECKING:
    from tfi_notebook.display.gallery_tiles import Places, Tile

POSTER_MAX_CHARS = 12_000
"""One poster as it stands in the notebook, in base64."""
SHEET_MAX_CHARS = 150_000
"""All posters of one sheet, in base64."""
POSTERS_MAX = 96
"""With more videos than this the later ones have no poster: each would be too small to see."""
THUMB_PX = 150
NARROW_PX = 84
"""Width of a poster in a matrix of more than `WIDE_COLUMNS`."""
WIDE_COLUMNS = 6

_JPEG = b"\xff\xd8\xff"
_CELL = "padding:4px 10px 8px 0;vertical-align:top;text-align:left"


def poster_max_bytes(count: int) -> int:
    """Return how large a JPEG may be so that all posters of a sheet fit into the notebook.

    Args:
        count: number of videos.

    Example:
        >>> poster_max_bytes(9), poster_max_bytes(50), poster_max_bytes(1000)
        (9000, 2250, 1170)
    """
    chars = min(POSTER_MAX_CHARS, SHEET_MAX_CHARS // max(1, min(count, POSTERS_MAX)))
    return chars // 4 * 3  # four characters of base64 hold three bytes


def is_jpeg(poster: bytes | None) -> TypeGuard[bytes]:
    """Tell whether these bytes may be shown as a poster."""
    return poster is not None and poster.startswith(_JPEG)


def sheet(places: Places, caption: str, remark: str = "") -> str:
    """Return the matrix as an HTML table, without script and style block.

    Args:
        places: the tiles.
        caption: one line above it; foreign text.
        remark: one line below it; own text.
    """
    width_px = THUMB_PX if len(places.columns) <= WIDE_COLUMNS or places.flows else NARROW_PX
    draw = _Drawing(places, width_px)
    table = f"<table>{draw.flow() if places.flows else draw.matrix()}</table>"
    foot = f"<div>{html.escape(remark)}</div>" if remark else ""
    title = f"<div><b>{html.escape(caption)}</b></div>"
    return f'<div class="tfi-sheet">{html.root(title + table + foot)}</div>'


def text(places: Places, caption: str) -> str:
    """Return the matrix as a table of text: the headline of each video, or why there is none."""
    lines = _flow_lines(places) if places.flows else _matrix_lines(places)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = (
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    )
    return "\n".join([words.readable(caption), *(line.rstrip() for line in padded)])


def _flow_lines(places: Places) -> list[list[str]]:
    return [[places.label(tile), _headline(tile)] for tile in places.tiles]


def _matrix_lines(places: Places) -> list[list[str]]:
    corner = words.readable(f"{places.row_name} \\ {places.column_name}", 80)
    lines = [[corner, *(words.readable(column, 40) for column in places.columns)]]
    for row in places.rows:
        found = [places.tile(row, column) for column in places.columns]
        lines.append(
            [words.readable(row, 40), *(_headline(tile) if tile else "" for tile in found)]
        )
    return lines


def _headline(tile: Tile) -> str:
    first = next(iter(tile.numbers.items()), None)
    return words.readable(" ".join(first) if first else tile.note or "video", 40)


class _Drawing:
    """Tiles as cells of an HTML table; posters are spent from one budget, in order."""

    def __init__(self, places: Places, width_px: int) -> None:
        self._places = places
        self._width_px = width_px
        self._left_chars = SHEET_MAX_CHARS

    def matrix(self) -> str:
        """Return rows and columns with their names."""
        places = self._places
        heads = ("", *(named(places.column_name, column) for column in places.columns))
        head = "".join(_heading(name) for name in heads)
        return (
            f"<thead><tr>{head}</tr></thead><tbody>{''.join(map(self._row, places.rows))}</tbody>"
        )

    def flow(self) -> str:
        """Return the tiles one after another, each with its name, a few to a line."""
        cells = [self._cell(tile, self._places.label(tile)) for tile in self._places.tiles]
        lines = (cells[n : n + WIDE_COLUMNS] for n in range(0, len(cells), WIDE_COLUMNS))
        return "".join(f"<tr>{''.join(line)}</tr>" for line in lines)

    def _row(self, row: str) -> str:
        found = (self._places.tile(row, column) for column in self._places.columns)
        cells = "".join(self._cell(tile) if tile else "<td></td>" for tile in found)
        return f"<tr>{_heading(named(self._places.row_name, row))}{cells}</tr>"

    def _cell(self, tile: Tile, name: str = "") -> str:
        lines = [f"<b>{html.escape(name)}</b>"] if name else []
        lines += filter(None, [self._picture(tile)])
        lines += [
            f"{html.escape(number, 40)} <b>{html.escape(value, 40)}</b>"
            for number, value in tile.numbers.items()
        ]
        lines += [f"<i>{html.escape(tile.note)}</i>"] if tile.note else []
        return f'<td style="{_CELL}">{"<br>".join(lines)}</td>'

    def _picture(self, tile: Tile) -> str:
        """Return the poster, or nothing where there is none or no room for it."""
        data = base64.b64encode(tile.poster).decode("ascii") if is_jpeg(tile.poster) else ""
        if not data or len(data) > min(self._left_chars, POSTER_MAX_CHARS):
            return ""
        self._left_chars -= len(data)
        alt = html.escape(f"one frame of {self._places.label(tile)}")
        source = f"data:image/jpeg;base64,{data}"
        return f'<img alt="{alt}" width="{self._width_px}" src="{source}">'


def _heading(name: str) -> str:
    return f'<th style="{_CELL};color:var(--jp-ui-font-color2,#768390)">{html.escape(name)}</th>'
