"""Every Python block of the documentation runs as written, or says before it why not."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tools.regenerate_notebooks import strangers_environment
from tools.shell_blocks import pages

ROOT = Path(__file__).parent.parent
FENCED = re.compile(r"(?:<!-- ([^\n]*) -->\n+)?```python\n(.*?)```", re.DOTALL)
EXCUSED = re.compile(r"not tested: .+|tested by (?P<test>tests/\S+\.py)")
TIMEOUT_S = 240
MINE = (
    "import tfi_notebook as tfi; tfi.form()",
    "job = tfi.submit(tfi.build_payload(version=4, iteration_count=3, output_size=160)); job",
    "print(job.wait().status, 6 * 7)",
)


@dataclass(frozen=True)
class Block:
    """One block of Python, and what the comment before it says of it."""

    page: Path
    mark: str
    text: str


def blocks_of(page: Path) -> list[Block]:
    return [Block(page, mark, text) for mark, text in FENCED.findall(page.read_text())]


def run_in_one_kernel(page: Path, folder: Path) -> int:
    """Run a page's blocks one after the other, as somebody who has no key; return how many."""
    texts = [block.text for block in blocks_of(page) if not EXCUSED.fullmatch(block.mark)]
    cells = [nbformat.v4.new_code_cell(text) for text in texts]
    client = NotebookClient(
        nbformat.v4.new_notebook(cells=cells), timeout=TIMEOUT_S, kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    )  # fmt: skip
    if cells:
        client.execute(env=strangers_environment(str(folder)))
    return len(cells)


BLOCKS = [block for page in pages() for block in blocks_of(page)]
RUN = sorted({block.page for block in BLOCKS if not EXCUSED.fullmatch(block.mark)})


@pytest.mark.render
@pytest.mark.parametrize("page", RUN, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_python_of_a_page_runs_as_written(page: Path, tmp_path: Path) -> None:
    assert run_in_one_kernel(page, tmp_path)


def test_a_block_that_fails_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\nkept = 1\n```\ntext\n```python\nassert kept == 2, 'red'\n```\n")
    with pytest.raises(CellExecutionError, match="red"):
        run_in_one_kernel(page, tmp_path)
    page.write_text(page.read_text().replace("text\n", "<!-- not tested: long -->\n"))
    assert run_in_one_kernel(page, tmp_path) == 1


def test_every_python_block_is_found_and_every_mark_is_true() -> None:
    fences = [
        line
        for page in pages()
        for line in page.read_text().splitlines()
        if re.fullmatch(r"\s*(```|~~~)\s*(py|python|python3|pycon|ipython)\b.*", line)
    ]
    assert len(fences) == len(BLOCKS), "one of them is not written so that it is found"
    for block in BLOCKS:
        excuse = EXCUSED.fullmatch(block.mark)
        assert excuse or not block.mark, (block.page, block.mark)
        if excuse and excuse["test"]:
            assert block.page.name in (ROOT / excuse["test"]).read_text(), block.mark


@pytest.mark.render
def test_the_page_on_ci_compares_a_notebook_with_its_outputs(tmp_path: Path) -> None:
    """The test of docs/ci.md, on a notebook saved with its widgets; then with a wrong number."""
    (block,) = [one for one in blocks_of(ROOT / "docs" / "ci.md") if one.mark]
    (name,) = re.findall(r'"(\w+\.ipynb)"', block.text)
    saved = tmp_path / name
    (tmp_path / "test_mine.py").write_text(block.text)
    cells = [nbformat.v4.new_code_cell(text) for text in MINE]
    client = NotebookClient(nbformat.v4.new_notebook(cells=cells), kernel_name="python3")
    nbformat.write(client.execute(env=strangers_environment(str(tmp_path / "mine"))), saved)
    assert "widget-view" in saved.read_text()
    assert pytest_in(tmp_path, "--nb-force-regen") == pytest.ExitCode.TESTS_FAILED
    assert "widget-view" not in saved.read_text()
    assert pytest_in(tmp_path) == pytest.ExitCode.OK
    saved.write_text(saved.read_text().replace("done 42", "done 43"))
    assert pytest_in(tmp_path) == pytest.ExitCode.TESTS_FAILED


def pytest_in(folder: Path, *options: str) -> int:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "test_mine.py", *options],
        cwd=folder, env=os.environ | strangers_environment(str(folder)),
        capture_output=True, check=False, timeout=TIMEOUT_S,
    ).returncode  # fmt: skip
