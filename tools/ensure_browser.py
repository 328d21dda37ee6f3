"""See to it that a Chromium is here for the browser tests; never fails by itself.

Tries, in this order: what `TFI_CHROMIUM`, the system or Playwright has; Playwright's download;
Debian's package, when run as root. Whether a missing browser is an error, the tests decide.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from tfi_notebook.browser import find_chromium

ATTEMPT_S = 300
PACKAGES = ["chromium", "fonts-dejavu-core"]


def main() -> int:
    """Look for a Chromium, try to install one if there is none, and say what came of it."""
    for attempt in (_nothing, _from_playwright, _from_debian):
        attempt()
        found = find_chromium()
        if found:
            print(f"browser tests use {found.name}")
            return 0
    print("no Chromium found or installed: browser tests skip (with CI=true they fail)")
    return 0


def _nothing() -> None:
    """Look first at what is there."""


def _from_playwright() -> None:
    _attempt([sys.executable, "-m", "playwright", "install", "chromium"])


def _from_debian() -> None:
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    if is_root and shutil.which("apt-get"):
        _attempt(["apt-get", "update", "-qq"])
        _attempt(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES])


def _attempt(command: list[str]) -> None:
    try:
        subprocess.run(
            command, timeout=ATTEMPT_S, check=False, capture_output=True, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return


if __name__ == "__main__":
    raise SystemExit(main())
