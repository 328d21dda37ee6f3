"""Recommendations: right where the data says so, and no surer than the data."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tfi_notebook.errors import SweepError

pd = pytest.importorskip("pandas", reason="needs the extra data")
pytest.importorskip("numpy", reason="needs the extra data")

from tests.helpers.sweeps import AXES, table  # noqa: E402 - needs pandas
from tfi_notebook.sweeps.recommend import Recommendation, recommend  # noqa: E402 - the same


def best(frame: Any, **within: Any) -> Recommendation:
    return recommend(frame, AXES, "lip_sync", None, within)


def test_the_best_of_many_tries_is_a_clear_winner() -> None:
    found = best(table(voices=6))
    assert found.clear
    assert found.setting == {"version": 6, "iteration_count": 20}
    assert "version 6, iteration_count 20 has the highest lip_sync" in found.reason
    assert "95 % interval" in found.reason


def test_settings_that_do_not_differ_have_no_clear_winner() -> None:
    found = best(table(voices=6, versions=(5, 6), iterations=(10,), gap=0.0, noise=0.1))
    assert not found.clear
    assert found.reason.startswith("No clear winner between version ")
    assert "iteration_count 10 and version" in found.reason


@pytest.mark.parametrize("voices", [2, 6])
def test_of_two_equal_settings_a_winner_is_called_in_one_case_of_twenty(voices: int) -> None:
    """The bootstrap alone would call one in two of these, with two tries each."""
    frames = (
        table(voices=voices, versions=(5, 6), iterations=(10,), gap=0.0, seed=seed)
        for seed in range(60)
    )
    assert sum(best(frame).clear for frame in frames) <= 9  # 3 expected, sd 1.7


def test_of_nine_equal_settings_no_winner_is_called() -> None:
    frames = (table(voices=3, gap=0.0, seed=seed) for seed in range(20))
    assert sum(best(frame).clear for frame in frames) <= 3


def test_a_hard_voice_counts_against_no_setting() -> None:
    """Voices differ by five times what the settings do; compared voice by voice they do not."""
    frame = table(voices=8, versions=(5, 6), iterations=(10,), gap=0.02, noise=0.003)
    assert best(frame).clear
    assert best(frame).setting["version"] == 6
    unpaired = frame.assign(audio_url=[f"{n}.wav" for n in range(len(frame))])
    assert not best(unpaired).clear


def test_a_setting_gains_nothing_from_failing_at_the_hard_voice() -> None:
    frame = table(voices=4, versions=(5, 6), iterations=(10,), noise=0.001)
    by_voice = frame.groupby("audio_url")["lip_sync"].mean()
    fails = (frame["version"] == 5) & (frame["audio_url"] == by_voice.idxmin())
    frame.loc[fails, "lip_sync"] = pd.NA
    found = best(frame)
    assert found.setting["version"] == 6
    assert found.frame()["tries"].tolist() == [3, 3]
    assert "1 of 8 points have no lip_sync" in found.reason


def test_one_try_each_without_an_interval_proves_nothing() -> None:
    found = best(table())
    assert not found.clear
    assert found.setting == {"version": 6, "iteration_count": 20}
    assert found.reason.startswith("No winner can be called: each setting was tried once")
    assert "audio_url" in found.reason
    assert found.frame()["chance"].isna().all()


@pytest.mark.parametrize(("half", "clear"), [(0.005, "clear"), (0.15, "open")])
def test_one_try_each_is_as_sure_as_the_scores_own_interval(half: float, clear: str) -> None:
    frame = table()
    frame = frame.assign(
        lip_sync_low=frame["lip_sync"] - half, lip_sync_high=frame["lip_sync"] + half
    )
    found = best(frame)
    assert found.clear is (clear == "clear")
    assert "another voice or picture is not known" in found.reason


def test_bounds_are_kept_and_told() -> None:
    found = best(table(voices=6), credits=12)
    assert found.setting == {"version": 6, "iteration_count": 10}
    assert (found.frame()["credits"] <= 12).all()
    assert "6 of 9 settings keep credits at most 12" in found.reason
    assert best(table(voices=6), iteration_count=(None, 5)).setting["iteration_count"] == 5


def test_a_number_bounds_a_score_from_below() -> None:
    found = recommend(table(voices=6), AXES, None, "credits", {"lip_sync": 0.5})
    assert (found.frame()["lip_sync"] >= 0.5).all()
    assert "keep lip_sync at least 0.5" in found.reason


def test_a_bound_that_nothing_keeps_tells_what_there_is() -> None:
    with pytest.raises(SweepError, match="no setting keeps credits at most 1") as caught:
        best(table(), credits=1)
    assert "6.5 to 16" in caught.value.hint


def test_unknown_credits_keep_no_bound() -> None:
    with pytest.raises(SweepError) as caught:
        best(table().assign(credits=pd.array([None] * 9, dtype="Float64")), credits=10)
    assert "not known of any" in caught.value.hint


def test_equal_values_are_no_win() -> None:
    same = table(voices=3).assign(lip_sync=pd.array([0.5] * 27, dtype="Float64"))
    assert not best(same).clear


def test_the_only_setting_is_said_to_be_the_only_one() -> None:
    found = best(table(voices=2, versions=(6,), iterations=(10,)))
    assert found.reason.startswith("version 6, iteration_count 10 is the only setting")


def test_rivals_are_named_with_the_cheapest() -> None:
    found = best(table(voices=4, gap=0.0, noise=0.1))
    assert re.search(r"No clear winner between .* and .* and .* \(and \d more\)\.", found.reason)
    assert "version 4, iteration_count 5 has the lowest credits, 6.5" in found.reason


@pytest.mark.parametrize(
    ("asked", "match"),
    [
        ((None, None), "name one column"),
        (("lip_sync", "credits"), "name one column"),
    ],
)
def test_one_objective_is_needed(asked: tuple[str | None, str | None], match: str) -> None:
    with pytest.raises(SweepError, match=match):
        recommend(table(), AXES, *asked, {})


@pytest.mark.parametrize("bound", ["20", None, (1, 2, 3), (None, None), True, float("nan")])
def test_a_bound_is_a_number_or_two(bound: Any) -> None:
    with pytest.raises(SweepError, match="credits"):
        best(table(), credits=bound)


def test_without_values_there_is_nothing_to_recommend() -> None:
    with pytest.raises(SweepError, match="no point has 'lip_sync' yet"):
        best(table().assign(lip_sync=pd.array([None] * 9, dtype="Float64")))
    with pytest.raises(SweepError, match="nothing but picture and voice"):
        recommend(table(voices=3), ("audio_url",), "lip_sync", None, {})


def test_a_recommendation_is_shown_with_its_table_and_escapes_it() -> None:
    frame = table(versions=(5,)).assign(version="<script>alert(1)</script>")
    shown = best(frame)._repr_html_()
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown
    assert "iteration_count" in repr(best(table()))
