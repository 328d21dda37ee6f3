"""Video files: what is in one, its frames, and writing one that plays everywhere.

"Everywhere" is H.264 in 4:2:0 with AAC in an MP4 whose index stands at the front, with even
sizes and the colour space written down (BT.709, limited range). Writing is deterministic:
the same frames and samples give the same bytes.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final

import av
import cv2
import numpy as np
from av.audio.stream import AudioStream
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream

from tfi_notebook.errors import SourceError
from tfi_notebook.media.container import byte_stream, open_media

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from av.container import InputContainer, OutputContainer
    from numpy.typing import NDArray

CRF: Final = 19  # x264's quality: as near to the frames, in as many bytes, as 18 with a look-ahead
PRESET: Final = "veryfast"
AAC_BITS_PER_S: Final = 96_000
_AAC_FRAME: Final = 1024  # samples
_BT709: Final = 1  # its number in ITU-T H.273, for primaries, transfer and matrix alike
_LIMITED_RANGE: Final = 1  # AVCOL_RANGE_MPEG
_YUV: Final = {"dst_colorspace": Colorspace.ITU709, "dst_color_range": ColorRange.MPEG}
_POSTER_WINDOW_S: Final = 2.0
_POSTER_QUALITY: Final = 80


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a video file holds, measured from the file.

    Attributes:
        duration_s: length of the picture track in seconds.
        width_px: width of a frame.
        height_px: height of a frame.
        fps: mean frames per second.
        frame_count: number of frames.
        has_audio: whether there is a sound track.
        codec: name of the picture codec, such as h264.
        size_bytes: size of the file.
    """

    duration_s: float
    width_px: int
    height_px: int
    fps: float
    frame_count: int
    has_audio: bool
    codec: str
    size_bytes: int


def video_info(path: Path) -> VideoInfo:
    """Read what a video file holds, without decoding its pictures.

    Args:
        path: an MP4, WebM, MKV or MOV file.

    Returns:
        the facts; frames are counted, not taken from the header.

    Raises:
        SourceError: no video stream can be read from the file.
    """
    with _readable(path) as (container, stream):
        packets = [packet for packet in container.demux(stream) if packet.size > 0]
        fps = float(stream.average_rate or 0)
        return VideoInfo(
            duration_s=len(packets) / fps if fps else 0.0,
            width_px=stream.codec_context.width,
            height_px=stream.codec_context.height,
            fps=fps,
            frame_count=len(packets),
            has_audio=bool(container.streams.audio),
            codec=stream.codec_context.name,
            size_bytes=Path(path).stat().st_size,
        )


def read_video(path: Path) -> Iterator[NDArray[np.uint8]]:
    """Decode a video frame by frame; one frame is in memory at a time.

    Args:
        path: a video file.

    Yields:
        RGB frames (H, W, 3).

    Raises:
        SourceError: no video stream can be decoded from the file.
    """
    with _readable(path) as (container, stream):
        for frame in container.decode(stream):
            yield _rgb(frame)


def poster(path: Path, *, at_s: float | None = None, width_px: int = 320) -> bytes:
    """Return one frame of a video as a small JPEG file.

    Args:
        path: a video file.
        at_s: time of the frame; without it the middle of the first 2 s. Past the end, the
            last frame is taken.
        width_px: width of the JPEG; the height follows.

    Raises:
        SourceError: no frame can be decoded from the file.
    """
    with _readable(path) as (container, stream):
        length_s = (container.duration or 0) / av.time_base or _POSTER_WINDOW_S
        wanted_s = min(_POSTER_WINDOW_S, length_s) / 2 if at_s is None else max(at_s, 0.0)
        container.seek(round(min(wanted_s, length_s) * av.time_base))
        frame = _frame_at(container, stream, wanted_s)
    rgb = _rgb(frame)
    height_px = max(1, round(rgb.shape[0] * width_px / rgb.shape[1]))
    small = cv2.resize(rgb, (width_px, height_px), interpolation=cv2.INTER_AREA)
    bgr = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _POSTER_QUALITY])[1].tobytes()


def write_video(
    path: Path,
    frames: Iterable[NDArray[np.uint8]],
    fps: float,
    audio: NDArray[np.float32] | None,
    audio_rate_hz: int = 44_100,
) -> None:
    """Write an MP4 that plays everywhere; the same input gives the same bytes.

    Frames are taken one by one, never collected. An odd last row or column is cut off,
    because 4:2:0 needs even sizes.

    Args:
        path: the file to write.
        frames: RGB (H, W, 3), all of one size.
        fps: frames per second.
        audio: (n,) mono samples in -1..1, or None for a silent film.
        audio_rate_hz: one of AAC's sample rates, such as 16000, 22050 or 44100.

    Raises:
        ValueError: there is no frame.
    """
    rest = iter(frames)
    first = next(rest, None)
    if first is None:
        raise ValueError("a video needs at least one frame")
    height, width = (edge // 2 * 2 for edge in first.shape[:2])
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream, converter = h264_stream(container, fps, width, height), YuvConverter()
        sound = None if audio is None else AacTrack(container, [audio], audio_rate_hz)
        for index, rgb in enumerate(chain([first], rest)):
            container.mux(stream.encode(converter.frame(rgb[:height, :width], index)))
            if sound is not None:
                sound.mux_until((index + 1) / fps)
        container.mux(stream.encode(None))
        if sound is not None:
            sound.finish()


def h264_stream(container: OutputContainer, fps: float, width: int, height: int) -> VideoStream:
    """Add the picture track with this package's one set of encoder settings.

    One thread and no B-frames: the bytes do not depend on the machine, and segments
    encoded apart can be joined packet by packet. No look-ahead: with it (x264 core 165) the last
    macroblocks of a frame came out otherwise in one rendering of ten, from the same frames. The
    quantizer does not follow the movement (`qcomp`), so that a repeated frame stays as it is.

    Args:
        container: an open output.
        fps: frames per second.
        width: even, in px.
        height: even, in px.
    """
    rate = Fraction(fps).limit_denominator(1001)
    options = {"crf": str(CRF), "preset": PRESET, "bf": "0", "rc-lookahead": "0", "qcomp": "1"}
    stream = container.add_stream("libx264", rate=rate, options=options)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    context = stream.codec_context
    context.time_base, context.thread_count = 1 / rate, 1
    context.color_primaries = context.color_trc = context.colorspace = _BT709
    context.color_range = _LIMITED_RANGE
    return stream


class YuvConverter:
    """Converts one film's RGB frames for its encoder, with tables made once; for one thread."""

    def __init__(self) -> None:
        self._tables = VideoReformatter()

    def frame(self, rgb: NDArray[np.uint8], index: int) -> av.VideoFrame:
        """Convert RGB (H, W, 3), sizes even, to frame number `index` in BT.709 limited range."""
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), "rgb24")
        frame = self._tables.reformat(picture, format="yuv420p", **_YUV)
        frame.pts = index
        return frame


class AacTrack:
    """The sound track of an MP4, muxed in step with the pictures.

    Args:
        container: an open output; the picture track must have been added before.
        sound: mono samples in -1..1 in pieces of any length, taken as they are needed.
        rate_hz: one of AAC's sample rates.
    """

    def __init__(
        self, container: OutputContainer, sound: Iterable[NDArray[np.float32]], rate_hz: int
    ) -> None:
        self._container = container
        self._sound = iter(sound)
        self._rate_hz = rate_hz
        self._held = np.empty(0, np.float32)
        self._at = 0
        options = {"aac_coder": "fast"}  # sounds no worse, at half the time
        stream = container.add_stream("aac", rate=rate_hz, options=options, layout="mono")
        assert isinstance(stream, AudioStream)
        stream.codec_context.bit_rate = AAC_BITS_PER_S
        self._stream = stream

    def mux_until(self, time_s: float) -> None:
        """Write the sound up to about this time."""
        while self._at < time_s * self._rate_hz and self._mux_next():
            pass

    def finish(self) -> None:
        """Write what is left and close the track."""
        while self._mux_next():
            pass
        self._container.mux(self._stream.encode(None))

    def _mux_next(self) -> bool:
        """Write one frame; False if there is no sound left."""
        while len(self._held) < _AAC_FRAME:
            fresh = next(self._sound, None)
            if fresh is None:
                break
            self._held = np.concatenate([self._held, fresh]).astype(np.float32, copy=False)
        part, self._held = self._held[:_AAC_FRAME], self._held[_AAC_FRAME:]
        if not len(part):
            return False
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part)[None], "fltp", "mono")
        frame.sample_rate, frame.pts = self._rate_hz, self._at
        self._container.mux(self._stream.encode(frame))
        self._at += len(part)
        return True


@contextmanager
def _readable(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a video; whatever goes wrong while it is read becomes a `SourceError`."""
    with byte_stream(Path(path)) as file:
        try:
            with open_media(file) as container:
                if not container.streams.video:
                    raise SourceError("the file holds no pictures to play")
                yield container, container.streams.video[0]
        except (av.FFmpegError, OSError) as cause:
            raise SourceError(
                "the file is no video that can be read",
                hint="fetch it again: it may have been cut off on the way",
            ) from cause


def _frame_at(container: InputContainer, stream: VideoStream, wanted_s: float) -> av.VideoFrame:
    half_frame_s = 0.5 / float(stream.average_rate or 25)
    frame = None
    for frame in container.decode(stream):
        if frame.time is not None and frame.time + half_frame_s >= wanted_s:
            break
    if frame is None:
        raise SourceError("no picture of the video can be decoded")
    return frame


def _rgb(frame: av.VideoFrame) -> NDArray[np.uint8]:
    if frame.colorspace != _BT709:
        return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    # PyAV before 17 heeds the source's space only beside another target space, which means
    # nothing for RGB.
    pixels = frame.to_ndarray(format="rgb24", src_colorspace="ITU709", dst_colorspace="ITU601")
    return np.asarray(pixels, np.uint8)
