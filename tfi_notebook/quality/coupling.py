"""How mouth and loudness go together over time: correlation, its doubt, its null, drift.

This is *not* what `lip_sync` measures. A mouth that opens with the loudness alone reaches an
r no speaker has, and closes on no p. It is told because it is what most others report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from tfi_notebook.media.audio import ANALYSIS_RATE_HZ, ENVELOPE_RATE_HZ
from tfi_notebook.quality.sync import MAX_LAG_MS, correlate, pearson

if TYPE_CHECKING:
    from collections.abc import Callable

    from tfi_notebook.quality.arrays import F32, F64, Indices
    from tfi_notebook.quality.lips import Mouth

DRAWS: Final = 200
_BLOCK_S: Final = 1.0
_LEAST_SHIFT_S: Final = 1.0
_COARSE_MS: Final = 40.0
_WINDOW_S: Final = 4.0
_STEP_S: Final = 2.0
CLEAR_R: Final = 0.4  # a window below it does not tell its lag
_FEWEST_WINDOWS: Final = 3
_RMS_S: Final = 0.05


def correlation_interval(mouth: Mouth, loudness: F32, lag_ms: float) -> tuple[float, float]:
    """Return the 90 % interval of the correlation of opening and loudness at a lag."""
    rows = (mouth.times_s - lag_ms / 1000) * ENVELOPE_RATE_HZ
    sound = np.interp(rows, np.arange(len(loudness)), loudness)
    return interval(lambda drawn: pearson(mouth.opening[drawn], sound[drawn]), len(rows), mouth.fps)


def interval(number: Callable[[Indices], float], frames: int, fps: float) -> tuple[float, float]:
    """Return the 90 % interval of a number by a bootstrap over blocks of 1 s.

    Args:
        number: computes it from the frames of these numbers.
        frames: how many there are.
        fps: frames per second.

    Returns:
        the 5th and the 95th percentile of 200 draws.
    """
    rng = np.random.default_rng(0)
    draws = [number(drawn_blocks(rng, frames, fps)) for _ in range(DRAWS)]
    low, high = np.percentile(draws, [5, 95])
    return float(low), float(high)


def drawn_blocks(rng: np.random.Generator, total: int, fps: float) -> Indices:
    """Draw frame numbers (total,) in blocks of 1 s, with replacement.

    Neighbouring frames are alike, so that single ones must not be drawn (Kunsch, "The
    jackknife and the bootstrap for general stationary observations", Annals of Statistics 17,
    1989).
    """
    length = max(1, min(total, round(_BLOCK_S * fps)))
    first = rng.integers(0, total - length + 1, -(-total // length))
    return (first[:, None] + np.arange(length)).ravel()[:total]


def shifted_null(mouth: Mouth, loudness: F32) -> float:
    """Return the best correlation that 95 % of wrongly shifted sounds stay below.

    The opening is turned round in time by a random amount of at least 1 s; the best lag within
    +-320 ms counts, as it does for the true sound. NaN for clips of less than 3 s.
    """
    total = len(mouth.opening)
    least = round(_LEAST_SHIFT_S * mouth.fps)
    if total < 3 * least:
        return float("nan")
    lags_s = np.arange(-MAX_LAG_MS, MAX_LAG_MS + 1, _COARSE_MS) / 1000
    rows = (mouth.times_s[None] - lags_s[:, None]) * ENVELOPE_RATE_HZ
    sounds = _standard(np.interp(rows, np.arange(len(loudness)), loudness))
    shifts = np.random.default_rng(0).integers(least, total - least + 1, DRAWS)
    best = [(sounds @ _standard(np.roll(mouth.opening, shift))).max() / total for shift in shifts]
    return float(np.percentile(best, 95))


def mean_absolute_error(mouth: Mouth, samples: F32) -> float:
    """Return the mean difference of opening and loudness while somebody speaks.

    Both run from 0 to 1 there; loudness is the root mean square of 50 ms (THEval, CVPR 2026,
    where real video has 0.2528 and nearer is better, not lower).
    """
    half = round(_RMS_S * ANALYSIS_RATE_HZ / 2)
    sums = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    middles = np.round(mouth.times_s * ANALYSIS_RATE_HZ).astype(int)
    first, last = (np.clip(middles + side, 0, len(samples)) for side in (-half, half))
    rms = np.sqrt((sums[last] - sums[first]) / (2 * half))
    speaking = rms > rms.max() / 10  # 20 dB below the loudest
    return float(np.abs(_unit(mouth.opening[speaking]) - _unit(rms[speaking])).mean())


def drift(mouth: Mouth, heard_opening: F32) -> float:
    """Return by how many ms the lag grows in each second.

    The lag is found in windows of 4 s, every 2 s; the slope is the median of those of all pairs
    of windows (Sen, "Estimates of the regression coefficient based on Kendall's tau", JASA 63,
    1968). NaN with fewer than 3 windows that tell their lag, so for clips below 8 s.
    """
    points = [
        (start + _WINDOW_S / 2, lag)
        for start in np.arange(0, mouth.times_s[-1] - _WINDOW_S + 0.1, _STEP_S)
        if np.isfinite(lag := _window_lag(mouth, heard_opening, float(start)))
    ]
    if len(points) < _FEWEST_WINDOWS:
        return float("nan")
    times, lags = np.array(points).T
    one, other = np.triu_indices(len(points), 1)
    return float(np.median((lags[other] - lags[one]) / (times[other] - times[one])))


def _window_lag(mouth: Mouth, heard_opening: F32, start_s: float) -> float:
    inside = (mouth.times_s >= start_s) & (mouth.times_s < start_s + _WINDOW_S)
    frames = np.full(round(_WINDOW_S * mouth.fps), np.nan)
    places = np.round((mouth.times_s[inside] - start_s) * mouth.fps - 0.5).astype(int)
    frames[np.clip(places, 0, len(frames) - 1)] = mouth.opening[inside]
    fit = correlate(
        heard_opening[round(start_s * ENVELOPE_RATE_HZ) :], frames, measured_rate_hz=mouth.fps
    )
    return fit.lag_ms if fit.r > CLEAR_R else float("nan")


def _standard(rows: F64) -> F64:
    spread = rows.std(axis=-1, keepdims=True)
    return np.asarray((rows - rows.mean(axis=-1, keepdims=True)) / np.maximum(spread, 1e-9))


def _unit(values: F64) -> F64:
    return np.asarray((values - values.min()) / max(float(np.ptp(values)), 1e-9))
