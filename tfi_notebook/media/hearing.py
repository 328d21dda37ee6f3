"""What is kept of a sound to drive a mouth: its loudness and its spectrum, 100 times a second.

Row i of an envelope or a spectrogram describes the sound around i / 100 s. A sound is heard
piece by piece, so that a long one need not be held: 170 bytes are kept for each 10 ms.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

ANALYSIS_RATE_HZ: Final = 16_000
ENVELOPE_RATE_HZ: Final = 100
MEL_BANDS: Final = 40
SILENCE_PEAK: Final = 1e-4  # -80 dB of full scale: below a 16-bit recording's dither

_T = TypeVar("_T", np.float32, np.float64)

_HOP: Final = ANALYSIS_RATE_HZ // ENVELOPE_RATE_HZ
_WINDOW: Final = 400  # 25 ms
_FFT_SIZE: Final = 512
_EMPHASIS: Final = np.float32(0.97)  # of the sample before, which is subtracted: raises the highs
_MEL_RMS: Final = 0.05  # the loudness to which every sound is brought for its spectrogram
_UNSPLIT: Final = 1 << 18  # multiplications that OpenBLAS leaves to one thread
_ENVELOPE_SPAN_DB: Final = (12.0, 40.0)  # the envelope's 0..1 covers at least and at most this


@dataclass(frozen=True, slots=True, eq=False)
class Hearing:
    """What is kept of a sound, 100 rows a second.

    Attributes:
        mean_square: (T,) of the samples in a window of 25 ms.
        bands: (T, 40) powers in the mel bands.
        level: root mean square of all samples.
        sample_count: n; T is n // 160 + 1.
    """

    mean_square: NDArray[np.float64]
    bands: NDArray[np.float32]
    level: float
    sample_count: int

    @property
    def duration_s(self) -> float:
        """Return the length of the sound."""
        return self.sample_count / ANALYSIS_RATE_HZ

    def log_mel(self) -> NDArray[np.float32]:
        """Return what the function `log_mel` tells of the same sound."""
        gain = np.float32(_MEL_RMS / (self.level + 1e-6)) ** 2
        mel = self.bands * gain
        mel += np.float32(1e-5)
        return np.asarray(np.log(mel, out=mel), dtype=np.float32)

    def energy(self) -> NDArray[np.float32]:
        """Return what the function `energy` tells of the same sound."""
        level_db = 20.0 * np.log10(np.sqrt(self.mean_square) + 1e-5)
        floor, loud = np.percentile(level_db, [5, 95])
        if loud < 20.0 * np.log10(SILENCE_PEAK):
            return np.zeros(len(level_db), np.float32)
        least, most = _ENVELOPE_SPAN_DB
        span = float(np.clip(loud - floor, least, most))
        envelope: NDArray[np.float64] = np.clip((level_db - loud) / span + 1.0, 0.0, 1.0)
        return envelope.astype(np.float32)


def hear(sound: Iterable[NDArray[np.float32]]) -> Hearing:
    """Listen to a sound, piece by piece.

    Args:
        sound: its samples at 16 kHz in pieces of any length, at least one sample in all.

    Returns:
        the same, up to rounding, however the sound was cut.
    """
    squares: list[NDArray[np.float64]] = []
    bands: list[NDArray[np.float32]] = []
    # plain samples and those with raised highs, as far as windows still need them
    waiting = np.zeros((2, _WINDOW // 2), np.float32)
    last, count, total = np.zeros(1, np.float32), 0, 0.0
    for samples in sound:
        before = np.concatenate([last, samples[:-1]])
        fresh = np.stack([samples, samples - _EMPHASIS * before])
        waiting = _analysed(np.concatenate([waiting, fresh], axis=1), squares, bands)
        last, count = samples[-1:], count + len(samples)
        total += float(np.square(samples, dtype=np.float64).sum())
    missing = (count // _HOP + 1 - sum(map(len, squares)) - 1) * _HOP + _WINDOW - waiting.shape[1]
    _analysed(np.pad(waiting, ((0, 0), (0, max(missing, 0)))), squares, bands)
    level = float(np.sqrt(total / max(count, 1)))
    return Hearing(np.concatenate(squares), np.concatenate(bands), level, count)


def _analysed(
    waiting: NDArray[np.float32],
    squares: list[NDArray[np.float64]],
    bands: list[NDArray[np.float32]],
) -> NDArray[np.float32]:
    """Append the rows of all whole windows, and return the samples that later ones need."""
    rows = (waiting.shape[1] - _WINDOW) // _HOP + 1
    if rows < 1:
        return waiting
    plain, raised = np.lib.stride_tricks.sliding_window_view(waiting, _WINDOW, axis=1)[:, ::_HOP]
    squares.append(np.square(plain, dtype=np.float64).mean(axis=1))
    spectrum = np.fft.rfft(raised * np.hanning(_WINDOW).astype(np.float32), _FFT_SIZE)
    bands.append(product(np.square(np.abs(spectrum)), _mel_bank()).astype(np.float32))
    return waiting[:, rows * _HOP :]


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
    return hear([samples]).log_mel()


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
    return hear([samples]).energy()


def product(rows: NDArray[_T], matrix: NDArray[_T]) -> NDArray[_T]:
    """Return `rows` (n, k) @ `matrix` (k, m), a few rows at a time.

    A larger product is split by the BLAS, and its other threads then wait for the next one in a
    busy loop: 0.3 ms of work cost 77 ms of processor time.

    Example:
        >>> product(np.ones((3, 2)), np.full((2, 1), 0.5)).ravel()
        array([1., 1., 1.])
    """
    step = max(1, _UNSPLIT // matrix.size)
    parts = [rows[at : at + step] @ matrix for at in range(0, len(rows), step)]
    return np.concatenate(parts)


@cache
def _mel_bank() -> NDArray[np.float64]:
    """Return the (257, 40) triangular weights from FFT bins to bands."""
    low, high = (1127.0 * np.log1p(hz / 700.0) for hz in (60.0, 7600.0))
    edges = 700.0 * np.expm1(np.linspace(low, high, MEL_BANDS + 2) / 1127.0)
    bins = np.fft.rfftfreq(_FFT_SIZE, 1.0 / ANALYSIS_RATE_HZ)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.clip(np.minimum(rising, falling), 0.0, None)
