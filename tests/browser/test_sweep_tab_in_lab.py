from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import Lab

pytestmark = [pytest.mark.browser, pytest.mark.render]

PANEL = """
import tfi_notebook as tfi
panel = tfi.panel()
panel.preview.on = False
panel.form.fill({"output_size": 64})
panel
"""
RUN_MS = 200_000
PLAYS = "() => document.querySelector('.tfi-tile video')?.currentTime > 0.3"


def test_a_sweep_is_picked_run_and_looked_at_without_a_line_of_code(
    jupyter_lab: Lab, page: Page
) -> None:
    jupyter_lab.notebook("sweep.ipynb", PANEL)
    jupyter_lab.open(page, "sweep.ipynb")
    jupyter_lab.run(page, 0)
    page.get_by_role("tab", name="Sweep", exact=True).click()
    expect(page.locator(".tfi-sweep-go")).to_be_disabled(timeout=30_000)
    page.locator(".tfi-axis-version input").check()
    expect(page.locator(".tfi-plan")).to_contain_text("3 new")
    page.locator(".tfi-axis-version-6 input").uncheck()
    expect(page.locator(".tfi-plan")).to_contain_text("2 new")
    expect(page.locator(".tfi-plan")).to_contain_text("free: rendered on this machine")
    page.click(".tfi-sweep-go")
    board = page.locator(".tfi-run-board")
    expect(board).to_contain_text("2 of 2 done", timeout=RUN_MS)
    expect(page.locator(".tfi-plan")).to_contain_text("2 done")
    page.click(".tfi-sweep-gallery")
    expect(page.locator(".tfi-tile")).to_have_count(2, timeout=RUN_MS)
    expect(page.locator(".tfi-tile").first).to_contain_text("lip_sync")
    page.click(".tfi-gallery .tfi-start")
    page.wait_for_function(PLAYS)
    expect(page.locator(".tfi-error")).to_have_text("")
