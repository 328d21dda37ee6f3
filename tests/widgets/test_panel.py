from __future__ import annotations

import json
import logging
import re
import threading
from contextlib import closing
from html import unescape
from typing import TYPE_CHECKING, Any

import ipywidgets
import pytest

from tests.helpers.faulty_server import reply
from tests.helpers.payloads import GOOD
from tests.helpers.told import Listener
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.display.saved import WIDGET_VIEW
from tfi_notebook.media.video import video_info
from tfi_notebook.widgets.job_rows import PAGE_ROWS
from tfi_notebook.widgets.panel import Panel, panel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.helpers.fake_api import ScriptedApi
    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.lifecycle.workspace import Workspace

OPENING_MESSAGES_MAX = 60
OPENING_BYTES_MAX = 60_000
SMALL = {"output_size": 128, "iteration_count": 1}
OTHER_PROJECT = "5d1c4a52-7a7e-4d7b-8a55-0f9a3a3d1c22"
NO_FACE = "http://tfi.localhost/samples/voice.wav"
PORTRAIT = "http://tfi.localhost/samples/portrait.png"


@pytest.fixture
def local_panel(local: Workspace) -> Iterator[Panel]:
    view = panel(local)
    view.preview.on = False
    yield view
    view.close()


@pytest.fixture
def live_panel(live: Workspace) -> Iterator[Panel]:
    view = panel(live)
    yield view
    settle(view)
    view.close()


def settle(view: Panel) -> None:
    """Wait until nothing of the panel goes on in the background."""
    while pending := tuple(view._pending):
        for future in pending:
            future.result(60)


def shown(widget: Any) -> str:
    """What a person reads in an HTML widget."""
    return unescape(re.sub(r"<[^>]*>", "", widget.value))


def badge(view: Panel) -> str:
    """The service's name, as it stands above the tabs."""
    return unescape(re.sub(r"<[^>]*>", "", view.tabs.title))


def entered(view: Panel) -> dict[str, Any]:
    """The payload as its JSON is shown beside the form."""
    return dict(json.loads(view.code.json_text))


def buttons(view: Panel) -> dict[str, bool]:
    """The buttons on display: label → whether it can be pressed."""
    return {item["label"]: not item["disabled"] for item in state(view)["buttons"]}


def state(view: Panel) -> dict[str, Any]:
    return dict(view.sending.actions.state)


def press(view: Panel, label: str) -> None:
    """Press a button as the page does, and wait for what comes of it."""
    (name,) = (item["name"] for item in state(view)["buttons"] if item["label"] == label)
    view.sending.actions._clicked(None, {"type": name}, [])
    settle(view)


def until(workspace: Workspace, wanted: Callable[[JobSnapshot], bool]) -> threading.Event:
    """An event that is set by the first change of a job that is wanted."""
    seen = threading.Event()
    workspace.subscribe(lambda row: seen.set() if wanted(row) else None)
    return seen


# -- before a submit -----------------------------------------------------------------------


def test_locally_the_samples_make_it_ready_to_submit(local_panel: Panel, local: Workspace) -> None:
    assert local_panel.payload == local.build_payload()
    assert entered(local_panel) == local.build_payload().body()
    assert buttons(local_panel)["Submit"]
    assert "not TFI's model" in badge(local_panel)


def test_live_three_fields_wait_for_the_user(live_panel: Panel) -> None:
    assert live_panel.payload is None
    assert not buttons(live_panel)["Submit"]
    assert state(live_panel)["reason"] == "cannot be submitted yet: see Picture, Narration, Project"
    live_panel.form.fill(GOOD)
    assert buttons(live_panel)["Submit"]
    assert state(live_panel)["reason"] == ""


def test_the_live_badge_gets_its_credits_and_the_form_its_projects(live_panel: Panel) -> None:
    settle(live_panel)
    assert re.search(r"LIVE · 127\.0\.0\.1:\d+ · credits 1,250$", badge(live_panel))
    assert "canary-key" not in repr(live_panel) + str(live_panel._repr_mimebundle_())


def test_the_code_follows_every_change(local_panel: Panel) -> None:
    local_panel.form.fill({"version": 4, "values": ["<img src=x onerror=alert(1)>"]})
    assert entered(local_panel)["version"] == 4
    assert entered(local_panel)["values"] == ["<img src=x onerror=alert(1)>"]
    assert "<img" not in local_panel.code.snapshot_html()


def test_pasted_code_becomes_the_form(local_panel: Panel) -> None:
    local_panel.form.fill({"version": 4, "crop": False})
    told: list[Any] = []
    local_panel.code.send = lambda content, *_: told.append(content)
    paste = "tfi.build_payload(version=5)"
    local_panel.code._received(None, {"type": "paste", "text": paste}, [])
    assert told == [{"type": "pasted", "problem": ""}]
    assert local_panel.payload is not None
    body = local_panel.payload.body()
    assert (body["version"], body["image_url"]) == (5, PORTRAIT)
    assert body["crop"], "what the code does not name is as it was at first"


def test_a_wrong_field_disables_submit_and_names_itself(local_panel: Panel) -> None:
    local_panel.form.fill({"image_url": "file:///etc/passwd"})
    assert not buttons(local_panel)["Submit"]
    assert "Picture" in state(local_panel)["reason"]
    assert local_panel.submit() is None
    local_panel.form.fill({"image_url": "https://cdn.example.com/a.png"})
    assert buttons(local_panel)["Submit"]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What widgets send from now on, and how long it is in bytes."""
    messages: list[tuple[str, int]] = []
    begun, told = ipywidgets.Widget.open, ipywidgets.Widget._send

    def opened(self: Any) -> None:
        state = json.dumps(self.get_state(), default=str)
        messages.append((f"open {type(self).__name__}", len(state)))
        begun(self)

    def updated(self: Any, message: Any, buffers: Any = None) -> None:
        if self.comm is not None:  # before that nothing leaves the kernel
            weight = sum(len(memoryview(part)) for part in buffers or ())
            messages.append((f"update {type(self).__name__}", len(json.dumps(message)) + weight))
        told(self, message, buffers)

    monkeypatch.setattr(ipywidgets.Widget, "open", opened)
    monkeypatch.setattr(ipywidgets.Widget, "_send", updated)
    return messages


def test_a_panel_opens_with_few_messages(local: Workspace, sent: list[tuple[str, int]]) -> None:
    view = panel(local)
    settle(view)
    view.close()
    assert 10 < len(sent) <= OPENING_MESSAGES_MAX, sent
    assert 10_000 < sum(size for _, size in sent) <= OPENING_BYTES_MAX, sent


def test_so_does_one_over_a_full_page_of_jobs(live: Workspace, sent: list[tuple[str, int]]) -> None:
    for count in range(1, PAGE_ROWS + 2):
        live.submit(GOOD | {"iteration_count": count})
    with closing(panel(live)) as view:
        assert view.board is not None
        view.board._received(None, {"type": "open"}, [])  # as a page does that has drawn it
        settle(view)
    assert 10 < len(sent) <= OPENING_MESSAGES_MAX, sent
    assert 20_000 < sum(size for _, size in sent) <= OPENING_BYTES_MAX, sent


def test_the_board_comes_with_the_first_job_and_stands_there_from_then_on(
    live_panel: Panel, live: Workspace
) -> None:
    assert live_panel.board is None
    submitted = until(live, lambda row: row.job_id is not None)
    submit_live(live_panel)
    assert submitted.wait(60)
    settle(live_panel)
    assert live_panel.board in live_panel.children
    with closing(panel(live)) as another:
        assert another.board in another.children


# -- the saved notebook --------------------------------------------------------------------


def test_without_a_kernel_form_and_board_can_be_read(local_panel: Panel) -> None:
    bundle = local_panel._repr_mimebundle_()
    assert WIDGET_VIEW in bundle
    for text in ("LOCAL", "Output size", "400", "no jobs yet"):
        assert text in bundle["text/html"]
    assert "<script" not in bundle["text/html"]
    assert "<style" not in bundle["text/html"]
    assert "image_url='http://tfi.localhost/samples/portrait.png'" in bundle["text/plain"]
    assert "Layout(" not in bundle["text/plain"]


# -- submitting ----------------------------------------------------------------------------


@pytest.mark.render
def test_a_submit_ends_with_a_video_that_plays(local_panel: Panel, local: Workspace) -> None:
    local_panel.form.fill(SMALL)
    arrived = until(local, lambda row: row.path is not None)
    press(local_panel, "Submit")
    assert "submitted as job" in state(local_panel)["reason"]
    assert arrived.wait(120)
    (row,) = local.snapshots()
    assert row.status is JobStatus.DONE
    assert row.path is not None
    assert video_info(row.path).duration_s > 1
    settle(local_panel)
    result = local_panel.result
    assert result is not None
    again = result.show(row)
    if again is not None:
        again.result(30)
    assert result.shown["plays"]
    assert "took" in result.shown["caption"]
    assert str(row.path.parent) not in str(result.shown)
    assert result in local_panel._right.children
    assert buttons(local_panel) == {
        "Show its result": True, "Submit again": True, "Check sources": True,
    }  # fmt: skip


def test_the_live_api_is_asked_for_only_after_a_yes(live_panel: Panel, api: ScriptedApi) -> None:
    live_panel.form.fill(GOOD)
    press(live_panel, "Submit")
    assert api.bodies == []
    assert "Submit to the live API?" in state(live_panel)["question"]
    assert "sources checked" in state(live_panel)["report"]
    press(live_panel, "No")
    assert api.bodies == []
    assert state(live_panel)["question"] == ""
    press(live_panel, "Submit")
    live_panel.form.fill({"version": 4})
    assert "Yes, submit" not in buttons(live_panel), "the question was about another payload"
    press(live_panel, "Submit")
    press(live_panel, "Yes, submit")
    (body,) = api.bodies
    assert body["version"] == 4


def test_what_the_live_api_can_never_reach_is_told_before_the_question(
    live_panel: Panel, api: ScriptedApi
) -> None:
    live_panel.form.fill({**GOOD, "image_url": "http://127.0.0.1:9/a.png"})
    press(live_panel, "Submit")
    assert "only this machine" in live_panel.form.problems()["image_url"]
    assert state(live_panel)["question"] == ""
    live_panel.form.fill(GOOD)
    assert live_panel.error == "", "it was about another payload"
    assert api.bodies == []


def test_a_payload_that_has_a_job_is_not_paid_for_again_unasked(
    live_panel: Panel, api: ScriptedApi
) -> None:
    submit_live(live_panel)
    assert "Submit again" in buttons(live_panel)
    press(live_panel, next(iter(buttons(live_panel))))
    if "Yes, submit" in buttons(live_panel):
        press(live_panel, "Yes, submit")
    assert len(api.bodies) == 1, "the same payload has its job already"
    assert "no second one was made" in state(live_panel)["reason"]
    press(live_panel, "Submit again")
    assert "stays paid for" in state(live_panel)["question"]
    press(live_panel, "Yes, submit")
    assert len(api.bodies) == 2


def submit_live(view: Panel) -> None:
    view.form.fill(GOOD)
    press(view, "Submit")
    press(view, "Yes, submit")


def test_clicks_from_many_threads_submit_once(live_panel: Panel, api: ScriptedApi) -> None:
    live_panel.form.fill(GOOD)
    press(live_panel, "Submit")
    gate = threading.Barrier(8)

    def click() -> None:
        gate.wait(20)
        live_panel.sending.actions._clicked(None, {"type": "yes"}, [])

    threads = [threading.Thread(target=click) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    settle(live_panel)
    assert len(api.bodies) == 1


def test_the_board_tells_how_the_job_goes(live_panel: Panel, live: Workspace) -> None:
    arrived = until(live, lambda row: row.path is not None)
    submit_live(live_panel)
    assert arrived.wait(60)
    settle(live_panel)
    assert "1 job: 1 done" in repr(live_panel.board)
    assert "LOCAL" not in repr(live_panel.board)


def test_a_refusal_is_shown_with_its_hint_and_below_its_field(
    live_panel: Panel, api: ScriptedApi
) -> None:
    api.answers["POST"] = reply(400, {"message": ["image_url must be a URL <b>"]})
    submit_live(live_panel)
    assert "image_url must be a URL" in live_panel.error
    assert "image_url must be a URL" in shown(live_panel.error_line)
    assert "<b>" not in live_panel.error_line.value
    assert buttons(live_panel)["Submit"], "the service may be asked once more"


@pytest.mark.render
def test_a_picture_without_a_face_is_blamed_on_its_field(local_panel: Panel) -> None:
    local_panel.form.fill({"image_url": NO_FACE})
    press(local_panel, "Submit")
    assert local_panel.error.startswith("image_url: ")
    assert "PNG" in shown(local_panel.error_line), "the hint says what to do"
    assert list(local_panel.form.problems()) == ["image_url"]
    local_panel.form.fill({"image_url": PORTRAIT})
    assert local_panel.form.problems() == {}


@pytest.mark.render
def test_a_row_that_is_refused_again_is_no_fault_of_the_form(
    local_panel: Panel, local: Workspace
) -> None:
    local_panel.form.fill({"image_url": NO_FACE})
    press(local_panel, "Submit")
    local_panel.form.fill({"image_url": PORTRAIT})
    settle(local_panel)
    assert local_panel.error == ""
    assert local_panel.board is not None
    again = local_panel.board.act("retry", local.snapshots()[0].key, sure=True)
    assert again is not None
    again.result(60)
    assert local_panel.error.startswith("image_url: ")
    assert local_panel.form.problems() == {}


@pytest.mark.render
def test_the_sources_are_looked_at_on_demand(local_panel: Panel) -> None:
    local_panel.form.fill({"image_url": NO_FACE})
    press(local_panel, "Check sources")
    assert "image_url" in state(local_panel)["report"]
    assert "problem" in state(local_panel)["report"]
    local_panel.form.fill({"image_url": PORTRAIT})
    assert state(local_panel)["report"] == "", "it was about another picture"


def test_a_refused_key_is_told_at_once(live: Workspace, api: ScriptedApi) -> None:
    api.answers["GET /api/provider"] = reply(401, {"message": "Unauthorized"})
    api.answers.pop("GET /api/provider/projects/active")
    view = panel(live)
    settle(view)
    assert "TFI_API_KEY" in shown(view.error_line)
    view.close()


def test_an_unexpected_failure_is_shown_and_logged(
    live_panel: Panel, caplog: pytest.LogCaptureFixture
) -> None:
    async def failing() -> None:
        raise ZeroDivisionError("<i>never expected</i>")

    with caplog.at_level(logging.ERROR, "tfi_notebook.widgets.part"):
        live_panel.in_background(failing())
        settle(live_panel)
    assert "ZeroDivisionError" in shown(live_panel.error_line)
    assert "<i>" not in live_panel.error_line.value
    assert "Traceback" in caplog.text


# -- other tabs, files, its end --------------------------------------------------------------


def test_a_job_of_the_history_is_loaded_into_the_form(live_panel: Panel, live: Workspace) -> None:
    submit_live(live_panel)
    (row,) = live.snapshots()
    live_panel.form.fill({"version": 4, "iteration_count": 33})
    live_panel.tabs.value = "History"
    assert live_panel.history in live_panel.children
    live_panel._act("load", row)
    assert live_panel.tabs.value == "Video"
    assert live_panel.payload is not None
    assert live_panel.payload.body() == dict(row.body)


def found_among_two(page: Listener, text: str) -> list[str]:
    """Search a table of two jobs, of which one is found; return the ids on the page."""
    page.ask(type="open")
    page.wait_for(lambda: page.state.get("total") == 2)
    page.ask(type="show", text=text)
    page.wait_for(lambda: page.state["total"] == 1)
    return [row["job"] for row in page.shown]


def test_board_and_history_find_jobs_by_the_name_of_their_project(
    live_panel: Panel, live: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = live.submit(GOOD)
    live.submit(GOOD | {"project_id": OTHER_PROJECT})
    settle(live_panel)
    live_panel.tabs.value = "History"
    assert live_panel.board is not None
    assert live_panel.history is not None
    for page in (
        Listener(live_panel.board, monkeypatch),
        Listener(live_panel.history, monkeypatch),
    ):
        assert found_among_two(page, "spring") == [job.id]


def test_a_closed_panel_listens_no_more(local: Workspace) -> None:
    before = len(local._engine.feed._listeners)
    view = panel(local)
    assert len(local._engine.feed._listeners) > before
    view.close()
    assert len(local._engine.feed._listeners) == before
    assert view.comm is None
    assert view.form.comm is None
