"""Which part of the picture moves with the head, and how much.

The head is told from what is behind it by GrabCut (Rother, Kolmogorov, Blake 2004), started
from the face's outline. What stands behind must not bend when the head moves, so the head's
movement fades out within a narrow rim round its silhouette; along the neck it fades towards
the shoulders, which follow a little. Where the silhouette is found wrongly, a piece of
background moves with the head or a piece of hair does not: nothing tears.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from tfi_notebook.local.renderer import landmarks as lm
from tfi_notebook.local.renderer.arrays import F64, U8, blur, remap, smoothstep

if TYPE_CHECKING:
    from tfi_notebook.local.renderer.controls import FaceFrame

SHOULDER_SHARE: Final = 0.18  # of the head's shifts and roll
RIM: Final = 0.14  # eye distances outside the silhouette over which the movement fades out
INNER_RIM: Final = 0.12  # the same inside it
NECK: Final = 0.55  # face heights below the chin over which the head becomes the shoulders
REACH: Final = 1.75  # half axes of the face beyond which nothing moves with the head
EDGE_SHARE: Final = 0.06  # of the long edge: the picture's own edge stays in place
_WORK_PX: Final = 160  # long edge of the picture on which the silhouette is looked for
_ROUNDS: Final = 3
_SURE, _LIKELY, _POSSIBLE = 0.95, 1.25, 1.9  # sizes of the face's outline
_HAIR: Final = 0.08  # face heights that the head's middle lies above the face's


def head_and_shoulders(rgb: U8, face: FaceFrame, points: F64) -> tuple[F64, F64]:
    """Tell how far the skin, hair or cloth at `points` moves with the head.

    Args:
        rgb: (H, W, 3) the canvas.
        face: axes and lengths in px of the canvas.
        points: (h, w, 2) px.

    Returns:
        (h, w) each, 0..1: the share of every head movement, and the share of shifts and roll
        that the shoulders take over where the head's own share ends.
    """
    inside = _sample(_distance(_silhouette(rgb, face)), rgb, points) / face.eyes_px
    near = smoothstep((inside + RIM) / (RIM + INNER_RIM))
    centre = face.points[list(lm.FACE_OVAL)].mean(axis=0)
    offset = points - centre
    across, along = offset @ face.right, offset @ face.down
    width, height = (np.ptp(face.points @ axis) for axis in (face.right, face.down))
    radius = np.hypot(across / (0.75 * width), along / (0.78 * height))
    below_chin = (along - float((face.points[lm.CHIN_TIP] - centre) @ face.down)) / height
    neck = smoothstep(1 - below_chin / NECK)
    to_side, to_bottom = _to_edges(rgb, points)
    head = near * neck * smoothstep(REACH - radius) * smoothstep(np.minimum(to_side, to_bottom))
    shoulders = near * smoothstep(below_chin / NECK) * smoothstep(to_side)
    return head, np.asarray(SHOULDER_SHARE * shoulders, dtype=np.float64)


def _to_edges(rgb: U8, points: F64) -> tuple[F64, F64]:
    """Return (h, w) twice: the distance to the nearest other edge, and to the lower one.

    0 on the edge, 1 at `EDGE_SHARE` of the long one.
    """
    height, width = rgb.shape[:2]
    x, y = points[..., 0], points[..., 1]
    reach = EDGE_SHARE * max(height, width)
    return np.minimum(np.minimum(x, width - x), y) / reach, (height - y) / reach


def _silhouette(rgb: U8, face: FaceFrame) -> U8:
    """Return a small mask, 1 on the person."""
    height, width = rgb.shape[:2]
    scale = _WORK_PX / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    labels = _first_guess(face, scale, size)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)  # the same picture gives the same silhouette
    cv2.grabCut(small, labels, None, *models, _ROUNDS, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload] # its stubs want a rectangle, which is not used here
    person = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
    return np.asarray(cv2.medianBlur(person.astype(np.uint8), 5), dtype=np.uint8)


def _first_guess(face: FaceFrame, scale: float, size: tuple[int, int]) -> U8:
    """Label every pixel after the face's outline: the face, probably head or body, background."""
    outline = face.points[list(lm.FACE_OVAL)] * scale
    centre, height = outline.mean(axis=0), float(np.ptp(face.points @ face.down)) * scale
    hair = -_HAIR * height * face.down

    def oval(share: float) -> U8:
        mask = np.zeros(size[::-1], np.uint8)
        grown = centre + (outline - centre) * share + (hair if share > 1 else 0)
        cv2.fillPoly(mask, [np.round(grown).astype(np.int32)], (1,))
        return mask

    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    offset = np.stack([x, y], axis=-1) - centre
    below = offset @ face.down > 0.5 * height
    column = below & (np.abs(offset @ face.right) < 0.35 * height)
    labels = np.full(size[::-1], cv2.GC_PR_BGD, np.uint8)
    labels[(oval(_POSSIBLE) == 0) & ~below] = cv2.GC_BGD
    labels[:2] = cv2.GC_BGD
    labels[(oval(_LIKELY) == 1) | column] = cv2.GC_PR_FGD
    labels[oval(_SURE) == 1] = cv2.GC_FGD
    return labels


def _distance(mask: U8) -> F64:
    """Return (h, w): how far inside `mask` each pixel lies, negative outside, in its pixels."""
    inside, outside = (
        np.asarray(cv2.distanceTransform(part, cv2.DIST_L2, cv2.DIST_MASK_5), dtype=np.float64)
        for part in (mask, 1 - mask)
    )
    return inside - outside


def _sample(small: F64, rgb: U8, points: F64) -> F64:
    """Return lengths of a small picture at `points` of the canvas, smooth, in its px."""
    scale = max(rgb.shape[:2]) / max(small.shape)
    smooth = blur(small.astype(np.float32), 1.5)
    at = ((points + 0.5) / scale - 0.5).astype(np.float32)
    x, y = np.ascontiguousarray(at[..., 0]), np.ascontiguousarray(at[..., 1])
    return np.asarray(remap(smooth, x, y) * scale, dtype=np.float64)
