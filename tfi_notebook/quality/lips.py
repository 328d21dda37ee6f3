"""The parts of `lip_sync`: what natural speech does with the lips, and what this mouth does.

All of it is measured in frames: the mouth as the independent landmark model sees it, the
sound as `listen` hears it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

import numpy as np

from tfi_notebook.media.audio import ENVELOPE_RATE_HZ
from tfi_notebook.quality.landmarks import INNER_PAIRS, MOUTH_CORNERS
from tfi_notebook.quality.listen import SPEAKING
from tfi_notebook.quality.sync import correlate, pearson

if TYPE_CHECKING:
    from tfi_notebook.quality.arrays import F32, F64, Flags, Indices
    from tfi_notebook.quality.listen import Heard
    from tfi_notebook.quality.look import Look
    from tfi_notebook.quality.sync import SyncScore

LAG_TOLERATED_MS: Final = 20.0
"""Half a frame: within it the parts are measured where they fit best."""


@dataclass(frozen=True, slots=True, eq=False)
class Mouth:
    """The mouth in the T frames that show a face, in distances of the outer eye corners.

    Attributes:
        times_s: (T,) the middles of the frames.
        opening: (T,) mean gap between the inner lips at eight places.
        width: (T,) distance of the mouth's corners.
        lowest: (T,) the smallest opening of a frame and its two neighbours.
        fps: frames per second.
    """

    times_s: F64
    opening: F64
    width: F64
    lowest: F64
    fps: float

    @property
    def ends_s(self) -> F64:
        """(T,) the moments up to which the frames are shown."""
        return self.times_s + 0.5 / self.fps


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Mouth and sound side by side, T frames each; frames can be drawn from it with `at`.

    Attributes:
        opening: see `Mouth`.
        width: see `Mouth`.
        lowest: see `Mouth`.
        heard_opening: what the listener hears.
        heard_spread: the same.
        loudness: 0..1.
        loudness_followed: the loudness at the mouth's own lag, however large.
        closing: where the sound has the lips pressed together.
        silent: where nobody speaks for at least 0.3 s.
    """

    opening: F64
    width: F64
    lowest: F64
    heard_opening: F64
    heard_spread: F64
    loudness: F64
    loudness_followed: F64
    closing: Flags
    silent: Flags

    def at(self, rows: Indices) -> Moments:
        """Return the frames of these numbers."""
        return Moments(*(getattr(self, field.name)[rows] for field in fields(self)))


@dataclass(frozen=True, slots=True)
class Parts:
    """What `lip_sync` is composed of; NaN where the clip does not tell.

    Attributes:
        speech_r: correlation of the opening with the heard one, beyond loudness.
        shape_r: correlation of the width with the heard spread or rounding.
        closure_depth: how far the lips close where a closure is heard, 0 is no more than
            at any moment of speech, 1 as far as they ever do.
        loudness_r: correlation of the opening with the loudness it follows, while somebody
            speaks.
        lip_span: 95th less 5th percentile of the opening, in eye distances.
        rest_opening: median opening in silence above the 5th percentile, in parts of the span.
    """

    speech_r: float
    shape_r: float
    closure_depth: float
    loudness_r: float
    lip_span: float
    rest_opening: float


def mouth_of(look: Look, fps: float) -> Mouth:
    """Take the mouth out of what was seen; frames without a face are left out."""
    opening = np.mean([look.gap(upper, lower) for upper, lower in INNER_PAIRS], axis=0)
    seen = np.isfinite(opening)
    shown = np.asarray(opening[seen], np.float64)
    padded = np.pad(shown, 1, mode="edge")
    return Mouth(
        times_s=np.asarray((np.flatnonzero(seen) + 0.5) / fps, np.float64),
        opening=shown,
        width=np.asarray(look.gap(*MOUTH_CORNERS)[seen], np.float64),
        lowest=np.minimum.reduce([padded[:-2], padded[1:-1], padded[2:]]),
        fps=fps,
    )


def correlate_mouth(mouth: Mouth, reference: F32) -> SyncScore:
    """Correlate the opening with a reference at 100 Hz, see `sync.correlate`."""
    places = np.round(mouth.times_s * mouth.fps - 0.5).astype(int)
    frames = np.full(places[-1] + 1, np.nan)
    frames[places] = mouth.opening
    return correlate(reference, frames, measured_rate_hz=mouth.fps)


def moments(mouth: Mouth, heard: Heard, lag_ms: float) -> Moments:
    """Lay mouth and sound side by side, forgiving a lag of up to `LAG_TOLERATED_MS`."""
    forgiven_s = float(np.clip(lag_ms, -LAG_TOLERATED_MS, LAG_TOLERATED_MS)) / 1000
    rows = (mouth.times_s - forgiven_s) * ENVELOPE_RATE_HZ
    followed = (mouth.times_s - lag_ms / 1000) * ENVELOPE_RATE_HZ
    grid = np.arange(len(heard.opening))
    closing = np.zeros(len(rows), bool)
    closing[np.searchsorted(mouth.ends_s[:-1], heard.closures_s + forgiven_s)] = True
    return Moments(
        opening=mouth.opening,
        width=mouth.width,
        lowest=mouth.lowest,
        heard_opening=np.interp(rows, grid, heard.opening),
        heard_spread=np.interp(rows, grid, heard.spread),
        loudness=np.interp(rows, grid, heard.loudness),
        loudness_followed=np.interp(followed, grid, heard.loudness),
        closing=closing,
        silent=heard.silent[np.clip(np.round(rows).astype(int), 0, len(grid) - 1)],
    )


def parts_of(seen: Moments) -> Parts:
    """Measure the parts over some frames."""
    low, high = np.percentile(seen.opening, [5, 95])
    span = float(high - low)
    speaking, following = seen.loudness > SPEAKING, seen.loudness_followed > SPEAKING
    return Parts(
        speech_r=_partial(seen.opening, seen.heard_opening, seen.loudness),
        shape_r=pearson(seen.width, seen.heard_spread),
        closure_depth=_closure_depth(seen, speaking, float(low)),
        loudness_r=pearson(seen.opening[following], seen.loudness_followed[following]),
        lip_span=span,
        rest_opening=_rest(seen, float(low), span),
    )


def _partial(one: F64, other: F64, given: F64) -> float:
    """Return the correlation of two signals after a third is taken out of both."""
    r, with_one, with_other = pearson(one, other), pearson(one, given), pearson(other, given)
    left = (1 - with_one**2) * (1 - with_other**2)
    return float((r - with_one * with_other) / np.sqrt(max(left, 1e-9)))


def _closure_depth(seen: Moments, speaking: Flags, low: float) -> float:
    if not seen.closing.any() or not speaking.any():
        return float("nan")
    # the smallest of three frames on both sides, or chance alone would look like closing
    usual = float(np.median(seen.lowest[speaking]))
    depth = (usual - seen.lowest[seen.closing]) / max(usual - low, 1e-6)
    return float(np.clip(depth, 0, 1).mean())


def _rest(seen: Moments, low: float, span: float) -> float:
    if not seen.silent.any():
        return float("nan")
    return float((np.median(seen.opening[seen.silent]) - low) / max(span, 1e-6))
