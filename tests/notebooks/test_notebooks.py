"""The tutorials run, and what they show is what is committed."""

from __future__ import annotations

import base64
import copy
import json
import re
from typing import TYPE_CHECKING, Any

import cv2
import nbformat
import numpy as np
import papermill  # type: ignore[import-untyped] # it publishes no types
import pytest
from pytest_notebook.notebook import regex_replace_nb

from tests.notebooks.conftest import CHART, NOTEBOOKS, NUMBER, POSTER, REPLACE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_notebook.nb_regression import NBRegressionFixture

BYTES_MAX = 200_000
CELLS_MAX = 15
FIRST = NOTEBOOKS[0]
SWEEP = FIRST.with_name("03_sweep_version_iteration_count.ipynb")
SMALL_PX = (64, 64)
CLOSE_LEVELS = 12.0
"""Mean difference of two pictures of one thing, made small; others differ by 30 and more."""


def outputs(notebook: Any) -> list[Any]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def pictures(notebook: Any) -> list[Any]:
    """Return every poster and chart of a notebook's outputs, decoded, in order."""
    found = []
    for output in outputs(notebook):
        data = output.get("data", {})
        found += POSTER.findall(data.get("text/html", ""))
        found += [data["image/png"]] if "image/png" in data else []
    return [shown(base64.b64decode(text)) for text in found]


def numbers(notebook: Any) -> list[float]:
    """Return every number with a decimal point in what a notebook shows, but times and sizes."""
    said: list[str] = []
    for output in outputs(regex_replace_nb(notebook, REPLACE)):
        data = output.get("data", {})
        said += [output.get("text", ""), data.get("text/plain", ""), data.get("text/html", "")]
        said.append(json.dumps(data.get(CHART, {}).get("data")))
    return [float(number) for number in NUMBER.findall(" ".join(said))]


def close_to(expected: list[float]) -> Any:
    """What a processor of another kind may make of these numbers."""
    return pytest.approx(expected, rel=0.15, abs=0.1)


def shown(data: bytes) -> Any:
    """Decode a picture as one sees it on a white page, in 64 x 64 px."""
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert decoded is not None, "no picture"
    picture: Any = decoded.astype(np.float32)
    if picture.shape[2] == 4:
        alpha = picture[:, :, 3:] / 255
        picture = picture[:, :, :3] * alpha + 255 * (1 - alpha)
    return cv2.resize(picture, SMALL_PX, interpolation=cv2.INTER_AREA)


@pytest.mark.render
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_shows_again_what_is_committed(checked: NBRegressionFixture, path: Path) -> None:
    committed, made = read(path), checked.check(str(path)).nb_final
    assert numbers(made) == close_to(numbers(committed))
    for one, other in zip(pictures(committed), pictures(made), strict=True):
        assert np.abs(one - other).mean() < CLOSE_LEVELS


def another_number(data: dict[str, str]) -> None:
    data["text/plain"] = data["text/plain"].replace("'version': 6", "'version': 5")


def no_picture(data: dict[str, str]) -> None:
    data["text/html"] = re.sub(r"<img [^>]*>", "", data.get("text/html", ""))


@pytest.mark.render
@pytest.mark.parametrize(
    ("spoil", "told"), [(another_number, "'version': 5"), (no_picture, "<img alt=")]
)
def test_a_wrong_number_and_a_missing_picture_turn_red(
    checked: NBRegressionFixture, tmp_path: Path, spoil: Callable[[Any], None], told: str
) -> None:
    notebook = nbformat.read(FIRST, as_version=4)
    spoiled = copy.deepcopy(notebook)
    for output in outputs(spoiled):
        spoil(output.get("data", {"text/plain": ""}))
    assert spoiled != notebook
    nbformat.write(spoiled, tmp_path / "spoiled.ipynb")
    result = checked.check(str(tmp_path / "spoiled.ipynb"), raise_errors=False)
    assert told in result.diff_string


def test_a_wrong_score_turns_red() -> None:
    notebook = read(FIRST.with_name("04_scores.ipynb"))
    spoiled = json.loads(json.dumps(notebook).replace("<td>0.00</td>", "<td>0.42</td>", 1))
    assert numbers(notebook) == close_to(numbers(notebook))
    assert numbers(nbformat.from_dict(spoiled)) != close_to(numbers(notebook))


@pytest.mark.render
def test_papermill_runs_the_sweep_with_other_axes(tmp_path: Path, tfi_home: Path) -> None:
    out = tmp_path / "out.ipynb"
    axes = {"versions": [5], "iterations": [2], "output_size": 64}
    papermill.execute_notebook(SWEEP, out, parameters=axes, cwd=tmp_path, progress_bar=False)
    told = " ".join(output.get("data", {}).get("text/plain", "") for output in outputs(read(out)))
    assert "2 of 2 done" in told
    assert len(list((tmp_path / "tfi_outputs").glob("*.mp4"))) == 2
    assert (tfi_home / "ledger.sqlite").is_file()


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_fit_to_be_committed(path: Path) -> None:
    text, notebook = path.read_text(), read(path)
    assert len(text.encode()) < BYTES_MAX
    assert len(notebook.cells) <= CELLS_MAX
    assert "widgets" not in notebook.metadata
    for unwanted in ("widget-view", "<script", "<style", str(NOTEBOOKS[0].parents[1])):
        assert unwanted not in text
    assert not re.search(r"(/home/|/root/|/tmp/|/Users/|C:\\\\)", text)
    assert not re.search(r"[?&;](token|sig|signature|key|expires|X-Amz-\w+)=", text, re.IGNORECASE)
    assert not [output for output in outputs(notebook) if output.output_type == "error"]
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_everything_shown_reads_without_a_kernel(path: Path) -> None:
    notebook = read(path)
    for output in outputs(notebook):
        if output.output_type in {"display_data", "execute_result"}:
            assert output.data["text/plain"].strip()
    for picture in pictures(notebook):
        assert picture.std() > 5, "an empty picture"


def test_the_parameters_of_the_sweep_are_tagged() -> None:
    tagged = [cell for cell in read(SWEEP).cells if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1


def test_the_index_names_every_notebook_with_a_picture() -> None:
    index = (NOTEBOOKS[0].parent / "README.md").read_text()
    for path in NOTEBOOKS:
        assert f"({path.name})" in index
        (picture,) = re.findall(rf"\((\.\./docs/images/notebook_{path.stem[:2]}\.\w+)\)", index)
        assert (NOTEBOOKS[0].parent / picture).is_file()
