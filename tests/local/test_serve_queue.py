"""The claim loop with executors of several kinds, in this process."""

from __future__ import annotations

import threading
import time
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.local.conftest import sample_body, until, voice_wav
from tfi_notebook import samples
from tfi_notebook.local.tasks import Outcome, render_claim
from tfi_notebook.local.worker import serve_queue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tfi_notebook.local.store import Store


@pytest.mark.render
def test_any_executor_can_render(store: Store) -> None:
    image = store.files.add_asset(samples.PORTRAIT.read_bytes(), "a.png")
    audio = store.files.add_asset(voice_wav(0.6), "a.wav")
    job_id = store.enqueue(sample_body(version=4), image, audio, voice_s=0.6)
    with served(store, ThreadPoolExecutor(1)):
        row = ended_row(store, job_id)
    assert row["status"] == "SUCCESS"
    next_id = store.enqueue(sample_body(version=4), image, audio, voice_s=0.6)
    outlook = store.history.outlook(store.job(next_id) or {})
    assert outlook is not None
    assert outlook.left_s > 0
    assert outlook.from_jobs == 1


@contextmanager
def served(store: Store, executor: Any, slots: int = 1) -> Iterator[threading.Event]:
    """Serve the queue in a thread; gives the event that wakes it."""
    stop, wake = threading.Event(), threading.Event()
    thread = threading.Thread(
        target=serve_queue, args=(store, executor, stop), kwargs={"wake": wake, "slots": slots}
    )
    thread.start()
    try:
        yield wake
    finally:
        stop.set()
        wake.set()
        thread.join(20)
        executor.shutdown()
    assert not thread.is_alive()


def ended_row(store: Store, job_id: str) -> dict[str, Any]:
    def ended() -> dict[str, Any] | None:
        row = store.job(job_id)
        return row if row is not None and row["status"] in {"SUCCESS", "FAILED"} else None

    row: dict[str, Any] = until(ended, "the job to end")
    return row


def test_a_typed_error_of_the_renderer_is_the_jobs_message(store: Store) -> None:
    """Admission would refuse these; the renderer's own words must arrive all the same."""
    image = store.files.add_asset(b"no picture", "a.png")
    audio = store.files.add_asset(voice_wav(0.5), "a.wav")
    job_id = store.enqueue(sample_body(), image, audio)
    gone = store.enqueue(sample_body(), "0" * 64 + ".png", audio)
    odd = store.enqueue(sample_body(output_size="wide"), image, audio)
    with served(store, ThreadPoolExecutor(1)):
        row = ended_row(store, job_id)
        assert row["status"] == "FAILED"
        assert row["message"].startswith("image_url: ")
        assert " → use a PNG, JPEG, WebP or BMP file" in row["message"]
        assert "no longer in the local store" in ended_row(store, gone)["message"]
        assert "the local renderer failed (TypeError" in ended_row(store, odd)["message"]


class _Broken(ThreadPoolExecutor):
    """An executor whose every call ends with an error of its own."""

    def submit(self, *_: Any, **__: Any) -> Future[Any]:
        failed: Future[Any] = Future()
        failed.set_exception(ConnectionError("the cluster is gone"))
        return failed


def test_an_executor_that_fails_fails_the_job(store: Store) -> None:
    job_id = store.enqueue(sample_body(), "a.png", "a.wav")
    with served(store, _Broken(1)):
        row = ended_row(store, job_id)
    assert row["status"] == "FAILED"
    assert "the cluster is gone" in row["message"]


def test_a_new_job_is_taken_at_once_when_the_bell_rings(store: Store) -> None:
    """Well before the slow poll would have looked."""
    with served(store, ThreadPoolExecutor(1)) as wake:
        time.sleep(0.2)  # the queue is looked at once at the start; let that pass
        job_id = store.enqueue(sample_body(), "a.png", "a.wav")
        started = time.monotonic()
        wake.set()
        ended_row(store, job_id)
        assert time.monotonic() - started < 1


def test_a_rendering_that_lost_its_claim_ends_early(store: Store) -> None:
    image = store.files.add_asset(samples.PORTRAIT.read_bytes(), "a.png")
    audio = store.files.add_asset(voice_wav(20), "a.wav")
    store.enqueue(sample_body(), image, audio)
    late = store.claim("late", lease_s=-1)
    assert late is not None
    assert store.claim("another") is not None
    outcome = render_claim(store.root, late)
    assert outcome == Outcome("another worker has taken the job over")


class _Held(ThreadPoolExecutor):
    """An executor whose calls end when the test says so."""

    def __init__(self) -> None:
        super().__init__(1)
        self.calls: list[Future[Any]] = []

    def submit(self, *_: Any, **__: Any) -> Future[Any]:
        self.calls.append(Future())
        return self.calls[-1]


def test_a_second_try_runs_alone(store: Store) -> None:
    """If it ends its process again, no other job goes with it."""
    ids = [store.enqueue(sample_body(), "a.png", "a.wav") for _ in range(3)]
    assert store.claim("killed")
    store.release("killed")
    held = _Held()
    with served(store, held, slots=2) as wake:
        until(lambda: held.calls, "the second try")
        for _ in range(2):  # a renewed lease shows that the queue was looked at again
            lease = (store.job(ids[0]) or {})["lease_until"]
            wake.set()
            until(lambda lease=lease: (store.job(ids[0]) or {})["lease_until"] > lease, "a look")  # type: ignore[misc]
        assert len(held.calls) == 1
        held.calls[0].set_result(Outcome("could not be done"))
        until(lambda: len(held.calls) == 3, "both others at once")
    statuses = [(store.job(job_id) or {})["status"] for job_id in ids]
    assert statuses == ["FAILED", "QUEUED", "QUEUED"]


def test_a_rendering_that_hangs_is_failed_and_the_others_lose_no_try(store: Store) -> None:
    hanging, other = (store.enqueue(sample_body(), "a.png", "a.wav") for _ in range(2))
    held, progress = _Held(), iter(range(1, 1000))
    stop, wake = threading.Event(), _Bell(lambda: tell(next(progress) / 1000))

    def tell(share: float) -> None:
        token = (store.job(other) or {})["token"]
        if token:
            store.report_progress(token, share, "frames")

    with pytest.raises(BrokenExecutor, match="hangs"):
        serve_queue(store, held, stop, wake=wake, slots=2, stall_s=0.5)
    held.shutdown()
    first, second = (store.job(job_id) or {} for job_id in (hanging, other))
    assert (first["status"], first["message"]) == (
        "FAILED", "the rendering told no progress for 0.5 s",
    )  # fmt: skip
    assert (second["status"], second["tries"]) == ("QUEUED", 0)


class _Bell(threading.Event):
    """An event that rings many times a second, and does something each time."""

    def __init__(self, act: Callable[[], None]) -> None:
        super().__init__()
        self._act = act

    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002 - rings by itself
        self._act()
        return super().wait(0.05)
