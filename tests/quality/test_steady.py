"""Scores of the picture track: each can fail, and fails alone."""

from __future__ import annotations

import tracemalloc
from itertools import chain, islice, repeat
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from tests.helpers.puppet import puppet
from tfi_notebook.errors import NoFaceError, NotAPictureError
from tfi_notebook.media.face import track_landmarks
from tfi_notebook.media.frames import encode_png, read_picture
from tfi_notebook.media.video import read_video, write_video
from tfi_notebook.quality import steady
from tfi_notebook.quality.look import Look, look_at
from tfi_notebook.quality.picture import background, mouth_sharpness, ssim
from tfi_notebook.samples import PORTRAIT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from benchmarks.lip_sync_validity import Clip

    Frame = NDArray[np.uint8]

pytestmark = pytest.mark.render
FRAMES = 40


@pytest.fixture(scope="module")
def frames(good_clip: Clip) -> list[Frame]:
    return list(islice(read_video(good_clip.path), 20, 20 + FRAMES))


def looked(path: Path, frames: Iterable[Frame], picture: Any = None) -> Look:
    write_video(path, frames, 25, None)
    return look_at(path, picture)


@pytest.fixture(scope="module")
def untouched(frames: list[Frame], tmp_path_factory: pytest.TempPathFactory) -> Look:
    return looked(tmp_path_factory.mktemp("looked") / "video.mp4", frames, PORTRAIT)


def test_a_flickering_background_is_seen(
    frames: list[Frame], untouched: Look, tmp_path: Path
) -> None:
    behind = background(frames[0].shape[:2], track_landmarks(frames[:1])[0])
    assert behind is not None
    light = [
        frame + np.uint8(6) * (i % 2) * (behind > 0)[..., None] for i, frame in enumerate(frames)
    ]
    flickering = looked(tmp_path / "video.mp4", [np.asarray(it, np.uint8) for it in light])
    assert steady.background_flicker(untouched) < 2
    assert steady.background_flicker(flickering) > 10 + steady.background_flicker(untouched)
    assert steady.jitter(flickering) == pytest.approx(steady.jitter(untouched), rel=0.4)


def test_a_trembling_head_is_seen(frames: list[Frame], untouched: Look, tmp_path: Path) -> None:
    shaken = [np.roll(frame, 2 * (i % 2), axis=1) for i, frame in enumerate(frames)]
    look = looked(tmp_path / "video.mp4", shaken)
    assert steady.jitter(look) > 3 * steady.jitter(untouched)


def test_a_picture_that_stands_is_seen(
    frames: list[Frame], untouched: Look, tmp_path: Path
) -> None:
    speech = np.ones(FRAMES)
    halting = [frames[i // 4 * 4] for i in range(FRAMES)]
    look = looked(tmp_path / "video.mp4", halting)
    assert steady.freeze_share(untouched, speech) < 0.1
    assert steady.freeze_share(look, speech) == pytest.approx(0.75, abs=0.05)
    assert np.isnan(steady.freeze_share(look, 0 * speech))


def test_a_soft_mouth_is_seen_at_any_size(frames: list[Frame]) -> None:
    def sharpness(rgb: Frame) -> float:
        grey = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
        return mouth_sharpness(grey, track_landmarks([rgb])[0])

    sharp = sharpness(frames[0])
    soft = np.asarray(cv2.GaussianBlur(frames[0], (0, 0), 2), np.uint8)
    large = np.asarray(
        cv2.resize(frames[0], None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8
    )
    assert sharpness(soft) < 0.5 * sharp
    assert sharpness(large) == pytest.approx(sharp, rel=0.35)


def test_likeness_to_the_source_falls_with_another_face_and_not_with_a_turned_head(
    frames: list[Frame], untouched: Look, tmp_path: Path
) -> None:
    turn = cv2.getRotationMatrix2D((128, 128), 6, 1)
    turned = [np.asarray(cv2.warpAffine(frame, turn, (256, 256)), np.uint8) for frame in frames[:6]]
    other = read_picture(PORTRAIT)
    other = np.asarray(255 - other, np.uint8)
    likeness = float(untouched.likeness.mean())

    assert likeness > 0.85
    assert looked(tmp_path / "1.mp4", turned, PORTRAIT).likeness.mean() > likeness - 0.08
    grey = np.full((256, 256), 100, np.uint8)
    assert ssim(grey, grey).min() == pytest.approx(1.0)
    with pytest.raises((NoFaceError, AssertionError)):
        assert looked(tmp_path / "2.mp4", frames[:6], encode_png(other)).likeness.mean() > likeness


def test_a_picture_that_is_none_is_refused(good_clip: Clip) -> None:
    with pytest.raises(NotAPictureError):
        look_at(good_clip.path, b"not a picture")


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    face = next(puppet(np.array([0.5])))

    def peak_bytes(frame_count: int) -> int:
        path = tmp_path / f"{frame_count}.mp4"
        write_video(path, repeat(face, frame_count), 25, None)
        tracemalloc.start()
        look_at(path)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    peak_bytes(2)  # loads the models
    assert peak_bytes(150) - peak_bytes(30) < 120 * 2_000  # a frame has 196,608 bytes


def test_frames_without_a_face_are_left_out(
    frames: list[Frame], untouched: Look, tmp_path: Path
) -> None:
    wall = np.full_like(frames[0], 120)
    look = looked(tmp_path / "video.mp4", chain(frames[:10], repeat(wall, 5), frames[15:]))
    assert np.isnan(look.points[10:15]).all()
    assert np.isfinite(look.points[:10]).all()
    assert np.isfinite(steady.lip_dynamics(look))
    assert steady.lip_dynamics(look) == pytest.approx(steady.lip_dynamics(untouched), rel=0.25)
