"""The tutorials as pages, with the network switched off: what a reader without a kernel sees."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbconvert import HTMLExporter

from tests.browser.conftest import environment, free_port
from tests.notebooks.conftest import NOTEBOOKS, POSTER

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
APP = NOTEBOOKS[0].parent / "app.ipynb"
SHOWN = """() => {
    const area = box => box.width * box.height;
    const seen = one => area(one.getBoundingClientRect()) > 400;
    const all = kind => [...document.querySelectorAll('.jp-OutputArea ' + kind)].filter(seen);
    return {
        pictures: all('img').filter(one => one.complete && one.naturalWidth > 0).length,
        tables: all('table').length,
        unreadable: document.body.innerText.includes('Error displaying widget'),
    } }"""


def counted(path: Path) -> dict[str, Any]:
    """Count what the outputs of a saved notebook hold."""
    counts = {"pictures": 0, "tables": 0, "unreadable": False}
    for cell in nbformat.read(path, as_version=4).cells:
        for data in (output.get("data", {}) for output in cell.get("outputs", [])):
            html = data.get("text/html", "")
            counts["pictures"] += len(POSTER.findall(html)) + ("image/png" in data)
            counts["tables"] += html.count("<table") + ("|---" in data.get("text/markdown", ""))
    return counts


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_page_shows_all_tables_and_pictures_without_a_network(
    page: Page, path: Path, tmp_path: Path
) -> None:
    exporter = HTMLExporter()  # type: ignore[no-untyped-call]
    html, _ = exporter.from_filename(str(path))
    (tmp_path / "page.html").write_text(html)
    page.context.set_offline(offline=True)
    page.goto((tmp_path / "page.html").as_uri())
    assert page.evaluate(SHOWN) == counted(path)


def test_voila_opens_the_panel_as_an_app(page: Page, tmp_path: Path) -> None:
    port = free_port()
    flags = f"--no-browser --Voila.ip=127.0.0.1 --port={port} --Voila.open_browser=False".split()
    log_path = tmp_path / "voila.log"
    with log_path.open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "voila", str(APP), *flags],
            cwd=tmp_path, env=environment(tmp_path),
            stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        wait_for_port(server, log_path)
        page.goto(f"http://127.0.0.1:{port}/")
        page.get_by_text("LOCAL").first.wait_for()
        page.get_by_role("button", name="Submit").first.wait_for()
    finally:
        server.terminate()
        server.wait(timeout=30)


def wait_for_port(server: subprocess.Popen[bytes], log_path: Path) -> None:
    """Wait until the server says its address; its log is part of the failure."""
    while "is running at" not in log_path.read_text():
        try:
            server.wait(timeout=0.2)
        except subprocess.TimeoutExpired:
            continue
        pytest.fail(f"Voila did not start:\n{log_path.read_text()[-3000:]}")
