"""One sentence with known visemes, spoken well and spoilt: made once for all tests of scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.lip_sync_validity import Clip, Judged, judge_clip, render_at, spoilt
from tests.helpers.puppet import film
from tests.helpers.sounds import ESPEAK_EN, segments
from tfi_notebook.local.renderer.speech import viseme_track
from tfi_notebook.media.audio import decode, energy
from tfi_notebook.quality.score import score
from tfi_notebook.samples import PORTRAIT, VOICE

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from tfi_notebook.quality.scores import Scores

CLEAN = "n=10"


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scored")


@pytest.fixture(scope="session")
def good_clip(folder: Path) -> Clip:
    """Version 5 speaks the sentence."""
    return rendered(folder, 5)


@pytest.fixture(scope="session")
def loudness_driven(folder: Path) -> Judged:
    """Version 4: the jaw follows the loudness, and the lips make no shapes."""
    return judge_clip(rendered(folder, 4))


@pytest.fixture(scope="session")
def judged(good_clip: Clip) -> dict[str, Judged]:
    """The good video and its spoilt twins, by what was done to them."""
    other = decode(VOICE), segments("voice")
    clips = [good_clip, *spoilt(good_clip, ESPEAK_EN, other)]
    return {clip.case: judge_clip(clip) for clip in clips}


@pytest.fixture(scope="session")
def good(good_clip: Clip) -> Scores:
    """All scores of the good video."""
    return score(good_clip.path, picture=PORTRAIT, language="en")


def rendered(folder: Path, version: int) -> Clip:
    path = folder / f"v{version}.mp4"
    render_at(ESPEAK_EN, path, version, 10)
    return Clip("espeak_en", version, CLEAN, path, segments("espeak_en"))


# -- a puppet that owes nothing to the renderer: a photo whose jaw is pulled down -------------


@pytest.fixture(scope="session")
def truth() -> NDArray[np.float32]:
    """How far the mouth is to open for the sentence, at 100 Hz."""
    return viseme_track(segments("espeak_en"), 7.805)[:, 0]


@pytest.fixture(scope="session")
def right(folder: Path, truth: NDArray[np.float32]) -> Path:
    """The puppet's jaw follows the known phones."""
    return spoken(folder / "right.mp4", truth)


@pytest.fixture(scope="session")
def loud_puppet(folder: Path) -> Path:
    """The puppet's jaw follows the loudness."""
    return spoken(folder / "loud.mp4", energy(decode(ESPEAK_EN)))


def spoken(path: Path, opening: NDArray[np.floating], *, late_s: float = 0.0) -> Path:
    """Film the puppet with the espeak voice and this mouth."""
    return film(path, opening, decode(ESPEAK_EN, 44_100), 44_100, late_s=late_s)
