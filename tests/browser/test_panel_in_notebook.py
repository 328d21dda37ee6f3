"""Notebook 7 shows the same panel. Voila does, too: see test_notebook_pages.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import TimeoutError as TooLateError
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import Lab

pytestmark = [pytest.mark.browser, pytest.mark.render]

PANEL = """
import tfi_notebook as tfi
panel = tfi.panel()
panel.form.fill({"output_size": 64, "iteration_count": 1})
panel
"""
RENDER_MS = 180_000
HAS_RUN = "() => document.querySelector('.jp-InputPrompt').textContent.trim() !== '[ ]:'"
PLAYS = """async () => {
    const video = document.querySelector('.tfi-video');
    if (!(video?.duration > 0)) return false;
    video.muted = true; await video.play();
    return video.currentTime > 0.1; }"""


def test_a_video_is_made_and_plays_in_notebook_7(jupyter_lab: Lab, page: Page) -> None:
    jupyter_lab.notebook("seven.ipynb", PANEL)
    page.goto(f"{jupyter_lab.url}/notebooks/seven.ipynb")
    run_first_cell(page)
    page.click(".tfi-submit:enabled", timeout=RENDER_MS)
    page.wait_for_function(PLAYS, timeout=RENDER_MS)
    expect(page.locator(".tfi-instant")).to_contain_text("not TFI's model")


def run_first_cell(page: Page) -> None:
    """Notebook 7 drops what is run before its kernel is there, and does not tell when it is."""
    for _ in range(20):
        page.locator(".jp-Cell .cm-content").first.click()
        page.keyboard.press("Control+Enter")
        try:
            page.wait_for_function(HAS_RUN, timeout=3_000)
        except TooLateError:
            continue
        return
