"""Charts in a real JupyterLab: drawn by Lab itself, with nothing fetched from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import Lab

pytest.importorskip("altair", reason="needs the extra data")
pytestmark = pytest.mark.browser
START_MS = 60_000.0

SHOW = """
from tests.helpers.sweeps import AXES, table
from tfi_notebook.sweeps.front import front_of
from tfi_notebook.sweeps.plots import plot_of
frame = table(voices=3)
plot_of(frame, "iteration_count", "lip_sync", "version")
"""
FRONT = 'front_of(frame, AXES, ("lip_sync", "credits"))'


def test_lab_draws_the_chart_itself_and_the_front_with_its_table(
    jupyter_lab: Lab, page: Page, request: pytest.FixtureRequest
) -> None:
    path = f"import sys; sys.path.insert(0, {str(request.config.rootpath)!r})\n"
    jupyter_lab.notebook("plots.ipynb", path + SHOW, FRONT)
    foreign: list[str] = []
    page.on("request", lambda seen: foreign.append(seen.url) if outside(seen.url) else None)
    jupyter_lab.open(page, "plots.ipynb")
    jupyter_lab.run(page, 0)
    chart = page.locator(".jp-OutputArea .vega-embed").first
    expect(chart.locator("canvas, svg.marks").first).to_be_visible(timeout=START_MS)
    jupyter_lab.run(page, 1)
    shown = page.locator(".jp-OutputArea .mathjax_ignore")
    expect(shown).to_contain_text("more is better", timeout=START_MS)
    picture = shown.locator("img")
    expect(picture).to_be_visible()
    assert picture.evaluate("img => img.naturalWidth") > 600
    assert foreign == []


def outside(url: str) -> bool:
    return not url.startswith(("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:"))
