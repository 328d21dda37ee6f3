"""Nine videos of a real sweep, taken up by another kernel, play in step in its gallery."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.browser.conftest import Lab
    from tfi_notebook.sweeps.run import Run

pytestmark = [pytest.mark.browser, pytest.mark.render]

FRAME_S = 1 / 25
TAKE_UP = """
import tfi_notebook as tfi
tfi.connect(local=True, ledger={ledger!r}, outputs={outputs!r})
tfi.run({name!r}).gallery(rows="version", columns="iteration_count")
"""
ALL_READY = """() => {
    const films = [...document.querySelectorAll('.tfi-tile video')];
    return films.filter(film => film.readyState >= 3).length === 9 }"""
START = """() => {
    document.querySelector('.tfi-start').click();
    window.startedAt = performance.now() }"""
TOGETHER_AFTER_5_S = """apart_s => {
    const times = [...document.querySelectorAll('.tfi-tile video')].map(film => film.currentTime);
    return performance.now() - window.startedAt >= 5000
        && Math.max(...times) - Math.min(...times) <= apart_s }"""
TIMES = "() => [...document.querySelectorAll('.tfi-tile video')].map(film => film.currentTime)"


def test_a_rendered_sweep_plays_in_step_in_another_kernel(
    jupyter_lab: Lab, chromium: Browser, rendered_run: Run
) -> None:
    known = rendered_run.workspace.settings
    places = {"ledger": str(known.ledger_path), "outputs": str(known.outputs_dir)}
    jupyter_lab.notebook("rendered_sweep.ipynb", TAKE_UP.format(name=rendered_run.name, **places))
    page = chromium.new_context(viewport={"width": 1280, "height": 1500}).new_page()
    jupyter_lab.open(page, "rendered_sweep.ipynb")
    jupyter_lab.run(page, 0)
    page.wait_for_function(ALL_READY, timeout=120_000)
    lengths = page.evaluate("() => document.querySelector('.tfi-tile video').duration")
    assert lengths == pytest.approx(4.0, abs=0.1)

    page.evaluate(START)
    page.wait_for_function(TOGETHER_AFTER_5_S, arg=FRAME_S)

    times = page.evaluate(TIMES)
    assert len(times) == 9
    assert 0.3 < min(times) < 3.7  # they loop, and play
    page.context.close()
