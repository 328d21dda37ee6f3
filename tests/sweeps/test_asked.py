"""Nothing is sent that was not asked for, or that was called off."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.faulty_server import reply
from tests.helpers.held_api import WAIT_S, HeldApi, connected
from tests.helpers.payloads import good_payload
from tfi_notebook.errors import ArgumentError, SweepError
from tfi_notebook.sweeps.sweep import Sweep

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.faulty_server import FaultyServer
    from tfi_notebook.lifecycle.workspace import Workspace

ALL = 10**6


@pytest.fixture
def api() -> HeldApi:
    return HeldApi(ALL)


def big(workspace: Workspace, *counts: int) -> Sweep:
    return Sweep(
        good_payload(), workspace=workspace, name="big", iteration_count=counts or range(1, 10)
    )


@pytest.mark.parametrize("order", ["stop", "pause"])
def test_what_stands_in_line_is_called_off(api: HeldApi, workspace: Workspace, order: str) -> None:
    """All nine submits are under way, and wait for a service that asks for a pause."""
    refused: list[Any] = []

    def refuse(body: Any) -> bytes:
        refused.append(body)
        return reply(429, {}, "Retry-After: 0.4")

    api.refuse = refuse
    run = big(workspace).run(confirm=True, max_in_flight=9)
    # not one of them is still on its way, to be taken below
    api.wait_until(lambda _: len(refused) >= 9)
    getattr(run, order)()
    api.refuse = lambda _body: None
    run.wait(WAIT_S)
    assert api.made == 0
    assert run.resume().wait(WAIT_S).counts == {"done": 9}
    assert api.made == 9


def test_a_paused_run_goes_on_only_when_that_is_confirmed(
    api: HeldApi, workspace: Workspace
) -> None:
    run = big(workspace).run(confirm=True, budget_credits=30).wait(WAIT_S)
    assert (run.state, api.made) == ("paused", 2)
    with pytest.raises(SweepError, match=r"paused[\s\S]*confirm=True"):
        big(workspace, 1).run()
    again = big(workspace, 1).run(confirm=True).wait(WAIT_S)
    assert (again.state, api.made) == ("paused", 2), "the budget that was set holds"
    assert again.spent_credits == Decimal(25)
    assert big(workspace).run(confirm=True, budget_credits=200).wait(WAIT_S).state == "done"


def test_adding_points_is_confirmed_too_and_starts_nothing_that_was_stopped(
    api: HeldApi, workspace: Workspace
) -> None:
    run = big(workspace, 1, 2).run(confirm=True).wait(WAIT_S)
    with pytest.raises(SweepError, match="3 paid jobs"):
        run.add(big(workspace, 3, 4, 5))
    run.stop()
    run.add(big(workspace, 3, 4, 5), confirm=True).wait(WAIT_S)
    assert (run.state, api.made) == ("stopped", 2)
    assert run.resume().wait(WAIT_S).counts == {"done": 5}


def test_only_a_sweep_of_the_same_workspace_is_added(
    api: HeldApi, server: FaultyServer, workspace: Workspace, tmp_path: Path
) -> None:
    run = big(workspace, 1).run(confirm=True).wait(WAIT_S)
    nothing: Any = None
    with pytest.raises(ArgumentError, match="must be a sweep"):
        run.add(nothing, confirm=True)
    (tmp_path / "other").mkdir()
    with (
        connected(server.url, tmp_path / "other") as other,
        pytest.raises(SweepError, match="another workspace"),
    ):
        run.add(big(other, 2), confirm=True)
    assert api.made == 1


def test_two_calls_at_once_do_not_hold_each_other_up(workspace: Workspace) -> None:
    run = big(workspace).run(confirm=True).wait(WAIT_S)
    with ThreadPoolExecutor(4) as callers:
        calls = [callers.submit(run.retry_failed, confirm=True) for _ in range(4)]
        again = [call.result() for call in calls]  # all begun: none begins after another's end
        assert all(one.wait(WAIT_S / 3).state == "done" for one in again)
