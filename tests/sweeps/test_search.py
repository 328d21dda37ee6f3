"""Adaptive search: finds what is good, pays for each payload once, and goes on after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.fake_api import ScriptedApi
from tests.helpers.faulty_server import FaultyServer, reply
from tests.helpers.payloads import good_payload
from tfi_notebook import settings
from tfi_notebook.errors import ArgumentError, SweepError, WaitTimeoutError
from tfi_notebook.lifecycle.lease import Lease, acquire
from tfi_notebook.lifecycle.workspace import Workspace
from tfi_notebook.sweeps.draws import choice, log_uniform, uniform, uniform_int
from tfi_notebook.sweeps.store import opened
from tfi_notebook.sweeps.sweep import Sweep

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.lifecycle.job import Job
    from tfi_notebook.sweeps.search import Search

pytest.importorskip("optuna", reason="needs the extra search")
pytest.importorskip("pandas", reason="needs the extra data")

WAIT_S = 60.0
QUICK = settings.Limits(poll_first_s=0.02, poll_max_s=0.05)


@pytest.fixture
def api() -> ScriptedApi:
    return ScriptedApi(statuses=["SUCCESS"])


@pytest.fixture
def live(api: ScriptedApi, tmp_path: Path) -> Iterator[Workspace]:
    with FaultyServer(api) as server:
        api.base_url = server.url
        with connected(server.url, tmp_path) as workspace:
            yield workspace


def connected(url: str, folder: Path) -> Workspace:
    known = settings.resolve("k", url, local=False, outputs=folder / "videos", limits=QUICK)
    return Workspace(known)


def near_30(job: Job) -> float:
    return -abs(float(job.payload["iteration_count"]) - 30)


def search(
    workspace: Workspace, objective: Any = near_30, max_in_flight: Any = 4, **more: Any
) -> Search:
    given: dict[str, Any] = {"iteration_count": uniform_int(5, 50), "confirm": True}
    return Sweep.search(
        good_payload(), objective, workspace=workspace, max_in_flight=max_in_flight, **given | more
    )


def test_a_search_finds_a_good_point_with_few_jobs(live: Workspace, api: ScriptedApi) -> None:
    found = search(live, n_trials=25).wait(WAIT_S)
    assert abs(found.best["iteration_count"] - 30) <= 3
    trials = found.trials()
    assert list(trials) == ["trial", "iteration_count", "near_30", "state", "problem"]
    assert len(trials) == 25
    assert set(trials["state"]) == {"done"}
    assert len(api.bodies) == trials["iteration_count"].nunique() <= 25
    assert good_payload().replace(**found.best).iteration_count == found.best["iteration_count"]


def test_jobs_run_side_by_side_and_never_more_than_allowed(live: Workspace) -> None:
    open_keys: set[str] = set()
    most = 0

    def count(row: JobSnapshot) -> None:
        nonlocal most
        (open_keys.discard if row.status.is_final else open_keys.add)(row.key)
        most = max(most, len(open_keys))

    live.subscribe(count)
    search(live, n_trials=12, max_in_flight=3).wait(WAIT_S)
    assert 2 <= most <= 3


def test_a_known_payload_is_told_without_a_job(live: Workspace, api: ScriptedApi) -> None:
    measured = []

    def noted(job: Job) -> float:
        measured.append(job.key)
        return near_30(job)

    found = search(live, noted, n_trials=12, iteration_count=[10, 20], max_in_flight=1)
    assert found.wait(WAIT_S).trials()["noted"].isin([-10.0, -20.0]).sum() == 12
    assert len(api.bodies) == len(measured) == 2
    again = search(live, n_trials=6, iteration_count=[20], name="other").wait(WAIT_S)
    assert again.trials()["near_30"].tolist() == [-10.0] * 6
    assert len(api.bodies) == 2


def test_columns_of_the_results_are_objectives_with_their_direction(live: Workspace) -> None:
    found = search(live, "credits", n_trials=3).wait(WAIT_S)
    assert found.trials()["credits"].tolist() == [12.5] * 3
    assert found._seeker.goals.directions == ("minimize",)


def test_several_objectives_have_a_front_and_no_best(live: Workspace) -> None:
    found = search(live, ("credits", "queue_s"), n_trials=4).wait(WAIT_S)
    assert set(found.front()["trial"]) <= set(found.trials()["trial"])
    with pytest.raises(SweepError, match="no trial is best in all"):
        _ = found.best


def test_what_cannot_be_measured_is_a_failed_trial_with_a_reason(live: Workspace) -> None:
    pytest.importorskip("cv2", reason="measures the videos")
    found = search(live, "lip_sync", n_trials=2).wait(WAIT_S)  # these videos are none
    assert set(found.trials()["state"]) == {"failed"}
    assert "lip_sync cannot be told" in found.trials()["problem"][0]
    with pytest.raises(SweepError, match="no trial has ended well"):
        _ = found.best


def test_failed_and_refused_jobs_are_failed_trials(live: Workspace, api: ScriptedApi) -> None:
    api.statuses[:] = ["FAILED"]
    found = search(live, n_trials=2).wait(WAIT_S)
    assert set(found.trials()["state"]) == {"failed"}
    api.answers["POST"] = reply(422, {"message": "no <b>such</b> project"})
    refused = search(live, n_trials=4, name="refused").wait(WAIT_S)
    assert "no <b>such</b> project" in refused.trials()["problem"].str.cat()
    shown = refused._repr_mimebundle_()["text/html"]
    assert "<b>such" not in shown


def test_a_wrong_point_is_a_failed_trial_and_sends_nothing(
    live: Workspace, api: ScriptedApi
) -> None:
    found = search(live, n_trials=3, iteration_count=[-5]).wait(WAIT_S)
    assert set(found.trials()["state"]) == {"failed"}
    assert "iteration_count" in found.trials()["problem"][0]
    assert api.bodies == []


def test_the_budget_ends_the_search_and_the_next_call_goes_on(
    live: Workspace, api: ScriptedApi
) -> None:
    known = {"n_trials": 10, "max_in_flight": 1, "name": "poor", "iteration_count": [10]}
    known["dynamic_scale"] = uniform(0.5, 1.5)  # what a job costs does not depend on it
    found = search(live, **known, budget_credits=30).wait(WAIT_S)
    assert len(api.bodies) == 2  # 12.5 credits each
    assert "budget" in found.reason
    assert "budget" in repr(found)
    more = search(live, **known, budget_credits=1000).wait(WAIT_S)
    assert len(more.trials()) == 10
    assert more.reason == ""
    assert len(api.bodies) == 10


def test_a_trial_is_judged_once_its_video_is_here(api: ScriptedApi, tmp_path: Path) -> None:
    def has_video(job: Job) -> float:
        return float(job.snapshot.path is not None and job.snapshot.path.is_file())

    with FaultyServer(api, delay_s=0.05) as server:  # so long is the video on its way
        api.base_url = server.url
        with connected(server.url, tmp_path) as workspace:
            found = search(workspace, has_video, n_trials=6).wait(WAIT_S)
            assert found.trials()["has_video"].tolist() == [1.0] * 6


def test_a_video_that_cannot_be_fetched_is_a_failed_trial_that_says_so(
    live: Workspace, api: ScriptedApi
) -> None:
    pytest.importorskip("cv2", reason="measures the videos")
    api.answers["GET /cdn/"] = reply(404, {"message": "gone"})
    found = search(live, "lip_sync", n_trials=1).wait(WAIT_S)
    assert "could not be fetched" in found.trials()["problem"][0]


@pytest.mark.parametrize(
    ("outcome", "problem"),
    [(None, "must be a number, not None"), ("7", "must be a number"), (True, "must be a number")],
)
def test_a_function_that_gives_no_number_is_a_failed_trial(
    live: Workspace, outcome: Any, problem: str
) -> None:
    def odd(job: Job) -> Any:
        return outcome if job.payload["version"] == 5 else 1

    found = search(live, odd, n_trials=4, version=[5, 6], iteration_count=10).wait(WAIT_S)
    trials = found.trials().set_index("version")
    assert set(trials.loc[[5], "state"]) == {"failed"}
    assert trials.loc[[5], "problem"].str.contains(problem).all()
    assert set(trials.loc[[6], "state"]) == {"done"}


def test_an_error_of_the_function_fails_its_trial_and_the_search_goes_on(
    live: Workspace, api: ScriptedApi
) -> None:
    def broken(job: Job) -> float:
        return 1 / (int(job.payload["version"]) - 5)

    found = search(live, broken, n_trials=6, version=[5, 6]).wait(WAIT_S)
    trials = found.trials()
    assert len(trials) == 6
    failed = trials[trials["version"] == 5]
    assert set(failed["problem"]) == {"broken: ZeroDivisionError: division by zero"}
    assert set(trials[trials["version"] == 6]["state"]) == {"done"}
    paid = len(api.bodies)
    again = search(live, near_30, n_trials=6, version=[5, 6], name="mended").wait(WAIT_S)
    assert set(again.trials()["state"]) == {"done"}
    assert len(api.bodies) == paid  # what was made for the broken function is not paid for again


def test_a_search_without_axes_is_refused(live: Workspace, api: ScriptedApi) -> None:
    with pytest.raises(SweepError, match="there is no axis") as caught:
        Sweep.search(good_payload(), near_30, workspace=live, confirm=True)
    assert "version=[5, 6]" in caught.value.hint
    assert api.bodies == []


def test_a_budget_may_be_a_decimal(live: Workspace, api: ScriptedApi) -> None:
    search(live, n_trials=2, budget_credits=Decimal("1e3")).wait(WAIT_S)
    assert 1 <= len(api.bodies) <= 2


def test_the_live_api_needs_a_confirmation(live: Workspace, api: ScriptedApi) -> None:
    with pytest.raises(SweepError, match="up to 7 paid jobs") as caught:
        search(live, n_trials=7, confirm=False)
    assert "confirm=True" in caught.value.hint
    assert api.bodies == []


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"iteration_cout": [5]}, "iteration_count"),
        ({"iteration_count": [[5]]}, "texts, numbers or flags"),
        ({"n_trials": 0}, "n_trials"),
        ({"max_in_flight": 1.5}, "max_in_flight"),
        ({"budget_credits": -1}, "budget_credits"),
        ({"objective": "version"}, "more or less of 'version'"),
        ({"objective": ()}, "objective"),
        ({"objective": 5}, "objective"),
        ({"name": "half \ud800"}, "name: must be text"),
        ({"name": 5}, "name: must be text"),
        ({"language": ["\ud800"]}, "language: must not hold half characters"),
        ({"objective": None}, "objective"),
        ({"budget_credits": Decimal("sNaN")}, "budget_credits"),
    ],
)
def test_what_cannot_be_searched_is_told(live: Workspace, wrong: Any, match: str) -> None:
    with pytest.raises((ArgumentError, SweepError), match=match):
        search(live, **wrong)


def test_a_name_stands_for_one_search(live: Workspace) -> None:
    search(live, n_trials=1, name="mine").wait(WAIT_S)
    with pytest.raises(SweepError, match="another payload, objective or range"):
        search(live, n_trials=1, name="mine", iteration_count=uniform_int(5, 40))


def test_every_kind_of_range_is_searched(live: Workspace, api: ScriptedApi) -> None:
    ranges = {
        "dynamic_scale": uniform(0.5, 1.5),
        "expand_ratio": log_uniform(0.1, 1.0),
        "version": choice([5, 6]),
    }
    search(live, n_trials=3, **ranges).wait(WAIT_S)
    for body in api.bodies:
        assert 0.5 <= float(str(body["dynamic_scale"])) <= 1.5
        assert 0.1 <= float(str(body["expand_ratio"])) <= 1.0
        assert body["version"] in {5, 6}


def test_waiting_has_a_limit_and_stop_ends_the_search(live: Workspace, api: ScriptedApi) -> None:
    api.statuses[:] = ["QUEUED"]
    running = search(live, n_trials=50)
    with pytest.raises(WaitTimeoutError, match="not done after"):
        running.wait(0.2)
    assert running.stop().reason == "stopped"
    assert len(api.bodies) <= 4


def test_a_search_goes_on_after_its_workspace_was_closed(api: ScriptedApi, tmp_path: Path) -> None:
    api.statuses[:] = ["QUEUED", "STARTED", "SUCCESS"]
    with FaultyServer(api) as server:
        api.base_url = server.url
        with connected(server.url, tmp_path) as first:
            begun = search(first, n_trials=8, name="mine")
            with pytest.raises(WaitTimeoutError):
                begun.wait(0.2)
        with connected(server.url, tmp_path) as second:
            found = search(second, n_trials=8, name="mine").wait(WAIT_S)
            assert len(found.trials()) == 8
    counts = [body["iteration_count"] for body in api.bodies]
    assert len(set(counts)) == len(counts)


def test_a_search_waits_for_a_run_that_an_ended_kernel_still_holds(live: Workspace) -> None:
    async def held() -> Lease | None:
        store = await opened(live.engine.ledger, live.settings.service_name, "mine")
        return await acquire(live.engine.ledger, store.lease_name)

    lease = live.run(held())
    assert lease is not None
    begun = search(live, n_trials=4, name="mine")
    with pytest.raises(WaitTimeoutError):
        begun.wait(1.5)
    live.run(lease.release())
    assert set(begun.wait(WAIT_S).trials()["state"]) == {"done"}


KERNEL = """
import sys
from pathlib import Path
from tests.sweeps.test_search import connected, search
workspace = connected(sys.argv[1], Path(sys.argv[2]))
found = search(workspace, n_trials=12, name="long").wait(60)
print((found.trials()["state"] != "under way").sum(), flush=True)
"""


def kernel(url: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", KERNEL, url, str(folder)], text=True, stdout=subprocess.PIPE
    )


def test_killed_and_taken_up_in_a_new_kernel_nothing_is_paid_twice(tmp_path: Path) -> None:
    api = ScriptedApi(statuses=["QUEUED", "STARTED", "STARTED", "SUCCESS"])
    with FaultyServer(api) as server:
        api.base_url = server.url
        first = kernel(server.url, tmp_path)
        deadline = time.monotonic() + WAIT_S
        while len(api.bodies) < 5 and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(first.pid, signal.SIGKILL)
        first.communicate()
        begun = len(api.bodies)
        second = kernel(server.url, tmp_path)
        assert second.communicate(timeout=WAIT_S)[0].strip() == "12"
    counts = [body["iteration_count"] for body in api.bodies]
    assert 5 <= begun < len(counts) <= 12
    assert len(set(counts)) == len(counts)


def test_a_kernel_killed_while_it_asked_leaves_nothing_behind(
    live: Workspace, api: ScriptedApi
) -> None:
    search(live, n_trials=2, name="mine").wait(WAIT_S)
    half_asked(live)
    found = search(live, n_trials=4, name="mine").wait(WAIT_S)
    assert found.trials()["state"].tolist() == ["done"] * 4
    assert len(api.bodies) == found.trials()["iteration_count"].nunique()


def half_asked(workspace: Workspace) -> None:
    """Leave a trial as a kernel does that dies between its number and its values."""
    optuna = pytest.importorskip("optuna")
    ledger = workspace.settings.ledger_path
    storage = f"sqlite:///{ledger.with_name(ledger.stem + '-studies.sqlite')}"
    name = f"{workspace.settings.service_name}/mine"
    assert not optuna.load_study(study_name=name, storage=storage).ask().params
