"""Board and history as a person uses them: in JupyterLab, with jobs at a service on loopback."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import DARK, themed
from tests.display.test_html import ATTACKS
from tests.helpers.held_api import HeldApi, served
from tfi_notebook.display import words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Locator, Page

    from tests.browser.conftest import Lab

pytestmark = pytest.mark.browser
expect.set_options(timeout=30_000)

CONNECT = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from pathlib import Path
from queue import Queue
from tests.helpers.held_api import connected
from tests.helpers.payloads import good_payload
from tfi_notebook.errors import TfiError
from tfi_notebook.widgets.board import Board
from tfi_notebook.widgets.history import History
handed = Queue()
def submit(count=1, **fields):
    for number in range(count):
        try:
            workspace.submit(good_payload(**fields, iteration_count=number + 1))
        except TfiError:
            pass  # the row says so
"""
SHOW = "Board(workspace, on_action=lambda name, row: handed.put((name, row.job_id)))"
OPEN = "opened = connected({url!r}, Path({folder!r})); workspace = opened.__enter__()"
ROW = ".tfi-rows tbody tr"
FOREIGN = "img, svg, script, iframe, style, a"
BOARD = "document.querySelector('.tfi-board')"
EXECUTE = """code =>
    jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute({code}).done"""
RESTART = """async () => {
    const session = jupyterapp.shell.currentWidget.sessionContext.session;
    await session.kernel.restart(); await session.kernel.info }"""
# the tops of its visible cells: one line has one
HEADER_LINES = """() => new Set([...document.querySelectorAll('.tfi-board thead th')]
    .filter(cell => getComputedStyle(cell).position !== 'absolute')
    .map(cell => Math.round(cell.getBoundingClientRect().top))).size"""
# a cell has run when the kernel has answered for it, which a restart sets back
RAN = """i => {
    const model = jupyterapp.shell.currentWidget.content.widgets[i].model;
    return model.executionState === 'idle' && model.executionCount }"""


class Walk:
    """A page with a notebook whose kernel is connected to the held service.

    Attributes:
        page: the page.
        api: the service.
    """

    def __init__(self, page: Page, lab: Lab, api: HeldApi, folder: Path, name: str) -> None:
        self.page, self.api, self._lab = page, api, lab
        self._name = name
        self._open = OPEN.format(url=api.base_url, folder=str(folder))

    def start(self, *cells: str, first: int | None = None) -> None:
        """Connect, and run these cells; only the first ones if `first` says so."""
        self._lab.notebook(self._name, f"{CONNECT}\n{self._open}", *cells)
        self._lab.open(self.page, self._name)
        self.run(*range(first or len(cells) + 1))

    def run(self, *cells: int) -> None:
        """Run cells one after the other."""
        for cell in cells:
            self._lab.run(self.page, cell)
            self.page.wait_for_function(RAN, arg=cell)

    def row(self, job: str) -> Locator:
        """The row of a job."""
        return self.page.locator(ROW).filter(has=self.page.get_by_role("rowheader", name=job))

    def jobs(self) -> list[str]:
        """The ids on the page, in their order."""
        return self.page.locator(f"{ROW} th").all_inner_texts()

    def press(self, job: str, action: str) -> None:
        """Press one of the buttons of a job."""
        self.row(job).locator(f".tfi-act-{action}").click()

    def wait_for_jobs(self, *jobs: str) -> None:
        """Wait until these jobs are on the page, in this order."""
        self.page.wait_for_function(
            "([row, jobs]) => [...document.querySelectorAll(row + ' th')]"
            ".map(cell => cell.textContent).join() === jobs",
            arg=[ROW, ",".join(jobs)],
        )


@pytest.fixture
def api() -> Iterator[HeldApi]:
    held = HeldApi()
    with served(held):
        yield held


@pytest.fixture
def walk(
    page: Page, jupyter_lab: Lab, api: HeldApi, tmp_path: Path, request: pytest.FixtureRequest
) -> Walk:
    return Walk(page, jupyter_lab, api, tmp_path, f"{request.node.name}.ipynb")


def no_violations(page: Page) -> None:
    """Find nothing serious that keeps somebody out."""
    found = Axe().run(page, ".tfi-board").response["violations"]
    assert [item["id"] for item in found if item["impact"] in {"serious", "critical"}] == []


def test_sorted_filtered_and_paged_by_keyboard(walk: Walk, api: HeldApi) -> None:
    api.finish(3)
    walk.start("submit(27)", SHOW)
    page = walk.page
    expect(page.locator(ROW)).to_have_count(25)
    page.get_by_role("button", name="Iterations").focus()
    page.keyboard.press("Enter")
    header = page.get_by_role("columnheader", name="Iterations")
    expect(header).to_have_attribute("aria-sort", "descending")
    page.keyboard.press("Enter")
    expect(header).to_have_attribute("aria-sort", "ascending")
    expect(page.get_by_role("button", name="Iterations")).to_be_focused()
    expect(page.locator(f"{ROW} th").first).to_have_text("job-1")
    page.get_by_role("button", name="next").focus()
    page.keyboard.press("Enter")
    walk.wait_for_jobs("job-26", "job-27")
    page.get_by_role("button", name="done 3").focus()
    page.keyboard.press("Space")
    walk.wait_for_jobs("job-1", "job-2", "job-3")
    expect(page.get_by_role("button", name="done 3")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("searchbox").focus()
    page.keyboard.type("job-2")
    walk.wait_for_jobs("job-2")
    expect(page.get_by_role("searchbox")).to_be_focused()
    no_violations(page)


def test_focus_an_open_entry_and_the_scroll_stay_while_jobs_go_on(walk: Walk, api: HeldApi) -> None:
    api.refuse = lambda body: "close" if body["version"] == 4 else None
    walk.start("submit(3); submit(1, version=4)", SHOW)
    page = walk.page
    walk.press(words.NOTHING, "adopt")
    entry = page.get_by_label("Job id")
    expect(entry).to_be_focused()
    page.keyboard.type("job-")
    page.evaluate("() => document.querySelector('.tfi-rows').scrollIntoView()")
    place = entry.bounding_box()
    page.evaluate(EXECUTE, "submit(2, version=5)")  # a run cell would take the focus
    api.extra["job-3"] = {"message": "told while typing"}
    expect(walk.row("job-3")).to_contain_text("told while typing")
    api.finish(2)
    expect(walk.row("job-2").locator(".tfi-pill")).to_have_text("done")
    expect(page.locator(".tfi-board [role=status]").first).to_contain_text("job")
    expect(entry).to_be_focused()
    expect(entry).to_have_value("job-")
    assert entry.bounding_box() == place
    page.keyboard.press("Escape")
    expect(walk.row(words.NOTHING).locator(".tfi-act-adopt")).to_be_focused()
    expect(page.locator(ROW)).to_have_count(6)
    expect(walk.row(words.NOTHING).locator(".tfi-act-adopt")).to_be_focused()


def test_a_failed_job_is_retried_after_a_question(walk: Walk, api: HeldApi) -> None:
    api.failing.add("job-1")
    api.extra["job-1"] = {"message": "no face was found"}
    api.finish(1)
    walk.start("submit(1)", SHOW)
    expect(walk.row("job-1")).to_contain_text("no face was found")
    walk.press("job-1", "retry")
    expect(walk.page.locator(".tfi-ask")).to_contain_text("paid for again")
    assert api.made == 1
    walk.page.locator(".tfi-yes").click()
    walk.wait_for_jobs("job-2", "job-1")
    assert api.made == 2


def test_the_three_ways_out_of_a_lost_answer(walk: Walk, api: HeldApi) -> None:
    api.refuse = lambda body: "close" if body["version"] == 4 else None
    walk.start("submit(3, version=4)", SHOW)
    page = walk.page
    rows = page.locator(ROW)
    expect(rows.locator(".tfi-act-adopt")).to_have_count(3)
    rows.nth(0).locator(".tfi-act-write_off").click()
    page.locator(".tfi-yes").click()
    expect(rows.nth(0).locator(".tfi-pill")).to_have_text("written off")
    api.bodies.append({"version": 4})  # this one was made after all
    rows.nth(1).locator(".tfi-act-adopt").click()
    page.keyboard.type("job-99")
    page.keyboard.press("Enter")
    expect(page.locator(".tfi-board [role=alert]")).not_to_be_empty()
    rows.nth(1).locator(".tfi-act-adopt").click()
    page.keyboard.type("job-1")
    page.keyboard.press("Enter")
    expect(rows.nth(1).locator(".tfi-pill")).to_have_text("processing")
    api.refuse = lambda _body: None
    rows.nth(2).locator(".tfi-act-resubmit").click()
    expect(page.locator(".tfi-ask")).to_contain_text("pays twice")
    page.locator(".tfi-yes").click()
    expect(rows).to_have_count(4)
    expect(rows.nth(3).locator(".tfi-pill")).to_have_text("written off")
    no_violations(page)


def test_watching_stops_and_goes_on_and_results_are_handed_on(walk: Walk, api: HeldApi) -> None:
    walk.start(
        "submit(1)", SHOW, "print(sorted(handed.get(timeout=60) for _ in range(2)))", first=3
    )
    walk.press("job-1", "stop")
    expect(walk.row("job-1")).to_contain_text("the job goes on")
    api.finish(1)
    walk.press("job-1", "watch")
    expect(walk.row("job-1").locator(".tfi-pill")).to_have_text("done")
    walk.press("job-1", "open")
    walk.press("job-1", "load")
    walk.run(3)
    printed = walk.page.locator(".jp-OutputArea-output pre").last
    expect(printed).to_have_text("[('load', 'job-1'), ('open', 'job-1')]")


def test_after_a_restart_the_history_follows_what_goes_on(walk: Walk, api: HeldApi) -> None:
    walk.start("submit(1)", "History(workspace)")
    expect(walk.row("job-1").locator(".tfi-pill")).to_have_text("processing")
    walk.page.evaluate(RESTART)
    walk.run(0, 2)
    expect(walk.row("job-1").locator(".tfi-act-stop")).to_be_visible()
    api.finish(1)
    expect(walk.row("job-1").locator(".tfi-pill")).to_have_text("done")
    no_violations(walk.page)


def test_what_a_service_says_fires_nothing(walk: Walk, api: HeldApi) -> None:
    traps = [text.replace("alert(1)", "window.attacked=1") for text in ATTACKS]
    for number, text in enumerate(traps, start=1):
        told: dict[str, object] = {
            "message": text,
            "job_status": text,
            "credit_used": text,
            "progress": text,
        }
        api.extra[f"job-{number}"] = told
    foreign = "workspace.submit(good_payload(values=[text]))"
    walk.start(f"for text in {traps!r}:\n    {foreign}", SHOW, "History(workspace)")
    page = walk.page
    for table in (page.locator(".tfi-board").nth(0), page.locator(".tfi-board").nth(1)):
        expect(table.locator("tbody tr")).to_have_count(25)
        table.get_by_role("button", name="next").click()
        expect(table.locator("tbody tr")).to_have_count(len(traps) - 25)
        expect(table.locator("tbody").locator(FOREIGN)).to_have_count(0)
    assert page.evaluate("() => window.attacked") is None
    first = walk.row("job-1").first
    expect(first.locator("[data-name=message]")).to_have_text(traps[0])


def test_it_reads_in_the_dark_and_in_a_narrow_cell(walk: Walk, api: HeldApi) -> None:
    api.failing.add("job-1")
    api.extra["job-1"] = {"message": "no face was found in the picture " * 4}
    api.extra["job-2"] = {"progress": 0.42, "eta_s": 75, "eta_from_jobs": 12}
    api.finish(1)
    walk.start("submit(2)", SHOW)
    page = walk.page
    expect(walk.row("job-2")).to_contain_text("from 12 earlier jobs")
    expect(walk.row("job-2")).to_contain_text("42 %")
    assert page.evaluate(HEADER_LINES) == 1
    with themed(page, DARK):
        no_violations(page)
        page.evaluate("() => jupyterapp.commands.execute('application:toggle-left-area')")
        page.set_viewport_size({"width": 600, "height": 1200})
        page.wait_for_function(f"() => {BOARD}.clientWidth <= 490 && {BOARD}.clientWidth > 300")
        assert page.evaluate(f"() => {BOARD}.scrollWidth <= {BOARD}.clientWidth")
        no_violations(page)
