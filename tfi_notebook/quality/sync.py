"""Do the lips follow the sound? Correlation and lag of the mouth against what is heard.

With a known truth (phone times, as in the tests) the correlation says how well the mouth
speaks these very words. Without one, the loudness of the file's own sound stands in: it
cannot reach 1, because a loud "ee" needs no open mouth, but a mouth that follows another
sound, or comes late, still shows. Compare such scores with each other, not with 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from tfi_notebook.media.audio import ENVELOPE_RATE_HZ, decode, energy
from tfi_notebook.quality.mouth import mouth_track

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

MAX_LAG_MS: Final = 320.0
# Standard deviation of the opening below which a mouth is called still. Measured in encoded
# videos of 400 px: 0.0027 for a still picture, 0.0029 for one that sways, 0.020 to 0.025 for
# a speaking one.
STILL_OPENING: Final = 0.004
_STEP_MS: Final = 10.0
_FEWEST_FRAMES: Final = 10


@dataclass(frozen=True, slots=True)
class SyncScore:
    """How well one signal follows another.

    Attributes:
        r: Pearson correlation at the best lag, -1..1; 0 if either signal is constant.
        lag_ms: the best lag; positive means that the mouth comes later than the sound.
        r_at_zero: correlation without any shift.
    """

    r: float
    lag_ms: float
    r_at_zero: float


def correlate(
    reference: NDArray[np.floating],
    measured: NDArray[np.floating],
    *,
    reference_rate_hz: float = ENVELOPE_RATE_HZ,
    measured_rate_hz: float,
    max_lag_ms: float = MAX_LAG_MS,
    still_below: float = 0.0,
) -> SyncScore:
    """Find the lag at which a measured signal follows the reference best.

    The reference is read at the frames' middles, shifted in steps of 10 ms; a parabola
    through the best step and its neighbours gives the lag between the steps.

    Args:
        reference: (n,) row i belongs to the time i / reference_rate_hz.
        measured: (T,) frame i belongs to the time (i + 0.5) / measured_rate_hz; NaN is
            left out.
        reference_rate_hz: rate of the reference.
        measured_rate_hz: frames per second.
        max_lag_ms: how far to look to either side.
        still_below: standard deviation at or below which `measured` counts as constant.

    Returns:
        the score; all 0 for constant signals and for fewer than 10 frames.

    Example:
        >>> import numpy as np
        >>> wave = np.random.default_rng(0).normal(size=500).cumsum()
        >>> late = wave[np.arange(100) * 4 + 2 - 12]  # 25 frames a second, 120 ms later
        >>> score = correlate(wave[:400], late, measured_rate_hz=25)
        >>> round(score.r, 2), round(score.lag_ms, -1)
        (1.0, 120.0)
    """
    steps = round(max_lag_ms / _STEP_MS)
    lags_ms = np.arange(-steps, steps + 1) * _STEP_MS
    seen = np.isfinite(measured)
    if seen.sum() < _FEWEST_FRAMES or np.std(measured[seen]) <= still_below:
        return SyncScore(0.0, 0.0, 0.0)
    times_s = (np.flatnonzero(seen) + 0.5) / measured_rate_hz
    values = np.asarray(measured[seen], np.float64)
    r = np.array(
        [_at_lag(reference, reference_rate_hz, times_s - lag / 1000, values) for lag in lags_ms]
    )
    best = int(r.argmax())
    if r[best] <= 0.0:
        return SyncScore(float(r[best]), 0.0, float(r[steps]))
    lag_ms = float(lags_ms[best] + _STEP_MS * _vertex(r, best))
    return SyncScore(float(r[best]), lag_ms, float(r[steps]))


def lip_sync(video: Path, truth: NDArray[np.floating] | None = None) -> SyncScore:
    """Measure how well the lips of a video follow its sound.

    Args:
        video: a video file with one speaking face.
        truth: (n,) how far the mouth should be open, at 100 Hz (`viseme_track(...)[:, 0]`);
            without it the loudness of the file's own sound.

    Returns:
        the score; r is 0 if the mouth does not move.

    Raises:
        SourceError: the file is no video, or it is to be judged by its sound and has none
            (`NotAudioError`, `EmptyAudioError`).
        NoFaceError: no frame shows a face.
    """
    mouth = mouth_track(video)
    reference = energy(decode(video)) if truth is None else truth
    return correlate(
        reference, mouth.opening, measured_rate_hz=mouth.fps, still_below=STILL_OPENING
    )


def pearson(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Return Pearson's correlation of two signals of one length; 0 if one is constant.

    Example:
        >>> import numpy as np
        >>> pearson(np.arange(4.0), np.arange(4.0) * -2), pearson(np.arange(4.0), np.ones(4))
        (-1.0, 0.0)
    """
    if len(a) == 0 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    a, b = a - np.mean(a), b - np.mean(b)
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def _at_lag(
    reference: NDArray[np.floating],
    rate_hz: float,
    times_s: NDArray[np.float64],
    values: NDArray[np.float64],
) -> float:
    inside = (times_s >= 0) & (times_s <= (len(reference) - 1) / rate_hz)
    if inside.sum() < max(_FEWEST_FRAMES, len(values) / 2):
        return 0.0
    at = np.interp(times_s[inside] * rate_hz, np.arange(len(reference)), reference)
    return pearson(at, values[inside])


def _vertex(r: NDArray[np.float64], best: int) -> float:
    """Return where between -0.5 and 0.5 steps from the best one the parabola's top lies."""
    if not 0 < best < len(r) - 1:
        return 0.0
    before, top, after = r[best - 1 : best + 2]
    bend = before - 2 * top + after
    return float(0.5 * (before - after) / bend) if bend < 0 else 0.0
