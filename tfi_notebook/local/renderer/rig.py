"""The rig: everything about a portrait that is computed once per job.

It holds plain arrays only, so it can be pickled and sent to worker processes. A frame is
then the rig, twelve weights (one per basis) and the state of the lids.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from tfi_notebook.local.renderer import landmarks as lm
from tfi_notebook.local.renderer.arrays import F32, F64, U8, Box, remap
from tfi_notebook.local.renderer.blink import lid_pictures
from tfi_notebook.local.renderer.controls import (
    SHAPE_BASES,
    FaceFrame,
    face_frame,
    landmark_moves,
)
from tfi_notebook.local.renderer.fields import (
    GRID_PX,
    HEAD_BASES,
    border_points,
    fading,
    head_fields,
    head_reach,
    outline_ring,
    shape_fields,
)

if TYPE_CHECKING:
    from tfi_notebook.local.renderer.canvas import Canvas

BASES: Final = SHAPE_BASES + HEAD_BASES
"""The twelve bases; a frame's weights stand in this order."""

_EVEN: Final = 2 * GRID_PX
_TEETH_SHOWN: Final = 0.09  # of the mouth's width: only lips further apart may show teeth
_TEETH_CONTRAST: Final = 1.04  # teeth are brighter than the lips by this
_TEETH_PALENESS: Final = 0.85  # and less saturated: at most this share of the lips' saturation


@dataclass(frozen=True, slots=True, eq=False)
class InteriorLook:
    """Colours of the mouth's inside, 0..255 RGB, taken from the portrait itself.

    Attributes:
        cavity: (3,) the dark of the throat.
        tongue: (3,) the tongue.
        teeth: (3,) teeth in the light.
        shadow: (3,) exponents of the light per channel; red is dimmed least.
        own_teeth: the portrait shows its teeth, so they are used instead of painted ones.
    """

    cavity: F64
    tongue: F64
    teeth: F64
    shadow: F64
    own_teeth: bool


@dataclass(frozen=True, slots=True, eq=False)
class Rig:
    """One portrait, ready to be moved. All lengths are px of the canvas.

    Attributes:
        pictures: (4, H, W, 3) the canvas with lids open to shut (`blink.LID_STATES`).
        face: axes, lengths and landmarks.
        moves: (12, 478, 2) how the landmarks move at full weight of each basis.
        face_box: the part that can move without the head.
        mouth_box: the part that is drawn in two layers.
        head_box: the part that can move with the head; holds the other two.
        upper: (7, h, w, 2) shape fields of everything but the lower lip, in `face_box`.
        lower: (7, h, w, 2) shape fields of everything but the upper lip, in `mouth_box`.
        head: (5, h, w, 2) head fields, in `head_box`.
        mouth_window: (h, w, 1) 0..1, 1 inside `mouth_box`, 0 along its sides.
        look: the mouth's inside.
    """

    pictures: U8
    face: FaceFrame
    moves: F64
    face_box: Box
    mouth_box: Box
    head_box: Box
    upper: F32
    lower: F32
    head: F32
    mouth_window: F32
    look: InteriorLook

    @property
    def size(self) -> tuple[int, int]:
        """Return (width, height) in px."""
        return int(self.pictures.shape[2]), int(self.pictures.shape[1])


def build_rig(canvas: Canvas) -> Rig:
    """Make the rig of a canvas.

    Args:
        canvas: the portrait at the video's size, with landmarks.

    Returns:
        the rig; a few tenths of a second of work at 400 px.
    """
    face = face_frame(canvas.landmarks)
    height, width = canvas.rgb.shape[:2]
    shapes = landmark_moves(face)
    face_box = _box_around(outline_ring(face), (width, height))
    pinned = np.concatenate([outline_ring(face), border_points(face_box)])
    mouth_box = _mouth_box(face, (width, height))
    head_box = _box_around(
        np.concatenate([head_reach(face), outline_ring(face), _corners(mouth_box)]), (width, height)
    )
    head = head_fields(face, _depth(canvas.landmarks), head_box, (width, height))
    return Rig(
        pictures=lid_pictures(canvas.rgb, face.points),
        face=face,
        moves=np.concatenate([shapes, _at_points(head, face.points - head_box[:2])]),
        face_box=face_box,
        mouth_box=mouth_box,
        head_box=head_box,
        upper=shape_fields(face, shapes, face_box, pinned=pinned, without=lm.LOWER_LIP, fade=True),
        lower=shape_fields(
            face, shapes, mouth_box, pinned=pinned, without=lm.UPPER_LIP, fade=False
        ),
        head=head,
        mouth_window=_mouth_window(mouth_box),
        look=_interior_look(canvas.rgb, face),
    )


def _depth(landmarks: F64) -> F64:
    """Return (478,) px towards the camera, zero at the face's outline."""
    return np.asarray(landmarks[list(lm.FACE_OVAL), 2].mean() - landmarks[:, 2], dtype=np.float64)


def _mouth_box(face: FaceFrame, size: tuple[int, int]) -> Box:
    """Return the box of everything that the lower lip can pull along."""
    lips = face.points[[*lm.INNER_UPPER_LIP, *lm.OUTER_LOWER_LIP]]
    low, high = lips.min(axis=0), lips.max(axis=0)
    chin = float(face.points[lm.CHIN_TIP, 1])
    corners = [
        low - [0.5 * face.mouth_px, 0.6 * face.mouth_px],
        [high[0] + 0.5 * face.mouth_px, max(chin, high[1]) + 0.45 * face.mouth_px],
    ]
    return _box_around(np.array(corners), size)


def _box_around(points: F64, size: tuple[int, int]) -> Box:
    """Return the box round `points` inside the canvas, on whole cells of the grid."""
    low = np.clip(np.floor(points.min(axis=0) / _EVEN) * _EVEN, 0, None).astype(int)
    high = (np.ceil(points.max(axis=0) / _EVEN) * _EVEN).astype(int)
    x1, y1 = (min(int(end), side) for end, side in zip(high, size, strict=True))
    return int(low[0]), int(low[1]), x1, y1


def _corners(box: Box) -> F64:
    x0, y0, x1, y1 = box
    return np.array([[x0, y0], [x1, y1]], dtype=np.float64)


def _mouth_window(box: Box) -> F32:
    x0, y0, x1, y1 = box
    pixels = np.stack(np.meshgrid(np.arange(x0, x1) + 0.5, np.arange(y0, y1) + 0.5), axis=-1)
    return fading(pixels, box)[..., None].astype(np.float32)


def _at_points(fields: F32, points: F64) -> F64:
    """Sample fields (k, h, w, 2) at `points` (n, 2), px from the corner of their box."""
    at = ((points + 0.5) / GRID_PX - 0.5).astype(np.float32)
    x, y = np.ascontiguousarray(at[None, :, 0]), np.ascontiguousarray(at[None, :, 1])
    return np.stack([remap(field, x, y)[0] for field in fields]).astype(np.float64)


def _interior_look(rgb: U8, face: FaceFrame) -> InteriorLook:
    """Tint the mouth's inside after the lips and the light on the face.

    In a black-and-white picture the colours lose their saturation too.
    """
    lips = _colours(rgb, face.points[list(lm.LIP_COLOUR)]).mean(axis=0)
    light = float(np.median(_colours(rgb, face.points[list(lm.SKIN_COLOUR)])))
    cavity = lips * [0.27, 0.17, 0.17] + [10, 3, 3]
    tongue = lips * [0.60, 0.42, 0.43]
    teeth = np.array([0.98, 0.94, 0.86]) * np.clip(light * 1.15, 95, 240)
    colour = float(np.clip((_saturation(rgb, face) - 0.03) / 0.12, 0, 1))
    shadow = 1 + colour * np.array([-0.2, 0.05, 0.1])
    return InteriorLook(
        cavity=_muted(cavity, colour),
        tongue=_muted(tongue, colour),
        teeth=_muted(teeth, colour),
        shadow=shadow,
        own_teeth=_shows_teeth(rgb, face, lips),
    )


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
