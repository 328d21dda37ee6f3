"""The inside of the mouth: throat, tongue and teeth, painted behind the parted lips.

A photo of closed lips holds no mouth to show, so this is a drawing in the portrait's own
colours. Where the portrait shows its teeth, those are used. The upper teeth belong to the
skull: they move with the head, never with the lips.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np

from tfi_notebook.local.renderer import landmarks as lm
from tfi_notebook.local.renderer.arrays import F32, F64, Box, blur, fill_polygon, remap
from tfi_notebook.local.renderer.rig import BASES, Rig

CURVE_POINTS: Final = 41
TEETH_LIT: Final = 0.18  # of the mouth's width: lips this far apart let all light on the teeth
TEETH_DIM: Final = 0.2  # what is left of it between lips that hardly part
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
        weights: (12,) of this frame; only the head's part is used.
        detail: what to paint.
        box: the part of the canvas to paint, even px.

    Returns:
        (h, w, 3) RGB 0..255; to be masked with the opening by the caller.
    """
    place = _Place(rig, pose, box)
    paint = np.empty((*place.across.shape, 3))
    paint[...] = rig.look.cavity
    if detail >= Detail.TONGUE:
        _blend(paint, _tongue_mask(place), rig.look.tongue)
    paint *= _shade(place, depth=0.5)
    if detail >= Detail.TEETH:
        head = np.where(np.arange(len(weights)) >= _HEAD, weights, 0)
        # a narrow opening lets little light in, and rounded lips stand before the teeth
        opened = min(1.0, pose.gap_px / (TEETH_LIT * rig.face.mouth_px))
        seen = (TEETH_DIM + (1 - TEETH_DIM) * opened) * (1 - 0.6 * min(1.0, float(weights[_ROUND])))
        draw = _own_teeth if rig.look.own_teeth else _painted_teeth
        draw(paint, rig, head, place, seen**rig.look.shadow)
    return paint.astype(np.float32)


class _Place:
    """Mouth coordinates of every pixel of a box.

    `across` runs from -1 at the left inner corner to 1 at the right one; `below` is the
    distance in px below the line through the corners; `from_upper` and `to_lower` are the
    distances in px from the two lips.
    """

    def __init__(self, rig: Rig, pose: MouthPose, box: Box) -> None:
        x0, y0, x1, y1 = box
        face = rig.face
        self.box = box
        self.mouth_px = face.mouth_px
        self.shadow = rig.look.shadow
        self.gap_px = pose.gap_px
        self.centre = (pose.upper[0] + pose.upper[-1]) / 2
        half = float(np.linalg.norm(pose.upper[-1] - pose.upper[0])) / 2 + 1e-6
        x = np.arange(x0, x1)[None] - self.centre[0]
        y = np.arange(y0, y1)[:, None] - self.centre[1]
        self.across = (x * face.right[0] + y * face.right[1]) / half
        self.below = x * face.down[0] + y * face.down[1]
        stations = np.linspace(-1, 1, CURVE_POINTS)
        upper = np.interp(self.across, stations, (pose.upper - self.centre) @ face.down)
        lower = np.interp(self.across, stations, (pose.lower - self.centre) @ face.down)
        self.from_upper = self.below - upper
        self.to_lower = lower - self.below


def _tongue_mask(place: _Place) -> F64:
    """The tongue fills the lower half of the opening, in a soft arc."""
    rise = (0.55 * place.gap_px - place.to_lower) / (0.18 * place.mouth_px)
    return 0.8 * _clip(rise) * _clip(1.15 - 1.25 * np.abs(place.across))


def _shade(place: _Place, *, depth: float) -> F64:
    """Return (h, w, 3): the shadow of lips and cheeks.

    `depth` 0..1 is how deep it is. What light there is has passed through lips, so red is
    dimmed least: a grey shadow makes teeth look dead.
    """
    mouth = place.mouth_px
    upper_lip = 1 - 0.9 * depth * (1 - _clip(place.from_upper / (0.07 * mouth)))
    lower_lip = 1 - 0.8 * depth * (1 - _clip(place.to_lower / (0.05 * mouth)))
    cheeks = 1 - 1.3 * depth * (1 - _clip((1.0 - np.abs(place.across)) / 0.35))
    light = np.maximum(upper_lip * lower_lip * cheeks, 0.05)[..., None]
    return np.asarray(light**place.shadow, dtype=np.float64)


def _painted_teeth(paint: F64, rig: Rig, head: F64, place: _Place, seen: F64) -> None:
    """Paint a row of upper teeth, hanging from the line on which the lips meet at rest."""
    mouth, t = place.mouth_px, place.across
    edge_px = max(1.0, 0.025 * mouth)
    lip = inner_lip(rig, _with_neutral(head), lm.INNER_UPPER_LIP)
    rest = float(((lip - place.centre) @ rig.face.down).max())
    row_end = rest + mouth * (0.075 - 0.06 * t**2)
    gaps = 0.96 + 0.04 * np.abs(np.cos(t * np.pi * 3.4)) ** 0.5
    light = gaps[..., None] * _shade(place, depth=0.22) * _side_light(t)
    row = _clip((row_end - place.below) / edge_px) * _clip((0.9 - np.abs(t)) / 0.3)
    _blend(paint, row, rig.look.teeth * light, seen)


def _own_teeth(paint: F64, rig: Rig, head: F64, place: _Place, seen: F64) -> None:
    """Show the teeth of the picture, where the picture has them, moved with the head."""
    x0, y0, x1, y1 = place.box
    upper, lower = (inner_lip(rig, head, row) for row in (lm.INNER_UPPER_LIP, lm.INNER_LOWER_LIP))
    opening = np.concatenate([upper, lower[::-1]]) - [x0, y0]
    mask = blur(fill_polygon(opening, (y1 - y0, x1 - x0)), max(0.8, 0.02 * place.mouth_px))
    inside = np.clip(mask / 127.5 - 1, 0, 1)
    shift = np.tensordot(head, rig.moves[:, lm.INNER_UPPER_LIP[5]], axes=1)
    x = np.broadcast_to(np.arange(x0, x1) - shift[0], (y1 - y0, x1 - x0)).astype(np.float32)
    y = np.broadcast_to((np.arange(y0, y1) - shift[1])[:, None], x.shape).astype(np.float32)
    _blend(paint, inside, remap(rig.pictures[0], x, y) * _shade(place, depth=0.18), seen)


def _side_light(across: F64) -> F64:
    """Return (h, w, 1): the row of teeth curves back into the dark at its sides."""
    return (1 - 0.4 * across**2)[..., None]


def _with_neutral(head: F64) -> F64:
    """Return the weights of a shut mouth on that head."""
    weights = head.copy()
    weights[0] = 1
    return weights


def _blend(paint: F64, mask: F64, colour: F64, share: F64 | float = 1.0) -> None:
    """Lay `colour` over `paint` where `mask` (h, w) says so, by `share` of each channel."""
    paint += mask[..., None] * share * (colour - paint)


def _clip(values: F64) -> F64:
    return np.asarray(np.clip(values, 0, 1), dtype=np.float64)


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
