"""The rig: everything about a portrait that is computed once per job.

It holds plain arrays only, so it can be pickled and sent to worker processes. A frame is
then the rig, twelve weights (one per basis) and the state of the lids.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from tfi_notebook.local.renderer import landmarks as lm
from tfi_notebook.local.renderer.arrays import F32, F64, U8, Box, remap
from tfi_notebook.local.renderer.blink import LidPatch, lid_patches
from tfi_notebook.local.renderer.controls import (
    SHAPE_BASES,
    FaceFrame,
    face_frame,
    landmark_moves,
)
from tfi_notebook.local.renderer.fields import (
    HEAD_BASES,
    Grid,
    border_points,
    fading,
    head_fields,
    outline_ring,
    shape_fields,
)
from tfi_notebook.local.renderer.look import InteriorLook, interior_look, without_inside
from tfi_notebook.local.renderer.matte import head_and_shoulders

if TYPE_CHECKING:
    from tfi_notebook.local.renderer.canvas import Canvas

BASES: Final = SHAPE_BASES + HEAD_BASES
"""The twelve bases; a frame's weights stand in this order."""

_LARGE_EYES_PX: Final = 200  # eyes further apart than this need fields only at every fourth pixel
_MOVES: Final = 1e-4  # smaller shares of the head's movement are none


@dataclass(frozen=True, slots=True, eq=False)
class Rig:
    """One portrait, ready to be moved. All lengths are px of the canvas.

    Attributes:
        picture: (H, W, 3) the canvas, with lip where its parted lips showed the mouth's inside.
        lids: the eyes in every state of their lids.
        face: axes, lengths and landmarks.
        moves: (12, 478, 2) how the landmarks move at full weight of each basis.
        face_grid: the part that can move without the head.
        mouth_grid: the part that is drawn in two layers.
        head_grid: the part that can move with the head; holds the other two.
        upper: (7, h, w, 2) shape fields of everything but the lower lip, on `face_grid`.
        lower: (7, h, w, 2) shape fields of everything but the upper lip, on `mouth_grid`.
        head: (5, h, w, 2) head fields, on `head_grid`.
        mouth_window: (h, w, 1) 0..1, 1 inside the mouth's box, 0 along its sides.
        look: the mouth's inside.
    """

    picture: U8
    lids: tuple[LidPatch, ...]
    face: FaceFrame
    moves: F64
    face_grid: Grid
    mouth_grid: Grid
    head_grid: Grid
    upper: F32
    lower: F32
    head: F32
    mouth_window: F32
    look: InteriorLook

    @property
    def size(self) -> tuple[int, int]:
        """Return (width, height) in px."""
        return int(self.picture.shape[1]), int(self.picture.shape[0])


def build_rig(canvas: Canvas) -> Rig:
    """Make the rig of a canvas.

    Args:
        canvas: the portrait at the video's size, with landmarks.

    Returns:
        the rig; a few tenths of a second of work at 400 px.
    """
    face = face_frame(canvas.landmarks)
    shapes = landmark_moves(face)
    picture = without_inside(canvas.rgb, face)
    whole = _whole(canvas.rgb, face)
    face_grid = _grid_around(outline_ring(face), whole)
    mouth_grid = _grid_around(_mouth_corners(face), whole)
    pinned = np.concatenate([outline_ring(face), border_points(face_grid.box)])
    upper, lower = (
        shape_fields(face, shapes, grid, pinned=pinned, without=other, fade=grid is face_grid)
        for grid, other in ((face_grid, lm.LOWER_LIP), (mouth_grid, lm.UPPER_LIP))
    )
    head_grid, head = _head(canvas, face, whole, (face_grid.box, mouth_grid.box))
    return Rig(
        picture=picture,
        lids=lid_patches(picture, face.points),
        face=face,
        moves=np.concatenate([shapes, _at_points(head, face.points, head_grid)]),
        face_grid=face_grid,
        mouth_grid=mouth_grid,
        head_grid=head_grid,
        upper=upper,
        lower=lower,
        head=head,
        mouth_window=_mouth_window(mouth_grid.box),
        look=interior_look(canvas.rgb, face, shapes[0]),
    )


def _whole(rgb: U8, face: FaceFrame) -> Grid:
    step_px = 4 if face.eyes_px > _LARGE_EYES_PX else 2
    return Grid((0, 0, rgb.shape[1], rgb.shape[0]), step_px)


def _head(canvas: Canvas, face: FaceFrame, whole: Grid, boxes: tuple[Box, ...]) -> tuple[Grid, F32]:
    """Return the grid of everything that moves with the head or lies in `boxes`, and its fields."""
    shares = head_and_shoulders(canvas.rgb, face, whole.points())
    rows, columns = np.nonzero(shares[0] + shares[1] > _MOVES)
    moving = whole.points()[rows, columns]
    corners = [np.array(box).reshape(2, 2) for box in boxes]
    grid = _grid_around(np.concatenate([moving, *corners]), whole)
    cells = whole.cells(grid.box)
    head, shoulders = (share[cells] for share in shares)
    return grid, head_fields(face, _depth(canvas.landmarks), grid, head, shoulders)


def _depth(landmarks: F64) -> F64:
    """Return (478,) px towards the camera, zero at the face's outline."""
    return np.asarray(landmarks[list(lm.FACE_OVAL), 2].mean() - landmarks[:, 2], dtype=np.float64)


def _mouth_corners(face: FaceFrame) -> F64:
    """Return (2, 2): corners of the box of everything that the lower lip can pull along."""
    lips = face.points[[*lm.INNER_UPPER_LIP, *lm.OUTER_LOWER_LIP]]
    low, high = lips.min(axis=0), lips.max(axis=0)
    chin = float(face.points[lm.CHIN_TIP, 1])
    left_top = low - [0.5 * face.mouth_px, 0.6 * face.mouth_px]
    right = high[0] + 0.5 * face.mouth_px
    return np.array([left_top, [right, max(chin, high[1]) + 0.45 * face.mouth_px]])


def _grid_around(points: F64, whole: Grid) -> Grid:
    """Return the part of `whole` round `points`, on whole cells and even px."""
    cell = 2 * whole.step_px
    low = np.clip(np.floor(points.min(axis=0) / cell) * cell, 0, None).astype(int)
    high = (np.ceil(points.max(axis=0) / cell) * cell).astype(int)
    x1, y1 = (min(int(end), side) for end, side in zip(high, whole.box[2:], strict=True))
    return Grid((int(low[0]), int(low[1]), x1, y1), whole.step_px)


def _mouth_window(box: Box) -> F32:
    x0, y0, x1, y1 = box
    pixels = np.stack(np.meshgrid(np.arange(x0, x1) + 0.5, np.arange(y0, y1) + 0.5), axis=-1)
    return fading(pixels, box)[..., None].astype(np.float32)


def _at_points(fields: F32, points: F64, grid: Grid) -> F64:
    """Sample fields (k, h, w, 2) at `points` (n, 2) px of the canvas."""
    at = ((points - grid.box[:2] + 0.5) / grid.step_px - 0.5).astype(np.float32)
    x, y = np.ascontiguousarray(at[None, :, 0]), np.ascontiguousarray(at[None, :, 1])
    return np.stack([remap(field, x, y)[0] for field in fields]).astype(np.float64)
