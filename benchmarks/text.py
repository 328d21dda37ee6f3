"""Figures as text: for the terminal and for the report, ratios first."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.findings import Findings, Table
    from benchmarks.goals import Verdict

_FEW = 3


def number(value: float) -> str:
    """Return a figure with about three digits that count.

    Example:
        >>> [number(value) for value in (0, 2.0, 0.04567, 3.14159, 12.34, 1234.5, 98765.0)]
        ['0', '2', '0.046', '3.14', '12.3', '1,234', '98,765']
    """
    if math.isnan(value):
        return "-"
    if abs(value) >= 100 or value == int(value):  # noqa: PLR2004 - three digits
        return f"{value:,.0f}"
    places = max(0, _FEW - 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{min(places, 3)}f}"


def cell(value: float | None, reference: float | None) -> str:
    """Return a figure, led by its multiple of the reference where there is one."""
    if value is None:
        return "-"
    if not reference or reference == value:
        return number(value)
    return f"{number(value / reference)}x ({number(value)})"


def grid_of(table: Table) -> list[list[str]]:
    """Return a table as rows of cells, its head first."""
    names = table.contenders
    body = [
        [case, *(cell(row.get(name), row.get(table.reference)) for name in names)]
        for case, row in table.rows.items()
    ]
    return [["", *names], *body]


def as_text(grid: Sequence[Sequence[str]]) -> str:
    """Set rows of cells in columns."""
    widths = [max(len(row[column]) for row in grid) for column in range(len(grid[0]))]
    lines = ("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
             for row in grid)  # fmt: skip
    return "\n".join(line.rstrip() for line in lines)


def as_markdown(grid: Sequence[Sequence[str]]) -> str:
    """Set rows of cells as a table of Markdown; the first column is text, the others figures."""
    head, *body = grid
    rule = ["---", *("---:" for _ in head[1:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *body))


def caption_of(table: Table) -> str:
    """Say what a table shows and how to read it."""
    told = table.title + (f" ({table.unit}" if table.unit else " (")
    told += {"higher": "; more is better", "lower": "; less is better", "neither": ""}[table.better]
    return told + ")" + (f", as multiples of {table.reference}" if table.reference else "")


def tables_as_text(found: Findings) -> str:
    """Return all tables of a benchmark, and its notes."""
    told = [f"{caption_of(table)}\n{as_text(grid_of(table))}" for table in found.tables]
    return "\n\n".join([*told, *found.notes])


def grid_of_goals(verdicts: Sequence[Verdict]) -> list[list[str]]:
    """Return what came of the goals as rows of cells, the head first."""
    head = ["what", "goal", "measured", "gate", "verdict"]
    return [head] + [
        [
            each.goal.says,
            f"{_SIGNS[each.goal.sense]} {number(each.goal.figure)}",
            number(each.measured),
            number(each.goal.gate),
            each.word,
        ]
        for each in verdicts
    ]


_SIGNS = {">=": "≥", "<=": "≤"}


def goals_as_text(verdicts: Sequence[Verdict]) -> str:
    """Return what came of the goals as a table of text."""
    return as_text(grid_of_goals(verdicts))
