"""From moved landmarks to moved skin: smooth displacement fields over the canvas.

A field D (h, w, 2) says by how many px the skin at each grid point moves. Fields live on a
grid of every second pixel (`GRID_PX`); halving twice the memory costs no visible sharpness,
because skin moves smoothly. Between landmarks the thin-plate spline interpolates: of all
surfaces through the given values the one that bends least (Duchon 1977),

    f(p) = a + b.p + sum_i c_i U(|p - p_i|),   U(r) = r^2 log r^2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

from tfi_notebook.local.renderer import landmarks as lm
from tfi_notebook.local.renderer.arrays import F32, F64, Box, blur, remap, smoothstep

if TYPE_CHECKING:
    from tfi_notebook.local.renderer.controls import FaceFrame

GRID_PX: Final = 2
"""Distance of the grid points of every field, in px of the canvas."""

HEAD_BASES: Final = ("shift_x", "shift_y", "roll", "yaw", "pitch")
RING: Final = 1.45  # the skin is pinned on the face's outline, enlarged by this
COARSE_CELLS: Final = 28  # coarse cells per eye distance; the spline is cubic between them
MASK_REACH: Final = 1.75  # the head's mask ends at this many of its half axes
DEPTH_AT_OUTLINE: Final = 0.35  # eye distances that the outline lies before the neck's axis
BORDER_STEPS: Final = 4  # pinned points along each side of a box
FADE: Final = 0.06  # of a box's shorter side
_RIDGE: Final = 1e-9
_BATCH: Final = 8192

_Floats = TypeVar("_Floats", F32, F64)


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
    solution = np.linalg.solve(system, known).astype(np.float32)
    return _evaluate(knots.astype(np.float32), solution, wanted)


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
    squares = (points**2).sum(axis=1)[:, None] + (knots**2).sum(axis=1)[None]
    r2: _Floats = np.maximum(squares - 2 * points @ knots.T, 0)
    kernel: _Floats = r2 * np.log(r2 + r2.dtype.type(1e-12))
    return kernel


def shape_fields(
    face: FaceFrame, moves: F64, box: Box, *, pinned: F64, without: lm.Indices, fade: bool
) -> F32:
    """Spread the landmarks' `moves` over the skin of `box`.

    The lips are a cut in the skin: what the lower lip does must not drag the upper one
    along. So there are two sets of fields, each made without the landmarks of one lip.

    Args:
        face: axes and lengths.
        moves: (k, 478, 2) px, one per basis.
        box: the part of the canvas, its sides multiples of `GRID_PX`.
        pinned: (m, 2) px, points that do not move: beyond them the spline would swing out.
        without: landmarks of the other lip; the mouth's corners belong to both.
        fade: let the fields fall to zero along the sides of the box.

    Returns:
        (k, h, w, 2) px on the grid of `box`.
    """
    used = [i for i in lm.CONTROLS if i not in without or i in lm.MOUTH_CORNERS]
    knots = np.concatenate([face.points[used], pinned])
    values = np.concatenate([moves[:, used], np.zeros((len(moves), len(pinned), 2))], axis=1)
    flat = values.transpose(1, 0, 2).reshape(len(knots), -1)
    spread = _over_box(knots, flat, box, face.eyes_px)
    fields = spread.reshape(*spread.shape[:2], len(moves), 2).transpose(2, 0, 1, 3)
    window = fading(grid_points(box), box)[..., None] if fade else 1
    return np.ascontiguousarray(fields * window, dtype=np.float32)


def head_fields(face: FaceFrame, depth: F64, box: Box, size: tuple[int, int]) -> F32:
    """Return (5, h, w, 2): how a small head movement shifts the canvas, in `HEAD_BASES`' order.

    Shifts are per eye distance; roll turns round the face's centre by its angle in rad; yaw
    and pitch, in rad, shift each point by its depth, which is what a small turn does to a
    flat picture (parallax: shift = angle x depth). All fade out with the distance.

    Args:
        face: axes and lengths.
        depth: (478,) px, towards the camera, zero at the outline.
        box: the part of the canvas to cover, from `head_box`.
        size: (width, height) of the canvas in px.
    """
    grid = grid_points(box)
    arm = grid - _centre(face)
    reach = (_depth_map(face, depth, box) / face.eyes_px + DEPTH_AT_OUTLINE) * face.eyes_px
    ones = np.full(reach.shape, face.eyes_px)
    roll = np.stack([-arm[..., 1], arm[..., 0]], axis=-1)
    moves = [
        ones[..., None] * face.right,
        ones[..., None] * face.down,
        roll,
        reach[..., None] * face.right,
        reach[..., None] * face.down,
    ]
    mask = head_mask(face, grid, size)
    return (np.stack(moves) * mask[..., None]).astype(np.float32)


def head_mask(face: FaceFrame, grid: F64, size: tuple[int, int]) -> F64:
    """Return (h, w) in 0..1: how much each grid point belongs to the head.

    1 on the face, falling smoothly to 0 at about 2.6 half faces and at the canvas's edge.
    """
    offset = grid - _centre(face)
    half_width, half_height = _mask_half_axes(face)
    radius = np.hypot(offset @ face.right / half_width, offset @ face.down / half_height)
    width, height = size
    x, y = grid[..., 0], grid[..., 1]
    to_edge = np.minimum(np.minimum(x, y), np.minimum(width - x, height - y))
    inside: F64 = np.clip(to_edge / (0.10 * max(size)), 0, 1)
    return smoothstep(MASK_REACH - radius) * inside


def head_reach(face: FaceFrame) -> F64:
    """Return (2, 2) px: two corners of the box outside which the head's mask is 0."""
    width, height = (MASK_REACH * half for half in _mask_half_axes(face))
    # the upright box round a turned ellipse
    reach = np.hypot(width * face.right, height * face.down)
    corners: F64 = _centre(face) + np.array([[-1, -1], [1, 1]]) * reach
    return corners


def _mask_half_axes(face: FaceFrame) -> tuple[float, float]:
    width, height = (np.ptp(face.points @ axis) for axis in (face.right, face.down))
    return 0.75 * float(width), 0.78 * float(height)


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


def grid_points(box: Box) -> F64:
    """Return (h, w, 2): the px coordinates of the grid points of `box`."""
    x0, y0, x1, y1 = box
    x = np.arange(x0, x1, GRID_PX) + (GRID_PX - 1) / 2
    y = np.arange(y0, y1, GRID_PX) + (GRID_PX - 1) / 2
    return np.stack(np.meshgrid(x, y), axis=-1)


def _centre(face: FaceFrame) -> F64:
    return np.asarray(face.points[list(lm.FACE_OVAL)].mean(axis=0), dtype=np.float64)


def _over_box(knots: F64, values: F64, box: Box, eyes_px: float) -> F32:
    """Evaluate the spline on a coarse grid over `box` and refine that to the fields' grid."""
    step = max(1, round(eyes_px / COARSE_CELLS / GRID_PX))
    x0, y0, x1, y1 = box
    width, height = len(range(x0, x1, GRID_PX)), len(range(y0, y1, GRID_PX))
    cell = step * GRID_PX
    # one coarse cell more on each side, so that the cubic kernel never leaves the grid
    columns = x0 + (GRID_PX - 1) / 2 + np.arange(-1, (width - 1) // step + 4) * cell
    rows = y0 + (GRID_PX - 1) / 2 + np.arange(-1, (height - 1) // step + 4) * cell
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


def _depth_map(face: FaceFrame, depth: F64, box: Box) -> F64:
    """Return (h, w) px: the head's depth, smooth, and zero outside the face."""
    used = list(lm.CONTROLS)
    pinned = np.concatenate([outline_ring(face), border_points(box)])
    knots = np.concatenate([face.points[used], pinned])
    values = np.concatenate([depth[used], np.zeros(len(pinned))])
    spread = _over_box(knots, values[:, None], box, face.eyes_px)[..., 0]
    smooth = blur(np.ascontiguousarray(spread), 0.08 * face.eyes_px / GRID_PX)
    return smooth.astype(np.float64)


def fading(points: F64, box: Box) -> F64:
    """Return (h, w): 1 at `points` (h, w, 2) inside `box`, falling to 0 along its sides."""
    x0, y0, x1, y1 = box
    x, y = points[..., 0], points[..., 1]
    to_side = np.minimum(np.minimum(x - x0, x1 - x), np.minimum(y - y0, y1 - y))
    return smoothstep(to_side / (FADE * min(x1 - x0, y1 - y0)))
