"""From moved landmarks to moved skin: smooth displacement fields over the canvas.

A field D (h, w, 2) says by how many px the skin at each grid point moves. Fields live on a
`Grid` of every second or fourth pixel, which costs no visible sharpness, because skin moves
smoothly. Between landmarks the thin-plate spline interpolates: of all surfaces through the
given values the one that bends least (Duchon 1977),

    f(p) = a + b.p + sum_i c_i U(|p - p_i|),   U(r) = r^2 log r^2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import numpy as np

from tfi_notebook.local.renderer import landmarks as lm
from tfi_notebook.local.renderer.arrays import F32, F64, Box, blur, remap, smoothstep

if TYPE_CHECKING:
    from tfi_notebook.local.renderer.controls import FaceFrame

HEAD_BASES: Final = ("shift_x", "shift_y", "roll", "yaw", "pitch")
RING: Final = 1.45  # the skin is pinned on the face's outline, enlarged by this
COARSE_CELLS: Final = 28  # coarse cells per eye distance; the spline is cubic between them
DEPTH_AT_OUTLINE: Final = 0.12  # eye distances that the outline lies before the neck's axis
BORDER_STEPS: Final = 4  # pinned points along each side of a box
FADE: Final = 0.06  # of a box's shorter side
_RIDGE: Final = 1e-9
_BATCH: Final = 32  # so little that a BLAS does not split it: its threads would only wait

_Floats = TypeVar("_Floats", F32, F64)


class Grid(NamedTuple):
    """The points on which a field is given: every `step_px` px of `box`, in both directions."""

    box: Box
    step_px: int

    @property
    def shape(self) -> tuple[int, int]:
        """Return (rows, columns)."""
        x0, y0, x1, y1 = self.box
        return len(range(y0, y1, self.step_px)), len(range(x0, x1, self.step_px))

    def points(self) -> F64:
        """Return (h, w, 2): the points in px; each is the middle of a cell of pixels."""
        x0, y0, x1, y1 = self.box
        x, y = (
            np.arange(start, end, self.step_px) + (self.step_px - 1) / 2
            for start, end in ((x0, x1), (y0, y1))
        )
        return np.stack(np.meshgrid(x, y), axis=-1)

    def cells(self, box: Box) -> tuple[slice, slice]:
        """Return the rows and columns that cover `box`, which starts on a grid cell."""
        x0, y0, x1, y1 = (edge - start for edge, start in zip(box, self.box[:2] * 2, strict=True))
        step = self.step_px
        return slice(y0 // step, -(-y1 // step)), slice(x0 // step, -(-x1 // step))


def thin_plate(points: F64, values: F64, queries: F64) -> F32:
    """Interpolate `values` (n, m) given at `points` (n, 2) at `queries` (k, 2).

    Returns:
        (k, m), float32: thousandths of a px are exact enough.
    """
    scale = float(np.ptp(points, axis=0).max())
    knots, wanted = points / scale, (queries / scale).astype(np.float32)
    count = len(knots)
    affine = np.column_stack([np.ones(count), knots])
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _kernel(knots, knots) + _RIDGE * np.eye(count)
    system[:count, count:] = affine
    system[count:, :count] = affine.T
    known = np.concatenate([values, np.zeros((3, values.shape[1]))])
    solution = _solved(system, known)
    return _evaluate(knots.astype(np.float32), solution.astype(np.float32), wanted)


def _solved(system: F64, known: F64) -> F64:
    """Return x of `system` (n, n) @ x = `known` (n, m), by elimination (Gauss and Jordan).

    The solvers of numpy and OpenCV split even this among threads, which then wait for more in a
    busy loop: 3 ms of work cost 100 ms of processor time.
    """
    table, count = np.concatenate([system, known], axis=1), len(system)
    for row in range(count):
        pivot = row + int(np.abs(table[row:, row]).argmax())
        table[[row, pivot]] = table[[pivot, row]]
        table[row, row:] /= table[row, row]
        factors = table[:, row, None].copy()
        factors[row] = 0
        table[:, row:] -= factors * table[row, row:]
    return table[:, count:]


def _evaluate(knots: F32, solution: F32, wanted: F32) -> F32:
    parts = []
    for start in range(0, len(wanted), _BATCH):
        batch = wanted[start : start + _BATCH]
        affine = np.column_stack([np.ones(len(batch), np.float32), batch])
        bend = _kernel(batch, knots) @ solution[: len(knots)]
        parts.append(bend + affine @ solution[len(knots) :])
    return np.concatenate(parts)


def _kernel(points: _Floats, knots: _Floats) -> _Floats:
    """Return U(r) for all pairs of `points` (k, 2) and `knots` (n, 2)."""
    across, down = (points[:, axis, None] - knots[:, axis] for axis in (0, 1))
    r2 = across * across + down * down
    kernel: _Floats = r2 * np.log(r2 + r2.dtype.type(1e-12))
    return kernel


def shape_fields(
    face: FaceFrame, moves: F64, grid: Grid, *, pinned: F64, without: lm.Indices, fade: bool
) -> F32:
    """Spread the landmarks' `moves` over the skin of a grid.

    The lips are a cut in the skin: what the lower lip does must not drag the upper one
    along. So there are two sets of fields, each made without the landmarks of one lip.

    Args:
        face: axes and lengths.
        moves: (k, 478, 2) px, one per basis.
        grid: the part of the canvas.
        pinned: (m, 2) px, points that do not move: beyond them the spline would swing out.
        without: landmarks of the other lip; the mouth's corners belong to both.
        fade: let the fields fall to zero along the sides of the box.

    Returns:
        (k, h, w, 2) px on the grid.
    """
    used = [i for i in lm.CONTROLS if i not in without or i in lm.MOUTH_CORNERS]
    knots = np.concatenate([face.points[used], pinned])
    values = np.concatenate([moves[:, used], np.zeros((len(moves), len(pinned), 2))], axis=1)
    flat = values.transpose(1, 0, 2).reshape(len(knots), -1)
    spread = _over_grid(knots, flat, grid, face.eyes_px)
    fields = spread.reshape(*spread.shape[:2], len(moves), 2).transpose(2, 0, 1, 3)
    window = fading(grid.points(), grid.box)[..., None] if fade else 1
    return np.ascontiguousarray(fields * window, dtype=np.float32)


def head_fields(face: FaceFrame, depth: F64, grid: Grid, head: F64, shoulders: F64) -> F32:
    """Return (5, h, w, 2): how a small head movement shifts the canvas, in `HEAD_BASES`' order.

    Shifts are per eye distance; roll turns round the face's centre by its angle in rad; yaw
    and pitch, in rad, shift each point by its depth, which is what a small turn does to a
    flat picture (parallax: shift = angle x depth).

    Args:
        face: axes and lengths.
        depth: (478,) px, towards the camera, zero at the outline.
        grid: the part of the canvas to cover.
        head: (h, w) share of every movement, from `matte.head_and_shoulders`.
        shoulders: (h, w) share of shifts and roll beside that.
    """
    arm = grid.points() - _centre(face)
    reach = (_depth_map(face, depth, grid) / face.eyes_px + DEPTH_AT_OUTLINE) * face.eyes_px
    whole, turning = (head + shoulders)[..., None], (reach * head)[..., None]
    moves = [
        whole * face.eyes_px * face.right,
        whole * face.eyes_px * face.down,
        whole * np.stack([-arm[..., 1], arm[..., 0]], axis=-1),
        turning * face.right,
        turning * face.down,
    ]
    return np.stack(moves).astype(np.float32)


def outline_ring(face: FaceFrame) -> F64:
    """Return (36, 2) px: the face's outline, enlarged by `RING` from its centre."""
    centre = _centre(face)
    return centre + (face.points[list(lm.FACE_OVAL)] - centre) * RING


def border_points(box: Box) -> F64:
    """Return (16, 2) px: points along the sides of `box`, evenly spaced."""
    x0, y0, x1, y1 = box
    steps = range(BORDER_STEPS + 1)
    ends = {0, BORDER_STEPS}
    points = [(x, y) for x in steps for y in steps if x in ends or y in ends]
    scaled: F64 = np.array(points) * np.array([x1 - x0, y1 - y0]) / BORDER_STEPS
    return scaled + np.array([x0, y0], dtype=np.float64)


def _centre(face: FaceFrame) -> F64:
    return np.asarray(face.points[list(lm.FACE_OVAL)].mean(axis=0), dtype=np.float64)


def _over_grid(knots: F64, values: F64, grid: Grid, eyes_px: float) -> F32:
    """Evaluate the spline on a coarser grid and refine that to `grid`."""
    step = max(1, round(eyes_px / COARSE_CELLS / grid.step_px))
    (x0, y0, _, _), (height, width) = grid.box, grid.shape
    cell, middle = step * grid.step_px, (grid.step_px - 1) / 2
    # one coarse cell more on each side, so that the cubic kernel never leaves the grid
    columns = x0 + middle + np.arange(-1, (width - 1) // step + 4) * cell
    rows = y0 + middle + np.arange(-1, (height - 1) // step + 4) * cell
    queries = np.stack(np.meshgrid(columns, rows), axis=-1)
    coarse = thin_plate(knots, values, queries.reshape(-1, 2))
    coarse = coarse.reshape(len(rows), len(columns), -1)
    x, y = np.meshgrid(np.arange(width) / step + 1, np.arange(height) / step + 1)
    at = x.astype(np.float32), y.astype(np.float32)
    # cv2.remap takes at most four channels at once
    planes = [
        remap(np.ascontiguousarray(coarse[..., k]), *at, cubic=True)
        for k in range(coarse.shape[-1])
    ]
    return np.stack(planes, axis=-1)


def _depth_map(face: FaceFrame, depth: F64, grid: Grid) -> F64:
    """Return (h, w) px: the head's depth, smooth, and zero outside the face."""
    used = list(lm.CONTROLS)
    pinned = np.concatenate([outline_ring(face), border_points(grid.box)])
    knots = np.concatenate([face.points[used], pinned])
    values = np.concatenate([depth[used], np.zeros(len(pinned))])
    spread = _over_grid(knots, values[:, None], grid, face.eyes_px)[..., 0]
    smooth = blur(np.ascontiguousarray(spread), 0.08 * face.eyes_px / grid.step_px)
    return smooth.astype(np.float64)


def fading(points: F64, box: Box) -> F64:
    """Return (h, w): 1 at `points` (h, w, 2) inside `box`, falling to 0 along its sides."""
    x0, y0, x1, y1 = box
    x, y = points[..., 0], points[..., 1]
    to_side = np.minimum(np.minimum(x - x0, x1 - x), np.minimum(y - y0, y1 - y))
    return smoothstep(to_side / (FADE * min(x1 - x0, y1 - y0)))
