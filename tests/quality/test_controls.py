"""Each score falls where it should: still, other speech, late, shuffled, mumbling.

The figures in `docs/scores.md` ("How each control moves it") are those of these clips.
"""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

import pytest

from benchmarks.lip_sync_validity import failures, spearman
from tests.quality.conftest import CLEAN
from tfi_notebook.quality.score import score

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.lip_sync_validity import Judged
    from tfi_notebook.quality.scores import Scores

pytestmark = pytest.mark.render


def test_a_mouth_that_speaks_these_words_scores_high(judged: dict[str, Judged]) -> None:
    verdict = judged[CLEAN].verdict
    assert verdict.lip_sync > 0.75
    assert verdict.low <= verdict.lip_sync <= verdict.high + 0.02
    assert verdict.low > 0.6
    assert abs(verdict.fit.lag_ms) < 30
    assert verdict.parts.speech_r > 0.6
    assert verdict.parts.shape_r > 0.5
    assert verdict.parts.closure_depth > 0.7


def test_a_still_picture_scores_nothing(judged: dict[str, Judged]) -> None:
    still = judged["still"].verdict
    assert still.lip_sync == 0.0
    assert still.parts.lip_span < 0.012


def test_other_speech_is_told_apart(judged: dict[str, Judged]) -> None:
    other = judged["other speech"].verdict
    assert other.lip_sync < 0.25
    assert other.parts.speech_r < 0.25
    assert other.fit.r < judged[CLEAN].verdict.fit.r - 0.3


def test_a_late_mouth_shows_its_lag_and_pays_for_it(judged: dict[str, Judged]) -> None:
    clean = judged[CLEAN].verdict
    for late_ms, most in ((80, 0.85), (200, 0.15)):
        late = judged[f"{late_ms} ms late"].verdict
        assert late.fit.lag_ms - clean.fit.lag_ms == pytest.approx(late_ms, abs=15)
        assert late.lip_sync < most * clean.lip_sync


def test_shuffled_and_reversed_frames_are_told_apart(judged: dict[str, Judged]) -> None:
    for case in ("shuffled", "reversed"):
        assert judged[case].verdict.lip_sync < 0.3, case
        assert judged[case].verdict.parts.speech_r < 0.25, case


def test_mumbling_scores_less_though_it_keeps_the_time(judged: dict[str, Judged]) -> None:
    mumbling, clean = judged["mumbling"].verdict, judged[CLEAN].verdict
    assert mumbling.parts.lip_span < 0.6 * clean.parts.lip_span
    assert mumbling.lip_sync < 0.75 * clean.lip_sync
    assert mumbling.parts.speech_r > 0.15
    assert abs(mumbling.fit.lag_ms) < 60


def test_loudness_is_not_speech(judged: dict[str, Judged], loudness_driven: Judged) -> None:
    """Most scores of lip sync would let version 4 win: it follows the loudness best."""
    loud, clean = loudness_driven.verdict, judged[CLEAN].verdict
    assert loud.parts.loudness_r > clean.parts.loudness_r + 0.2
    assert loud.lip_sync < 0.5 * clean.lip_sync
    assert loud.parts.closure_depth < clean.parts.closure_depth - 0.3


def test_a_mouth_of_another_make_is_judged_alike(right: Path, loud_puppet: Path) -> None:
    """The puppet has a jaw and no lip shapes; both have the natural size and the right time."""
    speaks, follows = score(right), score(loud_puppet)
    assert follows["lip_audio_r"] > speaks["lip_audio_r"] + 0.25
    assert speaks["lip_sync"] > 0.5
    assert follows["lip_sync"] < 0.2
    assert abs(speaks["shape_r"]) < 0.3


def test_the_score_goes_with_the_truth(judged: dict[str, Judged], loudness_driven: Judged) -> None:
    """The small version of `benchmarks/lip_sync_validity.py`."""
    clips = [*judged.values(), loudness_driven]
    assert spearman(clips) >= 0.8
    assert not failures(clips)


def test_a_whole_file_is_scored_from_itself(good: Scores, judged: dict[str, Judged]) -> None:
    assert good["lip_sync"] == judged[CLEAN].verdict.lip_sync
    assert good["closure_rate"] > 0.6
    assert good["lip_audio_r"] > good["lip_audio_r_null"]
    assert good["lip_audio_r_low"] < good["lip_audio_r"] < good["lip_audio_r_high"]
    assert 0.1 < good["lip_audio_mae"] < 0.4
    assert abs(good["drift_ms_per_s"]) < 10 or isnan(good["drift_ms_per_s"])
    assert good["picture_ssim"] > 0.85
    assert good["sharpness_kept"] == pytest.approx(1.0, abs=0.4)
    assert good["face_share"] == 1.0
    assert abs(good["duration_difference_s"]) < 0.06
    assert good["size_bytes"] == pytest.approx(good["bitrate_kbps"] * 1000 / 8 * 7.8, rel=0.01)


def test_a_still_file_has_no_lag_to_tell(judged: dict[str, Judged]) -> None:
    scores = score(judged["still"].clip.path)
    assert scores["lip_sync"] == 0.0
    assert isnan(scores["lag_ms"])
    assert any("lag_ms" in note for note in scores.notes)
    assert scores["freeze_share"] > 0.95
    assert scores["lip_dynamics"] < 0.1
    assert isnan(scores["picture_ssim"])
    assert isnan(scores["closure_rate"])
