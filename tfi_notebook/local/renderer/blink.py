"""Blinks: the picture with lids half and fully shut, drawn once per job.

The lid is pulled down like a blind: skin between the crease and the lash line is stretched
until it reaches the lower lid. A frame then only chooses one of the pictures, so blinking
costs nothing per frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from tfi_notebook.local.renderer import landmarks as lm
from tfi_notebook.local.renderer.arrays import F64, U8, blur, remap

LID_STATES: Final = (0.0, 0.4, 0.8, 1.0)
"""How far the lids are shut in each picture."""

_CREASE: Final = 1.1  # eye heights from the crease down to the open lid's edge
_LASHES: Final = 0.22  # eye heights above the edge that are lashes, not skin
_LASH_LINE: Final = 0.28  # how dark the line of a shut lid is
_CORNER: Final = 0.12  # of the eye's width over which the lid tapers off


@dataclass(frozen=True, slots=True, eq=False)
class _Eye:
    """One eye, column by column: (n,) px rows of both lids at the columns `x`."""

    x: F64
    upper: F64
    lower: F64
    height_px: float


def lid_pictures(rgb: U8, points: F64) -> U8:
    """Return (4, H, W, 3): the picture with its lids shut as far as `LID_STATES` says.

    Args:
        rgb: (H, W, 3) the canvas.
        points: (478, 2) landmarks in px.
    """
    eyes = [_eye(points, rows) for rows in zip(lm.UPPER_LIDS, lm.LOWER_LIDS, strict=True)]
    pictures = [rgb]
    for shut in LID_STATES[1:]:
        picture = rgb.copy()
        for eye in eyes:
            _draw_lid(picture, rgb, eye, shut)
        pictures.append(picture)
    return np.stack(pictures)


def _eye(points: F64, rows: tuple[lm.Indices, lm.Indices]) -> _Eye:
    upper, lower = (points[list(row)] for row in rows)
    x = np.arange(int(upper[:, 0].min()), int(upper[:, 0].max()) + 1, dtype=np.float64)
    height = float((lower[:, 1] - upper[:, 1]).max())
    return _Eye(x, _smooth_line(x, upper), _smooth_line(x, lower), max(height, 1.0))


def _smooth_line(x: F64, row: F64) -> F64:
    """Return the row's height at each column of `x`, averaged over five columns."""
    order = np.argsort(row[:, 0])
    heights = np.interp(x, row[order, 0], row[order, 1])
    return np.convolve(np.pad(heights, 2, mode="edge"), np.ones(5) / 5, mode="valid")


def _draw_lid(picture: U8, rgb: U8, eye: _Eye, shut: float) -> None:
    crease = eye.upper - _CREASE * eye.height_px
    edge = eye.upper + shut * (eye.lower - eye.upper)
    top, bottom = max(0, int(crease.min())), min(len(rgb), int(eye.lower.max()) + 3)
    left, right = max(0, int(eye.x[0])), min(rgb.shape[1], int(eye.x[-1]) + 1)
    if bottom - top < 1 or right - left < 1:
        return
    columns = slice(left - int(eye.x[0]), right - int(eye.x[0]))
    y = np.arange(top, bottom, dtype=np.float64)[:, None]
    x, crease, edge = eye.x[columns], crease[columns], edge[columns]
    skin_end = eye.upper[columns] - _LASHES * eye.height_px
    stretched = crease + (y - crease) / np.maximum(edge - crease, 1) * (skin_end - crease)
    source_y = np.where(y < edge, stretched, y).astype(np.float32)
    source_x = np.broadcast_to(x, source_y.shape).astype(np.float32)
    skin = remap(rgb, source_x, source_y).astype(np.float64)
    taper = np.clip(np.minimum(x - x[0], x[-1] - x) / max(2.0, _CORNER * len(x)), 0, 1)
    lid = ((y > crease) & (y < edge + 0.5)) * taper
    lid = blur(lid.astype(np.float32), 0.6)[..., None]
    old = picture[top:bottom, left:right]
    mixed = old * (1 - lid) + skin * lid
    thickness = max(0.7, 0.08 * eye.height_px)
    lashes = np.exp(-0.5 * ((y - edge) / thickness) ** 2) * np.clip((taper - 0.25) * 2, 0, 1)
    mixed *= 1 - _LASH_LINE * shut * lashes[..., None]
    picture[top:bottom, left:right] = np.clip(mixed, 0, 255).astype(np.uint8)
