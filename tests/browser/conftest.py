"""A real Chromium and a real JupyterLab, for the tests that look at what a person sees."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from playwright.sync_api import sync_playwright

from tests.helpers.films import nine_films
from tests.helpers.kernel import new_notebook
from tfi_notebook.browser import find_chromium

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

ARTIFACTS = Path(__file__).parents[2] / "test-artifacts"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]
LIGHT, DARK = "JupyterLab Light", "JupyterLab Dark"
FILM_S = 6.0
SET_THEME = """async theme => {
    await window.jupyterapp.commands.execute('apputils:change-theme', {theme});
    await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))) }"""
SERVER_START_S = 60.0
# a kernel that is idle for the page may still be on its way for the model: wait for the model
KERNEL_READY = """async () => {
    const app = window.jupyterapp; await app.started;
    const panel = app.shell.currentWidget;
    await panel.context.ready; await panel.sessionContext.ready;
    await panel.sessionContext.session.kernel.info }"""

# a click inside an output makes that cell the active one, so the cell to run is named
RUN_CELL = """index => {
    window.jupyterapp.shell.currentWidget.content.activeCellIndex = index;
    window.jupyterapp.commands.execute('notebook:run-cell') }"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let a browser test that failed run once more; the summary names every RERUN.

    Kernel, server and page share two cores with the other test process: now and then the system
    leaves one of them without a turn for longer than a test waits. What is broken fails twice.
    """
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """TFI_CHROMIUM, else a browser on the PATH, else Playwright's own.

    Playwright runs an event loop in this thread as long as it lives, in which no other test could
    run its own: so it lives for one module of browser tests only.
    """
    found = find_chromium()
    if found is None:
        no_browser("no Chromium: set TFI_CHROMIUM or install one")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


def no_browser(reason: str) -> None:
    """Where it is promised that these tests run, a missing browser is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab server.

    Attributes:
        url: its address.
        folder: the folder it serves, where notebooks are put.
    """

    url: str
    folder: Path

    def notebook(self, name: str, *cells: str) -> None:
        """Write a notebook of code cells into the served folder."""
        nbformat.write(new_notebook(*cells), self.folder / name)

    def open(self, page: Page, name: str) -> None:
        """Open a notebook in a workspace of its own and wait until its kernel answers."""
        page.goto(f"{self.url}/lab/workspaces/{name.removesuffix('.ipynb')}/tree/{name}")
        page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget?.sessionContext")
        page.evaluate(KERNEL_READY)

    def run(self, page: Page, cell: int) -> None:
        """Start a cell, without waiting for its end."""
        page.evaluate(RUN_CELL, cell)


@pytest.fixture(scope="session")
def jupyter_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab on a free port, with its own settings and its own TFI_HOME."""
    with running_lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@contextmanager
def running_lab(home: Path) -> Iterator[Lab]:
    """Run JupyterLab with everything of its own below `home`."""
    folder = home / "notebooks"
    folder.mkdir()
    quiet_settings(home)
    port = free_port()
    log_path = home / "server.log"
    with log_path.open("w") as log:
        server = subprocess.Popen(
            command(folder, port), env=environment(home), stdout=log, stderr=subprocess.STDOUT
        )
    lab = Lab(f"http://127.0.0.1:{port}", folder)
    try:
        wait_for_server(lab, server, log_path)
        yield lab
    finally:
        server.terminate()  # it shuts its kernels down itself
        server.wait(timeout=30)


@contextmanager
def themed(page: Page, theme: str) -> Iterator[None]:
    """Look at a page in a theme. The server keeps it for all later pages: so it is set back."""
    _set_theme(page, theme)
    try:
        yield
    finally:
        _set_theme(page, LIGHT)


def _set_theme(page: Page, theme: str) -> None:
    page.evaluate(SET_THEME, theme)
    page.wait_for_function("theme => document.body.dataset.jpThemeName === theme", arg=theme)


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of nine short films that count their frames, `FILM_S` long."""
    folder = tmp_path_factory.mktemp("films")
    nine_films(folder, FILM_S)
    return folder


def command(folder: Path, port: int) -> list[str]:
    """The server with no token: it listens on loopback, for the time of the tests."""
    flags = (
        f"--no-browser --ip=127.0.0.1 --port={port} --ServerApp.port_retries=0 --allow-root"
        " --IdentityProvider.token= --expose-app-in-browser"
        ""
    ).split()
    return [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}", *flags]


def environment(home: Path) -> dict[str, str]:
    """An environment in which nothing of the developer's Jupyter or account is seen or changed."""
    kept = {
        name: text for name, text in os.environ.items() if not name.startswith(("JUPYTER", "TFI_"))
    }
    folders = (
        "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR",
        "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "TFI_HOME",
    )  # fmt: skip
    return kept | {name: str(home / name.lower()) for name in folders}


def quiet_settings(home: Path) -> None:
    """JupyterLab asks at its first start whether to fetch news: answer it beforehand."""
    plugin = home / "jupyterlab_settings_dir" / "@jupyterlab" / "apputils-extension"
    plugin.mkdir(parents=True)
    answer = '{"fetchNews": "false", "checkForUpdates": false}'
    (plugin / "notification.jupyterlab-settings").write_text(answer)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_server(lab: Lab, server: subprocess.Popen[bytes], log_path: Path) -> None:
    """Ask the server until it answers; its log is part of the failure."""
    deadline = time.monotonic() + SERVER_START_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if get_json(f"{lab.url}/api/status"):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log_path.read_text()[-3000:]}")


def get_json(url: str) -> Any:
    """GET a JSON document from the server."""
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)


@pytest.fixture
def page(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page in a fresh browser context; a failed test leaves a screenshot in test-artifacts."""
    context = chromium.new_context(viewport={"width": 1280, "height": 1500})
    context.set_default_timeout(60_000)
    page = context.new_page()
    failed_before = request.session.testsfailed
    yield page
    if request.session.testsfailed > failed_before:
        ARTIFACTS.mkdir(exist_ok=True)
        page.screenshot(path=str(ARTIFACTS / f"{request.node.name}.png"), full_page=True)
    page.evaluate("() => window.jupyterapp?.serviceManager.sessions.shutdownAll()")
    context.close()
