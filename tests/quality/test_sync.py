"""Scores of lip movement: right lag, right sign, and no score for what does not speak."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.helpers.puppet import puppet
from tests.helpers.sounds import OTHER_VOICE
from tests.quality.conftest import spoken
from tfi_notebook.errors import NoFaceError, NotAudioError, SourceError
from tfi_notebook.local.renderer.speech import speech_track
from tfi_notebook.media.audio import decode
from tfi_notebook.media.frames import write_video
from tfi_notebook.quality.mouth import mouth_opening, mouth_track
from tfi_notebook.quality.sync import SyncScore, correlate, lip_sync, pearson

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

FPS = 25


# -- the arithmetic ------------------------------------------------------------------------


@pytest.mark.parametrize("lag_ms", [-200, -40, 0, 7, 40, 120, 300])
@pytest.mark.parametrize("fps", [24.0, 25.0, 29.97])
def test_a_known_delay_is_found_with_its_sign(lag_ms: float, fps: float) -> None:
    rng = np.random.default_rng(5)
    reference = np.convolve(rng.normal(size=1_020), np.hanning(21), "valid")  # 10 s at 100 Hz
    frame_times = (np.arange(int(9.9 * fps)) + 0.5) / fps
    mouth = np.interp(frame_times - lag_ms / 1000, np.arange(1_000) / 100, reference)

    score = correlate(reference, mouth, measured_rate_hz=fps)

    assert score.lag_ms == pytest.approx(lag_ms, abs=4)
    assert score.r > 0.98
    assert score.r >= score.r_at_zero - 1e-12
    if abs(lag_ms) >= 120:
        assert score.r_at_zero < 0.6


def test_size_and_offset_of_the_movement_do_not_matter(truth: NDArray[np.float32]) -> None:
    mouth = truth[2::4]
    one = correlate(truth, mouth, measured_rate_hz=25)
    other = correlate(truth, 0.01 * mouth + 7, measured_rate_hz=25)
    assert other.r == pytest.approx(one.r)
    assert other.lag_ms == pytest.approx(one.lag_ms, abs=0.01)


@pytest.mark.parametrize(
    "mouth", [np.full(100, 0.3), np.zeros(0), np.arange(9.0), np.full(100, np.nan)]
)
def test_a_constant_a_short_and_an_unseen_mouth_score_nothing(
    mouth: NDArray[np.float64], truth: NDArray[np.float32]
) -> None:
    assert correlate(truth, mouth, measured_rate_hz=25) == SyncScore(0.0, 0.0, 0.0)


def test_a_constant_reference_scores_nothing() -> None:
    mouth = np.random.default_rng(0).normal(size=100)
    assert correlate(np.full(500, 0.2), mouth, measured_rate_hz=25).r == 0.0
    assert correlate(np.zeros(0), mouth, measured_rate_hz=25).r == 0.0


def test_frames_without_a_face_are_left_out(truth: NDArray[np.float32]) -> None:
    mouth = truth[2::4].astype(np.float64)
    mouth[40:60] = np.nan
    score = correlate(truth, mouth, measured_rate_hz=25)
    assert score.r > 0.99
    assert abs(score.lag_ms) < 5


def test_movement_below_the_floor_counts_as_still(truth: NDArray[np.float32]) -> None:
    faint = truth[2::4] * 0.001
    assert correlate(truth, faint, measured_rate_hz=25, still_below=0.004).r == 0.0
    assert correlate(truth, faint, measured_rate_hz=25).r > 0.99


def test_pearson_is_numpys() -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 50))
    assert pearson(a, b) == pytest.approx(np.corrcoef(a, b)[0, 1])
    assert pearson(a[:0], b[:0]) == 0.0


# -- measured in real files ----------------------------------------------------------------


@pytest.mark.render
def test_the_opening_is_measured_from_the_file(right: Path, truth: NDArray[np.float32]) -> None:
    mouth = mouth_track(right)
    assert mouth.fps == 25.0
    assert mouth.opening.shape == (195,)
    shown = truth[np.arange(195) * 4 + 2]
    wide, shut = mouth.opening[shown > 0.7], mouth.opening[shown < 0.05]
    assert np.median(wide) > np.median(shut) + 0.05
    assert np.array_equal(mouth_opening(right), mouth.opening)


@pytest.mark.render
def test_a_mouth_that_speaks_these_words_scores_high(
    right: Path, truth: NDArray[np.float32]
) -> None:
    score = lip_sync(right, truth)
    assert score.r > 0.85
    assert abs(score.lag_ms) < 25


@pytest.mark.render
def test_a_mouth_that_comes_late_shows_its_lag(tmp_path: Path, truth: NDArray[np.float32]) -> None:
    late = spoken(tmp_path / "late.mp4", truth, late_s=0.2)
    score = lip_sync(late, truth)
    assert score.lag_ms == pytest.approx(200, abs=25)
    assert score.r > 0.85
    assert score.r_at_zero < 0.4


@pytest.mark.render
def test_the_wrong_voice_scores_low(right: Path) -> None:
    mouth = mouth_track(right)
    wrong = speech_track(decode(OTHER_VOICE), version=5)[:, 0]
    score = correlate(wrong, mouth.opening, measured_rate_hz=mouth.fps)
    assert score.r < 0.35  # the best of 65 lags; chance alone gives some
    assert score.r_at_zero < 0.25


@pytest.mark.render
def test_a_still_picture_scores_nothing(tmp_path: Path, truth: NDArray[np.float32]) -> None:
    still = spoken(tmp_path / "still.mp4", np.zeros(10))
    assert lip_sync(still, truth).r == 0.0
    assert lip_sync(still).r == 0.0


@pytest.mark.render
def test_without_a_truth_the_file_s_own_loudness_is_the_measure(loud_puppet: Path) -> None:
    score = lip_sync(loud_puppet)
    assert score.r > 0.7
    assert abs(score.lag_ms) < 30


@pytest.mark.render
def test_what_cannot_be_scored_says_why(tmp_path: Path, truth: NDArray[np.float32]) -> None:
    wall = tmp_path / "wall.mp4"
    write_video(wall, [np.full((64, 64, 3), 120, np.uint8)] * 12, FPS, None)
    with pytest.raises(NoFaceError):
        lip_sync(wall, truth)

    silent = tmp_path / "silent.mp4"
    write_video(silent, puppet(truth[2:80:4]), FPS, None)
    with pytest.raises(NotAudioError):
        lip_sync(silent)
    assert lip_sync(silent, truth).r > 0.5

    silent.write_bytes(b"gone")
    with pytest.raises(SourceError):
        lip_sync(silent)
