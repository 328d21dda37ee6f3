"""Tell which lines of the package the tutorials run, kernels and their processes together.

Usage: `python tools/notebook_coverage.py [NAME ...]` (default: all). Prints one line for each room
and the sum. Needs the package `coverage`. pytest-notebook's own `--nb-coverage` sees the kernel
only; here every Python process that a notebook starts measures itself. Nothing is written back.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # run as a script

from tools.regenerate_notebooks import (  # noqa: E402 - needs the path
    CELL_TIMEOUT_S,
    NOTEBOOKS,
    strangers_environment,
)

PACKAGE = ROOT / "tfi_notebook"
CONFIG = "[run]\nsource = {package}\ndata_file = {folder}/data\nparallel = true\nsigterm = true\n"
START = "import coverage\ncoverage.process_startup()\n"


def main(names: list[str]) -> int:
    """Run the named notebooks, or all, and print what they have covered."""
    paths = [NOTEBOOKS / name for name in names] or sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "coveragerc")
        config.write_text(CONFIG.format(package=PACKAGE, folder=folder))
        Path(folder, "sitecustomize.py").write_text(START)
        measure = {
            "COVERAGE_PROCESS_START": str(config),
            "PYTHONPATH": os.pathsep.join(filter(None, [folder, os.getenv("PYTHONPATH")])),
        }
        for path in paths:
            run(path, measure)
        tell(config, Path(folder))
    return 0


def run(path: Path, measure: dict[str, str]) -> None:
    """Execute one notebook with every process measured."""
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            nbformat.read(path, as_version=4),
            timeout=CELL_TIMEOUT_S,
            resources={"metadata": {"path": folder}},
            kernel_name="python3",
        )
        client.execute(env=strangers_environment(folder) | measure)
    print(path.name, flush=True)


def tell(config: Path, folder: Path) -> None:
    """Print the share of lines that were run, room by room."""
    for words in (["combine", "-q"], ["json", "-q", "-i", "-o", "told.json"]):
        command = [sys.executable, "-m", "coverage", words[0], "--rcfile", str(config), *words[1:]]
        subprocess.run(command, cwd=folder, check=True)
    lines, covered = Counter[str](), Counter[str]()
    for name, told in json.loads((folder / "told.json").read_text())["files"].items():
        inside = name.rpartition("tfi_notebook/")[2]
        for room in (inside.partition("/")[0].removesuffix(".py"), "all"):
            lines[room] += told["summary"]["num_statements"]
            covered[room] += told["summary"]["covered_lines"]
    for room, count in sorted(lines.items(), key=lambda item: item[1]):
        if count:
            print(f"{room:<16} {count:6,} lines {covered[room] / count:6.1%}")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
