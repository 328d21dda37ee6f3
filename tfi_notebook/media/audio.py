"""Sound: any file to mono samples, and the two views of it that the mouth is driven by.

All analysis is done at 16 kHz in steps of 10 ms: row i of an envelope or a spectrogram
describes the sound around i / 100 s.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

import av
import numpy as np

from tfi_notebook.errors import AudioTooLongError, EmptyAudioError, NotAudioError, SourceError
from tfi_notebook.media.container import byte_stream, open_media

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from av.audio.frame import AudioFrame
    from av.container import InputContainer
    from numpy.typing import NDArray

ANALYSIS_RATE_HZ: Final = 16_000
ENVELOPE_RATE_HZ: Final = 100
MEL_BANDS: Final = 40

_HOP: Final = ANALYSIS_RATE_HZ // ENVELOPE_RATE_HZ
_WINDOW: Final = 400  # 25 ms
_FFT_SIZE: Final = 512
_SHORTEST_S: Final = 0.05
_SILENCE_PEAK: Final = 1e-4  # -80 dB of full scale: below a 16-bit recording's dither
_ENVELOPE_SPAN_DB: Final = (12.0, 40.0)  # the envelope's 0..1 covers at least and at most this


def decode(
    source: Path | bytes,
    rate_hz: int = ANALYSIS_RATE_HZ,
    *,
    max_s: float = 900.0,
    field: str | None = None,
) -> NDArray[np.float32]:
    """Decode a sound file to mono samples.

    The length is counted while decoding; what the file's header claims is not believed.

    Args:
        source: a path or the bytes of a WAV, MP3, M4A, FLAC, OGG, WebM or similar file.
        rate_hz: sample rate of the result.
        max_s: longest sound that is accepted.
        field: the payload field the sound came from, for the error.

    Returns:
        (n,) samples in -1..1.

    Raises:
        NotAudioError: not a sound file, or one without a sound that can be decoded.
        EmptyAudioError: shorter than 0.05 s, or digital silence.
        AudioTooLongError: longer than `max_s`.
    """
    with byte_stream(source) as stream:
        try:
            with open_media(stream) as container:
                parts = list(_resampled(container, rate_hz, max_s, field))
        except SourceError:
            raise
        # ValueError: the sound's format changes midway.
        except (av.FFmpegError, OSError, ValueError) as cause:
            raise NotAudioError("no sound could be decoded from the file", field=field) from cause
    samples = np.concatenate(parts) if parts else np.empty(0, np.float32)
    # A float WAV may hold anything at all.
    samples = np.clip(np.nan_to_num(samples, posinf=1.0, neginf=-1.0), -1.0, 1.0)
    _check_audible(samples, rate_hz, field)
    return samples


def log_mel(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute the log-mel spectrogram that the speech net reads.

    The sound is brought to one loudness (rms 0.05), its highs are raised by a first
    difference, and 25 ms Hann windows are summed in 40 triangular bands from 60 to 7600 Hz,
    evenly spaced on the mel scale of O'Shaughnessy, 1127 ln(1 + f / 700).

    Args:
        samples: (n,) mono at 16 kHz, n >= 1.

    Returns:
        (n // 160 + 1, 40) natural logarithms of band energies, 100 rows a second.

    Example:
        >>> import numpy as np
        >>> log_mel(np.zeros(16_000, np.float32)).shape
        (101, 40)
    """
    level = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
    x = samples / np.float32(level + 1e-6) * np.float32(0.05)
    x = np.append(x[:1], x[1:] - np.float32(0.97) * x[:-1])
    x = np.pad(x, _WINDOW // 2)
    windows = np.lib.stride_tricks.sliding_window_view(x, _WINDOW)[::_HOP]
    spectrum = np.fft.rfft(windows * np.hanning(_WINDOW).astype(np.float32), _FFT_SIZE)
    power = np.square(np.abs(spectrum))
    return np.log(power @ _mel_bank() + 1e-5).astype(np.float32)


def energy(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute the loudness envelope.

    The level in decibels of 25 ms windows, spread so that 0 is the sound's own floor and
    1 its loud parts (5th and 95th percentile, kept 12 to 40 dB apart).

    Args:
        samples: (n,) mono at 16 kHz, n >= 1.

    Returns:
        (n // 160 + 1,) in 0..1 at 100 Hz; all 0 for digital silence.

    Example:
        >>> import numpy as np
        >>> tone = np.sin(np.arange(16_000, dtype=np.float32))
        >>> envelope = energy(np.concatenate([np.zeros(16_000, np.float32), tone]))
        >>> round(float(envelope[50]), 2), round(float(envelope[150]), 2)
        (0.0, 1.0)
    """
    padded = np.pad(np.square(samples, dtype=np.float64), (_WINDOW // 2, _WINDOW))
    sums = np.concatenate([[0.0], np.cumsum(padded)])
    starts = np.arange(len(samples) // _HOP + 1) * _HOP
    mean_square = (sums[starts + _WINDOW] - sums[starts]) / _WINDOW
    level_db = 20.0 * np.log10(np.sqrt(np.maximum(mean_square, 0.0)) + 1e-5)
    floor, loud = np.percentile(level_db, [5, 95])
    if loud < 20.0 * np.log10(_SILENCE_PEAK):
        return np.zeros(len(starts), np.float32)
    least, most = _ENVELOPE_SPAN_DB
    span = float(np.clip(loud - floor, least, most))
    envelope: NDArray[np.float64] = np.clip((level_db - loud) / span + 1.0, 0.0, 1.0)
    return envelope.astype(np.float32)


def _resampled(
    container: InputContainer, rate_hz: int, max_s: float, field: str | None
) -> Iterator[NDArray[np.float32]]:
    # Channels are averaged here: FFmpeg's own way to mono adds them up, and loud ones clip.
    resampler = av.AudioResampler("fltp", None, rate_hz)
    decoded_s = 0.0
    for frame in _frames(container, field):
        decoded_s += frame.samples / max(frame.sample_rate, 1)
        if decoded_s > max_s:
            raise AudioTooLongError(f"the sound lasts longer than {max_s:g} s", field=field)
        yield from (_mono(part) for part in resampler.resample(frame))
    if decoded_s > 0.0:
        # The resampler keeps the last samples back until it is flushed.
        yield from (_mono(part) for part in resampler.resample(None))


def _mono(frame: AudioFrame) -> NDArray[np.float32]:
    return np.asarray(frame.to_ndarray().mean(axis=0), np.float32)


def _frames(container: InputContainer, field: str | None) -> Iterator[AudioFrame]:
    """Decode packet by packet, stepping over damaged ones as players do."""
    if not container.streams.audio:
        raise NotAudioError("the file holds no audio stream", field=field)
    good = damaged = 0
    for packet in container.demux(container.streams.audio[0]):
        try:
            frames = packet.decode()
        except av.InvalidDataError:
            damaged += 1
            continue
        good += len(frames)
        yield from frames
    if damaged > good:
        raise NotAudioError("most of the file's sound is damaged", field=field)


def _check_audible(samples: NDArray[np.float32], rate_hz: int, field: str | None) -> None:
    length_s = len(samples) / rate_hz
    if length_s < _SHORTEST_S:
        raise EmptyAudioError(f"the sound lasts only {length_s:.3f} s", field=field)
    if float(np.abs(samples).max()) < _SILENCE_PEAK:
        raise EmptyAudioError(f"the sound is {length_s:.1f} s of digital silence", field=field)


@cache
def _mel_bank() -> NDArray[np.float64]:
    """Return the (257, 40) triangular weights from FFT bins to bands."""
    low, high = (1127.0 * np.log1p(hz / 700.0) for hz in (60.0, 7600.0))
    edges = 700.0 * np.expm1(np.linspace(low, high, MEL_BANDS + 2) / 1127.0)
    bins = np.fft.rfftfreq(_FFT_SIZE, 1.0 / ANALYSIS_RATE_HZ)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.clip(np.minimum(rising, falling), 0.0, None)
