"""One frame: two layers of skin, the mouth's inside between them, and the seam of the lips.

The lips are a cut in the skin, so one smooth field cannot move both. The canvas is drawn
with the field of everything but the lower lip, then the mouth's surroundings once more with
the field of everything but the upper lip, and the two meet along the line between the lips.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from tfi_notebook.local.renderer.arrays import (
    F32,
    F64,
    U8,
    Box,
    blur,
    draw_line,
    fill_polygon,
    unit,
)
from tfi_notebook.local.renderer.fields import GRID_PX
from tfi_notebook.local.renderer.mouth import Detail, MouthPose, mouth_pose, paint_interior
from tfi_notebook.local.renderer.rig import BASES, Rig
from tfi_notebook.local.renderer.warp import Warp, weighted_sum

_HEAD: Final = BASES.index("shift_x")
_OPEN_FROM_PX: Final = 0.5  # a narrower slit shows no inside
_SEAM_DARKNESS: Final = 0.5
_SEAM_GONE: Final = 0.05  # of the mouth's width: lips further apart have no seam


class FramePainter:
    """Paints the frames of one rig; owns and reuses its buffers, so use one per thread.

    Args:
        rig: the portrait.
        step_count: fixed-point steps of each warp inversion (see `warp`), at least 1.
        detail: what is painted inside the mouth.
    """

    def __init__(self, rig: Rig, *, step_count: int, detail: Detail) -> None:
        self._rig = rig
        self._step_count = step_count
        self._detail = detail
        self._head = Warp(rig.head_box)
        self._face = Warp(rig.face_box)
        self._mouth = Warp(rig.mouth_box)
        self._head_field = np.empty(rig.head.shape[1:], np.float32)
        self._face_field = np.empty(rig.upper.shape[1:], np.float32)
        self._mouth_field = np.empty(rig.lower.shape[1:], np.float32)
        self._frame: U8 = np.empty_like(rig.pictures[0])

    def paint(self, weights: F32, lid: int) -> U8:
        """Paint one frame.

        Args:
            weights: (12,) one per basis, in the order of `rig.BASES`.
            lid: which picture of `blink.LID_STATES` to use.

        Returns:
            (H, W, 3) RGB, a buffer of this object, valid until the next call.
        """
        picture = self._rig.pictures[lid]
        upper, upper_field, mouth_field = self._fields(weights)
        drawn = upper.pull(picture, upper.invert(upper_field, self._step_count))
        frame: U8 = self._frame
        frame[...] = picture
        _part(frame, upper.box)[...] = drawn
        lower = self._mouth.pull(picture, self._mouth.invert(mouth_field, self._step_count))
        self._join(_part(frame, self._rig.mouth_box), lower, weights.astype(np.float64))
        return frame

    def residual(self, weights: F32) -> tuple[float, float]:
        """Return the mean and the largest error in px of the inversion round the mouth."""
        upper, upper_field, mouth_field = self._fields(weights)
        errors = [
            warp.residual(field, warp.invert(field, self._step_count))
            for warp, field in ((upper, upper_field), (self._mouth, mouth_field))
        ]
        return float(errors[1].mean()), float(max(error.max() for error in errors))

    def _fields(self, weights: F32) -> tuple[Warp, F32, F32]:
        """Return the warp and field of the upper layer, and the field of the mouth's box."""
        rig = self._rig
        mouth_field = weighted_sum(rig.lower, weights[:_HEAD], self._mouth_field)
        face_field = weighted_sum(rig.upper, weights[:_HEAD], self._face_field)
        if not weights[_HEAD:].any():
            return self._face, face_field, mouth_field
        head_field = weighted_sum(rig.head, weights[_HEAD:], self._head_field)
        mouth_field += _cells(head_field, rig.mouth_box, rig.head_box)
        _cells(head_field, rig.face_box, rig.head_box)[...] += face_field
        return self._head, head_field, mouth_field

    def _join(self, area: U8, lower: U8, weights: F64) -> None:
        """Lay the lower layer, the inside and the seam over the upper layer, in place."""
        rig, box = self._rig, self._rig.mouth_box
        pose = mouth_pose(rig, weights)
        mask = self._lower_mask(pose) * rig.mouth_window
        mixed = area.astype(np.float32)
        mixed += mask * (lower - mixed)
        self._show_interior(mixed, pose, weights)
        closed = max(0.0, 1 - pose.gap_px / (_SEAM_GONE * rig.face.mouth_px))
        if closed:
            seam = draw_line(
                pose.middle[2:-2] - box[:2],
                (area.shape[0], area.shape[1]),
                max(1, round(0.02 * rig.face.mouth_px)),
            )
            soft = blur(seam, max(0.6, 0.012 * rig.face.mouth_px))
            mixed *= 1 - unit(soft) * (_SEAM_DARKNESS * closed)
        np.clip(mixed, 0, 255, out=mixed)
        area[...] = mixed.astype(np.uint8)

    def _lower_mask(self, pose: MouthPose) -> F32:
        """Return (h, w, 1): 1 below the line between the lips, with a soft edge."""
        x0, y0, x1, y1 = self._rig.mouth_box
        face, middle = self._rig.face, pose.middle - (x0, y0)
        sideways, downwards = face.right * (x1 - x0), face.down * 2 * (y1 - y0)
        left, right = middle[:1] - sideways, middle[-1:] + sideways
        outline = np.concatenate([left, middle, right, right + downwards, left + downwards])
        mask = fill_polygon(outline, (y1 - y0, x1 - x0))
        return unit(blur(mask, max(0.5, 0.006 * face.mouth_px)))

    def _show_interior(self, mixed: F32, pose: MouthPose, weights: F64) -> None:
        if pose.gap_px <= _OPEN_FROM_PX:
            return
        rig, outer = self._rig, self._rig.mouth_box
        x0, y0, x1, y1 = box = pose.box(0.06 * rig.face.mouth_px + 2, outer)
        if x1 <= x0 or y1 <= y0:
            return
        opening = np.concatenate([pose.upper, pose.lower[::-1]]) - (x0, y0)
        mask = fill_polygon(opening, (y1 - y0, x1 - x0))
        soft = unit(blur(mask, max(0.6, 0.010 * rig.face.mouth_px)))
        paint = paint_interior(rig, pose, weights, self._detail, box)
        part = mixed[y0 - outer[1] : y1 - outer[1], x0 - outer[0] : x1 - outer[0]]
        part += soft * (paint - part)


def _part(image: U8, box: Box) -> U8:
    x0, y0, x1, y1 = box
    return image[y0:y1, x0:x1]


def _cells(field: F32, box: Box, outer: Box) -> F32:
    """Return the view of a field (h, w, 2) of `outer` that covers `box` inside it."""
    x0, y0, x1, y1 = (edge - start for edge, start in zip(box, outer[:2] * 2, strict=True))
    return field[y0 // GRID_PX : -(-y1 // GRID_PX), x0 // GRID_PX : -(-x1 // GRID_PX)]
