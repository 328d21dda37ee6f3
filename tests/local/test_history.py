"""What is left of a job, told from what finished ones have taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.local.conftest import Caller, sample_body
from tfi_notebook.contract.payloads import TalkingVideoPayload

if TYPE_CHECKING:
    from tfi_notebook.local.store import Store


def enqueue(store: Store, voice_s: float, **changes: int) -> str:
    body = TalkingVideoPayload(**(sample_body(version=6) | changes)).body()
    return store.enqueue(body, "a.png", "a.wav", voice_s)


def finish(store: Store, *walls_s: float, voice_s: float = 10.0, **changes: int) -> None:
    """Play the worker for jobs that took so long."""
    for wall_s in walls_s:
        job_id = enqueue(store, voice_s, **changes)
        claim = store.claim("a")
        assert claim is not None
        assert store.finish(claim.token, claim.output, "done")
        store.history.took(job_id, wall_s)


def standing(caller: Caller, job_id: str) -> tuple[int | None, float | None, int | None]:
    """Jobs before it, seconds left, and from how many jobs that is known."""
    row = caller.row(job_id)
    return row["queue_position"], row["eta_s"], row["eta_from_jobs"]


def test_without_a_history_nothing_is_promised(caller: Caller, store: Store) -> None:
    finish(store, 3.0, version=4)  # of another class
    finish(store, 3.0, output_size=512)
    job_id = caller.submit().json()["jobId"]
    assert standing(caller, job_id) == (0, None, None)


def test_the_time_left_comes_from_the_class_and_the_length_of_the_voice(
    caller: Caller, store: Store
) -> None:
    finish(store, 10.0, 20.0, 300.0)  # the median is 2 s for each second of voice
    first, second = enqueue(store, 8.0), enqueue(store, 4.0)
    assert standing(caller, first) == (0, 16.0, 3)
    assert standing(caller, second) == (1, 24.0, 3)
    claim = store.claim("a")
    assert claim is not None
    store.report_progress(claim.token, 0.75, "frames")
    assert standing(caller, first) == (None, 4.0, 3)
    assert caller.row(first)["progress"] == 0.75
    assert caller.row(first)["message"] == "rendering locally: frames"
    assert standing(caller, second)[1] is not None
    assert standing(caller, second) == (0, 12.0, 3)  # 4 s before it, 8 s of its own


def test_renderings_that_run_at_once_share_what_waits(caller: Caller, store: Store) -> None:
    finish(store, 10.0)
    ids = [enqueue(store, 60.0) for _ in range(4)]
    assert store.claim("a")
    assert store.claim("b")
    assert standing(caller, ids[3])[1] == 150.0  # 180 s by two, and 60 s


def test_a_job_before_it_without_a_history_leaves_the_time_open(
    caller: Caller, store: Store
) -> None:
    finish(store, 10.0)
    enqueue(store, 8.0, version=5)
    assert standing(caller, enqueue(store, 8.0)) == (1, None, None)
