"""The board as its page sees it: what it is told, and what it can ask for."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.display.test_html import ATTACKS, Shape
from tests.helpers.held_api import WAIT_S, HeldApi, connected, served
from tests.helpers.payloads import GOOD, good_payload
from tests.helpers.snapshots import NOW, snapshot
from tests.helpers.told import Listener, done
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.contract.snapshot import Eta
from tfi_notebook.display.saved import WIDGET_VIEW
from tfi_notebook.errors import ArgumentError, ServiceError, SubmitUnknownError
from tfi_notebook.widgets.board import Board, board
from tfi_notebook.widgets.job_rows import PAGE_ROWS, View, asked_view, endings, find, row_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.lifecycle.workspace import Workspace


@pytest.fixture
def api() -> HeldApi:
    return HeldApi()


@pytest.fixture
def workspace(api: HeldApi, tmp_path: Path) -> Iterator[Workspace]:
    with served(api) as server, connected(server.url, tmp_path) as opened:
        yield opened


@pytest.fixture
def page(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    """An open board, whose `handed` collects what it hands on."""
    view = Board(workspace, on_action=lambda name, row: handed.append((name, row.job_id)))
    handed: list[tuple[str, str | None]] = []
    listener = Listener(view, monkeypatch)
    listener.handed = handed
    listener.ask(type="open")
    listener.wait_for(lambda: "order" in listener.state)
    yield listener
    view.close()


def lost(workspace: Workspace, api: HeldApi) -> None:
    """Submit something whose answer is lost."""
    api.refuse = lambda _body: "close"
    with pytest.raises(SubmitUnknownError):
        workspace.submit(good_payload(version=4))
    api.refuse = lambda _body: None


def only(page: Listener, **cells: Any) -> dict[str, Any]:
    """Wait until the only row has these cells."""
    page.wait_for(lambda: page.shown and page.shown[0].items() >= cells.items())
    return page.shown[0]


# -- rows ----------------------------------------------------------------------------------


def test_a_row_says_where_the_job_stands_and_what_is_left() -> None:
    running = snapshot(
        progress=0.42, queue_position=3, eta=Eta(NOW + 40, 12), credit_used=Decimal("12.50"),
        message="rendering",
    )  # fmt: skip
    row = row_of(running, "local", ["stop"])
    assert row["progress"] == 0.42
    assert (row["queue"], row["eta"], row["source"]) == (3, NOW + 40, "from 12 earlier jobs")
    assert (row["version"], row["iterations"], row["size"]) == ("6", "10", "400")
    assert (row["credits"], row["message"], row["local"]) == ("12.5", "rendering", True)
    assert "elsewhere" not in row
    assert row_of(running, "https://api.example.com", [])["elsewhere"] == "local"
    ended = row_of(running.having(status=JobStatus.DONE, finished_at=NOW), "local", [])
    assert "eta" not in ended


@pytest.mark.parametrize(
    ("column", "first"), [("progress", "c"), ("version", "b"), ("credits", "a"), ("eta", "b")]
)
def test_rows_are_sorted_both_ways_and_what_has_no_value_is_last(column: str, first: str) -> None:
    payloads = {version: good_payload(version=version).body() for version in (4, 5, 6)}
    rows = [
        snapshot("a", body=payloads[4], credit_used=Decimal(20), progress=0.1),
        snapshot("b", body=payloads[6], credit_used=Decimal(3), eta=Eta(NOW + 9, 1)),
        snapshot("c", body=payloads[5], progress=0.9, eta=Eta(NOW + 2, 1)),
    ]
    down = [row.key for row in find(rows, View(sort=column)).rows]
    up = [row.key for row in find(rows, View(sort=column, down=False)).rows]
    assert down[0] == first
    known = 3 if column == "version" else 2
    assert up[:known] == down[:known][::-1]
    assert up[known:] == down[known:]


def test_a_page_holds_some_rows_and_the_last_one_is_shown_beyond_the_end() -> None:
    rows = [snapshot(f"{n:03}", created_at=NOW - n) for n in range(2 * PAGE_ROWS + 3)]
    second = find(rows, View(page=1)).rows
    assert [row.key for row in second] == [f"{n:03}" for n in range(PAGE_ROWS, 2 * PAGE_ROWS)]
    assert len(find(rows, View(page=99)).rows) == 3


def test_status_and_text_filter_and_the_counts_follow_the_text() -> None:
    rows = [
        snapshot("a", status=JobStatus.FAILED, message="No Face"),
        snapshot("b", status=JobStatus.DONE, message="no face either"),
        snapshot("c", status=JobStatus.DONE),
    ]
    found = find(rows, View(text="no face", status="done"))
    assert [row.key for row in found.rows] == ["b"]
    assert found.counts == {"failed": 1, "done": 1}


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("image.png", ["a", "b"]), ("200", ["b"]), ("Ada", ["b"]), ("written off", ["b"]),
        (GOOD["project_id"], ["a", "b"]), ("spring", ["a"]),
        ("[", []), ("image_url", []), ("true", []), ("none", []),
    ],
)  # fmt: skip
def test_a_text_is_found_in_what_was_entered_and_in_no_name_of_a_field(
    text: str, keys: list[str]
) -> None:
    body = good_payload(output_size=200).body() | {"template_id": "t", "values": {"name": "Ada"}}
    rows = [snapshot("a", job_id=None), snapshot("b", body=body, status=JobStatus.WRITTEN_OFF)]
    of_spring = [GOOD["project_id"]] if text == "spring" else []
    assert [row.key for row in find(rows, View(text=text), of_spring).rows] == keys


@pytest.mark.parametrize(
    "asked",
    [
        {"page": -1}, {"page": True}, {"page": "1"}, {"sort": "key"}, {"sort": ["status"]},
        {"status": "<b>"}, {"status": {}}, {"text": 5}, {"text": "x" * 10_000}, {"down": "yes"},
    ],
)  # fmt: skip
def test_what_the_page_may_not_ask_for_changes_nothing(asked: dict[str, Any]) -> None:
    assert asked_view(View(), asked, ("status",)) == View()


def test_endings_are_one_sentence() -> None:
    done = snapshot("a", status=JobStatus.DONE)
    assert endings([done]) == "job job-a done"
    assert endings([done, done, done.having(status=JobStatus.FAILED)]) == "3 jobs: 2 done, 1 failed"


# -- what the page is told -----------------------------------------------------------------


def test_a_job_is_told_as_it_goes_and_its_end_is_said_once(
    page: Listener, workspace: Workspace, api: HeldApi
) -> None:
    api.extra["job-1"] = {"progress": 0.5, "eta_s": 100, "eta_from_jobs": 7, "message": "frames"}
    workspace.submit(good_payload())
    row = only(page, kind="processing", progress=0.5, message="frames")
    assert row["source"] == "from 7 earlier jobs"
    assert row["eta"] - page.state["now"] == pytest.approx(100, abs=5)
    assert row["actions"] == ["stop", "load"]
    api.finish(1)
    assert only(page, kind="done", credits="12.5")["actions"] == ["open", "load"]
    said = [message["said"] for message in page.messages if message.get("said")]
    assert said == ["job job-1 done"]


def test_only_what_has_changed_is_told(page: Listener, workspace: Workspace, api: HeldApi) -> None:
    workspace.submit(good_payload(version=4))
    workspace.submit(good_payload(version=5))
    page.wait_for(lambda: [row["kind"] for row in page.shown] == ["processing"] * 2)
    page.messages.clear()
    api.extra["job-2"] = {"message": "now this"}
    page.wait_for(lambda: page.shown[0].get("message") == "now this")
    (changed,) = page.messages
    assert set(changed) == {"type", "now", "rows"}
    assert list(changed["rows"].values()) == [{"message": "now this"}]


def test_a_board_that_nobody_has_opened_says_nothing(
    workspace: Workspace, api: HeldApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = Board(workspace)
    listener = Listener(view, monkeypatch)
    api.finish(1)
    workspace.submit(good_payload()).wait(WAIT_S)
    workspace.run(workspace.painter.flush())
    assert listener.messages == []
    view.close()


def test_sorting_filtering_and_paging_are_the_kernels(page: Listener, workspace: Workspace) -> None:
    for number in range(PAGE_ROWS + 2):
        workspace.submit(good_payload(iteration_count=number + 1))
    page.wait_for(lambda: page.state["total"] == PAGE_ROWS + 2)
    page.ask(type="show", sort="iterations", down=False, page=1)
    page.wait_for(lambda: page.state["view"]["page"] == 1)
    assert [row["iterations"] for row in page.shown] == [str(PAGE_ROWS + 1), str(PAGE_ROWS + 2)]
    page.ask(type="show", text="job-3", page=0)
    page.wait_for(lambda: page.state["view"]["text"] == "job-3")
    assert [row["job"] for row in page.shown] == ["job-3"]
    page.ask(type="show", status="done")
    page.wait_for(lambda: page.state["view"]["status"] == "done")
    assert (page.shown, page.state["total"]) == ([], 0)


# -- what can be done ----------------------------------------------------------------------


def test_who_stops_watching_asks_no_more_until_it_is_taken_up_again(
    page: Listener, workspace: Workspace, api: HeldApi
) -> None:
    job = workspace.submit(good_payload())
    key = job.key
    only(page, kind="processing")
    page.ask(type="act", name="stop", key=key)
    row = only(page, actions=["watch", "load"])
    assert "the job goes on" in row["message"]
    assert "is not watched any more" in page.told("note")[-1]
    with pytest.raises(ServiceError, match="no longer watched"):
        workspace.run(waits_for(workspace, job.snapshot))
    api.finish(1)
    page.ask(type="act", name="watch", key=key)
    assert only(page, kind="done")["actions"] == ["open", "load"]


async def waits_for(workspace: Workspace, row: JobSnapshot) -> None:
    """What a waiting handle is told of a job that is not watched: nothing more will come."""
    await workspace.engine.feed.settled(row.key)
    raise ServiceError(workspace.latest(row).message)


def test_a_failed_job_is_retried_once_and_only_after_the_question(
    page: Listener, workspace: Workspace, api: HeldApi
) -> None:
    api.failing.add("job-1")
    api.extra["job-1"] = {"message": "no face"}
    api.finish(1)
    workspace.submit(good_payload())
    row = only(page, kind="failed", message="no face", actions=["retry", "load"])
    assert "paid for again" in page.state["questions"]["retry"]
    (key,) = page.state["order"]
    done(page.table.act("retry", key))
    assert api.made == 1, "nobody has answered the question"
    first, second = (page.table.act("retry", key, sure=True) for _ in range(2))
    done(first)
    done(second)
    assert api.made == 2
    assert row["job"] == "job-1"
    page.wait_for(lambda: [row["job"] for row in page.shown] == ["job-2", "job-1"])


@pytest.mark.parametrize(
    ("name", "kinds"),
    [("resubmit", ["processing", "written_off"]), ("write_off", ["written_off"])],
)
def test_a_lost_answer_has_its_ways_out(
    page: Listener, workspace: Workspace, api: HeldApi, name: str, kinds: list[str]
) -> None:
    lost(workspace, api)
    row = only(page, kind="unknown")
    assert row["actions"] == ["resubmit", "adopt", "write_off", "load"]
    page.ask(type="act", name=name, key=page.state["order"][0], sure=True)
    page.wait_for(lambda: [row["kind"] for row in page.shown] == kinds)


def test_a_lost_job_is_adopted_by_its_id(
    page: Listener, workspace: Workspace, api: HeldApi
) -> None:
    lost(workspace, api)
    only(page, kind="unknown")
    api.bodies.append(good_payload(version=4).body())  # it was made after all
    (key,) = page.state["order"]
    page.ask(type="act", name="adopt", key=key, id="not an id!", sure=True)
    page.wait_for(lambda: page.told("error"))
    assert page.table.error
    page.ask(type="act", name="adopt", key=key, id="job-1", sure=True)
    assert only(page, kind="processing", job="job-1")["actions"] == ["stop", "load"]
    assert page.table.error == ""


def test_open_and_load_are_handed_to_the_owner(
    page: Listener, workspace: Workspace, api: HeldApi
) -> None:
    api.finish(1)
    workspace.submit(good_payload()).wait(WAIT_S)
    only(page, kind="done")
    (key,) = page.state["order"]
    for name in ("open", "load"):
        done(page.table.act(name, key))
    assert page.handed == [("open", "job-1"), ("load", "job-1")]


def test_alone_a_board_says_where_the_video_is(
    workspace: Workspace, api: HeldApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.finish(1)
    job = workspace.submit(good_payload()).wait(WAIT_S)
    view = board(workspace)
    listener = Listener(view, monkeypatch)
    done(view.act("open", job.key))
    assert listener.told("note") == ["the video is job-1.mp4; tfi.job('job-1').video() plays it"]
    view.close()


@pytest.mark.parametrize("content", [{}, {"type": "act"}, {"type": "act", "name": {}, "key": []}])
def test_nonsense_of_a_page_does_nothing(page: Listener, content: dict[str, Any]) -> None:
    page.ask(**content)
    done(page.table.show())
    assert page.told("error") == []


# -- the saved notebook, and the end -------------------------------------------------------


def test_a_saved_board_reads_without_a_kernel(workspace: Workspace, api: HeldApi) -> None:
    api.finish(1)
    api.extra["job-1"] = {"message": ATTACKS[0]}
    workspace.submit(good_payload()).wait(WAIT_S)
    view = board(workspace)
    bundle, _ = view._repr_mimebundle_()
    assert WIDGET_VIEW in bundle
    assert "1 job: 1 done" in bundle["text/plain"]
    shape = Shape(bundle["text/html"])
    assert not {tag for tag, _ in shape.tags} & {"script", "style"}
    for text in ("Credits", "12.5", "Outlook", "job-1"):
        assert text in shape.text
    view.close()


def test_a_closed_board_listens_no_more(workspace: Workspace) -> None:
    before = len(workspace.engine.feed._listeners)
    view = board(workspace)
    assert len(workspace.engine.feed._listeners) == before + 1
    view.close()
    assert len(workspace.engine.feed._listeners) == before


def test_a_board_needs_a_workspace() -> None:
    with pytest.raises(ArgumentError, match="workspace"):
        board("here")  # type: ignore[arg-type]


def test_changes_on_other_threads_find_the_board_whole(workspace: Workspace) -> None:
    """A click may come on any thread of the kernel."""
    view = board(workspace)
    clicks: list[Callable[[], object]] = [lambda: view.show(page=0) for _ in range(8)]
    threads = [threading.Thread(target=click) for click in clicks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done(view.show(text="x"))
    assert view.view == View(text="x")
    view.close()
