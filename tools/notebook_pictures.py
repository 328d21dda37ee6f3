"""Make the small pictures of notebooks/README.md from the outputs that are committed.

Usage: `python tools/notebook_pictures.py`. Each picture is one output of a notebook, as a page of
nbconvert shows it in Chromium with the network switched off.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from nbconvert import HTMLExporter
from playwright.sync_api import sync_playwright

from tfi_notebook.browser import find_chromium

if TYPE_CHECKING:
    from playwright.sync_api import FloatRect, Page

ROOT = Path(__file__).parent.parent
SHOWN = {"01": 11, "02": 5, "03": 10, "04": 8, "05": 5, "06": 6, "07": 7, "08": 3}
"""Notebook → the cell whose output is its picture."""
WIDTH_PX, HEIGHT_PX, QUALITY = 560, 320, 82


def main() -> int:
    """Make all pictures."""
    with sync_playwright() as play, tempfile.TemporaryDirectory() as folder:
        browser = play.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 820, "height": 900}, offline=True)
        for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
            make(context.new_page(), path, Path(folder))
        browser.close()
    return 0


def make(page: Page, path: Path, folder: Path) -> None:
    """Make the picture of one notebook."""
    exporter = HTMLExporter(  # type: ignore[no-untyped-call]
        exclude_input=True, exclude_output_prompt=True
    )
    html, _ = exporter.from_filename(str(path))
    shown = folder / "page.html"
    shown.write_text(html)
    page.goto(shown.as_uri())
    box = page.locator(".jp-Cell").nth(SHOWN[path.stem[:2]]).bounding_box()
    assert box is not None, f"{path.name}: that cell shows nothing"
    clip: FloatRect = {
        "x": box["x"],
        "y": box["y"],
        "width": min(box["width"], WIDTH_PX),
        "height": min(box["height"], HEIGHT_PX),
    }
    target = ROOT / "docs" / "images" / f"notebook_{path.stem[:2]}.jpg"
    page.screenshot(path=target, full_page=True, clip=clip, type="jpeg", quality=QUALITY)
    print(f"{target.name}: {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    raise SystemExit(main())
