from __future__ import annotations

import asyncio
import threading
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.faulty_server import reply
from tests.helpers.held_api import WAIT_S, HeldApi, connected
from tests.helpers.payloads import good_payload
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.errors import ArgumentError, SweepError, WaitTimeoutError
from tfi_notebook.lifecycle import feed
from tfi_notebook.sweeps.start import run as take_up
from tfi_notebook.sweeps.sweep import Sweep

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.faulty_server import FaultyServer
    from tfi_notebook.lifecycle.workspace import Workspace
    from tfi_notebook.sweeps.run import Run

ALL = 10**6


def grid(workspace: Workspace, count: int = 9, **options: Any) -> Sweep:
    counts = range(1, count // 3 + 1)
    return Sweep(
        good_payload(), workspace=workspace, version=[4, 5, 6], iteration_count=counts, **options
    )


def _made(api: HeldApi, at_least: int) -> bool:
    return api.made >= at_least


def statuses(run: Run) -> list[str]:
    return [cell.snapshot.status if cell.snapshot else "" for cell in run.cells()]


def wait_for(run: Run, condition: Any) -> None:
    """Wait until the run's counters meet a condition; they change with the jobs."""
    met = threading.Event()
    end = run.workspace.subscribe(lambda _job: met.set() if condition(run.counts) else None)
    assert condition(run.counts) or met.wait(WAIT_S)
    end()


def test_a_run_submits_every_point_once_in_order_and_follows_all(
    api: HeldApi, workspace: Workspace
) -> None:
    api.allowed = ALL
    run = grid(workspace).run(confirm=True, max_in_flight=1).wait(WAIT_S)
    assert run.state == "done"
    assert run.counts == {"done": 9}
    assert run.spent_credits == Decimal("112.5")
    made = [(body["version"], body["iteration_count"]) for body in api.bodies]
    assert made == [tuple(cell.axes.values()) for cell in run.cells()]
    assert all(cell.snapshot and cell.snapshot.path for cell in run.cells())
    table = run.results(scores=False)
    assert list(table.columns[:3]) == ["version", "iteration_count", "status"]
    assert list(table["status"]) == ["done"] * 9
    assert list(table["credits"]) == [12.5] * 9


def test_no_more_jobs_than_allowed_are_at_the_service_at_once(
    api: HeldApi, workspace: Workspace
) -> None:
    run = grid(workspace, 24).run(confirm=True, max_in_flight=4)
    for number in range(1, 25):
        api.wait_until(partial(_made, at_least=min(24, number + 3)))
        api.finish(number)
    run.wait(WAIT_S)
    assert api.made == 24
    assert api.most_live == 4


def test_the_live_api_wants_a_confirmation_that_tells_the_cost(
    api: HeldApi, workspace: Workspace
) -> None:
    with pytest.raises(SweepError, match=r"9 paid jobs: no history yet[\s\S]*confirm=True"):
        grid(workspace).run()
    assert api.made == 0
    api.allowed = ALL
    grid(workspace).run(confirm=True).wait(WAIT_S)
    assert grid(workspace).run().wait(WAIT_S).counts == {"done": 9}  # nothing new, nothing to ask
    assert api.made == 9


def test_what_was_submitted_before_is_joined_and_never_paid_twice(
    api: HeldApi, workspace: Workspace
) -> None:
    api.allowed = 1
    workspace.submit(good_payload(version=4, iteration_count=1)).wait(WAIT_S)
    workspace.submit(good_payload(version=5, iteration_count=1))
    run = grid(workspace).run(confirm=True)
    api.allowed = ALL
    run.wait(WAIT_S)
    assert api.made == 9
    assert run.counts == {"done": 9}
    assert run.spent_credits == Decimal("87.5")  # seven; the other two were paid before


def test_adding_is_a_union(api: HeldApi, workspace: Workspace) -> None:
    api.allowed = ALL
    run = grid(workspace).run(confirm=True)
    run.add(
        Sweep(good_payload(iteration_count=3), workspace=workspace, output_size=[256, 400]),
        confirm=True,
    )
    run.wait(WAIT_S)
    assert api.made == 10  # version 6, 3 iterations, 400 px is in the grid
    assert run.axes == ("version", "iteration_count", "output_size")
    assert dict(run.cells()[9].axes) == {"version": 6, "iteration_count": 3, "output_size": 256}
    assert run.cells()[0].axes["output_size"] == 400
    assert list(run.results(scores=False)["output_size"]) == [400] * 9 + [256]
    again = grid(workspace).run(confirm=True).wait(WAIT_S)  # of the same name: the same run
    assert (api.made, len(again.cells())) == (10, 10)


def test_pause_ends_submitting_only(api: HeldApi, workspace: Workspace) -> None:
    run = grid(workspace).run(confirm=True, max_in_flight=2)
    api.wait_until(lambda api: api.made == 2)
    run.pause()
    api.finish(1)
    wait_for(run, lambda counts: counts.get("done") == 1)
    assert (run.state, api.made) == ("paused", 2)
    api.allowed = ALL
    assert run.wait(WAIT_S).counts == {"done": 2, "new": 7}
    assert "run.resume()" in run.reason
    assert run.resume().wait(WAIT_S).counts == {"done": 9}
    assert (run.state, api.made) == ("done", 9)


def test_stop_ends_submitting_and_watching_and_says_that_the_jobs_go_on(
    api: HeldApi, workspace: Workspace
) -> None:
    run = grid(workspace).run(confirm=True, max_in_flight=3)
    api.wait_until(lambda api: {"job-1", "job-2", "job-3"} <= set(api.polls))
    run.stop().wait(WAIT_S)
    assert (run.state, api.made) == ("stopped", 3)
    assert "go on there" in run.reason
    assert not workspace.engine.tracker.watched()
    asked = len(api.polls)
    api.allowed = ALL
    with pytest.raises(SweepError, match="paid jobs"):  # time enough for a status request
        grid(workspace, 12).run()
    assert len(api.polls) <= asked + 3  # those under way at that moment
    assert run.counts["new"] == 6
    run.resume().wait(WAIT_S)
    assert (run.counts, api.made) == ({"done": 9}, 9)


def test_waiting_may_end_before_the_run(api: HeldApi, workspace: Workspace) -> None:
    run = grid(workspace).run(confirm=True)
    with pytest.raises(WaitTimeoutError, match=r"tfi\.run\('sweep-"):
        run.wait(0.05)
    api.allowed = ALL
    asyncio.run(run.done())
    assert run.counts == {"done": 9}


def test_a_refused_point_keeps_its_reason_and_the_others_go_on(
    api: HeldApi, workspace: Workspace
) -> None:
    api.allowed = ALL
    api.refuse = lambda body: (
        reply(422, {"message": "no <b>such</b> style"}) if body["version"] == 5 else None
    )
    run = grid(workspace).run(confirm=True).wait(WAIT_S)
    assert run.counts == {"done": 6, "rejected": 3}
    refused = [cell for cell in run.cells() if cell.problem]
    assert {cell.axes["version"] for cell in refused} == {5}
    assert "style" in refused[0].problem
    assert "<b>such" not in run._repr_mimebundle_()["text/html"]
    assert grid(workspace).run(confirm=True).wait(WAIT_S).counts["rejected"] == 3  # not by itself
    api.refuse = lambda _body: None
    assert run.retry_failed().wait(WAIT_S).counts == {"done": 9}
    assert api.made == 9


def test_a_failed_rendering_is_tried_again_only_when_it_is_confirmed(
    api: HeldApi, workspace: Workspace
) -> None:
    api.allowed, api.failing = ALL, {"job-2"}
    run = grid(workspace).run(confirm=True, max_in_flight=1).wait(WAIT_S)
    assert run.counts == {"done": 8, "failed": 1}
    assert run.retry_failed().wait(WAIT_S).counts == {"done": 8, "failed": 1}
    assert api.made == 9
    assert run.retry_failed(confirm=True).wait(WAIT_S).counts == {"done": 9}
    assert api.made == 10
    assert run.spent_credits == Decimal(125)  # the failed one was charged


def test_a_lost_answer_is_left_to_a_person(api: HeldApi, workspace: Workspace) -> None:
    api.allowed = ALL
    api.refuse = lambda body: "reset" if body["version"] == 6 else None
    run = grid(workspace, 3).run(confirm=True, max_in_flight=1).wait(WAIT_S)
    assert run.counts == {"done": 2, "unknown": 1}
    api.refuse = lambda _body: None
    assert run.retry_failed(confirm=True).wait(WAIT_S).counts["unknown"] == 1
    assert api.made == 2
    (lost,) = workspace.unresolved()
    lost.resubmit().wait(WAIT_S)
    assert run.resume().wait(WAIT_S).counts == {"done": 3}


# -- the budget ------------------------------------------------------------------------------


def test_without_history_one_job_goes_ahead_to_learn_the_price(
    api: HeldApi, workspace: Workspace
) -> None:
    sweep = Sweep(good_payload(), workspace=workspace, dynamic_scale=[0.5, 1.0, 1.5, 2.0])
    run = sweep.run(confirm=True, budget_credits=40, max_in_flight=4)
    api.wait_until(lambda api: len(api.polls) > 2)
    assert api.made == 1
    assert "no history yet" in run.reason
    api.allowed = ALL
    run.wait(WAIT_S)
    assert (api.made, run.state) == (3, "paused")  # the fourth would make 50
    assert "budget of 40 credits" in run.reason
    assert run.spent_credits == Decimal("37.5")
    more = sweep.run(confirm=True, budget_credits=50).wait(WAIT_S)
    assert (more.state, api.made) == ("done", 4)


def test_a_budget_may_be_a_decimal_of_any_form(api: HeldApi, workspace: Workspace) -> None:
    api.allowed = ALL
    run = grid(workspace, 3).run(confirm=True, budget_credits=Decimal("1e3")).wait(WAIT_S)
    assert run.counts == {"done": 3}
    assert "37.5 of 1,000 credits" in repr(run)


def test_what_is_in_flight_counts_against_the_budget(api: HeldApi, workspace: Workspace) -> None:
    api.allowed = 1
    workspace.submit(good_payload()).wait(WAIT_S)  # 12.5 is known now
    scales = [0.5, 0.6, 0.7, 0.8]
    run = Sweep(good_payload(), workspace=workspace, dynamic_scale=scales).run(
        confirm=True, budget_credits=30, max_in_flight=4
    )
    api.wait_until(lambda api: {"job-2", "job-3"} <= set(api.polls))
    assert "budget of 30 credits" in run.reason
    api.allowed = ALL
    run.wait(WAIT_S)
    assert (api.made, run.state) == (3, "paused")


def test_a_job_of_a_new_class_is_not_tried_where_it_could_pass_the_budget(
    api: HeldApi, workspace: Workspace
) -> None:
    api.allowed = ALL
    sweep = Sweep(good_payload(), workspace=workspace, version=[4, 5, 6])
    run = sweep.run(confirm=True, budget_credits=30).wait(WAIT_S)
    assert (api.made, run.state, run.spent_credits) == (2, "paused", Decimal(25))
    assert "its price is not known" in run.reason


def test_a_service_that_tells_no_cost_cannot_be_kept_within_a_budget(
    api: HeldApi, workspace: Workspace
) -> None:
    api.allowed, api.credit = ALL, None
    run = grid(workspace).run(confirm=True, budget_credits=1000).wait(WAIT_S)
    assert (api.made, run.state) == (1, "paused")
    assert "does not tell what jobs cost" in run.reason


# -- what stops a run ------------------------------------------------------------------------


def test_no_credits_left_pauses_the_run(api: HeldApi, workspace: Workspace) -> None:
    api.allowed = ALL
    api.refuse = lambda _body: reply(402, {"message": "no credits"}) if api.made == 4 else None
    run = grid(workspace).run(confirm=True, max_in_flight=2).wait(WAIT_S)
    assert (run.state, api.made) == ("paused", 4)
    assert "no credits" in run.reason
    assert run.counts == {"done": 4, "new": 5}
    api.refuse = lambda _body: None
    assert run.resume().wait(WAIT_S).counts == {"done": 9}


def test_an_outage_is_sat_out(api: HeldApi, server: FaultyServer, workspace: Workspace) -> None:
    run = grid(workspace).run(confirm=True, max_in_flight=2)
    api.wait_until(lambda api: {"job-1", "job-2"} <= set(api.polls))
    server.stop_listening()
    api.allowed = ALL
    with pytest.raises(WaitTimeoutError):
        run.wait(1.0)
    server.listen_again()
    run.wait(WAIT_S)
    assert (run.state, run.counts, api.made) == ("done", {"done": 9}, 9)


def test_a_ledger_that_cannot_be_written_pauses_the_run(api: HeldApi, workspace: Workspace) -> None:
    run = grid(workspace).run(confirm=True, max_in_flight=2)
    api.wait_until(lambda api: {"job-1", "job-2"} <= set(api.polls))
    place = workspace.engine.ledger.path
    hidden = place.with_name("hidden")
    place.rename(hidden)  # as deleted: no intent can be written
    api.allowed = ALL
    run.wait(WAIT_S)
    assert (run.state, api.made) == ("paused", 2)
    assert "deleted or replaced" in run.reason
    hidden.rename(place)
    assert run.resume().wait(WAIT_S).counts == {"done": 9}
    assert api.made == 9


# -- taken up again --------------------------------------------------------------------------


def test_closed_in_the_middle_it_goes_on_by_its_name(
    api: HeldApi, server: FaultyServer, tmp_path: Path
) -> None:
    with connected(server.url, tmp_path) as first:
        run = grid(first, name="night").run(confirm=True, max_in_flight=2)
        api.wait_until(lambda api: {"job-1", "job-2"} <= set(api.polls))
    assert repr(run).startswith("run night, running")
    api.allowed = ALL
    with connected(server.url, tmp_path) as second:
        again = take_up("night", workspace=second).wait(WAIT_S)
        assert (again.counts, api.made) == ({"done": 9}, 9)
        with pytest.raises(SweepError, match=r"no run 'day'[\s\S]*night"):
            take_up("day", workspace=second)


def test_a_name_that_no_run_has_is_told_with_what_to_do(workspace: Workspace) -> None:
    with pytest.raises(SweepError, match="no run 'nope'") as caught:
        take_up("nope", workspace=workspace)
    assert "Sweep.run()" in caught.value.hint
    wrong: list[Any] = ["half \ud800", 5, None]
    for name in wrong:
        with pytest.raises(ArgumentError, match="name: must be text"):
            take_up(name, workspace=workspace)


def test_a_stopped_run_that_is_taken_up_is_looked_at_only(
    api: HeldApi, server: FaultyServer, tmp_path: Path
) -> None:
    with connected(server.url, tmp_path) as first:
        run = grid(first, name="night").run(confirm=True, max_in_flight=2)
        api.wait_until(lambda api: api.made == 2)
        run.stop()
    with connected(server.url, tmp_path) as second:
        again = take_up("night", workspace=second).wait(WAIT_S)
        assert (again.state, again.counts["new"], api.made) == ("stopped", 7, 2)
        api.allowed = ALL
        assert again.resume().wait(WAIT_S).counts == {"done": 9}


def test_statuses_are_those_of_the_ledger(api: HeldApi, workspace: Workspace) -> None:
    api.allowed = ALL
    run = grid(workspace).run(confirm=True).wait(WAIT_S)
    assert statuses(run) == [JobStatus.DONE] * 9
    assert [cell.index for cell in run.cells()[2:8:3]] == [2, 5]
    assert run.cells()[-1].index == 8
    with pytest.raises(IndexError):
        run.cells()[9]


def test_ended_jobs_leave_the_memory_and_their_handles_still_know_them(
    api: HeldApi, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "KEPT_ENDED", 2)
    api.allowed = ALL
    job = workspace.submit(good_payload(version=4, iteration_count=1))
    run = grid(workspace).run(confirm=True).wait(WAIT_S)
    assert len(workspace.engine.feed._latest) == 2
    assert job.wait(WAIT_S).status is JobStatus.DONE
    first = run.cells()[0].snapshot
    assert first is not None
    assert job.path == first.path
    assert job.path is not None
