"""The trade-off front: the settings that no other beats in everything at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tfi_notebook.display import html
from tfi_notebook.display.tables import picture, value_table
from tfi_notebook.errors import MissingExtraError, SweepError
from tfi_notebook.sweeps.columns import Column, column, judged
from tfi_notebook.sweeps.plots import COLOURS, INK, Plot, channel, load_altair, look, records
from tfi_notebook.sweeps.shown import cells_of, text_of, varies
from tfi_notebook.sweeps.tries import Settings, settings_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd  # type: ignore[import-untyped] # it publishes no types

_WORDS: Final = {"higher": "more is better", "lower": "less is better"}
_WIDTH_PX: Final = 480


@dataclass(frozen=True, slots=True, eq=False)
class Front:
    """The trade-off front of a run; shown as a table with its chart.

    Attributes:
        columns: what was compared.
        settings: every setting with its means; `best` in its table marks the front.
    """

    columns: tuple[Column, ...]
    settings: Settings

    def frame(self) -> pd.DataFrame:
        """Return the front: one line for each setting, the best in the first column on top."""
        table = self.settings.table
        first = self.columns[0]
        order = first.losses(table[first.name]).sort_values().index
        return (
            table.loc[order][table.loc[order, "best"]].drop(columns="best").reset_index(drop=True)
        )

    def plot(self) -> Plot:
        """Return the chart: every setting over the first two columns, the front marked.

        Raises:
            MissingExtraError: Altair or vl-convert is not installed (extra `data`).
        """
        return _chart(self)

    def caption(self) -> str:
        """Say what the front is of, and which way is better."""
        table = self.settings.table
        ways = ", ".join(f"{item.name} ({_way(item)})" for item in self.columns)
        text = f"{int(table['best'].sum())} of {len(table)} settings that no other beats in {ways}"
        same = [item.name for item in self.columns if not varies(table[item.name])]
        return text + (f"; {', '.join(same)} is the same for all" if same else "")

    def __repr__(self) -> str:
        """Return the front as text."""
        return f"{self.caption()}\n{text_of(self.frame())}"

    def _repr_html_(self) -> str:
        table = value_table(*cells_of(self.frame()))
        return html.root(f"<div>{html.escape(self.caption(), 1000)}</div>{table}{self._drawn()}")

    def _drawn(self) -> str:
        try:
            chart = self.plot()
        except MissingExtraError:
            return ""
        return picture(chart.png(), "image/png", repr(self), _WIDTH_PX)


def front_of(frame: pd.DataFrame, axes: Sequence[str], columns: Sequence[str]) -> Front:
    """Return the trade-off front of a table of results; see `Results.front`.

    Args:
        frame: the results; it has the columns.
        axes: the fields that vary.
        columns: what to compare.

    Raises:
        SweepError: fewer than two columns, one without a better direction, or no values yet.
    """
    if len(set(columns)) < 2:  # noqa: PLR2004 - a trade-off has two sides
        raise SweepError(
            "a trade-off needs two columns", hint='such as run.front("lip_sync", "credits")'
        )
    compared = tuple(judged(name) for name in columns)
    settings = settings_of(frame.dropna(subset=list(columns)), axes, columns)
    losses = [item.losses(settings.table[item.name]) for item in compared]
    settings.table["best"] = _unbeaten(losses)
    return Front(compared, settings)


def _unbeaten(losses: Sequence[pd.Series]) -> Any:  # noqa: ANN401 - a numpy array
    """Return for each line whether no other is as good in every column and better in one."""
    import numpy as np  # noqa: PLC0415 - comes with pandas, an optional extra

    points = np.stack([column.to_numpy("float64") for column in losses], axis=1)
    best = np.zeros(len(points), bool)
    front = np.empty((0, points.shape[1]))
    # in this order a line can only be beaten by one that came before it
    for at in np.lexsort(points.T[::-1]):
        point = points[at]
        beaten = (front <= point).all(axis=1) & (front < point).any(axis=1)
        if not beaten.any():
            best[at] = True
            front = np.vstack([front, point])
    return best


def _way(item: Column) -> str:
    return _WORDS.get(item.direction) or f"nearer to {item.target:g} is better"


def _chart(front: Front) -> Plot:
    alt = load_altair()
    y, x = front.columns[:2]
    table = front.settings.table
    names = [front.settings.words(at) for at in range(len(table))]
    data = records(
        table.assign(_name=names, _best=table["best"].map({True: "front", False: "beaten"})),
        {"x": x.name, "y": y.name, "name": "_name", "kind": "_best"},
    )
    base = alt.Chart(alt.Data(values=data)).encode(
        x=channel(alt, "x", x.name, table[x.name]), y=channel(alt, "y", y.name, table[y.name])
    )
    best = base.transform_filter("datum.kind === 'front'")
    tips = [alt.Tooltip(field=name, title=title) for name, title in _tips(x, y)]
    layers = alt.layer(
        base.mark_point(color=INK, size=50, strokeWidth=1.5).encode(tooltip=tips),
        best.mark_line(color=COLOURS[1], interpolate="step-after", strokeWidth=1.5, opacity=0.8),
        best.mark_point(color=COLOURS[1], filled=True, size=90, opacity=1).encode(tooltip=tips),
        best.mark_text(color=INK, align="left", dx=8, dy=-8, fontSize=10).encode(text="name:N"),
    ).properties(width=440, height=270)
    title = f"{column(y.name).title} against {column(x.name).title}"
    return Plot(look(alt, layers, title, front.caption()), repr(front))


def _tips(x: Column, y: Column) -> list[tuple[str, str]]:
    return [("name", "setting"), ("y", y.title), ("x", x.title)]
