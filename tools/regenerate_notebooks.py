"""Run the tutorials against the local service and store their outputs, without widget state.

Usage: `python tools/regenerate_notebooks.py [NAME ...]` (default: all). Runs in an empty folder
with an empty home and no key, so that nothing of this machine gets into a notebook.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from tfi_notebook.display.saved import strip_widgets

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
CELL_TIMEOUT_S = 300


def main(names: list[str]) -> int:
    """Regenerate the named notebooks, or all."""
    paths = [NOTEBOOKS / name for name in names] or sorted(NOTEBOOKS.glob("*.ipynb"))
    for path in paths:
        regenerate(path)
        print(f"{path.name}: {path.stat().st_size:,} bytes")
    return 0


def regenerate(path: Path) -> None:
    """Execute one notebook and write it back with its new outputs."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        environment = {name: value for name, value in os.environ.items() if name[:4] != "TFI_"}
        client = NotebookClient(
            notebook,
            timeout=CELL_TIMEOUT_S,
            resources={"metadata": {"path": folder}},
            kernel_name="python3",
        )
        client.execute(env=environment | {"TFI_HOME": f"{folder}/home"})
    stripped, _ = strip_widgets(notebook, {})
    for cell in stripped["cells"]:
        cell["metadata"].pop("execution", None)
    nbformat.write(stripped, path)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
