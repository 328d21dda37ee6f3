"""Run the tutorials against the local service and store their outputs, without widget state.

Usage: `python tools/regenerate_notebooks.py [NAME ...]` (default: all). Runs in an empty folder
with an empty home and no key, so that nothing of this machine gets into a notebook.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from tfi_notebook.display.saved import strip_widgets

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
CELL_TIMEOUT_S = 300


def main(names: list[str]) -> int:
    """Regenerate the named notebooks, or all."""
    paths = [NOTEBOOKS / name for name in names] or sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))
    for path in paths:
        begun = time.monotonic()
        regenerate(path)
        print(f"{path.name}: {path.stat().st_size:,} bytes, {time.monotonic() - begun:.0f} s")
    return 0


def regenerate(path: Path) -> None:
    """Execute one notebook and write it back with its new outputs."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=CELL_TIMEOUT_S,
            resources={"metadata": {"path": folder}},
            kernel_name="python3",
        )
        client.execute(env=strangers_environment(folder))
    stripped, _ = strip_widgets(notebook, {})
    for cell in stripped["cells"]:
        cell["metadata"].pop("execution", None)
    nbformat.write(stripped, path)


def strangers_environment(folder: str) -> dict[str, str]:
    """Return this process's environment as somebody has it who never used the toolkit."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("TFI_")}
    return kept | {
        "TFI_HOME": f"{folder}/home",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
