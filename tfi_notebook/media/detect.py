"""Where faces may be: boxes of the detector, in the whole picture and in tiles of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from tfi_notebook.media.nets import DETECTOR_EDGE_PX, detector_outputs

if TYPE_CHECKING:
    from numpy.typing import NDArray

DETECTION_SCORE_MIN: Final = 0.5

_TILE_EDGES: Final = (0.6, 0.35, 0.2)  # of the picture's short edge
_TILE_MIN_PX: Final = 96
_OVERLAP_MAX: Final = 0.3  # intersection over union above which two boxes are one face
_CANDIDATES_MAX: Final = 6


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """One box of the detector.

    Attributes:
        score: 0..1.
        box: (4,) x0, y0, x1, y1 in px of the picture.
        eyes: (2, 2) x, y in px of the right and the left eye (the person's own).
    """

    score: float
    box: NDArray[np.float64]
    eyes: NDArray[np.float64]

    @property
    def rank(self) -> float:
        """Edge length times score: the largest clear face comes first."""
        return self.score * float(max(self.box[2:] - self.box[:2]))


def detect(rgb: NDArray[np.uint8]) -> list[Detection]:
    """Detect faces in the whole picture, set into a black square.

    Args:
        rgb: (H, W, 3) RGB.

    Returns:
        every box with a score of at least `DETECTION_SCORE_MIN`; if there is none, the best
        box alone, so that its score can be told.
    """
    height, width = rgb.shape[:2]
    edge = max(height, width)
    scale = DETECTOR_EDGE_PX / edge
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    left, top = (DETECTOR_EDGE_PX - inner[0]) // 2, (DETECTOR_EDGE_PX - inner[1]) // 2
    square = np.zeros((DETECTOR_EDGE_PX, DETECTOR_EDGE_PX, 3), np.uint8)
    square[top : top + inner[1], left : left + inner[0]] = cv2.resize(
        rgb, inner, interpolation=cv2.INTER_AREA
    )
    boxes, scores = detector_outputs(square)
    keep = np.flatnonzero(scores >= min(DETECTION_SCORE_MIN, float(scores.max())))
    px = boxes[keep].reshape(-1, 8, 2) * edge  # rows: centre, size, six points
    px[:, [0, 2, 3]] -= np.array([left, top]) / scale
    return [
        Detection(float(score), np.r_[p[0] - p[1] / 2, p[0] + p[1] / 2], p[2:4])
        for score, p in zip(scores[keep], px, strict=True)
    ]


def detect_in_tiles(rgb: NDArray[np.uint8]) -> list[Detection]:
    """Detect in overlapping square tiles: finds faces too small for the whole picture.

    The detector needs a face of about an eighth of the edge it looks at. Tiles of 0.6, then
    0.35, then 0.2 of the short edge are tried until one of them shows a face.

    Args:
        rgb: (H, W, 3) RGB.

    Returns:
        boxes in px of the whole picture; empty if the picture is too small to be cut.
    """
    height, width = rgb.shape[:2]
    best: list[Detection] = []
    for part in _TILE_EDGES:
        tile = int(min(height, width) * part)
        if tile < _TILE_MIN_PX:
            break
        for y in _tile_starts(height, tile):
            for x in _tile_starts(width, tile):
                found = detect(rgb[y : y + tile, x : x + tile])
                best += [_shifted(one, np.array([x, y], np.float64)) for one in found]
        if any(found.score >= DETECTION_SCORE_MIN for found in best):
            break
    return best


def _shifted(found: Detection, by: NDArray[np.float64]) -> Detection:
    return Detection(found.score, found.box + np.tile(by, 2), found.eyes + by)


def _tile_starts(length: int, tile: int) -> list[int]:
    count = int(np.ceil((length - tile) / (tile / 2))) + 1
    return [int(start) for start in np.linspace(0, length - tile, count)]


def _overlap(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return intersection over union of two boxes."""
    sides = np.maximum(0.0, np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]))
    both = float(sides.prod())
    union = float((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod()) - both
    return both / union if union > 0 else 0.0


def candidates(detections: list[Detection]) -> list[Detection]:
    """Return the distinct detections above the threshold, the best rank first, at most 6."""
    kept: list[Detection] = []
    for found in sorted(detections, key=lambda one: one.rank, reverse=True):
        if found.score < DETECTION_SCORE_MIN or len(kept) == _CANDIDATES_MAX:
            continue
        if all(_overlap(found.box, other.box) <= _OVERLAP_MAX for other in kept):
            kept.append(found)
    return kept
