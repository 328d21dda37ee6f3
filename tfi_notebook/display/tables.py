"""Plain tables of values, and pictures beside them, as HTML without style block or script."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from tfi_notebook.display.html import escape

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

_TABLE = "border-collapse:collapse;margin:6px 0;font-size:13px"
_HEAD = "padding:3px 14px 3px 0;font-weight:600;border-bottom:1px solid rgba(125,133,144,.5)"
_CELL = "padding:3px 14px 3px 0;vertical-align:top;white-space:nowrap"


def value_table(
    titles: Sequence[str], rows: Iterable[Sequence[str]], numbers: Collection[int] = ()
) -> str:
    """Return a table.

    Args:
        titles: one for each column; foreign text, like the cells.
        rows: the cells, as they shall read.
        numbers: columns that are set to the right.
    """
    sides = ["right" if at in numbers else "left" for at in range(len(titles))]
    head = _line("th", _HEAD, titles, sides)
    body = "".join(_line("td", _CELL, row, sides) for row in rows)
    return f'<table style="{_TABLE}"><thead>{head}</thead><tbody>{body}</tbody></table>'


def picture(data: bytes, mime: str, alt: str, width_px: int | None = None) -> str:
    """Return a picture that stands in the page itself.

    Args:
        data: the file's bytes, made by this package.
        mime: its type, this package's own word.
        alt: what it shows; foreign text.
        width_px: shown at most this wide.
    """
    wide = f"width:{width_px}px;" if width_px else ""
    source = f"data:{mime};base64,{base64.b64encode(data).decode('ascii')}"
    return f'<img alt="{escape(alt, 1000)}" src="{source}" style="{wide}max-width:100%">'


def _line(kind: str, style: str, cells: Sequence[str], sides: Sequence[str]) -> str:
    made = (
        f'<{kind} style="{style};text-align:{side}">{escape(cell)}</{kind}>'
        for cell, side in zip(cells, sides, strict=True)
    )
    return f"<tr>{''.join(made)}</tr>"
