"""What the mouth does with real voices, held against phone times that are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.helpers.sounds import ESPEAK_EN, OTHER_VOICE, segments, tone
from tfi_notebook.local.renderer.speech import (
    CHANNELS,
    TRACK_RATE_HZ,
    VISEMES,
    speech_track,
    viseme_track,
)
from tfi_notebook.media.audio import decode
from tfi_notebook.quality.sync import correlate, pearson
from tfi_notebook.samples import VOICE

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

OPEN, WIDE, ROUND, PRESS, TUCK = range(5)


def heard(source: Path, version: int = 5) -> NDArray[np.float32]:
    return speech_track(decode(source), version=version)


def known(name: str, track: NDArray[np.float32]) -> NDArray[np.float32]:
    """The truth about a sample, as long as the track that was heard."""
    return viseme_track(segments(name), len(track) / TRACK_RATE_HZ)[: len(track)]


def closures(track: NDArray[np.float32]) -> NDArray[np.intp]:
    """Rows at which the lips are pressed most."""
    press = track[:, PRESS]
    peak = (press[1:-1] > 0.5) & (press[1:-1] >= press[:-2]) & (press[1:-1] > press[2:])
    return np.flatnonzero(peak) + 1


@pytest.mark.parametrize("version", [5, 6])
def test_the_net_hears_an_unknown_text_as_its_exact_phones(version: int) -> None:
    track = heard(ESPEAK_EN, version)
    truth = known("espeak_en", track)
    r = {name: pearson(truth[:, i], track[:, i]) for i, name in enumerate(CHANNELS)}
    assert r["open"] >= 0.80
    assert min(r["wide"], r["round"], r["press"], r["tuck"]) >= 0.70


def test_it_hears_the_sample_voice_as_well() -> None:
    track = heard(VOICE)
    truth = known("voice", track)
    assert pearson(truth[:, OPEN], track[:, OPEN]) >= 0.80
    assert pearson(truth[:, PRESS], track[:, PRESS]) >= 0.65


@pytest.mark.parametrize(("name", "source"), [("espeak_en", ESPEAK_EN), ("voice", VOICE)])
def test_the_mouth_is_in_time(name: str, source: Path) -> None:
    track = heard(source)
    truth = known(name, track)
    score = correlate(truth[:, OPEN], track[2::4, OPEN], measured_rate_hz=25)
    assert abs(score.lag_ms) <= 20


def test_the_jaw_is_up_at_every_p_b_and_m() -> None:
    track = heard(ESPEAK_EN)
    middles = [(a + b) / 2 for a, b, viseme in segments("espeak_en") if viseme == "PBM"]
    assert len(middles) == 14
    for middle_s in middles:
        at = round(middle_s * TRACK_RATE_HZ)
        assert track[max(at - 4, 0) : at + 5, OPEN].min() < 0.15


@pytest.mark.parametrize(("name", "source"), [("espeak_en", ESPEAK_EN), ("voice", VOICE)])
def test_the_lips_close_where_they_should_and_nowhere_else(name: str, source: Path) -> None:
    track = heard(source)
    wanted, got = closures(known(name, track)), closures(track)
    recall = np.mean([np.abs(got - at).min() <= 6 for at in wanted])
    precision = np.mean([np.abs(wanted - at).min() <= 6 for at in got])
    assert 2 * recall * precision / (recall + precision) >= 0.75


def test_loudness_alone_knows_no_shapes() -> None:
    track = heard(ESPEAK_EN, version=4)
    assert not track[:, WIDE:].any()
    loud, shaped = track[:, OPEN], heard(ESPEAK_EN)[:, OPEN]
    truth = known("espeak_en", track)[:, OPEN]
    assert 0.3 < pearson(truth, loud) < pearson(truth, shaped) - 0.2


def test_another_voice_moves_another_mouth() -> None:
    track = heard(OTHER_VOICE)
    truth = known("espeak_en", track)
    assert abs(pearson(truth[:700, OPEN], track[:700, OPEN])) < 0.25


@pytest.mark.parametrize("version", [4, 5])
def test_silence_closes_the_mouth_and_does_not_spoil_the_speech(version: int) -> None:
    voice = decode(ESPEAK_EN)
    silence = np.zeros(3 * 16_000, np.float32)
    alone = speech_track(voice, version=version)
    framed = speech_track(np.concatenate([silence, voice, silence]), version=version)
    assert framed[:280, OPEN].max() < 0.02
    assert framed[-280:, OPEN].max() < 0.02
    within = framed[300 : 300 + len(alone), OPEN]
    assert pearson(within, alone[:, OPEN]) > 0.97


def test_hiss_keeps_the_mouth_recognisable() -> None:
    voice = decode(ESPEAK_EN)
    hiss = np.random.default_rng(0).normal(0, 0.005, len(voice)).astype(np.float32)
    noisy = speech_track(voice + hiss, version=5)
    assert pearson(known("espeak_en", noisy)[:, OPEN], noisy[:, OPEN]) >= 0.7


@pytest.mark.parametrize("samples", [1, 159, 160, 16_000, 16_000 * 61])
def test_every_length_gives_one_row_per_ten_milliseconds(samples: int) -> None:
    track = speech_track(tone(samples / 16_000), version=5)
    assert track.shape == (samples // 160 + 1, 5)
    assert track.dtype == np.float32
    assert 0.0 <= track.min() <= track.max() <= 1.0


def test_the_volume_does_not_matter() -> None:
    voice = decode(ESPEAK_EN)
    loud = speech_track(voice, version=5)
    quiet = speech_track(voice * np.float32(0.1), version=5)
    assert np.abs(loud - quiet).max() < 0.05


# -- tracks from known phones --------------------------------------------------------------


@pytest.mark.parametrize("viseme", VISEMES)
def test_a_long_held_sound_reaches_its_shape(viseme: str) -> None:
    track = viseme_track([(0.0, 1.0, viseme)], 1.0)
    shape = np.array(VISEMES[viseme])
    assert track.shape == (101, 5)
    assert track[50, [WIDE, ROUND]] == pytest.approx(shape[[WIDE, ROUND]], abs=0.01)
    assert track[50, [PRESS, TUCK]] == pytest.approx(np.minimum(shape[[PRESS, TUCK]] * 1.5, 1))


def test_a_short_closure_between_vowels_does_close() -> None:
    track = viseme_track([(0.0, 0.4, "AA"), (0.4, 0.46, "PBM"), (0.46, 0.9, "AA")], 0.9)
    assert track[20, OPEN] > 0.9
    assert track[36:46, PRESS].max() > 0.9
    assert track[36:46, OPEN].min() < 0.15


def test_the_lips_run_ahead_of_the_sound() -> None:
    track = viseme_track([(0.5, 0.6, "UW")], 1.2)
    assert track[:, ROUND].argmax() == pytest.approx(55 - 2, abs=1)


def test_no_segments_are_silence_and_unknown_ones_an_error() -> None:
    assert viseme_track([], 0.5)[:, OPEN].max() == 0.0
    with pytest.raises(KeyError):
        viseme_track([(0.0, 0.1, "XX")], 0.5)
