from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any

import ipywidgets
import pytest

from tests.helpers.payloads import GOOD
from tfi_notebook.widgets.axes import FIELDS
from tfi_notebook.widgets.panel import Panel, panel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.helpers.fake_api import ScriptedApi
    from tfi_notebook.lifecycle.workspace import Workspace
    from tfi_notebook.widgets.sweep_tab import SweepTab

SIGNED = "https://cdn.example.com/b.png?X-Amz-Signature=canary"
ATTACK = "https://cdn.example.com/<img src=x onerror=alert(1)>"


@pytest.fixture
def view(local: Workspace) -> Iterator[Panel]:
    made = panel(local)
    yield made
    made.close()


@pytest.fixture
def live_view(live: Workspace) -> Iterator[Panel]:
    made = panel(live)
    made.form.fill(GOOD)
    yield made
    settle(made)
    made.close()


def opened(view: Panel) -> SweepTab:
    view.tabs.value = "Sweep"
    assert view.sweep is not None
    return view.sweep


def settle(view: Panel) -> None:
    """Wait until nothing goes on in the background."""
    while pending := tuple(view._pending):
        for future in pending:
            future.result(120)


def read(widget: Any) -> str:
    """What a person reads in an HTML widget."""
    return unescape(re.sub(r"<[^>]*>+", " ", widget.value))


def vary(tab: SweepTab, **values: Any) -> None:
    """Tick axes; numbers get `(low, high, step)`, choices and URLs the values themselves."""
    for name, wanted in values.items():
        axis: Any = tab.axes[name]
        axis.tick.value = True
        if hasattr(axis, "step"):
            for number, text in zip((axis.low, axis.high, axis.step), wanted, strict=True):
                number.text.value = str(text)
        elif hasattr(axis, "lines"):
            axis.lines.value = "\n".join(wanted)
        else:
            for option, box in axis._boxes.items():
                box.value = option in wanted


def test_the_tab_is_made_when_it_is_opened_and_gives_way_again(view: Panel) -> None:
    assert view.sweep is None
    single = view.children
    tab = opened(view)
    assert tab.below in view._right.children
    view.tabs.value = "Video"
    assert view.children == single
    assert opened(view) is tab
    view.close()
    assert tab.box.comm is None
    assert tab.board.comm is None
    assert view.code.comm is None


def test_it_opens_with_few_messages(view: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    start = ipywidgets.Widget.open

    def opening(self: Any) -> None:
        made.append(self)
        start(self)

    monkeypatch.setattr(ipywidgets.Widget, "open", opening)
    opened(view)
    assert 2 * len(FIELDS) < len(made) <= 45


def test_the_plan_follows_axes_and_form(view: Panel) -> None:
    tab = opened(view)
    settle(view)
    assert "tick what is to vary" in read(tab.shown)
    assert tab.button.disabled
    vary(tab, version=[4, 6], iteration_count=(5, 15, 5), dynamic_scale=(0.5, 0.7, 0.05))
    settle(view)
    assert tab.plan is not None
    assert tab.plan.new == 2 * 3 * 5
    assert tab.axes["dynamic_scale"].values() == [0.5, 0.55, 0.6, 0.65, 0.7]
    assert not tab.button.disabled
    view.form.fill({"output_size": 128})
    settle(view)
    assert tab.plan.sweep.base.body()["output_size"] == 128
    tab.axes["dynamic_scale"].tick.value = False
    settle(view)
    assert tab.plan.new == 6
    view.form.fill({"image_url": "no address"})
    settle(view)
    assert "see the form" in read(tab.shown)
    assert tab.button.disabled


def test_urls_are_entered_one_to_a_line_and_shown_as_text(view: Panel) -> None:
    tab = opened(view)
    tab.axes["image_url"].tick.value = True
    settle(view)
    assert tab.plan is not None
    assert tab.plan.sweep.axes == ("image_url",)
    assert tab.plan.new == 1, "the form's own picture is the first line"
    vary(tab, image_url=["https://cdn.example.com/a.png", SIGNED, ATTACK, "file:///etc/passwd"])
    settle(view)
    assert tab.plan.counts["invalid"] >= 1
    assert "image_url" in read(tab.shown)
    assert "canary" not in tab.shown.value
    assert "<img" not in tab.shown.value


def test_what_cannot_be_planned_says_why(view: Panel) -> None:
    tab = opened(view)
    vary(tab, version=[])
    settle(view)
    assert "no plan yet: see Version" in read(tab.shown)
    assert "tick at least one" in read(tab.axes["version"]._told)
    everything = {"iteration_count": (1, 100, 1), "output_size": (64, 2048, 8)}
    vary(tab, version=[4], **everything)
    settle(view)
    assert "24,900 points are too many for the panel" in read(tab.shown)
    assert tab.go() is None


@pytest.mark.parametrize(
    ("field", "wanted", "reason"),
    [
        ("dynamic_scale", ("0.5", "1.5", "0"), '"step" must be a number from 0.01 to 3.0'),
        ("dynamic_scale", ("0.5", "1.5", "-1"), '"step" must be a number from 0.01 to 3.0'),
        ("iteration_count", ("", "20", "5"), '"from" must be a whole number from 1 to 100'),
        ("iteration_count", ("5", "5000", "5"), '"to" must be a whole number from 1 to 100'),
        ("iteration_count", ("5", "20", "2.5"), '"step" must be a whole number from 1 to 100'),
        ("expand_ratio", ("0,5", "1", "0.5"), '"from" must be a number from 0.0 to 2.0'),
        ("iteration_count", ("20", "5", "5"), '"from" is larger than "to"'),
    ],
)
def test_a_wrong_number_is_said_beside_it_and_nothing_is_planned(
    view: Panel, field: str, wanted: tuple[str, str, str], reason: str
) -> None:
    tab = opened(view)
    vary(tab, version=[4, 5], **{field: wanted})
    settle(view)
    axis: Any = tab.axes[field]
    assert reason in read(axis._told)
    assert (axis.low.text.value, axis.high.text.value, axis.step.text.value) == wanted
    assert tab.plan is None
    assert f"no plan yet: see {axis.title}" in read(tab.shown)
    assert tab.go() is None


def test_a_wrong_limit_is_no_limit_that_is_left_out(live_view: Panel, api: ScriptedApi) -> None:
    tab = opened(live_view)
    vary(tab, version=[4, 5])
    for number, text in ((tab.budget, "-5"), (tab.budget, "ten"), (tab.at_once, "0")):
        before, number.text.value = number.text.value, text
        settle(live_view)
        assert f'"{number.name}" must be' in read(tab.told)
        assert tab.plan is None
        assert tab.button.disabled
        number.text.value = before
    settle(live_view)
    assert read(tab.told) == ""
    assert tab.plan is not None
    assert api.bodies == []


@pytest.mark.render
def test_a_sweep_is_run_watched_and_its_gallery_opened(view: Panel) -> None:
    tab = opened(view)
    view.form.fill({"output_size": 64, "audio_url": "http://tfi.localhost/samples/voice.wav"})
    vary(tab, version=[4], iteration_count=(1, 2, 1))
    settle(view)
    started = tab.go()
    assert started is not None
    started.result(60)
    run = tab.run
    assert run is not None
    assert not tab.pause.disabled
    assert f"tfi.run('{run.name}')" in read(tab.state)
    run.wait(200)
    opening = tab.open_gallery()
    assert opening is not None
    opening.result(120)
    settle(view)
    assert "2 of 2 done" in read(tab.board)
    gallery = tab.below.children[1]
    assert "2 done" in read(tab.shown), "the plan knows that they are paid for"
    view.close()
    assert gallery.comm is None


def test_the_live_api_is_asked_for_only_after_a_second_click(
    live_view: Panel, api: ScriptedApi
) -> None:
    tab = opened(live_view)
    vary(tab, version=[4, 5])
    settle(live_view)
    assert tab.go() is None
    assert tab.button.description == "Yes, make 2 paid jobs: no history yet"
    assert tab.cancel in tab._actions.children
    tab.cancel.click()
    settle(live_view)
    assert tab.button.description == "Run"
    assert tab.cancel not in tab._actions.children
    assert api.bodies == []
    tab.budget.text.value = "100"
    settle(live_view)
    tab.go()
    started = tab.go()
    assert started is not None
    started.result(60)
    assert tab.run is not None
    tab.run.wait(60)
    assert [body["version"] for body in api.bodies] == [4, 5]
    assert tab.run.spent_credits == 25


def test_a_change_takes_the_question_back(live_view: Panel, api: ScriptedApi) -> None:
    tab = opened(live_view)
    vary(tab, version=[4, 5])
    settle(live_view)
    tab.go()
    vary(tab, version=[4, 5, 6])
    settle(live_view)
    assert tab.button.description == "Run", "what was asked is not what would be made"
    assert api.bodies == []
