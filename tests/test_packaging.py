"""The wheel and the sdist hold what they need, and nothing of this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.helpers.links import LINK
from tools.shell_blocks import clean_copy

ROOT = Path(__file__).parent.parent
NO_CODE = {".js", ".css", ".tflite", ".npz", ".npy", ".wav", ".png", ".typed"}


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with a wheel and an sdist of a clean copy; nothing is downloaded."""
    folder = tmp_path_factory.mktemp("dist")
    copy = clean_copy(tmp_path_factory.mktemp("copy"))
    (copy / "notebooks" / "tfi_outputs").mkdir()
    (copy / "notebooks" / "tfi_outputs" / "mine.mp4").touch()
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", folder],
        cwd=copy, check=True, capture_output=True,
    )  # fmt: skip
    return folder


@pytest.fixture(scope="session")
def wheel(built: Path) -> zipfile.ZipFile:
    (path,) = built.glob("*.whl")
    return zipfile.ZipFile(path)


def package_files() -> set[str]:
    """Every file of the package that git knows or would take."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "tfi_notebook"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\n")  # fmt: skip
    return {name for name in listed if name and (ROOT / name).is_file()}


def test_the_wheel_holds_every_file_of_the_package(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    assert package_files() <= names
    assert {Path(name).suffix for name in names} >= NO_CODE


def test_every_link_of_the_tutorials_leads_somewhere_in_the_wheel(
    wheel: zipfile.ZipFile, tmp_path: Path
) -> None:
    wheel.extractall(tmp_path)
    tutorials = tmp_path / "tfi_notebook" / "tutorials"
    pages = [*tutorials.glob("notebooks/*.ipynb"), *tutorials.glob("**/*.md")]
    followed = [
        page.parent / link.split("#")[0]
        for page in pages
        for link in LINK.findall(text_of(page))
        if not link.startswith(("https:", "#"))
    ]
    assert [path for path in followed if not path.exists()] == []
    assert {path.name for path in followed} >= {"02_panel.ipynb", "scores.md", "notebook_08.jpg"}


def text_of(page: Path) -> str:
    """A page's prose."""
    if page.suffix == ".md":
        return page.read_text()
    cells = json.loads(page.read_text())["cells"]
    return "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def test_the_wheel_holds_notices_and_the_command(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    for notice in (
        "LICENSE",
        "tfi_notebook/media/models/LICENSE",
        "tfi_notebook/media/models/NOTICE",
    ):
        assert any(name.endswith(f".dist-info/licenses/{notice}") for name in names), notice
    (entry,) = (name for name in names if name.endswith("entry_points.txt"))
    assert "tfi-notebook = tfi_notebook.cli:main" in wheel.read(entry).decode()


def test_nothing_else_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"tfi_notebook"}
    unwanted = ("__pycache__", ".tmp", "tfi_outputs")
    assert not [name for name in wheel.namelist() if any(word in name for word in unwanted)]


def test_a_wheel_that_is_unpacked_speaks(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    """Run from the wheel's own files, so that a file that it lacks is missed."""
    wheel.extractall(tmp_path / "site")
    code = "from tfi_notebook import cli; print(cli.__file__); cli.main(['doctor'])"
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "site")},
    )  # fmt: skip
    assert str(tmp_path / "site") in shown.stdout
    assert "no key: the local service" in shown.stdout


def test_the_sdist_can_be_worked_on(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as sdist:
        names = {name.split("/", 1)[-1] for name in sdist.getnames()}
    assert package_files() <= names
    for name in (
        "Makefile",
        "mkdocs.yml",
        "requirements/test.txt",
        "tests/conftest.py",
        "docs/index.md",
    ):
        assert name in names
