"""Pulling a picture through a displacement field, by fixed-point inversion.

Fields say where skin goes; drawing needs the opposite: which source pixel is now at p. That
is p - u(p) with u = D(p - u). The iteration u <- D(p - u) starts at u = D(p) and converges
where D is a contraction, that is, where neighbouring points never overtake each other
(Banach; Chen et al. 2008, "A simple fixed-point approach to invert a deformation field").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import cv2
import numpy as np

from tfi_notebook.local.renderer.fields import GRID_PX

if TYPE_CHECKING:
    from tfi_notebook.local.renderer.arrays import F32, U8, Box

MAX_STEPS: Final = 12
"""No further step is taken: below 0.001 px on average, nothing more can be seen."""


class Warp:
    """The inversion and the drawing of one box of the canvas; owns and reuses its buffers.

    Not to be shared between threads, and not sent between processes.
    """

    def __init__(self, box: Box) -> None:
        x0, y0, x1, y1 = box
        self.box = box
        width, height = len(range(x0, x1, GRID_PX)), len(range(y0, y1, GRID_PX))
        self._grid = _mesh(np.arange(width), np.arange(height))
        self._pixels = _mesh(np.arange(x0, x1), np.arange(y0, y1))
        self._at = np.empty_like(self._grid)
        self._shifts = (np.empty_like(self._grid), np.empty_like(self._grid))
        self._enlarged = np.empty((height * GRID_PX, width * GRID_PX, 2), np.float32)
        self._source = np.empty_like(self._pixels)
        self._picture: U8 | None = None

    def invert(self, field: F32, step_count: int) -> F32:
        """Return u (h, w, 2) px with u = D(p - u), after `step_count` evaluations of D.

        Args:
            field: D, (h, w, 2) px on the grid of the box.
            step_count: at least 1; more than `MAX_STEPS` count as that.

        Returns:
            a buffer of this object, valid until the next call.
        """
        shift = field
        for step in range(min(step_count, MAX_STEPS) - 1):
            shift = self._evaluate(field, shift, self._shifts[step % 2])
        return shift

    def residual(self, field: F32, shift: F32) -> F32:
        """Return |u - D(p - u)| (h, w) in px: how far the inversion is from its fixed point."""
        step = shift - self._evaluate(field, shift, np.empty_like(self._grid))
        return cast("F32", np.hypot(step[..., 0], step[..., 1]))

    def pull(self, picture: U8, shift: F32) -> U8:
        """Draw the box: every pixel p shows `picture` at p - u(p), sampled bicubically.

        Returns:
            (h, w, 3), a buffer of this object, valid until the next call.
        """
        source = self.sources(shift)
        kind, border = cv2.INTER_CUBIC, cv2.BORDER_REPLICATE
        drawn = cv2.remap(picture, source, _NO_SECOND_MAP, kind, self._picture, border)
        self._picture = cast("U8", drawn)
        return self._picture

    def sources(self, shift: F32) -> F32:
        """Return p - u(p) for every pixel of the box, (h, w, 2) px; a buffer of this object."""
        size = self._enlarged.shape[1::-1]
        cv2.resize(shift, size, self._enlarged, interpolation=cv2.INTER_LINEAR)
        height, width = self._pixels.shape[:2]
        np.subtract(self._pixels, self._enlarged[:height, :width], out=self._source)
        return self._source

    def _evaluate(self, field: F32, shift: F32, out: F32) -> F32:
        """Return D(p - u) on the grid."""
        cv2.scaleAdd(shift, -1 / GRID_PX, self._grid, self._at)
        kind, border = cv2.INTER_LINEAR, cv2.BORDER_REPLICATE
        cv2.remap(field, self._at, _NO_SECOND_MAP, kind, out, border)
        return out


_NO_SECOND_MAP: Final = np.empty(0, np.float32)
"""cv2.remap takes x and y interleaved in one map; then its second one is empty."""


def _mesh(
    x: np.ndarray[tuple[int], np.dtype[np.int64]], y: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> F32:
    return np.stack(np.meshgrid(x, y), axis=-1).astype(np.float32)


def weighted_sum(fields: F32, weights: F32, out: F32) -> F32:
    """Write sum_i weights[i] * fields[i] (k, h, w, 2) to `out` (h, w, 2), skipping zeros.

    Added one after the other, so that the rounding is the same in every process; a matrix
    product may group the terms as its threads like.
    """
    out[...] = 0
    for index in np.flatnonzero(weights):
        cv2.scaleAdd(fields[index], float(weights[index]), out, out)
    return out
