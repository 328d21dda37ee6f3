"""Scores of the picture track: is it steady, sharp, alive, like its source?"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Final

import numpy as np

from tfi_notebook.quality.landmarks import INNER_LIPS, OUTER_LIPS, RIGID
from tfi_notebook.quality.listen import SPEAKING
from tfi_notebook.quality.look import KEPT

if TYPE_CHECKING:
    from tfi_notebook.quality.arrays import F64
    from tfi_notebook.quality.lips import Moments
    from tfi_notebook.quality.look import Look

_FROZEN: Final = 0.05
"""Grey levels of mean change: in repeated frames encoding leaves up to 0.036, and the least that
a mouth alone changes while it speaks is 0.096 (256 px)."""

_EYES_APART_PX: Final = 64.0
"""Between the outer eye corners of a face that fills half of a picture of 256 px."""

_LIPS: Final = tuple(KEPT.index(number) for number in (*OUTER_LIPS, *INNER_LIPS))
_STILL: Final = tuple(KEPT.index(number) for number in RIGID)


def lip_dynamics(look: Look) -> float:
    """Return how much the lips move: the mean deviation of all 780 distances of lip points.

    In px of a picture in which the outer eye corners are 64 px apart (THEval, CVPR 2026).
    """
    lips = _scaled(look)[:, _LIPS]
    one, other = np.array(list(combinations(range(len(_LIPS)), 2))).T
    # frame by frame: all pairs of a long video at once would not fit
    total = np.zeros(len(one))
    squares = np.zeros(len(one))
    for frame in lips:
        apart = np.linalg.norm(frame[one] - frame[other], axis=1)
        total += apart
        squares += apart**2
    count = max(len(lips), 1)
    return float(np.sqrt(np.maximum(squares / count - (total / count) ** 2, 0)).mean())


def lip_variety(seen: Moments) -> float:
    """Return how much the mouth's width moves on its own.

    Its deviation after the opening is taken out, over the opening's span: spread and rounded
    lips make it; a jaw alone does not.
    """
    opening = np.column_stack([seen.opening, np.ones(len(seen.opening))])
    weights = np.linalg.lstsq(opening, seen.width, rcond=None)[0]
    low, high = np.percentile(seen.opening, [5, 95])
    return float((seen.width - opening @ weights).std() / max(high - low, 1e-6))


def silent_lip(seen: Moments) -> float:
    """Return the median deviation of the opening from its median in silences of 0.3 s and more.

    In eye distances (THEval's silent-lip stability); NaN without such a silence.
    """
    opening = seen.opening[seen.silent]
    return float(np.median(np.abs(opening - np.median(opening)))) if len(opening) else np.nan


def jitter(look: Look) -> float:
    """Return how the head trembles: the mean second difference of eyes and nose.

    In 1/1000 of the eye distance per frame squared; a smooth movement costs next to nothing.
    """
    still = _scaled(look, finite=False)[:, _STILL] / _EYES_APART_PX
    bend = np.linalg.norm(np.diff(still, 2, axis=0), axis=2)
    return float(np.nanmean(bend) * 1000) if np.isfinite(bend).any() else np.nan


def freeze_share(look: Look, loudness: F64) -> float:
    """Return the share of frames that repeat the one before while somebody speaks, 0..1."""
    speaking = loudness > SPEAKING
    change = look.change[speaking]
    return float(np.mean(change < _FROZEN)) if len(change) else np.nan


def background_flicker(look: Look) -> float:
    """Return the mean change of the background from frame to frame, in 1/1000 of full scale.

    NaN where hardly any background is in the picture.
    """
    known = look.background_change[np.isfinite(look.background_change)]
    return float(known.mean() / 255 * 1000) if len(known) else np.nan


def _scaled(look: Look, *, finite: bool = True) -> F64:
    """Return the landmarks in px of the face with eyes 64 px apart; only frames with a face."""
    eyes = look.eyes_apart_px()
    points = look.points / np.nanmedian(eyes) * _EYES_APART_PX
    return np.asarray(points[np.isfinite(eyes)] if finite else points, np.float64)
