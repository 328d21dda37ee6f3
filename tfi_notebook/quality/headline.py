"""`lip_sync`, the one number, and how sure it is.

    lip_sync = match x timing x articulation x rest x freedom

`match` says whether the lips make the shapes of these words: the weighted mean of the opening's
correlation with the heard one *beyond loudness*, of the width's with the heard spread or
rounding, and of the lips' closing at p, b, m. The other four are 1 within what natural speech
does and fall outside: a lag or no bond with the sound at any lag, lips that hardly move or are
torn open, a mouth open in silence, an opening that is nothing but the loudness.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from tfi_notebook.quality import coupling
from tfi_notebook.quality.lips import Moments, Parts, correlate_mouth, moments, parts_of

if TYPE_CHECKING:
    from tfi_notebook.quality.lips import Mouth
    from tfi_notebook.quality.listen import Heard
    from tfi_notebook.quality.sync import SyncScore

# What counts as full marks, and the weight. The listener itself reaches .6 to .85 of the truth.
_SPEECH: Final = (0.8, 0.5)
_SHAPE: Final = (0.8, 0.25)
_CLOSURE: Final = (1.0, 0.25)

# Each ramp: at these values the factor is 0, 1, 1, 0 (or the end's own value).
# Full marks within the asynchrony of connected speech itself, sound 20 ms early to 70 ms late
# (Schwartz & Savariaux, PLoS Comput Biol 10, 2014, e1003743); half where ITU-R BT.1359-1 calls it
# unacceptable, 90 ms early and 185 ms late.
_LAG_MS: Final = ((-300.0, -185.0, -70.0, 20.0, 90.0, 200.0), (0.0, 0.5, 1.0, 1.0, 0.5, 0.0))
# a mouth that follows at no lag is in time with nothing
_CLEAR_R: Final = ((0.15, 0.4), (0.0, 1.0))
_SPAN: Final = ((0.012, 0.045, 0.25, 0.45), (0.0, 1.0, 1.0, 0.0))
_REST: Final = ((0.25, 0.75), (1.0, 0.5))
_LOUDNESS: Final = ((0.7, 0.95), (1.0, 0.6))


def lip_sync(parts: Parts, fit: SyncScore) -> float:
    """Compose the headline score.

    Args:
        parts: see `Parts`.
        fit: how late the mouth is, and how clearly it follows the sound at that lag.

    Returns:
        0..1.

    Example:
        >>> from tfi_notebook.quality.lips import Parts
        >>> from tfi_notebook.quality.sync import SyncScore
        >>> good = Parts(0.7, 0.6, 0.9, 0.5, 0.08, 0.1)
        >>> still = Parts(0.0, 0.0, 0.5, 0.0, 0.005, 0.5)
        >>> in_time, at_no_time = SyncScore(0.8, 10.0, 0.8), SyncScore(0.1, -200.0, 0.0)
        >>> round(lip_sync(good, in_time), 2), lip_sync(still, at_no_time)
        (0.85, 0.0)
    """
    return (
        _match(parts)
        * _ramp(fit.lag_ms, _LAG_MS)
        * _ramp(fit.r, _CLEAR_R)
        * _ramp(parts.lip_span, _SPAN)
        * _ramp(parts.rest_opening, _REST)
        * _ramp(parts.loudness_r, _LOUDNESS)
    )


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """The headline of one clip and what it is made of.

    Attributes:
        lip_sync: 0..1.
        low: lower end of its 90 % interval.
        high: upper end.
        fit: how late the mouth is, and the correlation of the opening with the heard one then.
        parts: see `Parts`.
        seen: mouth and sound side by side.
    """

    lip_sync: float
    low: float
    high: float
    fit: SyncScore
    parts: Parts
    seen: Moments


def judge(mouth: Mouth, heard: Heard) -> Verdict:
    """Judge a mouth by the sound it is to speak.

    The interval comes from a bootstrap over blocks of 1 s. It says how much another second of
    the same speech would move the score; what another picture or voice would do, only more
    videos tell. The lag is not drawn anew.
    """
    fit = correlate_mouth(mouth, heard.opening)
    seen = moments(mouth, heard, fit.lag_ms)
    parts = parts_of(seen)
    low, high = coupling.interval(
        lambda drawn: lip_sync(parts_of(seen.at(drawn)), fit), len(seen.opening), mouth.fps
    )
    return Verdict(lip_sync(parts, fit), low, high, fit, parts, seen)


def _match(parts: Parts) -> float:
    told = [
        (float(np.clip(value / full, 0, 1)), weight)
        for value, (full, weight) in (
            (parts.speech_r, _SPEECH),
            (parts.shape_r, _SHAPE),
            (parts.closure_depth, _CLOSURE),
        )
        if np.isfinite(value)
    ]
    return sum(value * weight for value, weight in told) / sum(weight for _, weight in told)


def _ramp(value: float, ramp: tuple[tuple[float, ...], tuple[float, ...]]) -> float:
    """Return the factor at a value; 1 where the clip does not tell."""
    return 1.0 if np.isnan(value) else float(np.interp(value, *ramp))
