"""A run in a real kernel: the saved notebook keeps the last state of its board."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from nbclient import NotebookClient

from tests.helpers.held_api import HeldApi, served

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[2]
SETUP = """
import sys
from pathlib import Path
from tests.helpers.held_api import connected
from tests.helpers.payloads import good_payload
import tfi_notebook as tfi
opened = connected({url!r}, Path({folder!r}))  # held: a generator that is dropped is closed
workspace = opened.__enter__()
sweep = tfi.Sweep(good_payload(), workspace=workspace, version=[4, 5, 6], iteration_count=[1, 2])
"""


def test_board_and_progress_are_kept_in_the_saved_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.fspath(ROOT))
    with served(HeldApi(10**6)) as server:
        cells = [
            SETUP.format(url=server.url, folder=str(tmp_path)), "sweep.plan()",
            "run = sweep.run(confirm=True)\nrun", "run.wait();",
        ]  # fmt: skip
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
        NotebookClient(book, timeout=120, kernel_name="python3").execute()
    plan, board, waited = (cell.outputs for cell in book.cells[1:])
    assert "6 new" in plan[0].data["text/html"]
    assert "6 of 6 done" in board[0].data["text/html"]
    assert board[0].data["text/html"].count("job-") == 6
    assert "6 of 6 done" in board[0].data["text/plain"]
    assert "6 of 6 done" in waited[0].data["text/plain"]
    shown = "".join(output.data["text/html"] for output in (plan[0], board[0], waited[0]))
    assert "<script" not in shown
    assert "canary-signature" not in nbformat.writes(book)
