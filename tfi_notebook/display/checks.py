"""What was looked at before a submit, as a table and as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfi_notebook.display import html, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    Row = tuple[str, str, str, str]
    """Field, what was checked, how it stands (`ok`, `warn`, `bad`, `not checked`), in words."""

_TINTS = {"ok": "46,160,67", "warn": "210,153,34", "bad": "229,83,75"}
_GREY = "128,136,144"
_CELL = "padding:2px 12px 2px 0;text-align:left;vertical-align:top"
_TITLES = ("Field", "Check", "Result", "")


def checks_table(caption: str, rows: Sequence[Row]) -> str:
    """Return the checks as a static table; every text in it is escaped here."""
    head = "".join(f'<th scope="col" style="{_CELL}">{title}</th>' for title in _TITLES if title)
    lines = "".join(_line(row) for row in rows)
    table = (
        f'<table style="border-collapse:collapse;margin:4px 0"><thead><tr>{head}<td></td></tr>'
        f"</thead><tbody>{lines}</tbody></table>"
    )
    return html.root(f"<div>{html.escape(caption)}</div>{table if rows else ''}")


def checks_text(caption: str, rows: Sequence[Row]) -> str:
    r"""Return the checks as text, a line for each.

    Example:
        >>> print(checks_text("1 problem", [("audio_url", "sound", "bad", "nothing is heard")]))
        1 problem
          audio_url  sound      bad          nothing is heard
    """
    lines = [
        f"  {words.readable(field, 60)}  {name:<10} {state:<12} {words.readable(text)}".rstrip()
        for field, name, state, text in rows
    ]
    return "\n".join([caption, *lines])


def _line(row: Row) -> str:
    field, name, state, text = row
    cells = (html.escape(name), html.tag(state, _TINTS.get(state, _GREY)), html.escape(text))
    rest = "".join(f'<td style="{_CELL}">{cell}</td>' for cell in cells)
    return f'<tr><th scope="row" style="{_CELL}">{html.escape(field)}</th>{rest}</tr>'
