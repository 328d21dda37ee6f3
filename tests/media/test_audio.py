"""Any sound file becomes mono samples; every unusable one is refused by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.helpers.sounds import ESPEAK_EN, encoded, tone, wav
from tfi_notebook.errors import AudioTooLongError, EmptyAudioError, NotAudioError
from tfi_notebook.media.audio import ANALYSIS_RATE_HZ, decode, energy, log_mel
from tfi_notebook.media.frames import encode_png, write_video

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("container_format", "codec", "rate_hz"),
    [
        ("wav", "pcm_s16le", 22_050),
        ("mp3", "libmp3lame", 44_100),
        ("ogg", "libopus", 48_000),
        ("ipod", "aac", 44_100),
        ("flac", "flac", 44_100),
        ("webm", "libopus", 48_000),
    ],
)
def test_every_common_format_comes_out_as_the_same_mono_sound(
    container_format: str, codec: str, rate_hz: int
) -> None:
    left = tone(1.5, rate_hz)
    samples = decode(encoded(np.stack([left, left]), rate_hz, container_format, codec))

    assert samples.dtype == np.float32
    assert len(samples) / ANALYSIS_RATE_HZ == pytest.approx(1.5, abs=0.07)
    middle = samples[8_000:16_000]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(8_000)))
    assert spectrum.argmax() * 2 == 440  # bins of 2 Hz
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.06)


def test_channels_are_averaged_and_loud_ones_do_not_clip() -> None:
    loud = tone(0.5, level=0.95)
    both = decode(encoded(np.stack([loud, loud]), 16_000, "wav", "pcm_f32le"))
    assert both == pytest.approx(loud, abs=1e-6)
    one_side = decode(encoded(np.stack([loud, 0 * loud]), 16_000, "wav", "pcm_f32le"))
    assert one_side == pytest.approx(loud / 2, abs=1e-6)


def test_the_resampler_gives_its_last_samples() -> None:
    assert len(decode(wav(tone(1.0, 44_100), 44_100))) == pytest.approx(16_000, abs=2)


def test_a_sound_is_read_from_a_path_at_any_rate() -> None:
    assert len(decode(ESPEAK_EN)) == pytest.approx(7.805 * 16_000, abs=16)
    assert len(decode(ESPEAK_EN, 44_100)) == pytest.approx(7.805 * 44_100, abs=44)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"RIFF",
        b"This is a text about sounds, not a sound. " * 40,
        np.random.default_rng(3).bytes(20_000),
        encode_png(np.zeros((64, 64, 3), np.uint8)),
        wav(tone(1.0))[:30],
    ],
    ids=["nothing", "a stump", "text", "noise bytes", "a picture", "a header only"],
)
def test_what_is_no_sound_is_refused(data: bytes) -> None:
    with pytest.raises(NotAudioError) as caught:
        decode(data, field="audio_url")
    assert caught.value.field == "audio_url"


def test_a_silent_film_holds_no_sound(tmp_path: Path) -> None:
    film = tmp_path / "silent.mp4"
    write_video(film, [np.zeros((32, 32, 3), np.uint8)] * 5, 25, None)
    with pytest.raises(NotAudioError, match="no audio stream"):
        decode(film)


def test_a_playlist_in_disguise_reads_no_other_file(tmp_path: Path) -> None:
    # shown to be a real trap: the file it points to is a good one
    secret = tmp_path / "secret.ts"
    secret.write_bytes(encoded(tone(1.0)[None], 16_000, "mpegts", "aac"))
    playlist = (
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n"
        f"#EXTINF:1.0,\nfile://{secret}\n#EXT-X-ENDLIST\n"
    )
    disguised = tmp_path / "voice.mp4"
    disguised.write_text(playlist)
    for source in (disguised, playlist.encode()):
        with pytest.raises(NotAudioError):
            decode(source)


def test_silence_and_sounds_too_short_are_empty() -> None:
    with pytest.raises(EmptyAudioError, match="silence"):
        decode(wav(np.zeros(16_000, np.float32)))
    with pytest.raises(EmptyAudioError, match=r"0\.020 s"):
        decode(wav(tone(0.02)))
    with pytest.raises(EmptyAudioError):
        decode(wav(tone(0.1))[:-6_400])


def test_a_quiet_recording_is_not_silence() -> None:
    assert np.abs(decode(wav(tone(1.0, level=0.001)))).max() == pytest.approx(0.001, rel=0.05)


def test_the_length_is_counted_and_not_believed() -> None:
    honest = wav(tone(3.0))
    assert len(decode(honest, max_s=3.1)) == 48_000
    with pytest.raises(AudioTooLongError, match="longer than 2 s"):
        decode(honest, max_s=2.0)

    liar = bytearray(wav(tone(3.0)))
    at = liar.index(b"data") + 4
    liar[at : at + 4] = (160).to_bytes(4, "little")  # "5 ms of sound"
    rate_at = liar.index(b"fmt ") + 12
    slow = bytearray(honest)
    slow[rate_at : rate_at + 4] = (1).to_bytes(4, "little")  # "one sample a second"
    with pytest.raises(EmptyAudioError):
        decode(bytes(liar))
    with pytest.raises(AudioTooLongError):
        decode(bytes(slow))


def test_numbers_that_are_none_do_not_leave_the_decoder() -> None:
    odd = tone(1.0)
    odd[100], odd[200], odd[300] = np.nan, np.inf, 50.0
    samples = decode(wav(odd))
    assert np.isfinite(samples).all()
    assert np.abs(samples).max() <= 1.0


def test_damaged_packets_are_stepped_over() -> None:
    data = bytearray(encoded(tone(3.0, 44_100)[None], 44_100, "mp3", "libmp3lame"))
    middle = len(data) // 2
    data[middle : middle + 400] = b"\0" * 400
    assert len(decode(bytes(data))) / 16_000 == pytest.approx(3.0, abs=0.2)


def test_energy_is_high_where_it_is_loud() -> None:
    quiet, loud = tone(1.0, level=0.001), tone(1.0, level=0.5)
    envelope = energy(np.concatenate([quiet, loud, quiet]))
    assert envelope.shape == (301,)
    assert envelope[20:80].max() < 0.05
    assert envelope[120:180].min() > 0.95


def test_energy_of_silence_is_nothing_and_of_one_sample_is_a_row() -> None:
    assert not energy(np.zeros(1_600, np.float32)).any()
    assert energy(np.ones(1, np.float32)).shape == (1,)
    assert log_mel(np.ones(1, np.float32)).shape == (1, 40)


def test_the_spectrogram_puts_a_tone_into_its_band() -> None:
    rows = log_mel(tone(1.0))[20:80]
    low, high = (1127 * np.log1p(hz / 700) for hz in (60, 7600))
    expected = (1127 * np.log1p(440 / 700) - low) / (high - low) * 41 - 1
    assert rows.mean(axis=0).argmax() == pytest.approx(expected, abs=1)


def test_the_spectrogram_does_not_depend_on_the_volume() -> None:
    voice = decode(ESPEAK_EN)
    assert np.abs(log_mel(voice) - log_mel(voice * np.float32(0.1))).max() < 0.05
