"""A sound is heard piece by piece as it is heard at once, and a long one is not held."""

from __future__ import annotations

import tracemalloc
import wave
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.helpers.sounds import ESPEAK_EN, tone, wav
from tfi_notebook.errors import EmptyAudioError
from tfi_notebook.media.audio import blocks, decode, energy, hear, log_mel

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("pieces", [1, 7, 500])
def test_where_a_sound_is_cut_does_not_matter(pieces: int) -> None:
    voice = decode(ESPEAK_EN)
    cuts = np.sort(np.random.default_rng(0).integers(1, len(voice), pieces))
    heard = hear(part for part in np.split(voice, cuts) if len(part))
    assert heard.sample_count == len(voice)
    assert heard.energy() == pytest.approx(energy(voice), abs=1e-6)
    assert np.abs(heard.log_mel() - log_mel(voice)).max() < 1e-3


@pytest.mark.parametrize("samples", [1, 159, 160, 399, 400, 401, 16_000])
def test_every_length_gives_one_row_per_ten_milliseconds(samples: int) -> None:
    heard = hear([tone(samples / 16_000)])
    assert len(heard.mean_square) == len(heard.bands) == samples // 160 + 1
    assert heard.duration_s == samples / 16_000


def test_blocks_are_the_decoded_sound_in_parts_of_about_two_seconds() -> None:
    parts = list(blocks(ESPEAK_EN))
    assert len(parts) == 4
    assert np.array_equal(np.concatenate(parts), decode(ESPEAK_EN))


def test_silence_is_refused_at_its_end() -> None:
    parts = blocks(wav(np.zeros(80_000, np.float32)))
    assert not next(parts).any()
    with pytest.raises(EmptyAudioError, match="digital silence"):
        list(parts)


def test_ten_minutes_of_sound_are_never_held_at_once(tmp_path: Path) -> None:
    second = (tone(1.0) * 20_000).astype("<i2").tobytes()
    with wave.open(str(tmp_path / "long.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        for _ in range(600):
            file.writeframes(second)
    tracemalloc.start()
    try:
        heard = hear(blocks(tmp_path / "long.wav"))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert heard.duration_s == pytest.approx(600, abs=0.1)
    assert peak_bytes < 26_000_000  # the samples alone are 38 MB
