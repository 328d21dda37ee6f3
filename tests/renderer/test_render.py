"""Whole jobs: real files in, a video out, measured again from the video."""

from __future__ import annotations

import io
import json
import wave
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np
import pytest

import tfi_notebook
from tests.helpers.pictures import on_canvas, one_colour_png
from tests.helpers.sounds import DATA, encoded, segments, wav
from tfi_notebook.errors import (
    EmptyAudioError,
    NoFaceError,
    NotAPictureError,
    NotAudioError,
    PayloadError,
    PictureTooLargeError,
    RenderError,
    SourceError,
)
from tfi_notebook.local.renderer.dispatch import RigParcel, render_segment
from tfi_notebook.local.renderer.phones import hears
from tfi_notebook.local.renderer.render import RenderOptions, render
from tfi_notebook.local.renderer.segments import SEGMENT_FRAMES
from tfi_notebook.local.renderer.speech import viseme_track
from tfi_notebook.media.audio import decode
from tfi_notebook.media.frames import encode_png, read_picture
from tfi_notebook.media.video import read_video, video_info
from tfi_notebook.quality.mouth import mouth_opening
from tfi_notebook.quality.sync import lip_sync
from tfi_notebook.samples import PORTRAIT, VOICE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor
    from pathlib import Path

    from numpy.typing import NDArray

    from tfi_notebook.local.renderer.render import RenderReport

pytestmark = pytest.mark.render

SMALL = RenderOptions(output_size=200)
TINY = RenderOptions(output_size=64, version=5, iteration_count=1)
VOICE_S = 2.4


@pytest.fixture(scope="module")
def voice() -> bytes:
    """The first seconds of the sample narration, as a WAV file."""
    with wave.open(str(VOICE)) as source:
        rate_hz = source.getframerate()
        frames = source.readframes(round(VOICE_S * rate_hz))
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(2)
        target.setframerate(rate_hz)
        target.writeframes(frames)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("videos")


@pytest.fixture(scope="module")
def talking(folder: Path, voice: bytes) -> tuple[Path, RenderReport]:
    out = folder / "talking.mp4"
    return out, render(PORTRAIT, voice, out, SMALL)


@pytest.fixture(scope="module")
def spoken(folder: Path) -> tuple[Path, RenderReport]:
    """Version 5 of the whole sample narration."""
    out = folder / "spoken.mp4"
    return out, render(PORTRAIT, VOICE, out, RenderOptions(version=5, output_size=256))


@pytest.fixture(scope="module")
def pool() -> Iterator[Executor]:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        yield executor


def truth(name: str, sound: Path) -> NDArray[np.float32]:
    """How far the mouth should be open at each 10 ms of a sound with known visemes."""
    return viseme_track(segments(name), len(decode(sound)) / 16_000)[:, 0]


def test_the_video_is_what_the_report_says(talking: tuple[Path, RenderReport]) -> None:
    path, report = talking
    info = video_info(path)
    assert (info.codec, info.has_audio, info.fps) == ("h264", True, 25.0)
    assert (info.width_px, info.height_px) == (200, 200) == (report.width_px, report.height_px)
    assert info.frame_count == report.frame_count == len(list(read_video(path))) == 60
    assert info.size_bytes == report.size_bytes == path.stat().st_size
    assert report.duration_s == pytest.approx(VOICE_S, abs=0.001)
    assert report.segment_count == -(-60 // SEGMENT_FRAMES)
    assert len(decode(path)) / 16_000 == pytest.approx(VOICE_S, abs=0.05)


def test_joined_segments_have_an_even_pace_and_begin_with_key_frames(
    talking: tuple[Path, RenderReport],
) -> None:
    with av.open(str(talking[0])) as container:
        frames = [(frame.time, frame.key_frame) for frame in container.decode(video=0)]
        starts = [stream.start_time for stream in container.streams]
    assert [time for time, _ in frames] == pytest.approx([i / 25 for i in range(60)])
    assert [i for i, (_, key) in enumerate(frames) if key] == [0, SEGMENT_FRAMES]
    assert starts == [0, 0]


def test_the_report_measures_the_work_and_fits_into_json(
    talking: tuple[Path, RenderReport],
) -> None:
    _, report = talking
    assert set(report.timings_s) == {"picture", "sound", "rig", "motion", "frames", "total"}
    beside = {"rig", "total"}  # the rig is built while the sound is heard
    parts = sum(time for stage, time in report.timings_s.items() if stage not in beside)
    assert parts <= report.timings_s["total"] * 1.001
    assert report.realtime_factor == pytest.approx(report.timings_s["total"] / report.duration_s)
    driver = "speech net and phones" if hears("en") else "speech net"
    assert (report.driver, report.version, report.warp_step_count) == (driver, 6, 10)
    assert (report.language, report.seed) == ("en", 0)
    assert report.versions["tfi-notebook"] == tfi_notebook.__version__
    assert {"numpy", "av"} <= report.versions.keys()
    assert report.face_score > 0.5
    assert report.face_presence > 0.8
    assert 0 < report.warp_residual_px < 0.01 < report.mouth_opening <= 1
    assert report.solver_residual > 0
    assert json.loads(json.dumps(report.to_dict()))["frame_count"] == 60


def test_the_mouth_follows_the_speech(spoken: tuple[Path, RenderReport]) -> None:
    score = lip_sync(spoken[0], truth("voice", VOICE))
    assert score.r >= 0.75
    assert abs(score.lag_ms) <= 40


def test_a_mouth_that_speaks_another_text_does_not(folder: Path) -> None:
    out = folder / "other.mp4"
    options = RenderOptions(version=5, output_size=200)
    render(PORTRAIT, DATA / "other_voice.wav", out, options)
    assert lip_sync(out, truth("voice", VOICE)).r < 0.25


def test_a_mouth_that_may_not_move_does_not(voice: bytes, tmp_path: Path) -> None:
    out = tmp_path / "still.mp4"
    render(PORTRAIT, voice, out, RenderOptions(version=5, output_size=200, dynamic_scale=0))
    assert lip_sync(out, truth("voice", VOICE)).r < 0.25


def test_loudness_alone_follows_worse_than_visemes(
    spoken: tuple[Path, RenderReport], folder: Path
) -> None:
    out = folder / "loudness.mp4"
    report = render(PORTRAIT, VOICE, out, RenderOptions(version=4, output_size=200))
    assert report.driver == "loudness"
    reference = truth("voice", VOICE)
    assert lip_sync(out, reference).r < lip_sync(spoken[0], reference).r - 0.15


def test_the_same_input_gives_the_same_bytes(
    talking: tuple[Path, RenderReport], voice: bytes, tmp_path: Path
) -> None:
    render(PORTRAIT.read_bytes(), voice, tmp_path / "again.mp4", SMALL)
    assert (tmp_path / "again.mp4").read_bytes() == talking[0].read_bytes()
    render(PORTRAIT, voice, tmp_path / "other.mp4", replace(SMALL, seed=7))
    assert (tmp_path / "other.mp4").read_bytes() != talking[0].read_bytes()


def test_renderings_side_by_side_leave_opencv_as_they_found_it(tmp_path: Path) -> None:
    def render_one(name: str) -> None:
        render(PORTRAIT, short_voice(), tmp_path / f"{name}.mp4", RenderOptions(output_size=128))

    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    try:
        with ThreadPoolExecutor(2) as both:
            list(both.map(render_one, "ab"))
        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(before)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_processes_render_the_same_bytes_as_this_one(
    talking: tuple[Path, RenderReport], voice: bytes, pool: Executor, tmp_path: Path
) -> None:
    report = render(PORTRAIT, voice, tmp_path / "pool.mp4", SMALL, executor=pool)
    assert (tmp_path / "pool.mp4").read_bytes() == talking[0].read_bytes()
    assert report.warp_residual_px == talking[1].warp_residual_px
    assert report.solver_residual == talking[1].solver_residual


class FarAway(ThreadPoolExecutor):
    """Workers that cannot see this machine's files, as on another computer."""

    def submit(self, function: Any, /, *arguments: Any, **named: Any) -> Any:
        parcel, *rest = arguments
        elsewhere = RigParcel(parcel.digest, "/nowhere/rig.pickle", parcel.blob)
        return super().submit(function, elsewhere, *rest, **named)


def test_workers_that_cannot_read_the_rig_file_get_it_by_value(
    talking: tuple[Path, RenderReport], voice: bytes, tmp_path: Path
) -> None:
    unlike_any_before = replace(SMALL, expand_ratio=0.4)
    render(PORTRAIT, voice, tmp_path / "here.mp4", unlike_any_before)
    with FarAway(1) as executor:
        render(PORTRAIT, voice, tmp_path / "far.mp4", unlike_any_before, executor=executor)
    assert (tmp_path / "far.mp4").read_bytes() == (tmp_path / "here.mp4").read_bytes()
    assert (tmp_path / "far.mp4").read_bytes() != talking[0].read_bytes()


def test_a_rig_that_is_not_what_its_hash_says_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "rig.pickle").write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    parcel = RigParcel("0" * 64, str(tmp_path / "rig.pickle"))
    assert render_segment(parcel, None) is None  # type: ignore[arg-type] # never looked at


@pytest.mark.parametrize(("asked", "edge"), [(127, 128), (200, 200), (255, 256)])
def test_output_size_is_the_long_edge_rounded_to_even(
    asked: int, edge: int, tmp_path: Path
) -> None:
    out = tmp_path / "size.mp4"
    report = render(PORTRAIT, short_voice(), out, RenderOptions(output_size=asked))
    assert (report.width_px, report.height_px) == (edge, edge)
    assert next(read_video(out)).shape == (edge, edge, 3)


def test_without_crop_the_whole_picture_is_shown(tmp_path: Path) -> None:
    wide = on_canvas(read_picture(PORTRAIT), 768, 512, 128, 0)
    options = RenderOptions(output_size=300, crop=False)
    report = render(encode_png(wide), short_voice(), tmp_path / "wide.mp4", options)
    assert (report.width_px, report.height_px) == (300, 200)
    frame = next(read_video(tmp_path / "wide.mp4"))
    assert np.abs(frame[100, 10].astype(int) - (88, 96, 104)).max() < 6  # the plain margin


@pytest.mark.parametrize("expand_ratio", [0.0, 0.5, 1.0])
def test_expand_ratio_sets_the_share_of_the_face(expand_ratio: float, tmp_path: Path) -> None:
    options = RenderOptions(output_size=200, expand_ratio=expand_ratio)
    report = render(PORTRAIT, short_voice(), tmp_path / "share.mp4", options)
    assert report.face_share == pytest.approx(1 / (1 + 2 * expand_ratio), rel=0.06)


def test_iterations_open_the_mouth_and_shrink_the_residuals(voice: bytes, tmp_path: Path) -> None:
    reports, seen = [], []
    for count in (1, 3, 8):
        out = tmp_path / f"{count}.mp4"
        options = RenderOptions(version=5, output_size=200, iteration_count=count)
        reports.append(render(PORTRAIT, voice, out, options))
        seen.append(float(np.percentile(mouth_opening(out), 90)))
    assert seen == sorted(seen)
    assert seen[-1] > seen[0] + 0.02
    for name in ("solver_residual", "solver_objective", "warp_residual_px"):
        values = [getattr(report, name) for report in reports]
        assert values == sorted(values, reverse=True)
    assert (
        render(
            PORTRAIT, short_voice(), tmp_path / "many.mp4", replace(SMALL, iteration_count=50)
        ).warp_step_count
        == 10
    )


def test_progress_rises_to_one_and_names_the_stages(voice: bytes, tmp_path: Path) -> None:
    told: list[tuple[float, str]] = []

    def listen(share: float, stage: str) -> None:
        told.append((share, stage))

    render(PORTRAIT, voice, tmp_path / "progress.mp4", SMALL, progress=listen)
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert told[0] == (0.0, "picture")
    assert told[-1] == (1.0, "done")
    assert "frames" in {stage for _, stage in told}


def test_a_job_that_is_stopped_leaves_nothing_behind(voice: bytes, tmp_path: Path) -> None:
    class StoppedError(Exception):
        pass

    def stop_at_the_frames(_share: float, stage: str) -> None:
        if stage == "frames":
            raise StoppedError

    out = tmp_path / "stopped.mp4"
    out.write_bytes(b"an earlier video")
    with pytest.raises(StoppedError):
        render(PORTRAIT, voice, out, SMALL, progress=stop_at_the_frames)
    assert out.read_bytes() == b"an earlier video"
    assert [path.name for path in tmp_path.glob("*.part")] == []
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_every_unusable_input_has_its_own_error(voice: bytes, tmp_path: Path) -> None:
    out = tmp_path / "never.mp4"
    picture, silence = PORTRAIT.read_bytes(), wav(np.zeros(16_000, np.float32))
    blank = encode_png(np.full((300, 300, 3), 128, np.uint8))
    cases: list[tuple[bytes, bytes, type[SourceError], str]] = [
        (blank, voice, NoFaceError, "image_url"),
        (b"<html>not found</html>", voice, NotAPictureError, "image_url"),
        (one_colour_png(20_000, 20_000), voice, PictureTooLargeError, "image_url"),
        (picture, b"<html>not found</html>", NotAudioError, "audio_url"),
        (picture, silence, EmptyAudioError, "audio_url"),
    ]
    for image, sound, error, field in cases:
        with pytest.raises(error) as caught:
            render(image, sound, out, SMALL)
        assert caught.value.field == field
        assert caught.value.hint
    with pytest.raises(RenderError, match="rendering failed"):
        render(picture, voice, tmp_path / "no" / "such" / "folder.mp4", SMALL)
    assert not out.exists()


def test_an_mp3_with_a_flipped_bit_gives_a_video_or_its_own_error(
    voice: bytes, tmp_path: Path
) -> None:
    whole = encoded(decode(voice)[None, :16_000], 16_000, "mp3", "libmp3lame")
    out, ends = tmp_path / "out.mp4", set()
    render(PORTRAIT, whole, out, TINY)
    frames = video_info(out).frame_count
    for at in (0, 1, 5, len(whole) // 3, len(whole) // 2):  # tag or header, and the sound
        damaged = bytearray(whole)
        damaged[at] ^= 0x80
        out.unlink(missing_ok=True)
        try:
            render(PORTRAIT, bytes(damaged), out, TINY)
        except SourceError as error:
            ends.add((error.field, out.exists()))
        else:
            ends.add(("", abs(video_info(out).frame_count - frames) <= 3))
    assert ("", True) in ends
    assert ends <= {("", True), ("audio_url", False)}


def test_options_out_of_range_are_named() -> None:
    with pytest.raises(PayloadError) as caught:
        RenderOptions(version=3, iteration_count=0, output_size=10, dynamic_scale=9)
    assert set(caught.value.problems) == {
        "version",
        "iteration_count",
        "output_size",
        "dynamic_scale",
    }


def short_voice() -> bytes:
    """A fifth of a second of sound, for tests that only look at the picture."""
    return wav(decode(VOICE)[8_000:11_200])
