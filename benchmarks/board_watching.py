"""A board of 1,000 jobs at work in a real browser: what it sends while somebody watches.

A service in this process holds 1,000 jobs, and tells another progress of each whenever it is
asked; a kernel of a JupyterLab follows them all, and a Chromium shows the board. What comes over
the page's websocket from the board is counted for a while, headers included.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.findings import Findings, Table
from benchmarks.in_browser import chromium
from benchmarks.panel_opening import Heard
from tests.browser.conftest import running_lab
from tests.helpers.held_api import HeldApi, served

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import Lab

TITLE = "The board"
JOBS, QUICK_JOBS = 1_000, 50
WATCHED_S, QUICK_S = 30.0, 3.0
POLLS_PER_S = 250.0  # every job each 4 s: far more than the toolkit asks of itself
LONGEST_MS = 240_000
SUBMIT = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
import tfi_notebook as tfi
from tests.helpers.payloads import good_payload
from tfi_notebook import settings
from tfi_notebook.lifecycle.workspace import Workspace
folder = Path({folder!r})
workspace = Workspace(settings.resolve(
    "key", {url!r}, local=False, outputs=folder / "outputs", ledger=folder / "ledger.sqlite",
    limits=settings.Limits(
        poll_first_s=1.0, poll_max_s=4.0, poll_floor_s=1.0, poll_budget_per_s={polls_per_s})))
jobs = [workspace.submit(good_payload(values=[str(number)])) for number in range({jobs})]
len(jobs)
"""
SHOW = "tfi.board(workspace)"


class MovingApi(HeldApi):
    """Holds every job, and tells another progress at every question."""

    def _row(self, job_id: str) -> bytes:
        asked = self.extra.setdefault(job_id, {"progress": 0.0})
        asked["progress"] = round((float(str(asked["progress"])) + 0.003) % 1, 3)
        asked["message"] = f"frame {time.monotonic():.1f}"
        return super()._row(job_id)


def run(rounds: int, *, quick: bool) -> Findings:  # noqa: ARG001 - one long look is enough
    """Watch the jobs; return messages and bytes a second."""
    jobs, watched_s = (QUICK_JOBS, QUICK_S) if quick else (JOBS, WATCHED_S)
    api = MovingApi()
    with (
        tempfile.TemporaryDirectory() as folder,
        served(api),
        running_lab(Path(folder)) as server,
        chromium() as browser,
    ):
        code = SUBMIT.format(root=str(Path(__file__).parent.parent), folder=folder,
                             url=api.base_url, polls_per_s=POLLS_PER_S, jobs=jobs)  # fmt: skip
        server.notebook("watching.ipynb", code, SHOW)
        page = browser.new_page(viewport={"width": 1280, "height": 1500})
        page.set_default_timeout(LONGEST_MS)
        figures = watched(server, page, api, watched_s, shown=str(jobs))
    return Findings(
        measures={f"board_{name}": figure for name, figure in figures.items()},
        tables=[
            Table(f"A board of {jobs:,} jobs at work", "a second", "lower",
                  {"messages": {"board": figures["messages_per_s"]},
                   "bytes": {"board": figures["bytes_per_s"]}}, "", "none"),
        ],
        notes=[f"Meanwhile {figures['answers_per_s']:.0f} answers a second told another progress."],
    )  # fmt: skip


def watched(
    server: Lab, page: Page, api: HeldApi, watched_s: float, *, shown: str
) -> dict[str, float]:
    """Submit, show the board, and count what it is told from its first drawing on."""
    heard = Heard()
    page.on("websocket", heard.listen)
    server.open(page, "watching.ipynb")
    server.run(page, 0)
    page.wait_for_selector(f".jp-OutputArea-output:has-text('{shown}')")
    server.run(page, 1)
    page.wait_for_selector(".tfi-rows tbody tr")
    vars(heard).update(vars(Heard()))
    before = len(api.polls)
    page.wait_for_timeout(1000 * watched_s)
    count, told = len(heard.sizes), sum(heard.sizes) + heard.header_bytes
    page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")
    counted = {"messages": count, "bytes": told, "answers": len(api.polls) - before}
    return {f"{name}_per_s": number / watched_s for name, number in counted.items()}
