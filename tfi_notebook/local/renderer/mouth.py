"""The inside of the mouth: throat, tongue and teeth, painted behind the parted lips.

Its colours and teeth come from the portrait, see `look`. The upper teeth belong to the skull:
they move with the head, never with the lips.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from tfi_notebook.local.renderer import landmarks as lm
from tfi_notebook.local.renderer.rig import BASES, Rig

if TYPE_CHECKING:
    from tfi_notebook.local.renderer.arrays import F32, F64, Box

CURVE_POINTS: Final = 41
TEETH_LIT: Final = 0.15  # of the mouth's width: lips this far apart let all light on the teeth
TEETH_DIM: Final = 0.6  # what is left of it between lips that hardly part
_HEAD: Final = BASES.index("shift_x")
_ROUND: Final = BASES.index("round")


class Detail(IntEnum):
    """What is painted inside the mouth; each level adds to the one before."""

    CAVITY = 0
    TONGUE = 1
    TEETH = 2


@dataclass(frozen=True, slots=True, eq=False)
class MouthPose:
    """Where the inner lips are in one frame.

    Attributes:
        upper: (41, 2) px, the lower edge of the upper lip from corner to corner.
        lower: (41, 2) px, the upper edge of the lower lip; never above `upper`.
        gap_px: the widest distance of the two.
    """

    upper: F64
    lower: F64
    gap_px: float

    @property
    def middle(self) -> F64:
        """Return (41, 2) px: the line on which the lips meet."""
        middle: F64 = (self.upper + self.lower) / 2
        return middle

    def box(self, margin_px: float, within: Box) -> Box:
        """Return the box round the opening, on even pixels inside `within`."""
        points = np.concatenate([self.upper, self.lower])
        low, high = points.min(axis=0) - margin_px, points.max(axis=0) + margin_px
        x0, y0 = (max(int(v) // 2 * 2, start) for v, start in zip(low, within[:2], strict=True))
        x1, y1 = (min(int(v) // 2 * 2 + 2, end) for v, end in zip(high, within[2:], strict=True))
        return x0, y0, x1, y1


def mouth_pose(rig: Rig, weights: F64) -> MouthPose:
    """Return the lips of a frame with `weights` (12,)."""
    upper = inner_lip(rig, weights, lm.INNER_UPPER_LIP)
    lower = inner_lip(rig, weights, lm.INNER_LOWER_LIP)
    gap = (lower - upper) @ rig.face.down
    crossed = (gap < 0)[:, None]
    middle = (upper + lower) / 2
    return MouthPose(
        np.where(crossed, middle, upper), np.where(crossed, middle, lower), max(0.0, gap.max())
    )


def inner_lip(rig: Rig, weights: F64, row: lm.Indices) -> F64:
    """Return (41, 2) px: one inner lip as a smooth curve."""
    moved = rig.face.points[list(row)] + np.tensordot(weights, rig.moves[:, list(row)], axes=1)
    return np.asarray(_CURVE @ moved, dtype=np.float64)


def paint_interior(rig: Rig, pose: MouthPose, weights: F64, detail: Detail, box: Box) -> F32:
    """Paint what is behind the lips.

    Args:
        rig: the portrait.
        pose: the lips of this frame.
        weights: (12,) of this frame.
        detail: what to paint.
        box: the part of the canvas to paint, even px.

    Returns:
        (h, w, 3) RGB 0..255; to be masked with the opening by the caller.
    """
    place = _Place(rig, pose, box)
    paint = np.empty((*place.across.shape, 3), np.float32)
    paint[...] = rig.look.cavity
    if detail >= Detail.TONGUE:
        mask = _tongue_mask(place)[..., None]
        paint += mask * (rig.look.tongue.astype(np.float32) - paint)
    paint *= _shade(place, depth=0.5)
    if detail >= Detail.TEETH:
        _show_teeth(paint, rig, weights, place)
    return paint


class _Place:
    """Mouth coordinates of every pixel of a box.

    `across` runs from -1 at the left inner corner to 1 at the right one; `from_upper` and
    `to_lower` are the distances in px from the two lips.
    """

    def __init__(self, rig: Rig, pose: MouthPose, box: Box) -> None:
        x0, y0, x1, y1 = box
        face = rig.face
        self.box = box
        self.mouth_px = face.mouth_px
        self.shadow = rig.look.shadow.astype(np.float32)
        self.gap_px = pose.gap_px
        centre = (pose.upper[0] + pose.upper[-1]) / 2
        half = float(np.linalg.norm(pose.upper[-1] - pose.upper[0])) / 2 + 1e-6
        x = np.arange(x0, x1)[None] - centre[0]
        y = np.arange(y0, y1)[:, None] - centre[1]
        self.across: F32 = ((x * face.right[0] + y * face.right[1]) / half).astype(np.float32)
        below = x * face.down[0] + y * face.down[1]
        stations = np.linspace(-1, 1, CURVE_POINTS)
        upper = np.interp(self.across, stations, (pose.upper - centre) @ face.down)
        lower = np.interp(self.across, stations, (pose.lower - centre) @ face.down)
        self.from_upper: F32 = (below - upper).astype(np.float32)
        self.to_lower: F32 = (lower - below).astype(np.float32)


def _tongue_mask(place: _Place) -> F32:
    """The tongue fills the lower half of the opening, in a soft arc."""
    rise = (0.5 * place.gap_px - place.to_lower) / (0.16 * place.mouth_px)
    return 0.85 * _clip(rise) * _clip(1.2 - 1.3 * np.abs(place.across))


def _shade(place: _Place, *, depth: float) -> F32:
    """Return (h, w, 3): the shadow of lips and cheeks.

    `depth` 0..1 is how deep it is. What light there is has passed through lips, so red is
    dimmed least: a grey shadow makes teeth look dead.
    """
    mouth = place.mouth_px
    upper_lip = 1 - 0.9 * depth * (1 - _clip(place.from_upper / (0.07 * mouth)))
    lower_lip = 1 - 0.8 * depth * (1 - _clip(place.to_lower / (0.05 * mouth)))
    cheeks = 1 - 1.3 * depth * (1 - _clip((1.0 - np.abs(place.across)) / 0.35))
    light = np.maximum(upper_lip * lower_lip * cheeks, np.float32(0.05))[..., None]
    return np.asarray(light**place.shadow, dtype=np.float32)


def _show_teeth(paint: F32, rig: Rig, weights: F64, place: _Place) -> None:
    """Lay the upper teeth over `paint`, moved with the head, lit as far as the lips part."""
    teeth, (x0, y0, x1, y1) = rig.look.teeth, place.box
    head = np.where(np.arange(len(weights)) >= _HEAD, weights, 0)
    shift = np.tensordot(head, rig.moves[:, lm.INNER_UPPER_LIP[5]], axes=1)
    to_sprite = np.array(
        [[1, 0, x0 - shift[0] - teeth.box[0]], [0, 1, y0 - shift[1] - teeth.box[1]]]
    )
    shown = cv2.warpAffine(
        teeth.paint, to_sprite, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    ).astype(np.float32, copy=False)
    # a narrow opening lets little light in, and rounded lips stand before the teeth
    opened = min(1.0, place.gap_px / (TEETH_LIT * place.mouth_px))
    rounded = min(1.0, float(weights[_ROUND]))
    light = (TEETH_DIM + (1 - TEETH_DIM) * opened) * (1 - 0.45 * rounded)
    lit = _shade(place, depth=0.30) * (light**place.shadow)
    shown *= np.float32(0.35 + 0.65 * min(1.0, 3 * opened))
    paint *= 1 - shown[..., 3:]
    paint += shown[..., :3] * lit


def _clip(values: F32 | F64) -> F32:
    return np.asarray(np.clip(values, 0, 1), dtype=np.float32)


def _curve_matrix(points: int, samples: int) -> F64:
    """Return (samples, points): the cubic Hermite curve through evenly spaced points.

    Its slopes are central differences (Catmull-Rom), so it is linear in the points, and one
    matrix product draws it.
    """
    at = np.linspace(0, points - 1, samples)
    start = np.clip(at.astype(int), 0, points - 2)
    f = (at - start)[:, None]
    value, slope = np.eye(points), np.gradient(np.eye(points), axis=0)
    return np.asarray(
        (2 * f**3 - 3 * f**2 + 1) * value[start]
        + (f**3 - 2 * f**2 + f) * slope[start]
        + (3 * f**2 - 2 * f**3) * value[start + 1]
        + (f**3 - f**2) * slope[start + 1],
        dtype=np.float64,
    )


_CURVE: Final = _curve_matrix(lm.LIP_POINTS, CURVE_POINTS)
