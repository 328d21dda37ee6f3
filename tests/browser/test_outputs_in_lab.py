from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import Lab

pytestmark = pytest.mark.browser

SHOW = """
from IPython.display import Math, display
from tests.helpers.snapshots import NOW, snapshot
from tfi_notebook.display import html
from tfi_notebook.display.painter import publish
tex = r"$\\href{javascript:window.attacked=true}{x^2}$ \\(y^2\\)"
row = snapshot(message=tex + " <img src=x onerror='window.attacked=true'>")
publish({"text/html": html.board([row, row], now=NOW) + html.job_card(row, NOW)})
display(Math("z^2"))
"""


def test_foreign_text_is_neither_markup_nor_mathematics(
    jupyter_lab: Lab, page: Page, request: pytest.FixtureRequest
) -> None:
    path = f"import sys; sys.path.insert(0, {str(request.config.rootpath)!r})\n"
    jupyter_lab.notebook("outputs.ipynb", path + SHOW)
    jupyter_lab.open(page, "outputs.ipynb")
    jupyter_lab.run(page, 0)
    expect(page.locator(".jp-OutputArea mjx-container")).to_have_count(1)  # z^2, and only that
    board = page.locator(".jp-OutputArea .mathjax_ignore").first
    expect(board).to_contain_text("$\\href{javascript:window.attacked=true}{x^2}$")
    expect(board.locator("a, img")).to_have_count(0)
    assert page.evaluate("() => window.attacked") is None
