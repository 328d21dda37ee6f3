"""Array types and the few OpenCV calls of the renderer, typed and with its conventions.

OpenCV's own stubs say "some array" for everything. These wrappers keep the dtypes that the
renderer relies on, and its one convention: a pixel's centre has whole-numbered coordinates,
x before y, while array axes are (row, column).
"""

from __future__ import annotations

from typing import TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]
Box = tuple[int, int, int, int]
"""(x0, y0, x1, y1) in px; x1 and y1 lie outside."""

SUBPIXEL_BITS = 4
"""Polygons are drawn with a precision of 1/16 px."""

_Image = TypeVar("_Image", F32, U8)
_Floats = TypeVar("_Floats", F32, F64)


def remap(image: _Image, x: F32, y: F32, *, cubic: bool = False) -> _Image:
    """Sample `image` (H, W[, C]) at the px coordinates `x`, `y` (h, w); borders are repeated.

    Without `cubic` the coordinates are rounded to 1/32 px: OpenCV 5.0.0 reads outside of the
    picture when it interpolates floats linearly at coordinates that are floats too.
    """
    border = cv2.BORDER_REPLICATE
    if cubic:
        return cast("_Image", cv2.remap(image, x, y, cv2.INTER_CUBIC, borderMode=border))
    maps = cv2.convertMaps(x, y, cv2.CV_16SC2)
    return cast("_Image", cv2.remap(image, *maps, cv2.INTER_LINEAR, borderMode=border))


def blur(image: _Image, sigma_px: float) -> _Image:
    """Return `image` smoothed with a Gaussian of `sigma_px`."""
    return cast("_Image", cv2.GaussianBlur(image, (0, 0), sigma_px))


def box_blur(mask: U8, edge_px: float) -> U8:
    """Return `mask` averaged over squares of `edge_px`: coarser than `blur`, and much quicker."""
    side = 2 * round(edge_px / 2) + 1
    return cast("U8", cv2.blur(mask, (side, side)))


def fill_polygon(points: F64, shape: tuple[int, int]) -> U8:
    """Return a mask of `shape` (h, w), 255 inside the polygon `points` (n, 2) px, antialiased."""
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [_fixed_point(points)], (255,), cv2.LINE_AA, SUBPIXEL_BITS)
    return mask


def draw_line(points: F64, shape: tuple[int, int], thickness_px: int) -> U8:
    """Return a mask of `shape` (h, w), 255 on the open line through `points` (n, 2) px."""
    mask = np.zeros(shape, np.uint8)
    cv2.polylines(
        mask,
        [_fixed_point(points)],
        isClosed=False,
        color=(255,),
        thickness=thickness_px,
        lineType=cv2.LINE_AA,
        shift=SUBPIXEL_BITS,
    )
    return mask


def unit(mask: U8) -> F32:
    """Return a 0..255 mask (h, w) as 0..1 weights (h, w, 1), ready to blend colours with."""
    return mask[..., None].astype(np.float32) * np.float32(1 / 255)


def smoothstep(x: _Floats) -> _Floats:
    """Return 3x^2 - 2x^3 of `x` clipped to 0..1: a ramp without kinks."""
    t: _Floats = np.clip(x, 0, 1)
    ramp: _Floats = t * t * (3 - 2 * t)
    return ramp


def _fixed_point(points: F64) -> NDArray[np.int32]:
    return np.round(points * (1 << SUBPIXEL_BITS)).astype(np.int32)
