"""The history: the whole ledger, searched and turned page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.held_api import HeldApi, connected, served
from tests.helpers.payloads import good_payload
from tests.helpers.snapshots import snapshot
from tests.helpers.told import Listener, done
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.errors import LedgerError
from tfi_notebook.lifecycle.finder import Finder
from tfi_notebook.lifecycle.ledger import Ledger
from tfi_notebook.widgets.history import History
from tfi_notebook.widgets.job_rows import PAGE_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.lifecycle.workspace import Workspace

PROJECT = "0b9f3c52-7a7e-4d7b-8a55-0f9a3a3d1c11"
TEMPLATE = "5d1c4a52-7a7e-4d7b-8a55-0f9a3a3d1c22"
ELSEWHERE = "https://api.example.com"


def kept(number: int, **changes: Any) -> JobSnapshot:
    """A job of an earlier kernel."""
    row = snapshot(f"{number:032x}", status=JobStatus.DONE, finished_at=990.0)
    return row.having(service=ELSEWHERE, local=False, **changes)


@pytest.fixture
def api() -> HeldApi:
    return HeldApi()


@pytest.fixture
def workspace(api: HeldApi, tmp_path: Path) -> Iterator[Workspace]:
    with served(api) as server, connected(server.url, tmp_path) as opened:
        for number in range(2 * PAGE_ROWS):
            opened.engine.ledger.put(kept(number))
        yield opened


@pytest.fixture
def page(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    view = History(workspace)
    listener = Listener(view, monkeypatch)
    listener.ask(type="open")
    listener.wait_for(lambda: listener.state.get("counts"))
    yield listener
    view.close()


# -- the ledger, searched ------------------------------------------------------------------


@pytest.fixture
def finder(tmp_path: Path) -> Iterator[Finder]:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.put(kept(1, message="100% of it", job_id="job-a"))
    ledger.put(kept(2, message="1000 of it", status=JobStatus.FAILED))
    ledger.put(kept(3, body=good_payload(project_id=PROJECT).body() | {"note": "a_b"}))
    filled = good_payload(project_id=PROJECT).body() | {"template_id": TEMPLATE}
    ledger.put(kept(4, body=filled | {"values": {"name": "Ada"}}, status=JobStatus.WRITTEN_OFF))
    found = Finder(ledger.path)
    yield found
    found.close()
    ledger.close()


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("", [4, 3, 2, 1]), ("JOB-A", [1]), ("of it", [2, 1]), ("failed", [2]), (PROJECT, [4, 3]),
        ("written off", [4]), ("ada", [4]),
        ("100%", [1]), ("a_b", [3]), ("a%b", []), ("a-b", []), ("\\", []),
        ("'; DROP TABLE jobs; --", []),
        ("api.example", [4, 3, 2, 1]), ("image.png", [4, 3, 2, 1]),
        ("[", []), ("image_url", []), ("true", []),  # how a payload is written, not what it says
    ],
)  # fmt: skip
def test_a_text_is_found_wherever_it_stands(finder: Finder, text: str, numbers: list[int]) -> None:
    rows = finder.page(text, offset=0, limit=10)
    assert [int(row.key, 16) for row in rows] == numbers
    assert sum(finder.counts(text).values()) == len(numbers)


@pytest.mark.parametrize(("projects", "numbers"), [([PROJECT], [3]), ([TEMPLATE, PROJECT], [4, 3])])
def test_the_jobs_of_a_project_are_found_that_is_named_so(
    finder: Finder, projects: list[str], numbers: list[int]
) -> None:
    assert finder.page("spring", offset=0, limit=10) == []
    rows = finder.page("spring", "", projects=projects, offset=0, limit=10)
    assert [int(row.key, 16) for row in rows] == numbers
    assert sum(finder.counts("spring", projects).values()) == len(numbers)
    assert finder.page("spring", "failed", projects=projects, offset=0, limit=10) == []


def test_pages_and_their_order(finder: Finder) -> None:
    numbers = [int(row.key, 16) for row in finder.page(offset=1, limit=1)]
    numbers += [int(row.key, 16) for row in finder.page(offset=0, limit=1, oldest_first=True)]
    assert numbers == [3, 1]
    assert [row.key for row in finder.page("it", "failed", offset=0, limit=9)] == [f"{2:032x}"]


def test_what_cannot_be_searched_is_a_ledger_error(finder: Finder) -> None:
    finder.close()
    with pytest.raises(LedgerError, match="cannot be searched"):
        finder.page(offset=0, limit=1)


# -- the page ------------------------------------------------------------------------------


def test_it_holds_what_other_services_and_kernels_have_left(page: Listener) -> None:
    assert page.state["counts"] == {"done": 2 * PAGE_ROWS}
    assert len(page.shown) == PAGE_ROWS
    assert {row["elsewhere"] for row in page.shown} == {ELSEWHERE}
    assert {tuple(row["actions"]) for row in page.shown} == {()}
    assert page.state["sortable"] == ["created"]


def test_pages_are_turned_and_searched(page: Listener) -> None:
    page.ask(type="show", page=1, down=False)
    page.wait_for(lambda: page.state["view"]["page"] == 1)
    assert page.shown[-1]["job"] == f"job-{2 * PAGE_ROWS - 1:032x}"
    page.ask(type="show", text=f"{7:032x}", page=0)
    page.wait_for(lambda: page.state["total"] == 1)
    assert [row["job"] for row in page.shown] == [f"job-{7:032x}"]


def test_new_jobs_of_this_kernel_come_in_by_themselves(
    page: Listener, workspace: Workspace, api: HeldApi
) -> None:
    workspace.submit(good_payload())
    page.wait_for(lambda: page.shown[0]["job"] == "job-1" and page.shown[0]["kind"] == "processing")
    page.wait_for(lambda: page.state["counts"].get("processing") == 1)
    api.finish(1)
    page.wait_for(lambda: page.shown[0]["kind"] == "done")
    assert "elsewhere" not in page.shown[0]


def test_a_job_of_an_earlier_kernel_is_taken_up_again(
    api: HeldApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(api) as server:
        with connected(server.url, tmp_path) as first:
            key = first.submit(good_payload()).key
            first.run(first.engine.stop_watching(first.snapshots()[0]))
        with connected(server.url, tmp_path) as second:
            second.run(second.engine.stop_watching(second.snapshots()[0]))
            view = History(second)
            listener = Listener(view, monkeypatch)
            view._asked("open", {})
            listener.wait_for(lambda: "order" in listener.state)
            assert listener.shown[0]["actions"] == ["watch"]
            done(view.act("watch", key))
            api.finish(1)
            listener.wait_for(lambda: listener.shown[0]["kind"] == "done")
            view.close()


def test_a_saved_history_shows_the_newest_jobs(workspace: Workspace) -> None:
    view = History(workspace)
    bundle, _ = view._repr_mimebundle_()
    assert bundle["text/html"].count("<tr>") == 1 + PAGE_ROWS
    view.close()
