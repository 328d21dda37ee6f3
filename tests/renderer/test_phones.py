"""English phones, where the recogniser is installed, hear more of a natural voice."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.helpers.sounds import segments
from tfi_notebook.local.renderer.phones import hears, phone_track
from tfi_notebook.local.renderer.speech import heard_track, viseme_track
from tfi_notebook.media.audio import decode, hear
from tfi_notebook.quality.sync import pearson
from tfi_notebook.samples import VOICE

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytest.importorskip("pocketsphinx")
OPEN, PRESS = 0, 3


@pytest.fixture(scope="module")
def voice() -> NDArray[np.float32]:
    return decode(VOICE)


@pytest.fixture(scope="module")
def phones(voice: NDArray[np.float32]) -> NDArray[np.float32]:
    return phone_track([voice], len(voice) // 160 + 1)


def known(voice: NDArray[np.float32]) -> NDArray[np.float32]:
    return viseme_track(segments("voice"), len(voice) / 16_000)[: len(voice) // 160 + 1]


def test_only_english_is_recognised() -> None:
    assert all(hears(language) for language in ("en", "EN", "en-GB", "en_US"))
    assert not any(hears(language) for language in ("de", "", "eng-lish", "fr-FR"))


def test_without_the_extra_nothing_is_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    assert not hears("en")


def test_the_phones_are_those_of_the_voice(
    voice: NDArray[np.float32], phones: NDArray[np.float32]
) -> None:
    truth = known(voice)
    assert phones.shape == truth.shape
    assert pearson(truth[:, OPEN], phones[:, OPEN]) >= 0.8
    assert pearson(truth[:, PRESS], phones[:, PRESS]) >= 0.7


def test_mixed_in_they_make_the_net_better(
    voice: NDArray[np.float32], phones: NDArray[np.float32]
) -> None:
    truth, hearing = known(voice), hear([voice])
    for channel in (OPEN, PRESS):
        alone, mixed = (
            pearson(truth[:, channel], heard_track(hearing, version=6, phones=mix)[:, channel])
            for mix in (None, phones)
        )
        assert mixed > alone + 0.02


def test_the_same_voice_is_heard_the_same_again(
    voice: NDArray[np.float32], phones: NDArray[np.float32]
) -> None:
    assert np.array_equal(phone_track([voice], len(phones)), phones)


def test_a_long_voice_is_cut_in_its_pauses(voice: NDArray[np.float32]) -> None:
    repeated = np.tile(voice, 4)
    track = phone_track(np.array_split(repeated, 9), len(repeated) // 160 + 1)
    truth = np.concatenate([known(voice)[: len(voice) // 160]] * 4)
    for start in range(0, len(truth), len(truth) // 4):
        part = slice(start, start + len(truth) // 4)
        assert pearson(truth[part, OPEN], track[: len(truth)][part, OPEN]) >= 0.7
