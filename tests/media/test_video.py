"""What is written is measured again from the file, with the package's readers and the raw box."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from tests.helpers.sounds import tone
from tfi_notebook.errors import SourceError
from tfi_notebook.media.audio import decode
from tfi_notebook.media.frames import (
    picture_header,
    poster,
    read_picture,
    read_video,
    video_info,
    write_video,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

RATE_HZ = 44_100


def fading(count: int, height: int = 64, width: int = 96) -> Iterator[NDArray[np.uint8]]:
    """Frames whose shade tells their number: 4 per frame."""
    for index in range(count):
        yield np.full((height, width, 3), 4 * index, np.uint8)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    write_video(path, fading(50), 25, tone(2.0, RATE_HZ), RATE_HZ)
    return path


def test_a_written_video_is_what_was_asked_for(film: Path) -> None:
    info = video_info(film)
    assert (info.width_px, info.height_px, info.frame_count) == (96, 64, 50)
    assert (info.fps, info.duration_s) == (25.0, 2.0)
    assert (info.codec, info.has_audio) == ("h264", True)
    assert info.size_bytes == film.stat().st_size


def test_it_streams_and_plays_everywhere(film: Path) -> None:
    data = film.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    with av.open(str(film)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        context = video.codec_context
        assert context.pix_fmt == "yuv420p"
        assert (context.color_primaries, context.color_trc, context.colorspace) == (1, 1, 1)
        assert context.color_range == 1
        assert not context.has_b_frames
        assert audio.codec_context.name == "aac"
        assert audio.rate == RATE_HZ
        assert (video.start_time, audio.start_time) == (0, 0)


def test_sound_and_pictures_are_interleaved(film: Path) -> None:
    with av.open(str(film)) as container:
        kinds = [packet.stream.type for packet in container.demux() if packet.size]
    assert "audio" in kinds[:6]
    assert "video" in kinds[-12:]


def test_the_same_input_gives_the_same_bytes(film: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.mp4"
    write_video(again, fading(50), 25, tone(2.0, RATE_HZ), RATE_HZ)
    assert again.read_bytes() == film.read_bytes()


def test_frames_come_back_in_order_and_in_their_colours(tmp_path: Path) -> None:
    path = tmp_path / "colours.mp4"
    colours = [(200, 40, 40), (40, 180, 40), (40, 40, 200), (230, 185, 150)]
    write_video(path, (np.full((32, 48, 3), c, np.uint8) for c in colours), 30, None)
    frames = list(read_video(path))
    assert [frame[16, 24].tolist() for frame in frames] == [
        pytest.approx(colour, abs=4) for colour in colours
    ]
    assert not video_info(path).has_audio


def test_the_sound_stays_at_its_place(tmp_path: Path) -> None:
    click = np.zeros(2 * RATE_HZ, np.float32)
    click[RATE_HZ : RATE_HZ + 400] = 0.8
    path = tmp_path / "click.mp4"
    write_video(path, fading(50), 25, click, RATE_HZ)
    heard = np.flatnonzero(np.abs(decode(path)) > 0.3)[0] / 16_000
    assert heard == pytest.approx(1.0, abs=0.003)


def test_odd_sizes_lose_their_last_row_and_column(tmp_path: Path) -> None:
    path = tmp_path / "odd.mp4"
    write_video(path, fading(3, height=65, width=97), 25, None)
    assert (video_info(path).width_px, video_info(path).height_px) == (96, 64)


def test_frames_are_taken_one_by_one(tmp_path: Path) -> None:
    alive: list[int] = []

    def counted() -> Iterator[NDArray[np.uint8]]:
        for frame in fading(40):
            alive.append(1)
            yield frame

    frames = counted()
    write_video(tmp_path / "a.mp4", frames, 25, None)
    assert len(alive) == 40
    reader = read_video(tmp_path / "a.mp4")
    assert next(reader).shape == (64, 96, 3)
    reader.close()  # type: ignore[attr-defined]  # a generator: leaving early closes the file


def test_a_video_without_frames_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        write_video(tmp_path / "none.mp4", [], 25, None)
    assert not (tmp_path / "none.mp4").exists()


@pytest.mark.parametrize(("at_s", "frame"), [(None, 25), (0.0, 0), (0.4, 10), (99.0, 49)])
def test_a_poster_shows_the_moment_asked_for(film: Path, at_s: float | None, frame: int) -> None:
    jpeg = poster(film, at_s=at_s, width_px=48)
    assert picture_header(jpeg) == ("JPEG", 48, 32)
    assert read_picture(jpeg)[16, 24].mean() == pytest.approx(4 * frame, abs=3)


@pytest.mark.parametrize(
    "content", [b"", b"no video at all" * 50, b"\0\0\0\x18ftypmp42" + b"\0" * 90]
)
def test_what_is_no_video_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(content)
    for read in (video_info, poster, lambda path: list(read_video(path))):
        with pytest.raises(SourceError):
            read(path)


def test_a_video_cut_off_on_the_way_is_refused(film: Path) -> None:
    film.write_bytes(film.read_bytes()[:600])
    with pytest.raises(SourceError):
        list(read_video(film))
