"""Array types and the few OpenCV calls of the renderer, typed and with its conventions.

OpenCV's own stubs say `ndarray[Any]` for everything. These wrappers keep the dtypes that the
renderer relies on, and its one convention: a pixel's centre has whole-numbered coordinates,
x before y, while array axes are (row, column).
"""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]
Box = tuple[int, int, int, int]
"""(x0, y0, x1, y1) in px; x1 and y1 lie outside."""

SUBPIXEL_BITS = 4
"""cv2 draws polygons with 1/16 px precision."""


def remap[A: (F32, U8)](
    image: A, x: F32, y: F32, *, cubic: bool = False, out: A | None = None
) -> A:
    """Sample `image` (H, W[, C]) at the px coordinates `x`, `y` (h, w); borders are repeated."""
    kind = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    return cast("A", cv2.remap(image, x, y, kind, dst=out, borderMode=cv2.BORDER_REPLICATE))


def blur[A: (F32, U8)](image: A, sigma_px: float) -> A:
    """Return `image` smoothed with a Gaussian of `sigma_px`."""
    return cast("A", cv2.GaussianBlur(image, (0, 0), sigma_px))
