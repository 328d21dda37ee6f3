"""A run as it is drawn: its counters, and the page of points on which something happens."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tfi_notebook.display import runs as shown
from tfi_notebook.display.html import quiet_line
from tfi_notebook.display.painter import Drawing
from tfi_notebook.display.words import service_badge
from tfi_notebook.sweeps.cells import Cells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tfi_notebook.sweeps.runner import Runner

STEPS = 10


def board(runner: Runner) -> Drawing:
    """Return the run as a board."""
    view = _view(runner, _page(runner))
    return Drawing(shown.run_board(view), shown.run_text(view), runner.active)


def progress(runner: Runner) -> Drawing:
    """Return how far the run is, in one line."""
    view = _view(runner)
    line = shown.run_line(view) + (f" ({view.reason})" if view.reason else "")
    return Drawing(quiet_line(line), line, runner.active)


def steps(runner: Runner) -> Drawing:
    """Return the same for a log: it counts as changed with each tenth of the run only."""
    drawing, counts = progress(runner), runner.books.words()
    tenth = STEPS * counts.get("done", 0) // max(1, sum(counts.values()))
    held_up = bool(runner.store.record.reason or runner.note)
    return replace(drawing, html=f"{runner.state} {tenth} {held_up}")


def _view(runner: Runner, rows: Sequence[shown.RunRow] = ()) -> shown.RunView:
    settings, record = runner.workspace.settings, runner.store.record
    host = "" if settings.embedded else urlsplit(settings.base_url).netloc
    local = service_badge(local=True, host=host) if settings.local else f"LIVE · {host}"
    return shown.RunView(
        name=runner.store.name,
        badge_words=local,
        state=str(runner.state),
        reason=record.reason or runner.note,
        counts=runner.books.words(),
        spent=runner.books.purse.spent,
        budget=record.budget_credits,
        axes=runner.store.axes,
        rows=rows,
    )


def _page(runner: Runner) -> list[shown.RunRow]:
    """The points around the first that is under way; the first ones when all have ended."""
    if runner.workspace.closed:  # and its ledger with it
        return []
    cells, now = Cells(runner.store, runner.workspace), time.time()
    front = min((live.index for live in runner.books.in_flight()), default=0)
    start = max(0, min(front, len(cells) - shown.PAGE_ROWS))
    return [
        shown.row_of(cell.index, list(cell.axes.values()), cell.snapshot, cell.problem, now)
        for cell in cells[start : start + shown.PAGE_ROWS]
    ]
