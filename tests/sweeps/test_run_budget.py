from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.held_api import WAIT_S, HeldApi, connected, served
from tests.helpers.payloads import good_payload
from tfi_notebook.errors import SubmitUnknownError
from tfi_notebook.sweeps.sweep import Sweep

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tfi_notebook.lifecycle.workspace import Workspace

ALL = 10**6


@pytest.fixture
def api() -> HeldApi:
    api = HeldApi()
    api.prices = {5: "10", 6: "100"}
    return api


@pytest.fixture
def workspace(api: HeldApi, tmp_path: Path) -> Iterator[Workspace]:
    with served(api) as server, connected(server.url, tmp_path) as workspace:
        yield workspace


def in_turn(workspace: Workspace, versions: list[int], **options: Any) -> Sweep:
    scales = [0.5 + at / 100 for at, _ in enumerate(versions)]
    return Sweep.zip(
        good_payload(), workspace=workspace, version=versions, dynamic_scale=scales, **options
    )


def learn_the_price_of_5(api: HeldApi, workspace: Workspace) -> None:
    api.allowed = 1
    workspace.submit(good_payload(version=5)).wait(WAIT_S)


def test_a_job_of_unknown_price_may_cost_all_that_is_left(
    api: HeldApi, workspace: Workspace
) -> None:
    learn_the_price_of_5(api, workspace)
    run = in_turn(workspace, [6] + [5] * 9).run(confirm=True, budget_credits=105, max_in_flight=9)
    api.wait_until(lambda api: api.polls.count("job-2") > 2)
    assert api.made == 2  # the one of version 6 is alone at the service
    assert "no history yet" in run.reason
    api.allowed = ALL
    run.wait(WAIT_S)
    assert (api.made, run.state, run.spent_credits) == (2, "paused", Decimal(100))


def test_jobs_that_were_sent_before_the_budget_was_set_count_against_it(
    api: HeldApi, workspace: Workspace
) -> None:
    learn_the_price_of_5(api, workspace)
    sweep = in_turn(workspace, [5] * 20)
    sweep.run(confirm=True, max_in_flight=8)
    api.wait_until(lambda api: api.made == 9)
    run = sweep.run(confirm=True, budget_credits=120, max_in_flight=20)
    api.wait_until(lambda api: "job-13" in api.polls)
    api.allowed = ALL
    run.wait(WAIT_S)
    assert (run.state, run.spent_credits) == ("paused", Decimal(120))
    assert run.counts == {"done": 12, "new": 8}


def test_a_lost_job_of_unknown_price_holds_the_run_until_a_person_has_decided(
    api: HeldApi, workspace: Workspace
) -> None:
    learn_the_price_of_5(api, workspace)
    api.refuse = lambda body: "reset" if body["version"] == 6 else None
    run = in_turn(workspace, [6, 5]).run(confirm=True, budget_credits=105).wait(WAIT_S)
    assert (api.made, run.state, run.counts) == (1, "paused", {"unknown": 1, "new": 1})
    assert "tfi.unresolved()" in run.reason
    (lost,) = workspace.unresolved()
    lost.write_off()
    api.allowed = ALL
    assert run.resume().wait(WAIT_S).counts["done"] == 1


def test_a_job_that_was_lost_before_the_run_is_not_its_expense(
    api: HeldApi, workspace: Workspace
) -> None:
    learn_the_price_of_5(api, workspace)
    api.refuse = lambda body: "reset" if body["version"] == 6 else None
    with pytest.raises(SubmitUnknownError):
        workspace.submit(good_payload(version=6, dynamic_scale=0.5))
    api.allowed = ALL
    run = in_turn(workspace, [6, 5]).run(confirm=True, budget_credits=105).wait(WAIT_S)
    assert (run.state, run.counts) == ("done", {"unknown": 1, "done": 1})
