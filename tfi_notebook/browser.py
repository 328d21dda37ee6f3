"""Finding a Chromium: for the browser tests, and for `tfi-notebook doctor`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def find_chromium() -> Path | None:
    """Return a Chromium: `TFI_CHROMIUM`, else the system's, else Playwright's own, else None."""
    named = os.getenv("TFI_CHROMIUM")
    if named:
        return Path(named) if Path(named).is_file() else None
    for name in NAMES:
        found = shutil.which(name)
        if found:
            return Path(found)
    return _of_playwright()


def _of_playwright() -> Path | None:
    """Playwright names the place of its own build whether or not it is there."""
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 - a test dependency
    except ImportError:
        return None
    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return path if path.is_file() else None
