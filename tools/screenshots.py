"""Photograph the running product for the README and the docs: panel, gallery, history.

Starts JupyterLab with a home of its own, runs the panel in a real Chromium, and writes JPEG files
to docs/images. Nothing is retouched.

Usage: `python -m tools.screenshots [--folder docs/images] [--only panel narrow gallery]`
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from playwright.sync_api import sync_playwright

from tests.browser.conftest import FLAGS, Lab, running_lab
from tfi_notebook.browser import find_chromium

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Locator, Page

PANEL: Final = "import tfi_notebook as tfi\npanel = tfi.panel()\npanel"
SWEEP: Final = """
import tfi_notebook as tfi
payload = tfi.build_payload(output_size=200)
run = tfi.Sweep(payload, version=[4, 5, 6], iteration_count=[5, 20]).run()
run.wait()
run.gallery(rows="version", columns="iteration_count")
"""
LONGEST_MS: Final = 300_000
WIDE: Final = {"width": 1360, "height": 1700}
NARROW: Final = {"width": 480, "height": 2600}
ONLY_THE_NOTEBOOK: Final = """() => {
    const labShell = window.jupyterapp.shell;
    labShell.collapseLeft(); labShell.mode = 'single-document'; }"""
DARK: Final = """() => window.jupyterapp.commands.execute(
    'apputils:change-theme', {theme: 'JupyterLab Dark'})"""
IS_DARK: Final = "() => document.body.dataset.jpThemeLight === 'false'"
HAS_VIDEO: Final = "() => document.querySelector('.tfi-video')?.readyState >= 4"
HAS_CLIP: Final = "() => document.querySelector('.tfi-clip video')?.readyState >= 4"


def main() -> int:
    """Take all pictures, or some."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("docs/images"))
    parser.add_argument("--only", nargs="+", choices=SUBJECTS, default=list(SUBJECTS))
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, running_lab(Path(home)) as lab:
        for name in given.only:
            cell, viewport, take = SUBJECTS[name]
            lab.notebook(f"{name}.ipynb", cell)
            with opened(lab, f"{name}.ipynb", viewport) as page:
                take(page, given.folder)
    return 0


def picture_of_the_gallery(page: Page, folder: Path) -> None:
    """Take the gallery of a sweep once its videos play."""
    page.wait_for_selector(".tfi-gallery video", timeout=LONGEST_MS)
    page.click(".tfi-gallery .tfi-start")
    page.wait_for_function("() => document.querySelector('.tfi-tile video').currentTime > 1")
    keep(page.locator(".tfi-gallery").first, folder / "gallery.jpg")


def picture_of_the_narrow_panel(page: Page, folder: Path) -> None:
    """Take the panel as it is on a narrow page."""
    page.wait_for_selector(".tfi-submit:enabled")
    page.wait_for_selector(".tfi-photo")  # the picture has been looked at
    page.wait_for_function(HAS_CLIP, timeout=LONGEST_MS)
    keep(page.locator(".tfi-panel"), folder / "panel_narrow.jpg")


def pictures_of_the_panel(page: Page, folder: Path) -> None:
    """Submit a video, watch it play, and take the panel in both themes, and its other tabs."""
    page.click(".tfi-submit:enabled")
    page.wait_for_function(HAS_VIDEO, timeout=LONGEST_MS)
    panel = page.locator(".tfi-panel")
    keep(panel, folder / "panel.jpg")
    page.evaluate(DARK)
    page.wait_for_function(IS_DARK)
    keep(panel, folder / "panel_dark.jpg")
    page.get_by_role("tab", name="Sweep", exact=True).click()
    page.locator(".tfi-axis-version input").check()
    page.wait_for_selector(".tfi-plan table")
    keep(panel, folder / "panel_sweep.jpg")
    page.get_by_role("tab", name="History").click()
    page.wait_for_selector("table[aria-label=History]")
    keep(panel, folder / "panel_history.jpg")


@contextmanager
def opened(lab: Lab, name: str, viewport: dict[str, int]) -> Iterator[Page]:
    """Open a notebook in a browser of its own and run its first cell."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        page = browser.new_page(viewport=viewport)  # type: ignore[arg-type] # width and height
        page.set_default_timeout(60_000)
        lab.open(page, name)
        page.evaluate(ONLY_THE_NOTEBOOK)
        lab.run(page, 0)
        yield page
        browser.close()


def keep(part: Locator, path: Path) -> None:
    """Write a picture of a part of the page: mostly photographs, so JPEG."""
    path.write_bytes(part.screenshot(type="jpeg", quality=88))
    print(f"{path}: {path.stat().st_size:,} bytes")


SUBJECTS: Final = {
    "gallery": (SWEEP, WIDE, picture_of_the_gallery),
    "panel": (PANEL, WIDE, pictures_of_the_panel),
    "narrow": (PANEL, NARROW, picture_of_the_narrow_panel),
}
"""What is photographed: the cell, the size of the page, and who takes the pictures."""


if __name__ == "__main__":
    raise SystemExit(main())
