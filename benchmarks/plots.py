"""Bars and lines of a benchmark's tables, as small SVG files that read on light and dark pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt

from benchmarks.findings import OURS
from tfi_notebook.sweeps.plots import COLOURS, INK

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.findings import Table

WIDTH_PX, BAR_PX = 460, 13
# browsers' letters are wider than those that the labels' room is reckoned by
PADDING_PX = {"left": 40, "right": 40, "top": 4, "bottom": 4}


def draw(table: Table, path: Path) -> None:
    """Write one table as an SVG picture.

    Args:
        table: with at least one figure.
        path: the file.
    """
    rows = [
        {"case": case, "who": who, "figure": figure}
        for case, row in table.rows.items() for who, figure in row.items()
    ]  # fmt: skip
    data = alt.InlineData(values=rows)
    mark = lines(data, table) if table.plot == "lines" else bars(data, table)
    title = alt.TitleParams(table.title, anchor="start", fontSize=12)
    chart = mark.properties(title=title, background="transparent", padding=PADDING_PX)
    chart = chart.configure(font="sans-serif").configure_view(stroke=None)
    chart = chart.configure_axis(
        labelColor=INK, titleColor=INK, domainColor=INK, tickColor=INK, gridColor=INK,
        gridOpacity=0.25, labelLimit=220,
    )  # fmt: skip
    chart = chart.configure_title(color=INK).configure_legend(labelColor=INK, titleColor=INK)
    chart = chart.configure_header(labelColor=INK, titleColor=INK)
    chart.save(str(path), format="svg")


def bars(data: alt.InlineData, table: Table) -> alt.Chart:
    """One group of bars for each case."""
    order = table.contenders
    chart: alt.Chart = (
        alt.Chart(data, width=WIDTH_PX, height=alt.Step(BAR_PX))
        .mark_bar()
        .encode(
            x=alt.X("figure:Q", title=table.unit or None, axis=alt.Axis(tickCount=6)),
            y=alt.Y("who:N", title=None, sort=order),
            row=alt.Row(
                "case:N", title=None, sort=list(table.rows), spacing=8,
                header=alt.Header(labelAnchor="start", labelOrient="top"),
            ),
            color=_colour(order, legend=None),
        )
    )  # fmt: skip
    return chart


def lines(data: alt.InlineData, table: Table) -> alt.Chart:
    """One line for each contender; the cases are numbers, on a logarithmic scale."""
    chart: alt.Chart = (
        alt.Chart(data, width=WIDTH_PX, height=170)
        .transform_calculate(at="toNumber(datum.case)")
        .mark_line(point=True)
        .encode(
            x=alt.X(
                "at:Q",
                title=None,
                scale=alt.Scale(type="log", nice=False),
                axis=alt.Axis(tickCount=4),
            ),
            y=alt.Y("figure:Q", title=table.unit, scale=alt.Scale(type="symlog", constant=0.01)),
            color=_colour(table.contenders, legend=alt.Legend(title=None)),
        )
    )
    return chart


def _colour(contenders: list[str], legend: Any) -> alt.Color:  # noqa: ANN401 - a legend or None
    ours = [name for name in contenders if name.startswith(OURS)]
    others = [name for name in contenders if name not in ours]
    if not ours or not others:
        return alt.Color(
            "who:N", scale=alt.Scale(range=list(COLOURS)), sort=contenders, legend=legend
        )
    scale = alt.Scale(
        domain=[*ours, *others], range=[*([COLOURS[0]] * len(ours)), *([INK] * len(others))]
    )
    return alt.Color("who:N", scale=scale, legend=legend)
