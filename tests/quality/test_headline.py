"""What `lip_sync` is made of: each part counts, and natural speech bounds it on both sides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.helpers.sounds import ESPEAK_EN
from tfi_notebook.media.audio import decode
from tfi_notebook.quality.headline import lip_sync
from tfi_notebook.quality.lips import Mouth, Parts, moments, parts_of
from tfi_notebook.quality.listen import listen
from tfi_notebook.quality.sync import SyncScore, pearson

GOOD = Parts(0.7, 0.6, 0.9, 0.5, 0.08, 0.1)
IN_TIME = SyncScore(0.8, 5.0, 0.8)
NAN = float("nan")


@pytest.mark.parametrize(
    ("worse", "share"),
    [
        ({"speech_r": 0.3}, (0.6, 0.75)),
        ({"shape_r": 0.0}, (0.7, 0.85)),
        ({"closure_depth": 0.0}, (0.6, 0.8)),
        ({"lip_span": 0.02}, (0.2, 0.3)),  # mumbling
        ({"lip_span": 0.01}, (0.0, 0.0)),  # still
        ({"lip_span": 0.35}, (0.4, 0.6)),  # torn open
        ({"rest_opening": 0.75}, (0.5, 0.5)),  # open in silence
        ({"loudness_r": 0.95}, (0.6, 0.6)),  # nothing but loudness
    ],
)
def test_each_part_counts(worse: dict[str, float], share: tuple[float, float]) -> None:
    found = lip_sync(replace(GOOD, **worse), IN_TIME) / lip_sync(GOOD, IN_TIME)
    assert share[0] - 1e-9 <= found <= share[1] + 1e-9


@pytest.mark.parametrize(
    ("lag_ms", "r", "share"),
    [(20, 0.8, 1), (-70, 0.8, 1), (90, 0.8, 0.5), (-185, 0.8, 0.5), (200, 0.8, 0), (0, 0.15, 0)],
)
def test_time_counts_and_an_early_mouth_is_forgiven_more(
    lag_ms: float, r: float, share: float
) -> None:
    found = lip_sync(GOOD, SyncScore(r, lag_ms, r)) / lip_sync(GOOD, IN_TIME)
    assert found == pytest.approx(share)


@pytest.mark.parametrize("untold", ["closure_depth", "rest_opening"])
def test_what_a_clip_does_not_tell_is_left_out(untold: str) -> None:
    unsaid: dict[str, Any] = {untold: NAN}
    assert lip_sync(replace(GOOD, **unsaid), IN_TIME) == pytest.approx(0.84, abs=0.08)


def test_the_loudness_is_taken_out_of_the_speech() -> None:
    heard = listen(decode(ESPEAK_EN))
    times = (np.arange(190) + 0.5) / 25
    rng = np.random.default_rng(1)
    loudness = np.interp(times * 100, np.arange(len(heard.loudness)), heard.loudness)
    opening = 0.01 + 0.08 * loudness + rng.normal(0, 0.004, len(times))
    mouth = Mouth(times, opening, opening, opening, 25.0)

    seen = moments(mouth, heard, 0.0)
    parts = parts_of(seen)

    assert pearson(seen.opening, seen.heard_opening) > 0.5
    assert abs(parts.speech_r) < 0.2
    assert parts.loudness_r > 0.9
    assert lip_sync(parts, IN_TIME) < 0.25
