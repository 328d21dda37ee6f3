from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.helpers.kernel import run_notebook
from tfi_notebook.display.saved import WIDGET_VIEW, strip_widgets

if TYPE_CHECKING:
    from pathlib import Path

PANEL = """
import tfi_notebook as tfi
panel = tfi.panel()
panel.form.fill({"output_size": 128, "iteration_count": 1})
panel
"""
SUBMIT = """
panel.submit().result(60)
job = tfi.jobs()[0].wait(120)
job.status.value
"""
OPEN = """
board = tfi.board()
board._received(None, {"type": "open"}, [])  # as a page does that has drawn it
board.model_id
"""


@pytest.mark.render
def test_a_notebook_with_a_panel_reads_well_when_saved(tmp_path: Path) -> None:
    ran = run_notebook(tmp_path, PANEL, SUBMIT, "panel")
    assert ran.outputs(1)[-1]["data"]["text/plain"] == "'done'"
    saved, _ = strip_widgets(ran.notebook, {})
    first, last = (saved.cells[at].outputs[0]["data"] for at in (0, 2))
    assert "no jobs yet" in first["text/html"]
    assert "1 job: 1 done" in last["text/html"]
    assert "not TFI's model" in last["text/plain"]
    assert WIDGET_VIEW not in str(saved)
    assert str(tmp_path) not in str(saved)


@pytest.mark.render
def test_the_board_is_drawn_at_most_twice_a_second(tmp_path: Path) -> None:
    ran = run_notebook(tmp_path, PANEL, OPEN, SUBMIT)
    board = ran.text(1).strip("'")
    draws = [
        when
        for when, kind, content in ran.messages
        if kind == "comm_msg" and content["comm_id"] == board
    ]
    # over the whole time: a message is stamped when it is sent, a little after its drawing
    assert 3 <= len(draws) <= 2 * (draws[-1] - draws[0]) + 2, draws
