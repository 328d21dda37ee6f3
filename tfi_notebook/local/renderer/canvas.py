"""From the given picture to the canvas: the part that is shown, at the size of the video.

The square of `crop=True` is moved into the picture and made no larger than it, because
every invented border is seen: repeated pixels as streaks, a mirrored one as a second ear.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from tfi_notebook.media.face import refine

if TYPE_CHECKING:
    from tfi_notebook.local.renderer.arrays import F64, U8, Box

HAIR_SHARE: Final = 0.06
"""The square's centre lies this share of its side above the face's: hair needs the room."""


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """A picture at the video's size.

    Attributes:
        rgb: (H, W, 3) RGB, both sides even (H.264 needs that).
        landmarks: (478, 3) px of the canvas.
        face_share: the face's longer side as a share of the long edge.
    """

    rgb: U8
    landmarks: F64
    face_share: float


def make_canvas(
    rgb: U8, landmarks: F64, *, output_size: int, crop: bool, expand_ratio: float
) -> Canvas:
    """Cut `rgb` to the wanted part, scale it, and find the landmarks again at that size.

    Args:
        rgb: (H, W, 3) the whole picture.
        landmarks: (478, 3) px of that picture.
        output_size: long edge of the canvas in px, rounded up to even.
        crop: a square round the face instead of the whole picture.
        expand_ratio: the square's side is the face's longer side times 1 + 2 * expand_ratio.

    Returns:
        the canvas.
    """
    box = face_square(landmarks, rgb.shape[:2], expand_ratio) if crop else _whole(rgb)
    part = _cut(rgb, box)
    scale = (output_size + 1) // 2 * 2 / max(part.shape[:2])
    width, height = (round(side * scale / 2) * 2 for side in part.shape[1::-1])
    shrinking = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    canvas = cv2.resize(part, (width, height), interpolation=shrinking).astype(np.uint8, copy=False)
    moved = (landmarks - [box[0], box[1], 0]) * scale
    found, _ = refine(canvas, moved)
    return Canvas(canvas, found, face_side(found) / max(width, height))


def face_side(landmarks: F64) -> float:
    """Return the longer side in px of the upright box round `landmarks` (n, 2 or 3)."""
    return float(np.ptp(landmarks[:, :2], axis=0).max())


def face_square(landmarks: F64, shape: tuple[int, ...], expand_ratio: float) -> Box:
    """Return the square round the face: the face times 1 + 2 * `expand_ratio`, inside `shape`.

    It reaches over the picture only where the face alone is larger than the short edge.

    >>> face = np.array([[40.0, 40.0, 0.0], [60.0, 60.0, 0.0]])
    >>> face_square(face, (100, 100), 0.5)
    (30, 28, 70, 68)
    >>> face_square(face, (100, 100), 9.0)
    (0, 0, 100, 100)
    """
    low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    face = face_side(landmarks)
    side = round(max(face, min(face * (1 + 2 * expand_ratio), *shape[:2])))
    x, y = (low + high) / 2 - side / 2
    x0 = _inside(round(x), side, shape[1])
    y0 = _inside(round(y - HAIR_SHARE * side), side, shape[0])
    return x0, y0, x0 + side, y0 + side


def _inside(start: int, length: int, limit: int) -> int:
    """Move an interval into 0..limit; one that is longer than that keeps its centre."""
    if length >= limit:
        return (limit - length) // 2
    return min(max(start, 0), limit - length)


def _whole(rgb: U8) -> Box:
    return 0, 0, rgb.shape[1], rgb.shape[0]


def _cut(rgb: U8, box: Box) -> U8:
    height, width = rgb.shape[:2]
    x0, y0, x1, y1 = box
    left, top, right, bottom = max(0, -x0), max(0, -y0), max(0, x1 - width), max(0, y1 - height)
    if left or top or right or bottom:
        mirrored = cv2.copyMakeBorder(rgb, top, bottom, left, right, cv2.BORDER_REFLECT_101)
        rgb = mirrored.astype(np.uint8, copy=False)
    return rgb[y0 + top : y1 + top, x0 + left : x1 + left]
