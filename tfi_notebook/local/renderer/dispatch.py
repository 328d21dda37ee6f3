"""Who renders a segment: threads of this process, or the workers of any executor.

Nearly all of the work is done by OpenCV and x264, which let other threads run meanwhile, so
threads use all cores for a single job, and need no copy of the rig. To the workers of an
executor the rig is not sent with each segment: a worker reads it once and keeps it, by its
hash. An executor that can hand one thing to all of its workers (`share`, as that of
`local.executors` can) does so with the rig; otherwise a worker that cannot read the rig's file
gets it with a segment. One that can tell that it has no workers (`staffed`) is not waited for.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import threading
from collections import OrderedDict, deque
from concurrent.futures import BrokenExecutor, CancelledError, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2

from tfi_notebook.errors import RenderError, TfiError
from tfi_notebook.local.renderer.compose import FinePictures, FramePainter
from tfi_notebook.local.renderer.segments import encode_segment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor, Future

    from tfi_notebook.local.renderer.rig import Rig
    from tfi_notebook.local.renderer.segments import Segment, SegmentTask

IN_FLIGHT: Final = 16
"""Segments that are submitted and not yet joined, at most; bounds the memory."""

_LOOK_EVERY_S: Final = 5.0
_RIGS_KEPT: Final = 2
_CAUSE_CHARS: Final = 200  # of a foreign error's text
_STILL_THERE: Final = "see that what it runs on (a cluster's scheduler, say) is still there"


@dataclass(frozen=True, slots=True)
class RigParcel:
    """Where a worker finds the rig: by its hash among those it knows, in a file, or in hand.

    A rig has 3.5 MB at 400 px, so workers of this machine read it once from a file. Workers of
    other machines, which cannot, get it by value.
    """

    digest: str
    path: str
    blob: bytes | None = None


def threaded(rig: Rig, tasks: Iterator[SegmentTask]) -> Iterator[Segment]:
    """Yield the segments of `tasks` in order, rendered by one thread for each core."""
    pictures = FinePictures(rig)
    painters = threading.local()

    def segment(task: SegmentTask) -> Segment:
        if not hasattr(painters, "mine"):
            painters.mine = painter(rig, task, pictures)
        return encode_segment(painters.mine, rig.size, task)

    cores = _cores()
    with _SINGLE_THREADED, ThreadPoolExecutor(cores, "tfi-render") as pool:
        waiting: deque[Future[Segment]] = deque()
        try:
            for task in tasks:
                waiting.append(pool.submit(segment, task))
                if len(waiting) > cores:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def painter(rig: Rig, task: SegmentTask, pictures: FinePictures) -> FramePainter:
    """Return a painter for one thread."""
    return FramePainter(rig, step_count=task.step_count, detail=task.detail, pictures=pictures)


def _cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _SingleThreaded:
    """Keeps OpenCV from splitting each call over the cores, which the threads share already.

    The setting is the whole process's: the first of several renderings makes it, the last
    one takes it back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._before = 0

    def __enter__(self) -> None:
        with self._lock:
            if self._users == 0:
                self._before = cv2.getNumThreads()
                cv2.setNumThreads(1)
            self._users += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                cv2.setNumThreads(self._before)


_SINGLE_THREADED: Final = _SingleThreaded()


def parallel(
    executor: Executor, parcel: RigParcel, tasks: Iterator[SegmentTask]
) -> Iterator[Segment]:
    """Yield segments in order while later ones are being rendered."""
    waiting: deque[tuple[SegmentTask, Future[Segment | None]]] = deque()
    _require_workers(executor)
    share = getattr(executor, "share", None)
    shared = [share(Path(parcel.path).read_bytes())] if share else []
    try:
        for task in tasks:
            waiting.append((task, executor.submit(render_segment, parcel, task, *shared)))
            if len(waiting) >= IN_FLIGHT:
                yield _finished(executor, parcel, *waiting.popleft())
        while waiting:
            yield _finished(executor, parcel, *waiting.popleft())
    finally:
        for _, future in waiting:
            future.cancel()


def _finished(
    executor: Executor, parcel: RigParcel, task: SegmentTask, future: Future[Segment | None]
) -> Segment:
    segment = _result(executor, future)
    if segment is None:  # a worker on another machine: send the rig along
        segment = _result(executor, executor.submit(render_segment, by_value(parcel), task))
    if segment is None:
        raise RenderError("a worker could not read the rig that was sent to it")
    return segment


def _require_workers(executor: Executor) -> None:
    if not getattr(executor, "staffed", True):
        raise RenderError("the executor has no workers", hint=_STILL_THERE)


def _result(executor: Executor, future: Future[Segment | None]) -> Segment | None:
    while not wait([future], _LOOK_EVERY_S).done:  # a cluster may wait for new workers for ever
        _require_workers(executor)
    try:
        return future.result()
    except CancelledError:
        raise RenderError("the executor has given up its segments", hint=_STILL_THERE) from None
    except (TfiError, OSError, MemoryError, BrokenExecutor):
        raise
    except Exception as cause:  # whatever a foreign executor calls its workers' death
        reason = f"{type(cause).__name__}: {str(cause)[:_CAUSE_CHARS]}"
        raise RenderError(f"a worker has failed: {reason}", hint=_STILL_THERE) from cause


def render_segment(
    parcel: RigParcel, task: SegmentTask, shared: bytes | None = None
) -> Segment | None:
    """Render one segment in a worker; the function that is sent to executors.

    Args:
        parcel: where the rig is.
        task: what to render.
        shared: the rig's bytes, from an executor that has handed them to all workers.

    Returns:
        the segment, or None if the worker cannot reach the rig: then it must be sent by value.
    """
    known = _RIGS.get(parcel if shared is None else replace(parcel, blob=shared))
    if known is None:
        return None
    rig, pictures = known
    with _SINGLE_THREADED:  # the workers share the cores already
        return encode_segment(painter(rig, task, pictures), rig.size, task)


class _RigCache:
    """The rigs this process has unpacked, the latest last."""

    def __init__(self) -> None:
        self._rigs: OrderedDict[str, tuple[Rig, FinePictures]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, parcel: RigParcel) -> tuple[Rig, FinePictures] | None:
        """Return the rig of `parcel` and its pictures, unpacked once; None if out of reach."""
        with self._lock:
            known = self._rigs.pop(parcel.digest, None) or _unpack(parcel)
            if known is not None:
                self._rigs[parcel.digest] = known
            while len(self._rigs) > _RIGS_KEPT:
                self._rigs.popitem(last=False)
            return known


_RIGS: Final = _RigCache()


def pack(rig: Rig, path: Path) -> RigParcel:
    """Write `rig` to `path` for the workers of this machine."""
    blob = pickle.dumps(rig, protocol=pickle.HIGHEST_PROTOCOL)
    path.write_bytes(blob)
    return RigParcel(hashlib.sha256(blob).hexdigest(), str(path))


def by_value(parcel: RigParcel) -> RigParcel:
    """Return the same parcel with the rig inside it."""
    return RigParcel(parcel.digest, parcel.path, Path(parcel.path).read_bytes())


def _unpack(parcel: RigParcel) -> tuple[Rig, FinePictures] | None:
    blob = parcel.blob
    if blob is None:
        try:
            blob = Path(parcel.path).read_bytes()
        except OSError:
            return None
    if hashlib.sha256(blob).hexdigest() != parcel.digest:
        return None
    rig: Rig = pickle.loads(blob)  # noqa: S301 - our own bytes, checked by their hash
    return rig, FinePictures(rig)
