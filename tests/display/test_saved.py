from __future__ import annotations

import copy
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from tests.helpers.kernel import run_notebook
from tfi_notebook.display.saved import WIDGET_VIEW, strip_widgets

if TYPE_CHECKING:
    from pathlib import Path

TWIN_AND_SECRET = """
import ipywidgets as w
from IPython.display import display

class Twin(w.VBox):
    def _repr_mimebundle_(self, **kw):
        return super()._repr_mimebundle_(**kw) | {"text/html": "<b>twin</b>", "text/plain": "twin"}

Twin([w.Password(value="typed-" + "secret")])
"""
ONLY_A_VIEW = """
view = w.Label("x")._repr_mimebundle_()
del view["text/plain"]
display(view, raw=True)
"""
CELLS = (TWIN_AND_SECRET, ONLY_A_VIEW, "print('kept')\n1 + 1")


def stripped(tmp_path: Path) -> tuple[Any, Any, dict[str, Any]]:
    ran = run_notebook(tmp_path, *CELLS)
    before = copy.deepcopy(ran.notebook)
    after, resources = strip_widgets(ran.notebook, {"other": 1})
    assert ran.notebook == before, "the executed notebook itself is not changed"
    return before, after, resources


def test_a_real_notebook_loses_its_widgets_and_nothing_else(tmp_path: Path) -> None:
    before, after, resources = stripped(tmp_path)
    assert "typed-secret" in str(before)
    assert "typed-secret" not in str(after)
    assert "typed-secret" in str(resources["widget_state"])
    assert resources["other"] == 1
    assert "version" in before.metadata.language_info
    assert "version" not in after.metadata.language_info
    assert WIDGET_VIEW not in str(after.cells)


def test_twins_stay_and_empty_views_go(tmp_path: Path) -> None:
    _, after, _ = stripped(tmp_path)
    twin, only_a_view, plain = (cell.outputs for cell in after.cells)
    assert twin[0]["data"]["text/html"] == "<b>twin</b>"
    assert only_a_view == []
    assert [output["output_type"] for output in plain] == ["stream", "execute_result"]


def test_a_notebook_without_widgets_goes_through(tmp_path: Path) -> None:
    ran = run_notebook(tmp_path, "2 + 2")
    after, resources = strip_widgets(ran.notebook, {})
    assert after.cells[0].outputs == ran.notebook.cells[0].outputs
    assert resources["widget_state"] is None


def test_pytest_notebook_finds_it_by_its_entry_point() -> None:
    (point,) = entry_points(group="nbreg.post_proc", name="tfi_strip_widgets")
    assert point.load() is strip_widgets


def test_a_table_keeps_its_numbers_and_loses_its_style_block(tmp_path: Path) -> None:
    ran = run_notebook(tmp_path, "import pandas\npandas.DataFrame({'speech_r': [0.25]})")
    after, _ = strip_widgets(ran.notebook, {})
    (before,), (kept,) = ran.outputs(0), after.cells[0].outputs
    assert "<style" in before["data"]["text/html"]
    assert "<style" not in kept["data"]["text/html"]
    assert "<td>0.25</td>" in kept["data"]["text/html"]
