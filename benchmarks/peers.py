"""Other people's clients, each installed into a place and run in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import venv
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REPLICATE = "replicate==1.0.7"
_CLIENT = Path(__file__).parent / "replicate_client.py"


def python_with(requirement: str) -> Path | None:
    """Return a Python that has a package, made at the first call; None if it cannot be had."""
    place = Path(platformdirs.user_cache_dir("tfi-notebook-benchmarks")) / requirement
    python = place / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if (place / "installed").exists():
        return python
    venv.create(place, with_pip=True, clear=True)
    asked = [str(python), "-m", "pip", "install", "--quiet", requirement]
    if subprocess.run(asked, check=False, capture_output=True).returncode:
        return None
    (place / "installed").touch()
    return python


@contextmanager
def replicate_at(base_url: str) -> Iterator[Callable[[int, int], float] | None]:
    """Run replicate's client against a server.

    Gives a function of (jobs, workers) that returns jobs per second; None if it cannot be had.
    """
    python = python_with(REPLICATE)
    if python is None:
        yield None
        return
    command = [str(python), str(_CLIENT), base_url]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asked, told = process.stdin, process.stdout
        assert told.readline().strip() == "ready"

        def measure(jobs: int, workers: int) -> float:
            asked.write(f"{jobs} {workers}\n")
            asked.flush()
            return float(told.readline())

        yield measure
        asked.close()
