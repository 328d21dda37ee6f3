"""The listener hears mouths, not loudness, in voices it was never trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.helpers.sounds import ESPEAK_EN, segments, tone
from tfi_notebook.local.renderer.speech import viseme_track
from tfi_notebook.media.audio import decode
from tfi_notebook.quality.closures import bilabials
from tfi_notebook.quality.listen import listen
from tfi_notebook.quality.sync import pearson
from tfi_notebook.samples import VOICE
from tools.make_samples import VOICE_TEXT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("sound", "name"), [(ESPEAK_EN, "espeak_en"), (VOICE, "voice")])
def test_it_hears_the_opening_beyond_the_loudness(sound: Path, name: str) -> None:
    samples = decode(sound)
    heard = listen(samples)
    truth = viseme_track(segments(name), len(samples) / 16_000)[: len(heard.opening), 0]

    r = pearson(heard.opening, truth)

    assert r > 0.7
    assert r > pearson(heard.loudness, truth) + 0.15


def test_it_hears_where_the_lips_close() -> None:
    heard = listen(decode(ESPEAK_EN))
    spoken = [(start, end) for start, end, name in segments("espeak_en") if name == "PBM"]
    near = [
        any(start - 0.06 <= moment <= end + 0.06 for start, end in spoken)
        for moment in heard.closures_s
    ]
    assert len(near) >= 3
    assert np.mean(near) >= 0.75


def test_only_long_pauses_are_silence() -> None:
    def pause(length_s: float) -> np.ndarray:
        return np.zeros(round(length_s * 16_000), np.float32)

    sound = np.concatenate([tone(1.0), pause(0.2), tone(1.0), pause(0.5), tone(1.0)])
    silent = listen(sound.astype(np.float32)).silent
    assert not silent[:215].any()
    assert silent[225:265].all()
    assert not silent[275:].any()


def test_silence_is_no_error() -> None:
    heard = listen(np.zeros(16_000, np.float32))
    assert heard.opening.shape == (101,)
    assert np.isfinite(heard.opening).all()
    assert len(heard.closures_s) == 0


@pytest.mark.parametrize("transcript", [None, VOICE_TEXT])
def test_bilabials_are_found_in_english_speech(transcript: str | None) -> None:
    spoken = [(start, end) for start, end, name in segments("voice") if name == "PBM"]
    found = bilabials(decode(VOICE), transcript)
    hit = [
        any(start - 0.06 <= end_ and start_ <= end + 0.06 for start_, end_ in found)
        for start, end in spoken
    ]
    assert np.mean(hit) >= (0.6 if transcript is None else 0.9)
    assert len(found) <= 1.5 * len(spoken)


def test_words_that_cannot_be_aligned_say_so_and_do_no_harm() -> None:
    voice = decode(VOICE)
    before = bilabials(voice, VOICE_TEXT)
    for words in ("xqzzt brrgh", "", VOICE_TEXT * 4):
        with pytest.raises(LookupError, match="transcript"):
            bilabials(voice, words)
    assert bilabials(voice, VOICE_TEXT) == before


@pytest.mark.parametrize("count", [1, 160, 800, 3_200])
def test_it_hears_sounds_of_any_length(count: int) -> None:
    heard = listen(decode(ESPEAK_EN)[8_000 : 8_000 + count])
    assert len(heard.opening) == len(heard.loudness) == len(heard.silent) == count // 160 + 1
