"""Charts of a run's results: live in JupyterLab, a picture on GitHub, a table in a terminal.

One output bundle holds all three: the Vega-Lite specification, which JupyterLab and VS Code draw
themselves, with the data in it and nothing fetched; a PNG of the same chart, which GitHub, nbviewer
and nbconvert show; and the medians as text. The ground is transparent and all colours are of middle
lightness, so that a chart reads on light and dark pages alike.
"""

from __future__ import annotations

import base64
import importlib
import importlib.util
import json
import textwrap
import zlib
from typing import TYPE_CHECKING, Any, Final

from tfi_notebook.contract.records import JobStatus
from tfi_notebook.display.words import readable
from tfi_notebook.errors import MissingExtraError, SweepError
from tfi_notebook.sweeps.columns import column
from tfi_notebook.sweeps.shown import is_number, plain, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import altair as alt
    import pandas as pd  # type: ignore[import-untyped] # it publishes no types

MIME: Final = "application/vnd.vegalite.v5+json"
"""What JupyterLab and VS Code draw; they know no later version, and the charts need none."""
_SCHEMA: Final = "https://vega.github.io/schema/vega-lite/v5.json"
_VERSION: Final = "5.20"
POINTS_MAX: Final = 2000
"""Points of one chart: more would be a blot, and would swell the notebook."""
COLOURS: Final = ("#2a87c8", "#d98c00", "#1f9e78", "#c46a9c", "#8a7fd0", "#d1603d", "#7d8590")
"""After Okabe and Ito, told apart by colour-blind readers too, each at least 2.8:1 against white
and against JupyterLab's dark ground."""
INK: Final = "#7d8590"
_FEW: Final = 10
_COLUMNS_MAX: Final = 12
_CAPTION_CHARS: Final = 76
_KIND: Final = {"kind": "_kind"}
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_SCALE: Final = 2.0


class Plot:
    """A chart that shows itself as the last expression of a cell.

    Args:
        chart: the Altair chart.
        plain: the same in words.
    """

    def __init__(self, chart: alt.TopLevelMixin, plain: str) -> None:
        self.chart = chart
        self._plain = plain

    def spec(self) -> dict[str, Any]:
        """Return the Vega-Lite specification with its data, in the version that Lab draws."""
        spec: dict[str, Any] = self.chart.to_dict()
        return spec | {"$schema": _SCHEMA}

    def png(self) -> bytes:
        """Return the chart as a PNG of twice its size in px, on a transparent ground."""
        data: bytes = _converter().vegalite_to_png(
            json.dumps(self.spec()), vl_version=_VERSION, scale=_SCALE, allowed_base_urls=[]
        )
        return smaller(data)

    def svg(self) -> str:
        """Return the chart as SVG."""
        text: str = _converter().vegalite_to_svg(
            json.dumps(self.spec()), vl_version=_VERSION, allowed_base_urls=[]
        )
        return text

    def __repr__(self) -> str:
        """Return the chart's numbers as text."""
        return self._plain

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, Any], dict[str, Any]]:
        png = self.png()
        width_px, height_px = (int.from_bytes(png[at : at + 4], "big") for at in (16, 20))
        shown = {"width": round(width_px / _SCALE), "height": round(height_px / _SCALE)}
        picture = base64.b64encode(png).decode("ascii")
        data = {MIME: self.spec(), "image/png": picture, "text/plain": self._plain}
        return data, {"image/png": shown}


def plot_of(
    frame: pd.DataFrame, x: str, y: str, color: str | None = None, facet: str | None = None
) -> Plot:
    """Return the chart of a table of results; see `Results.plot`.

    Args:
        frame: the results; it has the columns.
        x: column along the horizontal axis.
        y: column along the vertical axis; numbers.
        color: column of the colours.
        facet: column of which each value gets a chart of its own.

    Raises:
        SweepError: `y` holds no numbers, or no point has both values.
        MissingExtraError: Altair or vl-convert is not installed.
    """
    alt = load_altair()
    roles = {"x": x, "y": y} | ({"color": color} if color else {})
    roles |= {"facet": facet} if facet else {}
    if not is_number(frame[y]):
        raise SweepError(f"{y!r} holds no numbers to be drawn", hint="name another column as y")
    drawn = frame.dropna(subset=[x, y])
    if drawn.empty:
        raise SweepError(f"no point has both {x!r} and {y!r} yet", hint="run.wait() first")
    note = _caption(frame, drawn)
    data = records(_some(drawn).assign(_kind="video"), roles | _KIND)
    if _is_axis(x):
        lines = _medians(drawn, roles).reset_index().assign(_kind="median")
        data += records(lines, roles | _KIND)
        note += "; lines through the medians"
    marks = _layers(alt, frame, roles, data)
    chart = look(alt, marks, f"{column(y).title} by {column(x).title}", note)
    return Plot(chart, _plain(drawn, roles, note))


def look(alt: Any, chart: Any, title: str, note: str) -> Any:  # noqa: ANN401 - Altair, loaded on demand
    """Give a chart its title, its caption and colours for light and dark ground.

    Args:
        alt: the module `altair`.
        chart: any chart.
        title: what it shows.
        note: what it leaves out; own words.
    """
    caption = textwrap.wrap(note, _CAPTION_CHARS)
    words = alt.TitleParams(readable(title), subtitle=caption, anchor="start", color=INK)
    text = {"labelColor": INK, "titleColor": INK, "titleFontWeight": "normal", "titlePadding": 8}
    lines = {"gridColor": INK, "gridOpacity": 0.2, "domainColor": INK, "tickColor": INK}
    return (
        chart.properties(title=words)
        .configure(background="transparent", font="sans-serif")
        .configure_title(subtitleColor=INK, fontSize=13, fontWeight=600, offset=12)
        .configure_axis(**text, **lines)
        .configure_legend(**text)
        .configure_header(**text)
        .configure_view(stroke=None)
    )


def channel(alt: Any, kind: str, name: str, values: pd.Series) -> Any:  # noqa: ANN401 - Altair
    """Return the encoding of one column on a position channel, with its unit as the title.

    Args:
        alt: the module `altair`.
        kind: `x` or `y`; also the name of the field in the data.
        name: the column.
        values: the column's values.
    """
    made = {"x": alt.X, "y": alt.Y}[kind]
    title = readable(column(name).title)
    if not is_number(values) or name == "version":
        return made(f"{kind}:O", title=title, axis=alt.Axis(labelAngle=0))
    ticks = plain(values.dropna().drop_duplicates().sort_values()) if _is_axis(name) else []
    axis = alt.Axis(values=ticks) if 0 < len(ticks) <= _FEW else alt.Undefined
    scale = alt.Scale(zero=False, nice=axis is alt.Undefined, padding=12)
    return made(f"{kind}:Q", title=title, axis=axis, scale=scale)


def hue(alt: Any, name: str, values: pd.Series) -> Any:  # noqa: ANN401 - Altair
    """Return the encoding of one column as colours: of their own, or a range for many numbers."""
    title = readable(column(name).title)
    if is_number(values) and values.nunique() > _FEW:
        return alt.Color("color:Q", title=title, scale=alt.Scale(scheme="viridis"))
    order = [_cut(value) for value in plain(values.dropna().drop_duplicates().sort_values())]
    scale = alt.Scale(domain=order, range=list(COLOURS))
    return alt.Color("color:N", title=title, scale=scale, sort=order)


def records(rows: pd.DataFrame, roles: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return lines of a table as the data of a chart.

    Args:
        rows: a table.
        roles: for each field of the data the column that it comes from.
    """
    columns = [[_cut(value) for value in plain(rows[name])] for name in roles.values()]
    return [dict(zip(roles, values, strict=True)) for values in zip(*columns, strict=True)]


def smaller(png: bytes) -> bytes:
    """Return the same PNG packed tighter: the converter packs for speed, a notebook is kept.

    Args:
        png: a whole PNG file.
    """
    chunks, at = [], len(_PNG)
    while at < len(png):
        end = at + 12 + int.from_bytes(png[at : at + 4], "big")
        chunks.append((png[at + 4 : at + 8], png[at + 8 : end - 4]))
        at = end
    pixels = zlib.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT"))
    packed = (b"IDAT", zlib.compress(pixels, 9))
    head = [chunk for chunk in chunks if chunk[0] not in {b"IDAT", b"IEND"}]
    return _PNG + b"".join(_chunk(*chunk) for chunk in [*head, packed, (b"IEND", b"")])


def load_altair() -> Any:  # noqa: ANN401 - an optional package
    """Return Altair.

    Raises:
        MissingExtraError: it, or vl-convert, which makes its pictures, is not installed.
    """
    try:
        _converter()
        return importlib.import_module("altair")
    except ImportError:
        pass
    raise MissingExtraError("a chart", extra="data")


def _cut(value: Any) -> Any:  # noqa: ANN401 - one cell
    return readable(value, 60) if isinstance(value, str) else value


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(kind + data).to_bytes(4, "big")
    return len(data).to_bytes(4, "big") + kind + data + check


def _converter() -> Any:  # noqa: ANN401 - an optional package
    return importlib.import_module("vl_convert")


def _layers(alt: Any, frame: pd.DataFrame, roles: dict[str, str], data: Any) -> Any:  # noqa: ANN401 - Altair
    """Points for the videos under lines through the medians, once or for each facet."""
    shared = {kind: channel(alt, kind, roles[kind], frame[roles[kind]]) for kind in ("x", "y")}
    if "color" in roles:
        shared["color"] = hue(alt, roles["color"], frame[roles["color"]])
    base = alt.Chart().encode(**shared)
    tips = [alt.Tooltip(field=kind, title=readable(name)) for kind, name in roles.items()]
    plain = {} if "color" in roles else {"color": COLOURS[0]}
    points = base.mark_point(filled=True, size=55, opacity=0.75, **plain).encode(tooltip=tips)
    lines = base.mark_line(strokeWidth=2, opacity=0.9, **plain)
    both = alt.layer(
        lines.transform_filter("datum.kind === 'median'"),
        points.transform_filter("datum.kind === 'video'"),
        data=alt.Data(values=data),
    )
    if "facet" not in roles:
        return both.properties(width=440, height=270)
    header = alt.Facet("facet:N", title=readable(column(roles["facet"]).title))
    return both.properties(width=220, height=180).facet(header, columns=3)


def _is_axis(name: str) -> bool:
    """A column that was chosen and not measured: its values come again, and have medians."""
    return not column(name).direction


def _medians(drawn: pd.DataFrame, roles: dict[str, str]) -> pd.Series:
    keys = dict.fromkeys(roles[kind] for kind in ("facet", "color", "x") if kind in roles)
    return drawn.groupby(list(keys), observed=True)[roles["y"]].median()


def _some(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows, or as many as one chart shows, spread evenly over them."""
    return rows if len(rows) <= POINTS_MAX else rows.iloc[:: -(-len(rows) // POINTS_MAX)]


def _caption(frame: pd.DataFrame, drawn: pd.DataFrame) -> str:
    """Say what is drawn, and why the rest is not."""
    shown = f"{len(drawn):,} of {len(frame):,} points"
    if len(drawn) > POINTS_MAX:
        shown += f", {len(_some(drawn)):,} of them drawn"
    left = frame.loc[~frame.index.isin(drawn.index), "status"].astype(str)
    words = left.replace(str(JobStatus.DONE), "done without a value").value_counts(sort=False)
    reasons = [f"{count} {word}" for word, count in words.items() if count]
    return f"{shown} (left out: {', '.join(reasons)})" if reasons else shown


def _plain(drawn: pd.DataFrame, roles: dict[str, str], note: str) -> str:
    """The chart as a small table: medians, or the points themselves where there are none."""
    head = f"{roles['y']} by {roles['x']}"
    if not _is_axis(roles["x"]):
        table = drawn[list(dict.fromkeys(roles.values()))].sort_values(roles["x"])
        return f"{head}\n{text_of(table)}\n{note}"
    middle = _medians(drawn, roles)
    table = middle.unstack() if middle.index.nlevels > 1 else middle.to_frame().T  # noqa: PD010 - one level
    shown = table.iloc[:, :_COLUMNS_MAX].reset_index()
    return f"{head}, medians\n{text_of(shown)}\n{note}"
