"""One frame: two layers of skin, the mouth's inside between them, and the seam of the lips.

The lips are a cut in the skin, so one smooth field cannot move both. The canvas is drawn
with the field of everything but the lower lip, then the mouth's surroundings once more with
the field of everything but the upper lip, and the two meet along the line between the lips.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from tfi_notebook.local.renderer.arrays import (
    F32,
    F64,
    U8,
    Box,
    blur,
    box_blur,
    draw_line,
    fill_polygon,
    smoothstep,
    unit,
)
from tfi_notebook.local.renderer.mouth import Detail, MouthPose, mouth_pose, paint_interior
from tfi_notebook.local.renderer.rig import BASES, Rig
from tfi_notebook.local.renderer.warp import FINE, Warp, finer, weighted_sum

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HEAD: Final = BASES.index("shift_x")
_OPEN_FROM_PX: Final = 0.5  # a narrower slit shows no inside
_SEAM_DARKNESS: Final = 0.45
_SEAM_GONE: Final = 0.05  # of the mouth's width: lips further apart have no seam
_CORNER: Final = (
    0.90,
    1.20,
)  # half mouths from the middle: there the cut ends, and both layers mix


class FinePictures:
    """The enlarged picture and lids that frames are pulled from; shared by all threads."""

    def __init__(self, rig: Rig) -> None:
        self.open_eyes = finer(rig.picture)
        self.lids = [
            (tuple(FINE * edge for edge in patch.box), [finer(state) for state in patch.states])
            for patch in rig.lids
        ]

    def with_lids(self, lid: int) -> U8:
        """Return the picture with its lids in state `lid` of `blink.LID_STATES`."""
        if lid == 0:
            return self.open_eyes
        picture = self.open_eyes.copy()
        for (x0, y0, x1, y1), states in self.lids:
            picture[y0:y1, x0:x1] = states[lid]
        return picture


class FramePainter:
    """Paints the frames of one rig; owns and reuses its buffers, so use one per thread.

    Args:
        rig: the portrait.
        step_count: fixed-point steps of each warp inversion (see `warp`), at least 1.
        detail: what is painted inside the mouth.
        pictures: of the same rig, if there are some already.
    """

    def __init__(
        self,
        rig: Rig,
        *,
        step_count: int,
        detail: Detail,
        pictures: FinePictures | None = None,
    ) -> None:
        self._rig = rig
        self._step_count = step_count
        self._detail = detail
        self._pictures = pictures or FinePictures(rig)
        self._picture, self._lid = self._pictures.open_eyes, 0
        mouth_box = rig.mouth_grid.box
        self._head = Warp(rig.head_grid, mouth_box)
        self._face = Warp(rig.face_grid, mouth_box)
        self._mouth = Warp(rig.mouth_grid)
        self._drawn_last: Warp | None = None
        self._head_field = np.empty(rig.head.shape[1:], np.float32)
        self._face_field = np.empty(rig.upper.shape[1:], np.float32)
        self._mouth_field = np.empty(rig.lower.shape[1:], np.float32)
        self._frame: U8 = rig.picture.copy()
        self._across_px = _along(rig.mouth_grid.box, rig.face.right)

    def paint(self, weights: F32, lid: int) -> U8:
        """Paint one frame.

        Args:
            weights: (12,) one per basis, in the order of `rig.BASES`.
            lid: which state of `blink.LID_STATES` to use.

        Returns:
            (H, W, 3) RGB, a buffer of this object, valid until the next call.
        """
        if lid != self._lid:
            self._picture, self._lid = self._pictures.with_lids(lid), lid
        upper, upper_field, mouth_field = self._fields(weights)
        if upper is not self._drawn_last:  # outside its box the frame is the picture
            self._frame[...] = self._rig.picture
            self._drawn_last = upper
        shift = upper.invert(upper_field, self._step_count)
        _part(self._frame, upper.grid.box)[...] = upper.pull(self._picture, shift)
        shift = self._mouth.invert(mouth_field, self._step_count)
        lower = self._mouth.pull(self._picture, shift)
        self._join(lower, weights.astype(np.float64))
        return self._frame

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
        mouth_field += head_field[rig.head_grid.cells(rig.mouth_grid.box)]
        head_field[rig.head_grid.cells(rig.face_grid.box)] += face_field
        return self._head, head_field, mouth_field

    def _join(self, lower: U8, weights: F64) -> None:
        """Lay the lower layer, the inside and the seam over the upper layer, in the frame."""
        rig = self._rig
        pose = mouth_pose(rig, weights)
        mask, area = (
            self._lower_mask(pose) * rig.mouth_window,
            _part(self._frame, rig.mouth_grid.box),
        )
        area[...] = cv2.blendLinear(lower, area, mask, 1 - mask)
        x0, y0, x1, y1 = box = pose.box(0.06 * rig.face.mouth_px + 2, rig.mouth_grid.box)
        if x1 <= x0 or y1 <= y0:
            return
        part = _part(self._frame, box)
        mixed = part.astype(np.float32)
        self._show_interior(mixed, pose, weights, box)
        self._draw_seam(mixed, pose, box)
        part[...] = np.clip(mixed, 0, 255, out=mixed)

    def _show_interior(self, mixed: F32, pose: MouthPose, weights: F64, box: Box) -> None:
        """Lay what is behind the lips into their opening."""
        if pose.gap_px <= _OPEN_FROM_PX:
            return
        rig, shape = self._rig, (mixed.shape[0], mixed.shape[1])
        opening = np.concatenate([pose.upper, pose.lower[::-1]]) - box[:2]
        soft = blur(fill_polygon(opening, shape), max(0.6, 0.010 * rig.face.mouth_px))
        mixed += unit(soft) * (paint_interior(rig, pose, weights, self._detail, box) - mixed)

    def _draw_seam(self, mixed: F32, pose: MouthPose, box: Box) -> None:
        """Darken the line on which closed lips meet."""
        mouth_px = self._rig.face.mouth_px
        closed = 1 - pose.gap_px / (_SEAM_GONE * mouth_px)
        if closed <= 0:
            return
        line, thickness_px = pose.middle[2:-2] - box[:2], max(1, round(0.016 * mouth_px))
        seam = draw_line(line, (mixed.shape[0], mixed.shape[1]), thickness_px)
        soft = blur(seam, max(0.6, 0.011 * mouth_px))
        dark = _SEAM_DARKNESS * closed * self._rig.look.shadow
        mixed *= 1 - unit(soft) * dark.astype(np.float32)

    def _lower_mask(self, pose: MouthPose) -> F32:
        """Return (h, w, 1): 1 below the line between the lips; beside the mouth it is softer."""
        x0, y0, x1, y1 = self._rig.mouth_grid.box
        face, middle = self._rig.face, pose.middle - (x0, y0)
        sideways, downwards = face.right * (x1 - x0), face.down * 2 * (y1 - y0)
        left, right = middle[:1] - sideways, middle[-1:] + sideways
        outline = np.concatenate([left, middle, right, right + downwards, left + downwards])
        mask = fill_polygon(outline, (y1 - y0, x1 - x0))
        sharp = unit(blur(mask, max(0.5, 0.006 * face.mouth_px)))
        ends = pose.middle[[0, -1]] @ face.right
        half_px = max(float(np.ptp(ends)) / 2, 1.0)
        away = np.abs(self._across_px - float(ends.mean())) / half_px
        start, end = _CORNER
        beside = smoothstep((away - start) / (end - start))[..., None]
        return np.asarray(sharp + beside * (unit(box_blur(mask, 0.25 * face.mouth_px)) - sharp))


def _part(image: U8, box: Box) -> U8:
    x0, y0, x1, y1 = box
    return image[y0:y1, x0:x1]


def _along(box: Box, direction: F64) -> NDArray[np.float32]:
    """Return (h, w) px: how far along `direction` each pixel of `box` lies."""
    x0, y0, x1, y1 = box
    along = np.arange(x0, x1) * direction[0] + np.arange(y0, y1)[:, None] * direction[1]
    return np.asarray(along, dtype=np.float32)
