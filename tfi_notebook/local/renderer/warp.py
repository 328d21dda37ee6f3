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

if TYPE_CHECKING:
    from tfi_notebook.local.renderer.arrays import F32, U8, Box
    from tfi_notebook.local.renderer.fields import Grid

MAX_STEPS: Final = 10
"""No further step is taken: below 0.001 px on average, nothing more can be seen."""

SMOOTH_STEPS: Final = 3
"""So many are enough where skin and hair move smoothly, which is everywhere but at the mouth."""

FINE: Final = 2
"""Pictures are pulled from a copy enlarged so many times, see `finer`."""


Cells = tuple[slice, slice]
_ALL: Final[Cells] = (slice(None), slice(None))


def finer(picture: U8) -> U8:
    """Return a picture with `FINE` times as many pixels along each side, (2H, 2W, 3).

    Every second pixel is an old one, those between are interpolated bicubically. Reading this
    with bilinear interpolation is as sharp as reading the picture bicubically, and five
    times as quick.
    """
    height, width = picture.shape[:2]
    spread = np.array([[1 / FINE, 0, 0], [0, 1 / FINE, 0]])
    size, flags = (width * FINE, height * FINE), cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    border = cv2.BORDER_REPLICATE
    return cast("U8", cv2.warpAffine(picture, spread, size, flags=flags, borderMode=border))


class Warp:
    """The inversion and the drawing of one grid's box; owns and reuses its buffers.

    Not to be shared between threads, and not sent between processes.

    Args:
        grid: where fields are given.
        focus: the part of its box in which neighbours move so differently that the inversion
            takes more than a few steps; None is all of it.
    """

    def __init__(self, grid: Grid, focus: Box | None = None) -> None:
        x0, y0, x1, y1 = grid.box
        self.grid = grid
        height, width = grid.shape
        step = grid.step_px
        self._cells = _mesh(np.arange(width), np.arange(height))
        self._pixels = _mesh(np.arange(x0, x1), np.arange(y0, y1)) * FINE
        self._at = np.empty_like(self._cells)
        self._shift = np.empty_like(self._cells)
        self._focus = _ALL if focus is None else grid.cells(focus)
        self._enlarged = np.empty((height * step, width * step, 2), np.float32)
        self._source = np.empty_like(self._pixels)
        self._maps = (
            np.empty(self._pixels.shape, np.int16),
            np.empty(self._pixels.shape[:2], np.uint16),
        )
        self._picture: U8 | None = None

    def invert(self, field: F32, step_count: int) -> F32:
        """Return u (h, w, 2) px with u = D(p - u), after `step_count` evaluations of D.

        Args:
            field: D, (h, w, 2) px on the grid of the box.
            step_count: at least 1; more than `MAX_STEPS` count as that. Away from the `focus`
                no more than `SMOOTH_STEPS` are taken.

        Returns:
            a buffer of this object, valid until the next call.
        """
        steps = min(step_count, MAX_STEPS) - 1
        if steps == 0:
            return field
        self._evaluate(field, field, self._shift)
        for step in range(1, steps):
            cells = _ALL if step < SMOOTH_STEPS - 1 else self._focus
            self._evaluate(field, self._shift, self._shift, cells)
        return self._shift

    def residual(self, field: F32, shift: F32) -> F32:
        """Return |u - D(p - u)| (h, w) in px: how far the inversion is from its fixed point."""
        step = shift - self._evaluate(field, shift, np.empty_like(self._cells))
        return cast("F32", np.hypot(step[..., 0], step[..., 1]))

    def pull(self, fine: U8, shift: F32) -> U8:
        """Draw the box: every pixel p shows the picture at p - u(p).

        Args:
            fine: the picture, from `finer`.
            shift: u (h, w, 2) px on the grid.

        Returns:
            (h, w, 3), a buffer of this object, valid until the next call.
        """
        size = self._enlarged.shape[1::-1]
        cv2.resize(shift, size, self._enlarged, interpolation=cv2.INTER_LINEAR)
        height, width = self._pixels.shape[:2]
        cv2.scaleAdd(self._enlarged[:height, :width], -FINE, self._pixels, self._source)
        cv2.convertMaps(self._source, _NO_SECOND_MAP, cv2.CV_16SC2, *self._maps)
        kind, border = cv2.INTER_LINEAR, cv2.BORDER_REPLICATE
        drawn = cv2.remap(fine, *self._maps, kind, self._picture, border)
        self._picture = cast("U8", drawn)
        return self._picture

    def _evaluate(self, field: F32, shift: F32, out: F32, cells: Cells = _ALL) -> F32:
        """Write D(p - u) on some cells of the grid; `out` may be `shift` itself."""
        at = self._at[cells]
        cv2.scaleAdd(shift[cells], -1 / self.grid.step_px, self._cells[cells], at)
        kind, border = cv2.INTER_LINEAR, cv2.BORDER_REPLICATE
        cv2.remap(field, at, _NO_SECOND_MAP, kind, out[cells], border)
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
