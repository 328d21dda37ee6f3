from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.held_api import WAIT_S, HeldApi, connected, served
from tests.helpers.payloads import good_payload
from tfi_notebook import settings
from tfi_notebook.errors import SubmitUnknownError
from tfi_notebook.lifecycle.workspace import Workspace
from tfi_notebook.sweeps.sweep import Sweep

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ALL = 10**6


@pytest.fixture
def api() -> HeldApi:
    return HeldApi(ALL)


@pytest.fixture
def workspace(api: HeldApi, tmp_path: Path) -> Iterator[Workspace]:
    with served(api) as server, connected(server.url, tmp_path) as workspace:
        yield workspace


def sweep(workspace: Workspace, **axes: Any) -> Sweep:
    return Sweep(good_payload(), workspace=workspace, **axes)


def test_a_plan_tells_what_is_new_done_running_unresolved_invalid_and_the_same(
    api: HeldApi, workspace: Workspace
) -> None:
    workspace.submit(good_payload(language="de")).wait(WAIT_S)
    api.allowed = 1
    workspace.submit(good_payload(language="fr"))
    api.refuse = lambda _body: "reset"
    with pytest.raises(SubmitUnknownError):
        workspace.submit(good_payload(language="it"))
    made = api.made
    plan = sweep(workspace, language=["de", "fr", "it", "es", " ES ", "nonsense?"]).plan()
    assert dict(plan.counts) == {
        "done": 1, "running": 1, "unknown": 1, "new": 1, "folded": 1, "invalid": 1,
    }  # fmt: skip
    assert plan.new == 1
    assert plan.problems == (
        "language: must be a language tag such as 'en', 'de' or 'pt-BR' (row 5)",
    )
    assert plan.credits_left == 250
    assert api.made == made  # a plan sends nothing
    text = repr(plan)
    assert "1 new: to be made" in text
    assert "1 done: already done, not paid for again" in text
    assert "Credits left: 250" in text


def test_without_history_no_time_and_no_price_is_invented(workspace: Workspace) -> None:
    plan = sweep(workspace, version=[5, 6]).plan()
    assert (plan.minutes, plan.cost, plan.untimed, plan.unpriced) == (None, None, 2, 2)
    assert repr(plan).count("no history yet") == 2


def test_time_and_price_are_the_medians_of_jobs_of_the_same_class(
    api: HeldApi, workspace: Workspace
) -> None:
    for at, credit in enumerate(["10", "20", "90"]):
        api.credit = credit
        workspace.submit(good_payload(version=5, dynamic_scale=1 + at / 10)).wait(WAIT_S)
    plan = sweep(workspace, version=[5, 6], crop=[False]).plan(max_in_flight=2)
    assert plan.cost == Decimal(20)
    assert plan.unpriced == 1  # version 6 is another class
    five = next(kind for kind in plan.kinds if kind.axes == {"version": 5})
    assert five.price == Decimal(20)
    usual_s = workspace.engine.durations.spread(good_payload(version=5).body()).median_s
    assert five.usual_s == usual_s
    assert plan.minutes is not None
    frame = sweep(workspace, version=[5, 6, 7], crop=[False]).plan().frame()
    assert list(frame["status"]) == ["new", "new", "invalid"]
    assert frame["expected_credits"].iloc[0] == 20
    assert frame["expected_credits"].isna().tolist() == [False, True, True]


def test_a_job_that_failed_before_is_new_and_said_so(api: HeldApi, workspace: Workspace) -> None:
    api.failing = {"job-1"}
    workspace.submit(good_payload()).wait(WAIT_S)
    plan = sweep(workspace, version=[6]).plan()
    assert (plan.new, plan.failed_before) == (1, 1)
    assert "1 of the new ones have failed before" in repr(plan)


def test_foreign_text_is_escaped_and_nothing_is_a_script(workspace: Workspace) -> None:
    plan = sweep(workspace, language=["<b onclick='x'>", "de"], version=[5, "<script>"]).plan()
    html = plan._repr_mimebundle_()["text/html"]
    assert "<b onclick" not in html
    assert "<script" not in html
    assert "<style" not in html


def test_an_account_that_cannot_be_asked_is_no_fault_of_the_plan(tmp_path: Path) -> None:
    with connected("http://127.0.0.1:9", tmp_path) as workspace:
        plan = sweep(workspace, version=[5, 6]).plan()
    assert plan.credits_left is None
    assert "Credits left: not known" in repr(plan)


def test_rendering_here_is_free(tmp_path: Path) -> None:
    local = settings.resolve(local=True, base_url="http://127.0.0.1:9", outputs=tmp_path)
    with Workspace(local) as workspace:
        plan = sweep(workspace, version=[5, 6]).plan()
    assert plan.cost == 0
    assert plan.free
    assert "free: rendered on this machine" in repr(plan)
