"""A real Chromium for what a person sees: how long it takes to be drawn."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from benchmarks.findings import interleaved
from tests.browser.conftest import FLAGS
from tfi_notebook.browser import find_chromium

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from playwright.sync_api import Browser, Page

TWO_FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser that the tests use.

    Raises:
        RuntimeError: there is none.
    """
    found = find_chromium()
    if found is None:
        raise RuntimeError("no Chromium: set TFI_CHROMIUM or install one")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


def drawing_ms(pages: Mapping[str, str], rounds: int) -> dict[str, float]:
    """Return the least time from handing HTML over until it is on the screen, in ms, by name."""
    with chromium() as browser:
        page = browser.new_page()
        ways = {name: lambda html=html: _drawn_ms(page, html) for name, html in pages.items()}
        return {name: min(each) for name, each in interleaved(ways, rounds).items()}


def _drawn_ms(page: Page, html: str) -> float:
    page.set_content("<body></body>")
    began = time.perf_counter()
    page.evaluate("html => { document.body.innerHTML = html }", html)
    page.evaluate(TWO_FRAMES)
    return 1000 * (time.perf_counter() - began)
