"""Scores of many videos: each measured once, wherever that is done."""

from __future__ import annotations

import json
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.helpers.puppet import film, puppet
from tests.helpers.sounds import ESPEAK_EN
from tfi_notebook.errors import NoFaceError, SourceError
from tfi_notebook.media.audio import decode
from tfi_notebook.media.video import write_video
from tfi_notebook.quality import cache as cache_module
from tfi_notebook.quality.many import cached_score, score_many
from tfi_notebook.samples import PORTRAIT, VOICE

if TYPE_CHECKING:
    from pathlib import Path

RATE_HZ = 16_000


class Idle(Executor):
    """An executor that nobody may ask for anything."""

    def submit(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("measured again")


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two seconds of two mouths."""
    folder = tmp_path_factory.mktemp("films")
    wave = 0.5 + 0.5 * np.sin(np.arange(220) / 6)
    sound = decode(ESPEAK_EN)[: 2 * RATE_HZ]
    return [film(folder / f"{i}.mp4", wave * i / 2, sound, RATE_HZ) for i in (1, 2)]


def same(one: Any, other: Any) -> bool:
    return np.array_equal(one.values_in_order, other.values_in_order, equal_nan=True)


@pytest.mark.render
def test_what_was_measured_is_not_measured_again(films: list[Path], tmp_path: Path) -> None:
    first = dict(score_many(films, cache=tmp_path / "kept"))
    assert set(first) == set(films)
    again = dict(score_many(films, cache=tmp_path / "kept", executor=Idle()))
    for video in films:
        assert same(first[video], again[video])
        assert again[video].notes == first[video].notes  # type: ignore[union-attr] # it was scored
    renamed = films[0].replace(films[0].with_name("renamed.mp4"))
    assert same(cached_score(renamed, cache=tmp_path / "kept"), first[films[0]])
    renamed.replace(films[0])


@pytest.mark.render
def test_other_files_other_questions_and_new_definitions_are_measured(
    films: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept"
    cached_score(films[0], cache=kept)
    questions: list[dict[str, Any]] = [
        {"videos": [films[1]]},
        {"videos": [films[0]], "pictures": {films[0]: PORTRAIT}},
        {"videos": [films[0]], "languages": {films[0]: "en"}},
    ]
    for question in questions:
        with pytest.raises(AssertionError, match="measured again"):
            list(score_many(**question, cache=kept, executor=Idle()))
    monkeypatch.setattr(cache_module, "DEFINITIONS", -1)
    with pytest.raises(AssertionError, match="measured again"):
        list(score_many([films[0]], cache=kept, executor=Idle()))


@pytest.mark.render
def test_a_damaged_cache_costs_time_and_nothing_else(films: list[Path], tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    scores = cached_score(str(films[0]), cache=kept)
    (file,) = kept.iterdir()
    for damage in ("", "[]", "{}", json.dumps({"lip_sync": "high"})):
        file.write_text(damage)
        assert same(cached_score(films[0], cache=kept), scores)
        assert json.loads(file.read_text())["lip_sync"] == scores["lip_sync"]
    nowhere = tmp_path / "a file"
    nowhere.write_text("in the way")
    assert same(cached_score(films[0], cache=nowhere), scores)


@pytest.mark.render
def test_what_cannot_be_scored_has_no_scores(films: list[Path], tmp_path: Path) -> None:
    wall, gone = tmp_path / "wall.mp4", tmp_path / "gone.mp4"
    write_video(wall, [np.full((64, 64, 3), 120, np.uint8)] * 12, 25, None)
    found = dict(score_many([wall, gone, films[0]], cache=tmp_path / "kept"))
    assert found[wall] is None
    assert found[gone] is None
    assert found[films[0]] is not None
    with pytest.raises(NoFaceError):
        cached_score(wall, cache=tmp_path / "kept")
    with pytest.raises(SourceError):
        cached_score(gone, cache=tmp_path / "kept")


@pytest.mark.render
def test_any_executor_gives_the_same_scores(films: list[Path], tmp_path: Path) -> None:
    here = dict(score_many(films, cache=tmp_path / "one"))
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        there = dict(score_many(films, cache=tmp_path / "two", executor=pool))
    assert all(same(here[video], there[video]) for video in films)


@pytest.mark.render
def test_a_silent_film_is_scored_by_its_pictures(tmp_path: Path) -> None:
    silent = tmp_path / "silent.mp4"
    write_video(silent, puppet(np.linspace(0, 1, 12)), 25, None)
    scores = cached_score(silent, cache=tmp_path / "kept")
    assert np.isnan(scores["lip_sync"])
    assert scores["sharpness"] > 0
    assert any(note.startswith("lips and sound:") for note in scores.notes)


@pytest.mark.render
def test_a_clip_of_less_than_a_second_tells_nothing_about_speech(tmp_path: Path) -> None:
    sound = decode(ESPEAK_EN)[: RATE_HZ // 2]
    short = film(tmp_path / "short.mp4", np.linspace(0, 1, 60), sound, RATE_HZ)
    scores = cached_score(short, cache=tmp_path / "kept")
    assert np.isnan(scores["lip_sync"])
    assert abs(scores["duration_difference_s"]) < 0.1
    assert "lips and sound: less than 1 s show a face" in scores.notes


def test_a_sound_alone_is_no_video(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        cached_score(VOICE, cache=tmp_path / "kept")
