"""Blinks: patches of the picture with lids partly and fully shut, drawn once per job.

The eye is filled with the skin round it, and the upper lid's rim, with the picture's own
lashes, is moved down over it. Nothing is drawn that the picture does not hold. A frame then
only chooses one of the states, so blinking costs nothing per frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from tfi_notebook.local.renderer import landmarks as lm
from tfi_notebook.local.renderer.arrays import F32, F64, U8, Box, blur, fill_polygon, remap

LID_STATES: Final = (0.0, 0.45, 0.85, 1.0)
"""How far the lids are shut in each state."""

_LASHES: Final = 0.36  # eye heights above the lid's edge that lashes reach
_RIM: Final = 0.06  # eye heights below it that the rim reaches
_MARGIN: Final = 0.9  # eye heights round the eye that a patch covers
_LASHES_SHOWN: Final = 0.75  # of their darkness: seen from above they are thinner
_DARKEST: Final = 0.35
_FOLD_SHADE: Final = 0.06  # a shut lid is a little darker towards its rim
_FILL_ABOVE: Final = (
    0.44  # eye heights above the lid that are filled with skin: lashes, dark crease
)
_FILL_BELOW: Final = 0.42  # the same below the lower lid


@dataclass(frozen=True, slots=True, eq=False)
class LidPatch:
    """A part of the canvas with one eye.

    Attributes:
        box: where it lies; even px.
        states: (4, h, w, 3), one per `LID_STATES`.
    """

    box: Box
    states: U8


@dataclass(frozen=True, slots=True, eq=False)
class _Eye:
    """One eye in px of its patch: (n, 2) lids from corner to corner, and its height."""

    upper: F64
    lower: F64
    height_px: float


def lid_patches(rgb: U8, points: F64) -> tuple[LidPatch, ...]:
    """Return a patch for each eye that lies in the picture.

    Args:
        rgb: (H, W, 3) the canvas.
        points: (478, 2) landmarks in px.
    """
    patches = []
    for rows in zip(lm.UPPER_LIDS, lm.LOWER_LIDS, strict=True):
        upper, lower = (points[list(row)] for row in rows)
        height = max(2.0, float((lower[:, 1] - upper[:, 1]).max()))
        box = _box(np.concatenate([upper, lower]), _MARGIN * height + 2, rgb.shape)
        if box[2] - box[0] < 4 or box[3] - box[1] < 4:  # noqa: PLR2004 - px; nothing to see
            continue
        part = np.ascontiguousarray(rgb[box[1] : box[3], box[0] : box[2]])
        eye = _Eye(upper - box[:2], lower - box[:2], height)
        patches.append(LidPatch(box, _states(part, eye)))
    return tuple(patches)


def _box(points: F64, margin_px: float, shape: tuple[int, ...]) -> Box:
    low = np.clip(points.min(axis=0) - margin_px, 0, None).astype(int) // 2 * 2
    high = np.clip(points.max(axis=0) + margin_px + 2, 0, [shape[1], shape[0]]).astype(int) // 2 * 2
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _states(part: U8, eye: _Eye) -> U8:
    skin = _without_eye(part, eye)
    shadows: F32 = np.clip(part.astype(np.float32) / np.maximum(skin, 1), _DARKEST, 1)
    return np.stack([part, *(_shut(part, skin, shadows, eye, share) for share in LID_STATES[1:])])


def _without_eye(part: U8, eye: _Eye) -> F32:
    """Fill the eye and its lashes with the skin round them."""
    down = np.array([0, eye.height_px])
    grown = eye.upper - _FILL_ABOVE * down, eye.lower + _FILL_BELOW * down
    # the outer lashes reach sideways over the corners
    wide = [row + (row - row.mean(axis=0)) * [0.30, 0] for row in grown]
    mask = fill_polygon(np.concatenate([wide[0], wide[1][::-1]]), (part.shape[0], part.shape[1]))
    hole = (mask > 0).astype(np.uint8)
    filled = np.asarray(cv2.inpaint(part, hole, 3, cv2.INPAINT_TELEA), dtype=np.uint8)
    smooth = blur(filled.astype(np.float32), max(1.0, 0.16 * eye.height_px))
    return np.asarray(part + _soft(hole, eye) * (smooth - part), dtype=np.float32)


def _soft(hole: U8, eye: _Eye) -> F32:
    """Return (h, w, 1) 0..1: the hole with a soft edge that lies within it."""
    inner = cv2.erode(
        hole, np.ones((3, 3), np.uint8), iterations=max(1, round(0.08 * eye.height_px))
    )
    return blur(np.asarray(inner, np.float32), max(0.8, 0.08 * eye.height_px))[..., None]


def _shut(part: U8, skin: F32, shadows: F32, eye: _Eye, share: float) -> U8:
    """Return the patch with its lid shut by `share`."""
    height, width = part.shape[:2]
    y, x = (axis.astype(np.float32) for axis in np.mgrid[0:height, 0:width])
    upper, lower = (_line(row, width) for row in (eye.upper, eye.lower))
    drop = share * np.clip(lower - upper, 0, None)
    edge = upper + drop
    # how far below the lid's edge, in eye heights: lashes and rim come from round the open one
    below = (y - edge) / eye.height_px
    lashes = remap(shadows, x, (y - drop).astype(np.float32))
    window = _ramp((below + _LASHES) / (0.5 * _LASHES)) * _ramp((_RIM - below) / _RIM + 1)
    ends = eye.upper[:, 0].min(), eye.upper[:, 0].max()
    window *= _ramp(np.minimum(x - ends[0], ends[1] - x) / (0.35 * eye.height_px) + 0.3)
    shade = 1 - (1 - lashes) * (_LASHES_SHOWN * window)[..., None]
    lid = skin * shade * (1 - _FOLD_SHADE * share * _ramp(1 + 2 * below))[..., None]
    ground = skin if share == 1 else part
    shown = _covered(eye, edge, below, (height, width))
    return np.clip(ground + shown * (lid - ground) + 0.5, 0, 255).astype(np.uint8)


def _covered(eye: _Eye, edge: F64, below: F64, shape: tuple[int, int]) -> F32:
    """Return (h, w, 1) 0..1: where the lid lies, from the lashes down to its edge."""
    columns = np.arange(shape[1])
    reach = eye.upper[:, 0].min() - 0.2 * eye.height_px, eye.upper[:, 0].max() + 0.2 * eye.height_px
    beside = np.minimum(columns - reach[0], reach[1] - columns) / (0.15 * eye.height_px)
    top = edge[None] * 0 + _line(eye.upper, shape[1]) - (_FILL_ABOVE + 0.1) * eye.height_px
    y = np.arange(shape[0])[:, None]
    above = (y - top) / (0.1 * eye.height_px)
    under = (_RIM * 0.6 - below) * eye.height_px / max(1.0, 0.06 * eye.height_px)
    return (_ramp(beside) * _ramp(above) * _ramp(under))[..., None].astype(np.float32)


def _line(row: F64, width: int) -> F64:
    """Return (width,): the height of a lid at every column of the patch, held at its ends."""
    order = np.argsort(row[:, 0])
    heights = np.interp(np.arange(width), row[order, 0], row[order, 1])
    return np.convolve(np.pad(heights, 2, mode="edge"), np.ones(5) / 5, mode="valid")


def _ramp(values: F64) -> F64:
    return np.asarray(np.clip(values, 0, 1), dtype=np.float64)
