from __future__ import annotations

import json
import logging
import re
import threading
from html import unescape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import ipywidgets
import pytest

from tests.helpers.faulty_server import reply
from tests.helpers.payloads import GOOD
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.display.saved import WIDGET_VIEW
from tfi_notebook.media.video import video_info
from tfi_notebook.widgets.panel import Panel, panel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.helpers.fake_api import ScriptedApi
    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.lifecycle.workspace import Workspace

OPENING_MESSAGES_MAX = 60


@pytest.fixture
def local_panel(local: Workspace) -> Iterator[Panel]:
    view = panel(local)
    yield view
    view.close()


@pytest.fixture
def live_panel(live: Workspace) -> Iterator[Panel]:
    view = panel(live)
    yield view
    view.close()


def shown(widget: Any) -> str:
    """What a person reads in an HTML widget."""
    return unescape(re.sub(r"<[^>]*>", "", widget.value))


def entered(view: Panel) -> dict[str, Any]:
    """The payload as its JSON is shown beside the form."""
    return dict(json.loads(shown(view.json).removeprefix("Payload")))


def until(workspace: Workspace, wanted: Callable[[JobSnapshot], bool]) -> threading.Event:
    """An event that is set by the first change of a job that is wanted."""
    seen = threading.Event()
    workspace.subscribe(lambda row: seen.set() if wanted(row) else None)
    return seen


# -- before a submit -----------------------------------------------------------------------


def test_locally_the_samples_make_it_ready_to_submit(local_panel: Panel, local: Workspace) -> None:
    assert local_panel.payload == local.build_payload()
    assert entered(local_panel) == local.build_payload().body()
    assert not local_panel.button.disabled
    assert "not TFI's model" in shown(local_panel.badge)
    previews = [source.parts()[-1] for source in local_panel.form.sources]
    sample = files("tfi_notebook").joinpath("samples", "portrait.png").read_bytes()
    assert previews[0].value == sample
    assert isinstance(previews[1], ipywidgets.Audio)
    assert not previews[1].autoplay


def test_live_three_fields_wait_for_the_user(live_panel: Panel) -> None:
    assert live_panel.payload is None
    assert live_panel.button.disabled
    assert shown(live_panel.reason) == ("cannot be submitted yet: see Picture, Narration, Project")
    live_panel.form.fill(GOOD)
    assert not live_panel.button.disabled
    assert shown(live_panel.reason) == ""


def test_the_live_badge_gets_its_credits_and_the_form_its_projects(live_panel: Panel) -> None:
    for future in tuple(live_panel._pending):
        future.result(20)
    assert re.search(r"LIVE · 127\.0\.0\.1:\d+ · credits 1,250$", shown(live_panel.badge))
    (option,) = live_panel.form.controls["project_id"].widget.options
    assert option.startswith("Spring <b> · 468ea7a0")
    assert "canary-key" not in repr(live_panel) + str(live_panel._repr_mimebundle_())


def test_live_takes_no_files_and_says_why(live_panel: Panel) -> None:
    upload = live_panel.form.sources[0].upload
    assert upload.disabled
    assert "public URL" in upload.tooltip


def test_the_json_follows_every_change_and_is_escaped(local_panel: Panel) -> None:
    local_panel.form.fill({"version": 4, "values": ["<img src=x onerror=alert(1)>"]})
    assert entered(local_panel)["version"] == 4
    assert entered(local_panel)["values"] == ["<img src=x onerror=alert(1)>"]
    assert "<img" not in local_panel.json.value


def test_a_wrong_field_disables_submit_and_names_itself(local_panel: Panel) -> None:
    local_panel.form.fill({"image_url": "file:///etc/passwd"})
    assert local_panel.button.disabled
    assert "Picture" in shown(local_panel.reason)
    assert local_panel.submit() is None
    local_panel.form.fill({"image_url": "https://cdn.example.com/a.png"})
    assert not local_panel.button.disabled


def test_a_panel_opens_with_few_messages(local: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    counted = ipywidgets.Widget.open, ipywidgets.Widget._send

    def opened(self: Any) -> None:
        sent.append(f"open {type(self).__name__}")
        counted[0](self)

    def updated(self: Any, message: Any, buffers: Any = None) -> None:
        sent.append(f"update {type(self).__name__}")
        counted[1](self, message, buffers)

    monkeypatch.setattr(ipywidgets.Widget, "open", opened)
    monkeypatch.setattr(ipywidgets.Widget, "_send", updated)
    view = panel(local)
    view.close()
    assert 30 < len(sent) <= OPENING_MESSAGES_MAX, sent


# -- the saved notebook --------------------------------------------------------------------


def test_without_a_kernel_form_and_board_can_be_read(local_panel: Panel) -> None:
    bundle = local_panel._repr_mimebundle_()
    assert WIDGET_VIEW in bundle
    for text in ("LOCAL", "Output size", "400", "no jobs yet"):
        assert text in bundle["text/html"]
    assert "image_url='http://tfi.localhost/samples/portrait.png'" in bundle["text/plain"]
    assert "Layout(" not in bundle["text/plain"]


# -- submitting ----------------------------------------------------------------------------


@pytest.mark.render
def test_a_submit_ends_with_a_video_that_plays_below(local_panel: Panel, local: Workspace) -> None:
    local_panel.form.fill({"output_size": 128, "iteration_count": 1})
    arrived = until(local, lambda row: row.path is not None)
    submitted = local_panel.submit()
    assert submitted is not None
    submitted.result(60)
    assert "submitted as job" in shown(local_panel.reason)
    assert arrived.wait(120)
    (row,) = local.snapshots()
    assert row.status is JobStatus.DONE
    assert row.path is not None
    caption, player = settled_screen(local_panel, local)
    assert player.value == row.path.read_bytes()
    assert (player.autoplay, player.loop, player.controls) == (False, False, True)
    assert "took" in shown(caption)
    assert video_info(row.path).duration_s > 1
    assert str(row.path.parent) not in caption.value


def settled_screen(view: Panel, workspace: Workspace) -> tuple[Any, Any]:
    """The caption and the player, after the loop has told every listener."""

    async def nothing() -> None:
        """Come after what the loop is busy with."""

    workspace.run(nothing())
    caption, player = view.results.screen.children
    return caption, player


def test_the_button_is_wired_to_submit(live_panel: Panel, live: Workspace) -> None:
    live_panel.form.fill(GOOD)
    seen = until(live, lambda row: row.job_id is not None)
    live_panel.button.click()
    assert seen.wait(20)


def test_a_double_click_submits_once(live_panel: Panel, api: ScriptedApi) -> None:
    live_panel.form.fill(GOOD)
    first, second = live_panel.submit(), live_panel.submit()
    assert second is None
    assert first is not None
    first.result(20)
    assert len(api.bodies) == 1
    assert not live_panel.button.disabled
    again = live_panel.submit()
    assert again is not None
    again.result(20)
    assert len(api.bodies) == 1, "the same payload has its job already"
    assert "no second one was made" in shown(live_panel.reason)


def test_clicks_from_many_threads_submit_once(live_panel: Panel, api: ScriptedApi) -> None:
    live_panel.form.fill(GOOD)
    gate = threading.Barrier(8)

    def click() -> None:
        gate.wait(20)
        live_panel.button.click()

    threads = [threading.Thread(target=click) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    for future in tuple(live_panel._pending):
        future.result(20)
    assert len(api.bodies) == 1


def test_the_board_tells_how_the_job_goes(live_panel: Panel, live: Workspace) -> None:
    live_panel.form.fill(GOOD)
    arrived = until(live, lambda row: row.path is not None)
    live_panel.submit()
    assert arrived.wait(60)
    plain = live_panel.results.drawing().plain
    assert "1 job: 1 done" in plain
    assert "LOCAL" not in plain


def test_a_refusal_is_shown_with_its_hint_and_below_its_field(
    live_panel: Panel, api: ScriptedApi
) -> None:
    api.answers["POST"] = reply(400, {"message": ["image_url must be a URL <b>"]})
    live_panel.form.fill(GOOD)
    submitted = live_panel.submit()
    assert submitted is not None
    submitted.result(20)
    assert "image_url must be a URL" in live_panel.error
    assert "image_url must be a URL" in shown(live_panel.error_line)
    assert "<b>" not in live_panel.error_line.value
    assert not live_panel.button.disabled, "after a correction it can be sent again"


@pytest.mark.render
def test_a_picture_without_a_face_is_blamed_on_its_field(local_panel: Panel) -> None:
    local_panel.form.fill({"image_url": "http://tfi.localhost/samples/voice.wav"})
    submitted = local_panel.submit()
    assert submitted is not None
    submitted.result(60)
    assert local_panel.error.startswith("image_url: ")
    assert "PNG" in shown(local_panel.error_line), "the hint says what to do"
    assert local_panel.form.problems() == ["Picture"]
    local_panel.form.fill({"image_url": "http://tfi.localhost/samples/portrait.png"})
    assert local_panel.form.problems() == []


def test_a_refused_key_is_told_at_once(live: Workspace, api: ScriptedApi) -> None:
    api.answers["GET /api/provider"] = reply(401, {"message": "Unauthorized"})
    api.answers.pop("GET /api/provider/projects/active")
    view = panel(live)
    for future in tuple(view._pending):
        future.result(20)
    assert "TFI_API_KEY" in shown(view.error_line)
    view.close()


def test_an_unexpected_failure_is_shown_and_logged(
    live_panel: Panel, caplog: pytest.LogCaptureFixture
) -> None:
    async def failing() -> None:
        raise ZeroDivisionError("<i>never expected</i>")

    with caplog.at_level(logging.ERROR, "tfi_notebook.widgets.panel"):
        live_panel._in_background(failing()).result(20)
    assert "ZeroDivisionError" in shown(live_panel.error_line)
    assert "<i>" not in live_panel.error_line.value
    assert "Traceback" in caplog.text


# -- files ---------------------------------------------------------------------------------


def test_an_upload_becomes_the_url_and_the_preview(local_panel: Panel) -> None:
    source = local_panel.form.sources[0]
    picture = files("tfi_notebook").joinpath("samples", "portrait.png").read_bytes()
    local_panel.upload(source, "me.png", picture).result(30)
    assert re.fullmatch(r"http://tfi\.localhost/assets/[0-9a-f]{64}\.png", source.widget.value)
    assert source.parts()[-1].value == picture
    assert local_panel.payload is not None


def test_a_failed_upload_says_so_at_its_field(local_panel: Panel, local: Workspace) -> None:
    too_much = b"x" * (local.settings.limits.upload_max_bytes + 1)
    source = local_panel.form.sources[0]
    local_panel.upload(source, "<b>huge.png", too_much).result(30)
    assert "too large" in source.problem
    assert "too large" in local_panel.error
    assert "<b>" not in local_panel.error_line.value


# -- its end -------------------------------------------------------------------------------


def test_a_closed_panel_listens_no_more(local: Workspace) -> None:
    before = len(local._engine.feed._listeners)
    view = panel(local)
    assert len(local._engine.feed._listeners) == before + 1
    view.close()
    assert len(local._engine.feed._listeners) == before
    assert view.comm is None
    assert view.button.comm is None
