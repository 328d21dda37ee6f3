"""Who renders a segment: this process, or the workers of any executor.

The rig is the same for all segments and large, so it is not sent with each: a worker reads
it once and keeps it, by its hash.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import pickle
import threading
from collections import OrderedDict, deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2

from tfi_notebook.errors import RenderError
from tfi_notebook.local.renderer.compose import FramePainter
from tfi_notebook.local.renderer.segments import encode_segment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor, Future

    from tfi_notebook.local.renderer.rig import Rig
    from tfi_notebook.local.renderer.segments import Segment, SegmentTask

IN_FLIGHT: Final = 16
"""Segments that are submitted and not yet joined, at most; bounds the memory."""

_RIGS_KEPT: Final = 2


@dataclass(frozen=True, slots=True)
class RigParcel:
    """Where a worker finds the rig: by its hash among those it knows, in a file, or in hand.

    A rig has 9 MB at 400 px, so workers of this machine read it once from a file. Workers of
    other machines, which cannot, get it by value.
    """

    digest: str
    path: str
    blob: bytes | None = None


def serial(rig: Rig, tasks: Iterator[SegmentTask]) -> Iterator[Segment]:
    """Yield the segments of `tasks`, rendered here, one after the other."""
    painter: FramePainter | None = None
    for task in tasks:
        if painter is None:
            painter = FramePainter(rig, step_count=task.step_count, detail=task.detail)
        yield encode_segment(painter, rig.size, task)


def parallel(
    executor: Executor, parcel: RigParcel, tasks: Iterator[SegmentTask]
) -> Iterator[Segment]:
    """Yield segments in order while later ones are being rendered."""
    waiting: deque[tuple[SegmentTask, Future[Segment | None]]] = deque()
    try:
        for task in tasks:
            waiting.append((task, executor.submit(render_segment, parcel, task)))
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
    segment = future.result()
    if segment is None:  # a worker on another machine: send the rig along
        segment = executor.submit(render_segment, by_value(parcel), task).result()
    if segment is None:
        raise RenderError("a worker could not read the rig that was sent to it")
    return segment


def render_segment(parcel: RigParcel, task: SegmentTask) -> Segment | None:
    """Render one segment in a worker; the function that is sent to executors.

    Returns:
        the segment, or None if the worker cannot reach the rig: then it must be sent by value.
    """
    if multiprocessing.parent_process() is not None:
        cv2.setNumThreads(1)  # the workers share the cores already
    rig = _RIGS.get(parcel)
    if rig is None:
        return None
    painter = FramePainter(rig, step_count=task.step_count, detail=task.detail)
    return encode_segment(painter, rig.size, task)


class _RigCache:
    """The rigs this process has unpacked, the latest last."""

    def __init__(self) -> None:
        self._rigs: OrderedDict[str, Rig] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, parcel: RigParcel) -> Rig | None:
        """Return the rig of `parcel`, unpacked once; None if it is out of reach."""
        with self._lock:
            rig = self._rigs.pop(parcel.digest, None) or _unpack(parcel)
            if rig is not None:
                self._rigs[parcel.digest] = rig
            while len(self._rigs) > _RIGS_KEPT:
                self._rigs.popitem(last=False)
            return rig


_RIGS: Final = _RigCache()


def pack(rig: Rig, path: Path) -> RigParcel:
    """Write `rig` to `path` for the workers of this machine."""
    blob = pickle.dumps(rig, protocol=pickle.HIGHEST_PROTOCOL)
    path.write_bytes(blob)
    return RigParcel(hashlib.sha256(blob).hexdigest(), str(path))


def by_value(parcel: RigParcel) -> RigParcel:
    """Return the same parcel with the rig inside it."""
    return RigParcel(parcel.digest, parcel.path, Path(parcel.path).read_bytes())


def _unpack(parcel: RigParcel) -> Rig | None:
    blob = parcel.blob
    if blob is None:
        try:
            blob = Path(parcel.path).read_bytes()
        except OSError:
            return None
    if hashlib.sha256(blob).hexdigest() != parcel.digest:
        return None
    rig: Rig = pickle.loads(blob)  # noqa: S301 - our own bytes, checked by their hash
    return rig
