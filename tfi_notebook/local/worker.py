"""The worker: a process of its own that claims jobs and has them rendered.

`python -m tfi_notebook.local.worker ROOT [NAME [RENDERER EXECUTOR]]` serves the queue in ROOT
until its standard input ends, that is, until whoever started it is gone; each byte that comes in
means "look at the queue now". A process of its own keeps the kernel's GIL free, and unlike a
process pool inside the kernel it works for scripts without an `if __name__ == "__main__"` guard.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from tfi_notebook.errors import TfiError
from tfi_notebook.http import redact
from tfi_notebook.local import retention
from tfi_notebook.local.renderers import Way
from tfi_notebook.local.store import Claim, Store
from tfi_notebook.local.tasks import Outcome, one_line, render_claim

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

POLL_S: Final = 2.0
"""How often the queue is looked at unasked, for jobs that other processes put there; also how
often leases are renewed, which is several times within one lease."""
STALL_S: Final = 300.0
"""A rendering that tells no progress for so long hangs; on a busy machine a stage takes seconds."""

_log = logging.getLogger(__name__)


def serve_queue(
    store: Store,
    executor: Executor,
    stop: threading.Event,
    *,
    wake: threading.Event | None = None,
    worker: str | None = None,
    slots: int | None = None,
    stall_s: float = STALL_S,
    way: Way = Way(),  # noqa: B008 - frozen
) -> None:
    """Claim jobs and have them rendered until told to stop.

    At the end, jobs that are still being rendered go back to their place in the queue.

    Args:
        store: the queue.
        executor: renders: anything with the interface of `concurrent.futures.Executor` whose
            workers see the store's folder (processes, threads, `dask.distributed`).
        stop: ends the serving; seen at once if `wake` is set too, else within `POLL_S`.
        wake: set it when there is a new job.
        worker: name under which jobs are claimed; must be this call's own.
        slots: how many jobs are rendered at once; default one for each CPU.
        stall_s: a job that tells no progress for so long is failed, and its worker given up.
        way: which renderer renders, and where.

    Raises:
        BrokenExecutor: the executor has lost its workers, or one of them hangs. Its jobs are
            free again; those that were lost with their worker have used up one of their tries.
    """
    bell, name = wake or threading.Event(), worker or uuid4().hex
    serving = _Serving(store, executor, bell, name, stall_s, way)
    try:
        while not stop.is_set():
            serving.step(slots or cpu_count())
        serving.settle_ended()
    except BrokenExecutor:
        store.release(serving.worker)
        raise
    serving.give_everything_back()


class _Serving:
    """The jobs that are being rendered, and the round of one look at the queue."""

    def __init__(
        self,
        store: Store,
        executor: Executor,
        wake: threading.Event,
        worker: str,
        stall_s: float,
        way: Way,
    ) -> None:
        self.worker = worker
        self._stall_s = stall_s
        self._way = way
        self._seen: dict[str, tuple[float, float]] = {}
        self._store = store
        self._executor = executor
        self._wake = wake
        self._running: dict[Future[Outcome], Claim] = {}

    def step(self, slots: int) -> None:
        """Settle what has ended, renew the leases, fill the slots, and wait for news."""
        self._wake.clear()
        if self.settle_ended():
            self._tidy()
        if self._running:
            self._store.renew(self.worker)
            self._give_up_what_hangs()
        while self._may_take(slots) and (claim := self._store.claim(self.worker)):
            future = self._executor.submit(render_claim, self._store.root, claim, self._way)
            self._running[future] = claim
            future.add_done_callback(lambda _: self._wake.set())
        self._wake.wait(POLL_S)

    def settle_ended(self) -> int:
        """Publish or fail what has ended; return how many those were."""
        ended = [future for future in self._running if future.done()]
        for future in ended:
            self._settle(self._running.pop(future), future)
        return len(ended)

    def _give_up_what_hangs(self) -> None:
        """Fail the jobs whose rendering hangs, and put the others back: their executor goes too."""
        now, told = time.monotonic(), self._store.last_told(self.worker)
        # by this machine's own clock, which stands still while the machine sleeps
        self._seen = {
            token: self._seen[token] if self._seen.get(token, (0, 0))[0] == at else (at, now)
            for token, at in told.items()
        }
        hanging = [token for token, (_, since) in self._seen.items() if now - since > self._stall_s]
        for token in hanging:
            self._store.fail(token, f"the rendering told no progress for {self._stall_s:g} s")
        if hanging:
            self.give_everything_back()
            raise BrokenExecutor("a rendering hangs")

    def _tidy(self) -> None:
        try:
            retention.tidy(self._store)
        except (TfiError, OSError):
            _log.exception("the folder cannot be tidied")  # the jobs go on

    def give_everything_back(self) -> None:
        for future, claim in self._running.items():
            future.cancel()
            self._store.give_back(claim.token)

    def _may_take(self, slots: int) -> bool:
        # A second try runs alone: if it ends its process again, no other job goes with it.
        second_try = any(claim.tries > 1 for claim in self._running.values())
        return len(self._running) < slots and not second_try

    def _settle(self, claim: Claim, future: Future[Outcome]) -> None:
        error = future.exception()
        if isinstance(error, BrokenExecutor):
            raise error
        try:
            if error is None:
                self._publish(claim, future.result())
            else:
                _log.error("job %s", claim.job_id, exc_info=error)
                self._store.fail(claim.token, f"the executor failed ({redact(error, 200)})")
        except OSError as failure:
            self._store.fail(claim.token, f"the video cannot be kept ({redact(failure, 200)})")
        finally:
            self._store.files.discard(claim.part)

    def _publish(self, claim: Claim, outcome: Outcome) -> None:
        if outcome.report is None:
            self._store.fail(claim.token, outcome.message)
        elif self._store.holds(claim.token):
            self._store.files.publish(claim.part, claim.output, outcome.report)
            self._store.finish(claim.token, claim.output, outcome.message)
            self._store.history.took(claim.job_id, outcome.wall_s)
            self._store.files.discard(claim.job_id)  # an earlier try may have been killed


def cpu_count() -> int:
    """Return how many CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def main(argv: list[str]) -> int:
    """Serve a queue until standard input ends.

    Args:
        argv: the queue's folder, the name under which jobs are claimed, and the `Way`.
    """
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    stop, wake = threading.Event(), threading.Event()
    _end_on_signals(stop, wake)
    threading.Thread(target=_listen, args=(stop, wake), daemon=True).start()
    name = argv[1] if len(argv) > 1 else uuid4().hex
    try:
        with closing(Store(Path(argv[0]))) as store:
            while not stop.is_set():
                _serve_with_pool(store, stop, wake, name, Way(*argv[2:]))
    except TfiError as error:
        _log.error("%s", one_line(error))
        return 1
    return 0


def _serve_with_pool(
    store: Store, stop: threading.Event, wake: threading.Event, name: str, way: Way
) -> None:
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(cpu_count(), mp_context=context, initializer=_end_with_parent)
    try:
        serve_queue(store, pool, stop, wake=wake, worker=name, way=way)
    except BrokenExecutor:
        _log.exception("the rendering processes ended unexpectedly; starting new ones")
    finally:
        for child in multiprocessing.active_children():
            child.kill()  # what they rendered is back in the queue
        pool.shutdown(cancel_futures=True)


def _end_on_signals(stop: threading.Event, wake: threading.Event) -> None:
    def end(_signal: int, _frame: object) -> None:
        stop.set()
        wake.set()

    # Jupyter sends an interrupt to the whole process group; it means the cell, not the queue.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, end)


def _listen(stop: threading.Event, wake: threading.Event) -> None:
    """Wake the queue for each byte on standard input, and stop it at the end of the input."""
    while os.read(sys.stdin.fileno(), 4096):
        wake.set()
    stop.set()
    wake.set()


def _end_with_parent() -> None:
    """Make a pool's process end when its parent does, even a parent that was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "runs in the processes of a pool"

    def follow() -> None:
        parent.join()
        os._exit(1)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=follow, daemon=True).start()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
