"""A run of which not all went well: what the plan says of it, and what trying again does."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.faulty_server import reply
from tests.helpers.held_api import WAIT_S, HeldApi, connected
from tests.helpers.payloads import good_payload
from tfi_notebook.sweeps.start import run as take_up
from tfi_notebook.sweeps.sweep import Sweep

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.faulty_server import FaultyServer
    from tfi_notebook.lifecycle.workspace import Workspace

ALL = 10**6


@pytest.fixture
def api() -> HeldApi:
    return HeldApi(ALL)


def sweep(workspace: Workspace, **axes: Any) -> Sweep:
    return Sweep(good_payload(), workspace=workspace, **(axes or {"version": [4, 5, 6]}))


def test_a_written_off_job_is_counted_so_and_made_again_only_when_it_is_confirmed(
    api: HeldApi, workspace: Workspace
) -> None:
    api.refuse = lambda body: "reset" if body["version"] == 6 else None
    run = sweep(workspace).run(confirm=True).wait(WAIT_S)
    assert run.counts == {"done": 2, "unknown": 1}
    (lost,) = workspace.unresolved()
    lost.write_off()
    assert run.counts == {"done": 2, "written_off": 1}
    api.refuse = lambda _body: None
    plan = sweep(workspace).plan()
    assert (plan.new, dict(plan.counts)) == (0, {"done": 2, "written_off": 1})
    assert "run.retry_failed(confirm=True)" in repr(plan)
    again = sweep(workspace).run().wait(WAIT_S)  # nothing new, nothing to confirm
    assert again.retry_failed().wait(WAIT_S).counts == {"done": 2, "written_off": 1}
    assert api.made == 2
    assert again.retry_failed(confirm=True).wait(WAIT_S).counts == {"done": 3}
    assert api.made == 3


def test_a_lost_job_that_is_submitted_again_after_the_run_is_counted_as_it_goes(
    api: HeldApi, workspace: Workspace
) -> None:
    api.refuse = lambda body: "reset" if body["version"] == 6 else None
    run = sweep(workspace).run(confirm=True).wait(WAIT_S)
    api.refuse, api.allowed = lambda _body: None, 2
    (lost,) = workspace.unresolved()
    new = lost.resubmit()
    assert "written_off" not in run.counts
    run.resume()
    api.allowed = ALL
    assert run.wait(WAIT_S).counts == {"done": 3}
    assert (new.wait(WAIT_S).status, api.made, run.state) == ("done", 3, "done")


def test_a_job_is_written_off_and_made_again_while_the_run_goes_on(
    api: HeldApi, workspace: Workspace
) -> None:
    api.refuse, api.allowed = lambda body: "reset" if body["version"] == 6 else None, 0
    run = sweep(workspace, version=[6, 5, 4]).run(confirm=True, max_in_flight=1)
    api.wait_until(lambda api: api.made == 1)
    api.refuse = lambda _body: None
    (lost,) = workspace.unresolved()
    lost.write_off()
    assert run.counts["written_off"] == 1
    run.retry_failed(confirm=True)
    api.allowed = ALL
    assert run.wait(WAIT_S).counts == {"done": 3}


def test_a_job_that_a_person_submitted_again_after_the_run_may_fail_and_be_tried_again(
    api: HeldApi, workspace: Workspace
) -> None:
    api.failing, api.refuse = {"job-3"}, lambda body: "reset" if body["version"] == 6 else None
    run = sweep(workspace).run(confirm=True).wait(WAIT_S)
    api.refuse = lambda _body: None
    failed = threading.Event()
    workspace.subscribe(lambda job: failed.set() if job.status == "failed" else None)
    (lost,) = workspace.unresolved()
    lost.resubmit()
    assert failed.wait(WAIT_S)
    assert run.counts == {"done": 2, "failed": 1}
    assert run.retry_failed(confirm=True).wait(WAIT_S).counts == {"done": 3}


def test_the_plan_of_a_run_tells_what_it_does_not_try_again_by_itself(
    api: HeldApi, workspace: Workspace
) -> None:
    api.failing = {"job-1"}
    api.refuse = lambda body: reply(422, {"message": "no"}) if body["version"] == 5 else None
    run = sweep(workspace).run(confirm=True, max_in_flight=1).wait(WAIT_S)
    assert run.counts == {"done": 1, "failed": 1, "rejected": 1}
    plan = sweep(workspace).plan()
    assert (plan.new, plan.failed_before) == (0, 0)
    assert dict(plan.counts) == run.counts
    assert sweep(workspace).run().wait(WAIT_S).counts == run.counts  # nothing to confirm
    named = Sweep(good_payload(), workspace=workspace, name="other", version=[4, 5, 6])
    assert named.plan().new == 2  # another run is another try
    api.refuse = lambda _body: None
    assert run.retry_failed(confirm=True).wait(WAIT_S).counts == {"done": 3}
    assert api.made == 4


def signed(word: str) -> list[str]:
    return [
        f"https://b.example.com/{name}.png?X-Amz-Signature={word}&X-Amz-Expires=60"
        for name in "abc"
    ]


def refused(counts: dict[str, int]) -> int:
    """One that stood in line when the first kernel paused has been `rejected` before."""
    return counts.get("invalid", 0) + counts.get("rejected", 0)


def test_points_whose_links_ran_out_go_on_when_the_sweep_is_run_with_fresh_ones(
    api: HeldApi, server: FaultyServer, tmp_path: Path
) -> None:
    with connected(server.url, tmp_path) as first:
        run = sweep(first, image_url=signed("old")).run(confirm=True, max_in_flight=1)
        api.wait_until(lambda api: api.made == 1)
        run.pause()
    with connected(server.url, tmp_path) as second:
        known = take_up(run.name, workspace=second).resume().wait(WAIT_S)
        made = api.made
        assert (known.counts["done"], refused(known.counts)) == (made, 3 - made)
        assert sweep(second, image_url=signed("new")).plan().new == 3 - made
        fresh = sweep(second, image_url=signed("new")).run(confirm=True).wait(WAIT_S)
        assert (fresh.counts, api.made) == ({"done": 3}, 3)
        assert not any(cell.problem for cell in fresh.cells())
        assert [body["image_url"] for body in api.bodies[made:]] == signed("new")[made:]


def test_a_plan_shows_no_signature(workspace: Workspace) -> None:
    links = [url.replace("png", "mp3") for url in signed("canary-signature")]
    plan = sweep(workspace, audio_url=links, version=[5]).plan()
    assert plan.new == 3
    texts = [plan.frame().to_csv(), repr(plan.kinds), plan._repr_mimebundle_()["text/html"]]
    assert not [text for text in texts if "canary-signature" in text]
    assert all("b.example.com/a.mp3" in text for text in texts)


def test_points_that_cannot_be_sent_are_counted_right_while_more_are_added(
    api: HeldApi, server: FaultyServer, tmp_path: Path
) -> None:
    links = [f"https://b.example.com/{n}.png?X-Amz-Signature=old" for n in range(100)]
    with connected(server.url, tmp_path) as first:
        run = sweep(first, image_url=links).run(confirm=True, max_in_flight=1)
        run.pause()
    with connected(server.url, tmp_path) as second:
        known = take_up(run.name, workspace=second).resume()
        for version in range(4, 7):  # each makes the run count its points anew
            known.add(sweep(second, version=[version]), confirm=True)
        counts = known.wait(WAIT_S).counts
        assert (counts["done"], refused(counts)) == (api.made, 103 - api.made)


def test_a_run_is_free_for_others_when_its_kernel_closes_right_behind_a_change(
    server: FaultyServer, tmp_path: Path
) -> None:
    with connected(server.url, tmp_path) as first:
        run = sweep(first).run(confirm=True, max_in_flight=1)
        run.pause()
    for _ in range(20):
        with connected(server.url, tmp_path) as later:
            assert take_up(run.name, workspace=later).pause().state == "paused"
