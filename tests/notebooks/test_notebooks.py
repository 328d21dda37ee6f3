"""The tutorials run, and what they show is what is committed."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from pytest_notebook.nb_regression import NBRegressionFixture

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
BYTES_MAX = 200_000
CELL_TIMEOUT_S = 120
# what is different at every run, and in a picture between processors
REPLACE = (
    ("/cells/*/outputs", r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<id>"),
    ("/cells/*/outputs", r"data:image/jpeg;base64,[A-Za-z0-9+/=]{1000,}", "<jpeg>"),
    ("/cells/*/outputs", r"[0-9.]+\s(s|kB|MB)\b", "<quantity>"),
    ("/cells/*/outputs", r"[0-9.]+ x real time", "<speed>"),
)


@pytest.fixture
def checked(tmp_path: Path, tfi_home: Path) -> NBRegressionFixture:
    """pytest-notebook, set up to run in an empty folder with an empty home."""
    return NBRegressionFixture(
        exec_timeout=CELL_TIMEOUT_S,
        exec_cwd=str(tmp_path),
        exec_env={"TFI_HOME": str(tfi_home)},
        post_processors=("coalesce_streams", "tfi_strip_widgets"),
        diff_ignore=(
            "/metadata/language_info",
            "/cells/*/execution_count",
            "/cells/*/outputs/*/execution_count",
            "/cells/*/outputs/*/metadata",
        ),
        diff_replace=REPLACE,
        diff_use_color=False,
    )


@pytest.mark.render
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_shows_again_what_is_committed(checked: NBRegressionFixture, path: Path) -> None:
    checked.check(str(path))


@pytest.mark.render
def test_a_changed_result_turns_red(checked: NBRegressionFixture, tmp_path: Path) -> None:
    notebook = nbformat.read(NOTEBOOKS[0], as_version=4)
    spoiled = copy.deepcopy(notebook)
    text = json.dumps(notebook)
    assert "'done'" in text
    for cell in spoiled.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if data.get("text/plain") == "'done'":
                data["text/plain"] = "'failed'"
    assert spoiled != notebook
    copied = tmp_path / "spoiled.ipynb"
    nbformat.write(spoiled, copied)
    result = checked.check(str(copied), raise_errors=False)
    assert "'failed'" in result.diff_string
    assert "'done'" in result.diff_string


def outputs(path: Path) -> list[Any]:
    cells = nbformat.read(path, as_version=4).cells
    return [output for cell in cells for output in cell.get("outputs", [])]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_fit_to_be_committed(path: Path) -> None:
    text = path.read_text()
    notebook = nbformat.read(path, as_version=4)
    assert len(text.encode()) < BYTES_MAX
    assert len(notebook.cells) <= 20
    assert "widgets" not in notebook.metadata
    assert "widget-view" not in text
    assert "?token=" not in text
    assert "<script" not in text
    assert "<style" not in text
    assert not re.search(r"(/home/|/root/|/tmp/|/Users/|C:\\\\)", text)
    assert str(NOTEBOOKS[0].parents[1]) not in text
    assert not [output for output in outputs(path) if output.output_type == "error"]
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_everything_shown_has_a_form_without_widgets(path: Path) -> None:
    for output in outputs(path):
        if output.output_type in {"display_data", "execute_result"}:
            assert output.data["text/plain"].strip()
