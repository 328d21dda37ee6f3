"""A run as one HTML page that needs nothing else: no network, no kernel, no script."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from tfi_notebook import arguments
from tfi_notebook.display import html, words
from tfi_notebook.display.tables import picture, value_table
from tfi_notebook.errors import SettingsError, SweepError
from tfi_notebook.lifecycle.export import cell_of
from tfi_notebook.sweeps.columns import REPLICATES
from tfi_notebook.sweeps.front import front_of
from tfi_notebook.sweeps.plots import Plot, plot_of
from tfi_notebook.sweeps.recommend import recommend
from tfi_notebook.sweeps.shown import cells_of, is_number, short, varies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import pandas as pd  # type: ignore[import-untyped] # it publishes no types

    from tfi_notebook.sweeps.results import HasGallery

LINES_MAX: Final = 1000
_VALUES_MAX: Final = 30
_HEADLINE: Final = "lip_sync"
# what a browser may load for the page: the pictures in it, and nothing from anywhere else
_POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE: Final = (
    "body{font:14px/1.5 sans-serif;max-width:1100px;margin:2em auto;padding:0 1em}"
    "section{margin:2em 0;overflow-x:auto}h1{font-size:1.5em}h2{font-size:1.15em}"
)


def write_report(run: HasGallery, path: str | Path) -> Path:
    """Write the page of a run; see `Results.report`.

    Args:
        run: the run.
        path: the file; it is replaced.

    Raises:
        ArgumentError: it is no path.
        SettingsError: the file cannot be written.
        MissingExtraError: the packages of the extra `data` are not installed.
    """
    file = arguments.path("path", path)
    text = page(run)
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        reason = error.strerror or type(error).__name__
    else:
        return file
    raise SettingsError(f"the report cannot be written: {reason}", hint="name another file")


def page(run: HasGallery) -> str:
    """Return the page of a run as HTML, all foreign text escaped."""
    frame = run.results()
    name = html.escape(run.name)
    body = "".join(
        f"<section><h2>{html.escape(title)}</h2>{content}</section>"
        for title, content in _sections(run, frame)
    )
    made = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    settings = run.workspace.settings
    host = "" if settings.embedded else urlsplit(settings.base_url).netloc
    service = words.service_badge(local=settings.local, host=host)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><style>{_STYLE}</style></head>'
        f"<body><h1>{name}</h1><p>{html.badge(service)} {made}</p>{body}</body></html>\n"
    )


def _sections(run: HasGallery, frame: pd.DataFrame) -> Iterator[tuple[str, str]]:
    yield "Plan", _plan(run, frame)
    goal = _HEADLINE if _HEADLINE in frame.columns else "render_s"
    yield "Recommendation", _recommendation(run, frame, goal)
    charts = "".join(
        picture(chart.svg().encode(), "image/svg+xml", repr(chart))
        for chart in _charts(run, frame, goal)
    )
    yield "Charts", charts or "<p>nothing to draw yet</p>"
    yield "Videos", _videos(run)
    rest = f"<p>… and {len(frame) - LINES_MAX:,} more</p>" if len(frame) > LINES_MAX else ""
    yield "Results", value_table(*cells_of(frame, LINES_MAX)) + rest


def _plan(run: HasGallery, frame: pd.DataFrame) -> str:
    """What varied over which values, what all points share, and how they stand."""
    counts = frame["status"].value_counts(sort=False)
    standing = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    spent = frame["credits"].sum(min_count=1)
    facts = [
        ("points", f"{len(frame):,}: {standing}"),
        *((axis, _values(frame[axis])) for axis in run.axes),
        ("credits", short(None if frame["credits"].isna().all() else float(spent))),
        *((name, short(cell_of(value))) for name, value in _shared(run).items()),
    ]
    return html.form_table((name, value, "") for name, value in facts)


def _values(column: pd.Series) -> str:
    every = [short(value) for value in column.dropna().drop_duplicates()]
    more = f" … ({len(every):,} values)" if len(every) > _VALUES_MAX else ""
    return ", ".join(every[:_VALUES_MAX]) + more


def _shared(run: HasGallery) -> Mapping[str, Any]:
    """The fields of the payload that do not vary."""
    row = next((cell.snapshot for cell in run.cells() if cell.snapshot), None)
    body = row.body if row else {}
    return {name: value for name, value in body.items() if name not in run.axes}


def _recommendation(run: HasGallery, frame: pd.DataFrame, goal: str) -> str:
    most, least = (goal, None) if goal == _HEADLINE else (None, goal)
    try:
        return recommend(frame, run.axes, most, least, {})._repr_html_()
    except SweepError as error:
        return f"<p>{html.escape(error.message)}</p>"


def _charts(run: HasGallery, frame: pd.DataFrame, goal: str) -> Iterator[Plot]:
    """The headline and the time over the axes, then the trade-off between score and price."""
    axes = [axis for axis in run.axes if axis not in REPLICATES] or list(run.axes)
    x = max(axes, key=lambda axis: is_number(frame[axis]) and axis != "version")
    color = next((axis for axis in axes if axis != x), None)
    price = "credits" if varies(frame["credits"]) else "render_s"
    makers: list[Callable[[], Plot]] = [
        lambda: plot_of(frame, x, goal, color),
        lambda: plot_of(frame, x, price, color),
        lambda: front_of(frame, run.axes, (goal, price)).plot(),
    ]
    for make in makers:
        try:
            yield make()
        except SweepError:
            continue  # nothing of the kind was measured yet: the table shows it


def _videos(run: HasGallery) -> str:
    try:
        return run.gallery().sheet()
    except SweepError as error:
        return f"<p>{html.escape(error.message)}</p>"
