"""Lag, drift, null and interval, shown on mouths whose truth is made."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.helpers.sounds import ESPEAK_EN, OTHER_VOICE
from tfi_notebook.media.audio import decode
from tfi_notebook.quality import coupling
from tfi_notebook.quality.headline import judge
from tfi_notebook.quality.lips import Mouth, correlate_mouth
from tfi_notebook.quality.listen import listen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tfi_notebook.quality.listen import Heard

FPS = 25.0
SOUND = np.tile(decode(ESPEAK_EN), 2)


@pytest.fixture(scope="module")
def heard() -> Heard:
    return listen(SOUND)


def mouth(opening_100hz: NDArray[np.floating], at_s: NDArray[np.floating] | None = None) -> Mouth:
    """A mouth of natural size that shows the track, read at these times."""
    rows = (times() if at_s is None else at_s) * 100
    opening = 0.01 + 0.08 * np.interp(rows, np.arange(len(opening_100hz)), opening_100hz)
    return Mouth(times(), opening, np.full_like(opening, 0.5), opening, FPS)


def times() -> NDArray[np.float64]:
    return np.asarray((np.arange(int(len(SOUND) / 16_000 * FPS)) + 0.5) / FPS)


def first(whole: Mouth, count: int) -> Mouth:
    return Mouth(
        whole.times_s[:count], whole.opening[:count], whole.width[:count], whole.lowest[:count], FPS
    )


@pytest.mark.parametrize("rate", [0.0, 10.0, -15.0])
def test_a_growing_lag_is_told_in_ms_per_second(heard: Heard, rate: float) -> None:
    drifting = mouth(heard.opening, times() * (1 - rate / 1000))
    assert coupling.drift(drifting, heard.opening) == pytest.approx(rate, abs=2)


def test_a_short_clip_tells_no_drift(heard: Heard) -> None:
    whole = mouth(heard.opening)
    short = first(whole, 150)
    assert np.isnan(coupling.drift(short, heard.opening))


def test_the_null_tells_chance_from_coupling(heard: Heard) -> None:
    loud = mouth(heard.loudness)
    null = coupling.shifted_null(loud, heard.loudness)
    assert 0.05 < null < 0.7
    assert correlate_mouth(loud, heard.loudness).r > 0.99 > null
    stranger = mouth(np.resize(listen(decode(OTHER_VOICE)).loudness, len(heard.loudness)))
    other = coupling.shifted_null(stranger, heard.loudness)
    assert correlate_mouth(stranger, heard.loudness).r < other + 0.15


def test_the_interval_narrows_with_the_length_and_holds_the_number(heard: Heard) -> None:
    rng = np.random.default_rng(3)
    noisy = mouth(heard.loudness + rng.normal(0, 0.4, len(heard.loudness)))
    r = correlate_mouth(noisy, heard.loudness)
    low, high = coupling.correlation_interval(noisy, heard.loudness, r.lag_ms)
    assert low < r.r < high
    half = first(noisy, 100)
    low_of_half, high_of_half = coupling.correlation_interval(half, heard.loudness, r.lag_ms)
    assert high_of_half - low_of_half > high - low


def test_lips_that_are_torn_open_or_stay_open_in_silence_score_less() -> None:
    speech = decode(ESPEAK_EN)[: 4 * 16_000]
    paused = np.concatenate([speech, np.zeros(2 * 16_000, np.float32), speech])
    heard = listen(paused.astype(np.float32))
    rows = (np.arange(int(len(paused) / 16_000 * FPS)) + 0.5) / FPS * 100
    grid = np.arange(len(heard.opening))
    wide = np.percentile(heard.opening, 95)
    opening = 0.01 + 0.08 * np.interp(rows, grid, np.clip(heard.opening / wide, 0, 1))
    width = 0.5 + 0.03 * np.interp(rows, grid, heard.spread)
    speaking = Mouth(rows / 100, opening, width, opening, FPS)
    score = judge(speaking, heard).lip_sync
    assert score > 0.8

    gaping = np.where(np.interp(rows, grid, heard.silent) > 0.5, 0.08, opening)
    assert judge(replace(speaking, opening=gaping, lowest=gaping), heard).lip_sync < 0.9 * score
    torn = 6 * opening
    assert judge(replace(speaking, opening=torn, lowest=torn), heard).lip_sync < 0.7 * score
