"""The whole job: a portrait and a narration in, a talking video out.

Stages: picture (read, find the face, cut the canvas), sound (decode) and motion (hear the
mouth, solve its movement) with the rig beside them, frames (paint and encode in segments,
join, add the sound). Frames are streamed: memory does not grow with their number.
"""

from __future__ import annotations

import os
import tempfile
import time
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final

import av
import cv2
import numpy as np

import tfi_notebook
from tfi_notebook.errors import RenderError
from tfi_notebook.local.renderer.canvas import Canvas, make_canvas
from tfi_notebook.local.renderer.dispatch import pack, parallel, threaded
from tfi_notebook.local.renderer.driver import driver_of, motion_of, mouth_track
from tfi_notebook.local.renderer.motion import FPS, Motion
from tfi_notebook.local.renderer.mouth import Detail
from tfi_notebook.local.renderer.options import RenderOptions, RenderReport
from tfi_notebook.local.renderer.rig import Rig, build_rig
from tfi_notebook.local.renderer.segments import (
    Joiner,
    Segment,
    SegmentTask,
    residual_summary,
    split,
)
from tfi_notebook.local.renderer.warp import MAX_STEPS
from tfi_notebook.media.audio import ANALYSIS_RATE_HZ, Hearing, blocks, hear
from tfi_notebook.media.face import Face, find_face
from tfi_notebook.media.frames import read_picture

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from concurrent.futures import Executor

    from tfi_notebook.local.renderer.arrays import F32

__all__ = ["SOUND_RATE_HZ", "RenderOptions", "RenderReport", "render"]

SOUND_RATE_HZ: Final = 44_100
_CAUSE_CHARS: Final = 200  # of a foreign error's text
_PROGRESS_EVERY_S: Final = 0.1
_FRAMES_FROM: Final = 0.1  # the share of the progress that comes before the frames
DETAILS: Final = {4: Detail.CAVITY, 5: Detail.TONGUE, 6: Detail.TEETH}
_ORDINARY_FAILURES: Final = (
    av.FFmpegError,
    cv2.error,
    OSError,
    BrokenExecutor,
    MemoryError,
    np.linalg.LinAlgError,
)


def render(
    image: Path | bytes,
    audio: Path | bytes,
    out: Path,
    options: RenderOptions = RenderOptions(),  # noqa: B008 - frozen, so it can be shared
    *,
    executor: Executor | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> RenderReport:
    """Render a talking video.

    The same input, options and seed give the same bytes on the same machine, whoever
    renders the segments.

    Args:
        image: the portrait, a path or the file's bytes (PNG, JPEG, WebP, BMP).
        audio: the narration, a path or the file's bytes.
        out: the MP4 to write; appears only when it is complete.
        options: see `RenderOptions`.
        executor: renders segments of frames in its workers, anything with the interface of
            `concurrent.futures.Executor`; processes must be spawned, not forked. None
            renders in threads of this process, one for each core.
        progress: is called with the share done in 0..1 and the name of the stage, at most
            about ten times a second, in this thread.

    Returns:
        the report.

    Raises:
        NoFaceError: no face in the picture; `.score` tells how near it was.
        NotAPictureError, PictureTooLargeError: the picture cannot be used.
        NotAudioError, EmptyAudioError, AudioTooLongError: the narration cannot be used.
        RenderError: anything else that went wrong, such as a full disk or a dead worker.
    """
    with failures_told():
        return _Job(image, audio, options, executor, _Progress(progress)).run(out)


@contextmanager
def failures_told() -> Iterator[None]:
    """Raise what goes wrong on an ordinary day, such as a full disk, as a `RenderError`."""
    try:
        yield
    except _ORDINARY_FAILURES as cause:
        raise RenderError(
            f"rendering failed: {type(cause).__name__}: {str(cause)[:_CAUSE_CHARS]}",
            hint="check the output folder, free disk space and memory; a smaller output_size "
            "needs less of both",
        ) from cause


class _Progress:
    """Hands progress on, seldom enough for a notebook."""

    def __init__(self, listener: Callable[[float, str], None] | None) -> None:
        self._listener = listener
        self._told_at = -_PROGRESS_EVERY_S

    def tell(self, share: float, stage: str) -> None:
        now = time.monotonic()
        if self._listener is None or (share < 1 and now - self._told_at < _PROGRESS_EVERY_S):
            return
        self._told_at = now
        self._listener(share, stage)


class _Job:
    """One rendering; measures its own stages."""

    def __init__(
        self,
        image: Path | bytes,
        audio: Path | bytes,
        options: RenderOptions,
        executor: Executor | None,
        progress: _Progress,
    ) -> None:
        self._image, self._audio, self._options = image, audio, options
        self._executor, self._progress = executor, progress
        self._driver = driver_of(options.version, options.language)
        self._timings_s: dict[str, float] = {}

    def run(self, out: Path) -> RenderReport:
        started = time.perf_counter()
        with self._stage("picture", 0.0):
            canvas, face = self._canvas()
        with ThreadPoolExecutor(1, "tfi-rig") as aside:
            building = aside.submit(self._rig, canvas)  # it needs nothing of the sound
            with self._stage("sound", 0.03):
                hearing = hear(self._sound())
            with self._stage("motion", 0.06):
                motion = self._motion(hearing)
            rig = building.result()
        with self._stage("frames", _FRAMES_FROM), _published(out) as part:
            with closing(self._sound(SOUND_RATE_HZ)) as sound:
                joiner = Joiner(part, sound, SOUND_RATE_HZ)
                self._join(joiner, rig, motion)
            size_bytes = part.stat().st_size
        self._timings_s["total"] = time.perf_counter() - started
        self._progress.tell(1.0, "done")
        return self._report(canvas, face, motion, joiner, hearing.duration_s, size_bytes)

    @contextmanager
    def _stage(self, name: str, share: float) -> Iterator[None]:
        self._progress.tell(share, name)
        with self._timed(name):
            yield

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self._timings_s[name] = time.perf_counter() - started

    def _canvas(self) -> tuple[Canvas, Face]:
        options = self._options
        rgb = read_picture(self._image, field="image_url")
        face = find_face(rgb, field="image_url")
        canvas = make_canvas(
            rgb,
            face.landmarks,
            output_size=options.output_size,
            crop=options.crop,
            expand_ratio=options.expand_ratio,
        )
        return canvas, face

    def _rig(self, canvas: Canvas) -> Rig:
        with self._timed("rig"):
            return build_rig(canvas)

    def _sound(self, rate_hz: int = ANALYSIS_RATE_HZ) -> Generator[F32]:
        return blocks(self._audio, rate_hz, field="audio_url")

    def _motion(self, hearing: Hearing) -> Motion:
        track = mouth_track(hearing, self._sound(), self._options.version, self._driver)
        return motion_of(track, hearing, self._options)

    def _join(self, joiner: Joiner, rig: Rig, motion: Motion) -> None:
        total = len(motion.weights)
        tasks = split(motion, self._options.iteration_count, DETAILS[self._options.version])
        try:
            for segment in self._segments(rig, tasks):
                joiner.add(segment)
                share = joiner.frame_count / total
                self._progress.tell(_FRAMES_FROM + (0.99 - _FRAMES_FROM) * share, "frames")
        except BaseException:
            joiner.abandon()
            raise
        joiner.close()

    def _segments(self, rig: Rig, tasks: Iterator[SegmentTask]) -> Iterator[Segment]:
        if self._executor is None:
            yield from threaded(rig, tasks)
        else:
            with tempfile.TemporaryDirectory(prefix="tfi-rig-") as folder:
                parcel = pack(rig, Path(folder) / "rig.pickle")
                yield from parallel(self._executor, parcel, tasks)

    def _report(
        self,
        canvas: Canvas,
        face: Face,
        motion: Motion,
        joiner: Joiner,
        duration_s: float,
        size_bytes: int,
    ) -> RenderReport:
        options = self._options
        mean_px, max_px = residual_summary(joiner.residuals_px)
        return RenderReport(
            width_px=canvas.rgb.shape[1],
            height_px=canvas.rgb.shape[0],
            fps=float(FPS),
            frame_count=joiner.frame_count,
            duration_s=duration_s,
            size_bytes=size_bytes,
            version=options.version,
            iteration_count=options.iteration_count,
            warp_step_count=min(options.iteration_count, MAX_STEPS),
            driver=self._driver,
            language=options.language,
            seed=options.seed,
            versions=_versions(),
            face_score=face.score,
            face_presence=face.presence,
            face_share=canvas.face_share,
            mouth_opening=float(np.percentile(motion.mouth.track[:, 0], 95)),
            solver_objective=float(motion.mouth.objective[-1]),
            solver_residual=motion.mouth.residual,
            warp_residual_px=mean_px,
            warp_residual_max_px=max_px,
            segment_count=joiner.segment_count,
            realtime_factor=self._timings_s["total"] / duration_s,
            timings_s=dict(self._timings_s),
        )


@contextmanager
def _published(out: Path) -> Iterator[Path]:
    """Give a path to write to; what stands there at the end becomes `out`, all or nothing."""
    handle, name = tempfile.mkstemp(prefix=f".{out.name}.", suffix=".part", dir=out.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        part.chmod(0o666 & ~_umask())
        part.replace(out)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()


def _versions() -> dict[str, str]:
    """Return the versions of what the picture and the sound depend on."""
    names = ("numpy", "opencv-python-headless", "av", "pocketsphinx")
    found = {"tfi-notebook": tfi_notebook.__version__}
    for name in names:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _umask() -> int:
    """Return the process's umask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
