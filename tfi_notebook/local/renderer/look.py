"""The mouth's own colours and teeth, taken from the portrait.

A picture of closed lips holds no mouth to show. Its inside is tinted after the lips and the
light on the face; teeth are drawn one by one, unless the portrait shows its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from tfi_notebook.local.renderer import landmarks as lm
from tfi_notebook.local.renderer.arrays import F32, F64, U8, Box, blur, fill_polygon, unit

if TYPE_CHECKING:
    from tfi_notebook.local.renderer.controls import FaceFrame

_TEETH_SHOWN: Final = 0.09  # of the mouth's width: only lips further apart may show teeth
_TEETH_CONTRAST: Final = 1.04  # teeth are brighter than the lips by this
_TEETH_PALENESS: Final = 0.85  # and less saturated: at most this share of the lips' saturation
_OPEN_SHOWN: Final = 0.02  # of the mouth's width: lips of the picture this far apart show an inside

# The upper row from the middle outwards: width and length below the resting lip line, shares
# of the mouth's width (incisors, canine, premolars; narrower sideways, where the row turns).
_TEETH: Final = ((0.150, 0.080), (0.115, 0.066), (0.105, 0.073), (0.075, 0.056), (0.055, 0.046))
ENAMEL_LEAST, ENAMEL_GAIN = 128, 0.46  # brightness of teeth, after the skin's 0..255
_ROW_RISE: Final = 0.035  # of the mouth's width: how much higher the row hangs at its ends
_ROOT: Final = 0.25  # how far the row reaches up behind the lip
_ROUND_CORNER: Final = 0.016  # of the mouth's width: how much shorter a tooth is at its sides
_ROOT_TINT: Final = np.array([0.0, 0.03, 0.10])  # how much light the root takes, per channel
_FINER: Final = 4  # the row is drawn so many times larger


@dataclass(frozen=True, slots=True, eq=False)
class Teeth:
    """A picture of the upper teeth, fixed to the skull.

    Attributes:
        box: where it lies on the canvas while the head is at rest.
        paint: (h, w, 4) RGB 0..255 times coverage, and coverage 0..1.
        own: they are the portrait's, not drawn.
    """

    box: Box
    paint: F32
    own: bool


@dataclass(frozen=True, slots=True, eq=False)
class InteriorLook:
    """Colours of the mouth's inside, 0..255 RGB.

    Attributes:
        cavity: (3,) the dark of the throat.
        tongue: (3,) the tongue.
        shadow: (3,) exponents of the light per channel; red is dimmed least.
        teeth: the upper row.
    """

    cavity: F64
    tongue: F64
    shadow: F64
    teeth: Teeth


def interior_look(rgb: U8, face: FaceFrame, neutral: F64) -> InteriorLook:
    """Tint the mouth's inside after the lips and the light on the face.

    In a black-and-white picture the colours lose their saturation too.

    Args:
        rgb: (H, W, 3) the canvas.
        face: axes and lengths.
        neutral: (478, 2) how the landmarks move to close the mouth of the picture.
    """
    lips = _colours(rgb, face.points[list(lm.LIP_COLOUR)]).mean(axis=0)
    skin = _colours(rgb, face.points[list(lm.SKIN_COLOUR)])
    light = float(np.median(skin))
    colour = float(np.clip((_saturation(rgb, face) - 0.03) / 0.12, 0, 1))
    enamel = np.array([1.0, 0.955, 0.875]) * (ENAMEL_LEAST + ENAMEL_GAIN * light)
    teeth = (
        _own_teeth(rgb, face)
        if _shows_teeth(rgb, face, lips)
        else _drawn_teeth(rgb.shape, face, neutral, _muted(enamel, colour))
    )
    return InteriorLook(
        cavity=_muted(lips * [0.25, 0.14, 0.14] + [8, 3, 3], colour),
        tongue=_muted(lips * [0.62, 0.40, 0.41], colour),
        shadow=1 + colour * np.array([-0.25, 0.05, 0.12]),
        teeth=teeth,
    )


def without_inside(rgb: U8, face: FaceFrame) -> U8:
    """Return the canvas with lip instead of what is seen between parted lips.

    Lips that are closed by the warp never meet exactly: without this, teeth would gleam
    through the seam.
    """
    if float(face.gap_px.max()) < _OPEN_SHOWN * face.mouth_px:
        return rgb
    opening = _opening(face, np.zeros(2))
    margin = max(1, round(0.03 * face.mouth_px))
    x0, y0, x1, y1 = _box_of(opening, 6 * margin, rgb.shape)
    part = np.ascontiguousarray(rgb[y0:y1, x0:x1])
    hole = fill_polygon(opening - [x0, y0], (y1 - y0, x1 - x0))
    hole = np.asarray(cv2.dilate(hole, np.ones((2 * margin + 1,) * 2, np.uint8)), dtype=np.uint8)
    filled = cv2.inpaint(part, (hole > 0).astype(np.uint8), 2 * margin, cv2.INPAINT_TELEA)
    smooth = blur(np.asarray(filled, np.float32), max(0.8, 0.6 * margin))
    soft = unit(blur(hole, max(0.6, 0.3 * margin)))
    closed = rgb.copy()
    closed[y0:y1, x0:x1] = filled + soft * (smooth - filled)
    return closed


def _opening(face: FaceFrame, origin: F64) -> F64:
    rows = face.points[list(lm.INNER_UPPER_LIP)], face.points[list(lm.INNER_LOWER_LIP)[::-1]]
    return np.asarray(np.concatenate(rows) - origin, dtype=np.float64)


def _box_of(points: F64, margin_px: float, shape: tuple[int, ...]) -> Box:
    low = np.clip(points.min(axis=0) - margin_px, 0, None).astype(int)
    high = np.clip(points.max(axis=0) + margin_px + 1, 1, [shape[1], shape[0]]).astype(int)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _own_teeth(rgb: U8, face: FaceFrame) -> Teeth:
    """Cut out what the picture shows between the lips."""
    opening = _opening(face, np.zeros(2))
    x0, y0, x1, y1 = box = _box_of(opening, 3, rgb.shape)
    mask = blur(fill_polygon(opening - [x0, y0], (y1 - y0, x1 - x0)), 0.02 * face.mouth_px + 0.4)
    cover = np.clip(mask.astype(np.float32)[..., None] / 127.5 - 1, 0, 1)
    paint = np.concatenate([rgb[y0:y1, x0:x1] * cover, cover], axis=-1)
    return Teeth(box, paint.astype(np.float32), own=True)


def _drawn_teeth(shape: tuple[int, ...], face: FaceFrame, neutral: F64, enamel: F64) -> Teeth:
    """Draw a row of teeth that hangs from the line on which the resting lips meet."""
    lip = (face.points + neutral)[list(lm.INNER_UPPER_LIP)]
    centre = lip[[0, -1]].mean(axis=0)
    # the row hangs from the lip's middle, not from a smile's raised corners
    centre = centre + max(0.0, float((lip[4:7] - centre).mean(axis=0) @ face.down)) * face.down
    reach = np.array([[-0.55, -_ROOT], [0.55, -_ROOT], [0.55, 0.14], [-0.55, 0.14]])
    corners = centre + face.mouth_px * (reach[:, :1] * face.right + reach[:, 1:] * face.down)
    x0, y0, x1, y1 = box = _box_of(corners, 1, shape)
    x = x0 + (np.arange((x1 - x0) * _FINER) + 0.5) / _FINER - 0.5 - centre[0]
    y = y0 + (np.arange((y1 - y0) * _FINER)[:, None] + 0.5) / _FINER - 0.5 - centre[1]
    across = (x * face.right[0] + y * face.right[1]) / face.mouth_px
    below = (x * face.down[0] + y * face.down[1]) / face.mouth_px
    light, cover = _row_of_teeth(across, below)
    fine = np.concatenate([cover * light * enamel, cover], axis=-1).astype(np.float32)
    paint = cv2.resize(fine, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
    return Teeth(box, np.asarray(paint, dtype=np.float32), own=False)


def _row_of_teeth(across: F64, below: F64) -> tuple[F64, F64]:
    """Return light (h, w, 3) and coverage (h, w, 1) at coordinates (h, w) in mouth widths."""
    side = np.abs(across)
    light, cover = np.zeros((*side.shape, 3)), np.zeros((*side.shape, 1))
    start = 0.0
    for rank, (width, length) in enumerate(_TEETH):
        place = (side - start) / width * 2 - 1  # -1..1 within this tooth
        middle = start + width / 2
        # round corners, in a row that rises towards its ends
        end = length - _ROW_RISE * (2 * middle) ** 2 - _ROUND_CORNER * np.abs(place) ** 4
        tooth = (np.abs(place) < 1) & (below < end)
        light[tooth] = _tooth_light(place, (end - below) / length, rank)[tooth]
        cover[tooth] = 1
        start += width
    return light, cover


def _tooth_light(place: F64, height: F64, rank: int) -> F64:
    """Return (h, w, 3): light on the tooth `rank` places from the middle.

    `place` is -1..1 across the tooth, `height` 0 at its edge and 1 at the resting lip. Teeth
    are round, duller at the edge and yellower towards the root; the gap between two is a thin
    shadow.
    """
    body = 1 - 0.13 * np.abs(place) ** 3 - 0.045 * rank
    edge, root = (np.clip(part, 0, 1) for part in (height / 0.5, height - 0.8))
    gap = np.clip((np.abs(place) - 0.90) / 0.10, 0, 1) * np.clip(1.1 - 0.5 * height, 0.35, 1)
    tone = body * (0.90 + 0.10 * edge) * (1 - 0.14 * root) * (1 - 0.28 * gap)
    yellow = np.clip(height - 0.5, 0, 1)[..., None] * _ROOT_TINT
    return np.asarray(tone[..., None] * (1 - yellow), dtype=np.float64)


def _muted(rgb: F64, colour: float) -> F64:
    """Return `rgb` with `colour` 0..1 of its saturation."""
    return np.asarray(rgb.mean() * (1 - colour) + rgb * colour, dtype=np.float64)


def _shows_teeth(rgb: U8, face: FaceFrame, lips: F64) -> bool:
    """Tell whether there are teeth between the lips of the picture, not lip or darkness."""
    if float(face.gap_px.max()) < _TEETH_SHOWN * face.mouth_px:
        return False
    rows = face.points[list(lm.INNER_UPPER_LIP[3:-3])], face.points[list(lm.INNER_LOWER_LIP[3:-3])]
    between = [rows[0] + share * (rows[1] - rows[0]) for share in (0.45, 0.6, 0.75)]
    inside = np.median(_colours(rgb, np.concatenate(between)), axis=0)
    pale = _spread(inside) <= max(_TEETH_PALENESS * _spread(lips), 0.05)
    return bool(pale and inside.mean() > _TEETH_CONTRAST * lips.mean())


def _spread(colour: F64) -> float:
    """Return the saturation of an RGB colour, 0 for grey and 1 for a pure one."""
    return float(np.ptp(colour) / max(colour.max(), 1.0))


def _colours(rgb: U8, points: F64) -> F64:
    """Return (n, 3): the picture's colours at `points`, held inside the picture."""
    limit = [rgb.shape[1] - 1, rgb.shape[0] - 1]
    x, y = np.clip(points.round().astype(int), 0, limit).T
    return np.asarray(rgb[y, x], dtype=np.float64)


def _saturation(rgb: U8, face: FaceFrame) -> float:
    """Return the mean saturation of the face in 0..1."""
    low = np.clip(face.points.min(axis=0), 0, None).astype(int)
    high = face.points.max(axis=0).astype(int)
    part = np.ascontiguousarray(rgb[low[1] : high[1], low[0] : high[0]])
    return float(cv2.cvtColor(part, cv2.COLOR_RGB2HSV)[..., 1].mean()) / 255
