"""Frames in segments: rendered and encoded anywhere, joined packet by packet.

A frame depends on the rig and its own weights only, so segments of frames can be made by
any worker in any order. What comes back is H.264, about 90 kB for two seconds instead of
24 MB of pixels. The encoder settings have no B-frames and one thread, and every segment
starts with a key frame, so that joining is only a shift of time stamps and the result does
not depend on who rendered what.
"""

from __future__ import annotations

import io
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import av
import numpy as np
from av.container import InputContainer

from tfi_notebook.errors import RenderError
from tfi_notebook.local.renderer.motion import FPS
from tfi_notebook.media.video import AacTrack, YuvConverter, h264_stream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from av.container import OutputContainer
    from av.video.stream import VideoStream

    from tfi_notebook.local.renderer.arrays import F32, U8
    from tfi_notebook.local.renderer.compose import FramePainter
    from tfi_notebook.local.renderer.motion import Motion
    from tfi_notebook.local.renderer.mouth import Detail

SEGMENT_FRAMES: Final = 32
"""Long enough that key frames cost little, short enough to spread over workers."""

_PROBE_EVERY: Final = 16  # frames between two measurements of the warp's residual


@dataclass(frozen=True, slots=True, eq=False)
class SegmentTask:
    """The frames of one segment.

    Attributes:
        weights: (n, 12), see `motion.Motion`.
        lids: (n,).
        step_count: fixed-point steps of the warp inversion.
        detail: what is painted inside the mouth.
    """

    weights: F32
    lids: U8
    step_count: int
    detail: Detail


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """A finished segment.

    Attributes:
        data: an MP4 file with the pictures of this segment.
        frame_count: number of frames.
        residuals_px: (k, 2) mean and largest warp residual of the frames that were probed.
    """

    data: bytes
    frame_count: int
    residuals_px: tuple[tuple[float, float], ...]


def split(motion: Motion, step_count: int, detail: Detail) -> Iterator[SegmentTask]:
    """Cut a motion into tasks of `SEGMENT_FRAMES` frames."""
    for start in range(0, len(motion.weights), SEGMENT_FRAMES):
        part = slice(start, start + SEGMENT_FRAMES)
        yield SegmentTask(motion.weights[part], motion.lids[part], step_count, detail)


def encode_segment(painter: FramePainter, size: tuple[int, int], task: SegmentTask) -> Segment:
    """Paint and encode the frames of `task` with `painter`, for a canvas of `size` px."""
    buffer = io.BytesIO()
    residuals = []
    with av.open(buffer, "w", format="mp4") as container:
        stream, converter = h264_stream(container, FPS, *size), YuvConverter()
        for index, (weights, lid) in enumerate(zip(task.weights, task.lids, strict=True)):
            frame = painter.paint(weights, int(lid))
            container.mux(stream.encode(converter.frame(frame, index)))
            if index % _PROBE_EVERY == 0:
                residuals.append(painter.residual(weights))
        container.mux(stream.encode(None))
    return Segment(buffer.getvalue(), len(task.weights), tuple(residuals))


class Joiner:
    """Writes segments, in order, and the sound into one MP4.

    Args:
        path: the file to write.
        sound: the narration's samples in -1..1, in pieces; taken as they are needed.
        rate_hz: its sample rate.
    """

    def __init__(self, path: Path, sound: Iterable[F32], rate_hz: int) -> None:
        options = {"movflags": "+faststart"}
        self._container: OutputContainer = av.open(str(path), "w", format="mp4", options=options)
        self._narration, self._rate_hz = sound, rate_hz
        self._stream: VideoStream | None = None
        self._sound: AacTrack | None = None
        self.frame_count = 0
        self.segment_count = 0
        self.residuals_px: list[tuple[float, float]] = []

    def add(self, segment: Segment) -> None:
        """Append a segment, and the sound up to its end."""
        with av.open(io.BytesIO(segment.data)) as source:
            assert isinstance(source, InputContainer)
            self._copy_packets(source)
        self.frame_count += segment.frame_count
        self.segment_count += 1
        self.residuals_px += segment.residuals_px
        if self._sound is not None:
            self._sound.mux_until(self.frame_count / FPS)

    def close(self) -> None:
        """Write the rest of the sound and finish the file."""
        if self._sound is not None:
            self._sound.finish()
        self._container.close()

    def abandon(self) -> None:
        """Close the file, whatever state it is in; the caller deletes it."""
        if self._stream is not None:
            with suppress(av.FFmpegError):
                self._container.close()

    def _copy_packets(self, source: InputContainer) -> None:
        pictures = source.streams.video[0]
        if self._stream is None:
            self._stream = self._container.add_stream_from_template(pictures)
            self._stream.time_base = pictures.time_base
            self._sound = AacTrack(self._container, self._narration, self._rate_hz)
        if pictures.time_base is None:
            raise RenderError("a rendered segment has no time base")
        shift = round(self.frame_count / (FPS * pictures.time_base))
        for packet in source.demux(pictures):
            if packet.dts is None or packet.pts is None:
                continue  # the empty packet that ends the stream
            packet.pts += shift
            packet.dts += shift
            packet.stream = self._stream
            self._container.mux(packet)


def residual_summary(residuals_px: list[tuple[float, float]]) -> tuple[float, float]:
    """Return the mean of the mean residuals and the largest of the largest, px."""
    table = np.array(residuals_px)
    return float(table[:, 0].mean()), float(table[:, 1].max())
