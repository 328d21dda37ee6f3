"""Faces: where one is, and its landmarks in pixels of the picture.

A face is found in three steps: the detector proposes boxes (in the whole picture, then in
overlapping tiles for small faces), the landmark network is run on the best boxes, and its
own presence score decides. The last step matters: a cat and a man bent over his camera
pass the detector, with 0.58 and 0.79, and are turned away by their presence, 0.24 and 0.72.

Landmark numbers are those of MediaPipe's face mesh. 33 and 263 are the outer eye corners,
13 and 14 the middles of the inner upper and lower lip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from tfi_notebook.errors import NoFaceError
from tfi_notebook.media.detect import (
    DETECTION_SCORE_MIN,
    Detection,
    candidates,
    detect,
    detect_in_tiles,
)
from tfi_notebook.media.nets import MESH_468, MESH_478, MeshModel, mesh_outputs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

__all__ = [
    "DETECTION_SCORE_MIN",
    "PRESENCE_MIN",
    "Face",
    "FaceFollower",
    "find_face",
    "find_faces",
    "refine",
    "track_landmarks",
]

PRESENCE_MIN: Final = 0.8
EYE_CORNERS: Final = (33, 263)

# The landmark networks were trained on squares 1.5 times the face, turned upright.
_ROI_MARGIN: Final = 1.5
_TRACK_PRESENCE_MIN: Final = 0.5
_TILES_EVERY_FRAMES: Final = 25  # while a face is lost, the slow search runs this seldom


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face of a picture.

    Attributes:
        landmarks: (478, 3) x, y, z in px of the picture; z is negative towards the camera.
        score: the detector's score in 0..1.
        presence: the landmark network's own score in 0..1.
        box: x0, y0, x1, y1 in px; may reach over the picture's edge.
    """

    landmarks: NDArray[np.float64]
    score: float
    presence: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class _Roi:
    """A square of the picture, turned so that the eyes are level."""

    centre: NDArray[np.float64]
    edge_px: float
    angle_rad: float


def find_face(rgb: NDArray[np.uint8], *, field: str | None = None) -> Face:
    """Find the largest clear face of a picture.

    Args:
        rgb: (H, W, 3) RGB.
        field: the payload field the picture came from, for the error.

    Returns:
        the face with 478 landmarks.

    Raises:
        NoFaceError: no face with a detector score of at least `DETECTION_SCORE_MIN` and a
            presence of at least `PRESENCE_MIN`; `.score` is the best detector score.
    """
    best = 0.0
    for search in (detect, detect_in_tiles):
        detections = search(rgb)
        best = max([best, *(found.score for found in detections)])
        face = next(_real_ones(rgb, detections), None)
        if face is not None:
            return face
    raise NoFaceError(_why_not(rgb, best), score=best, field=field)


def find_faces(rgb: NDArray[np.uint8]) -> list[Face]:
    """Find all clear faces of a picture, the one that `find_face` returns first.

    Args:
        rgb: (H, W, 3) RGB.

    Returns:
        at most 6 faces, distinct ones; empty where `find_face` would raise. Small faces beside
        a large one are not searched for.
    """
    for search in (detect, detect_in_tiles):
        if faces := list(_real_ones(rgb, search(rgb))):
            return faces
    return []


def _why_not(rgb: NDArray[np.uint8], best: float) -> str:
    """Say which of the two gates has refused: the detector's, or that of eyes and mouth."""
    where = f"in the picture of {rgb.shape[1]}x{rgb.shape[0]} px"
    if best < DETECTION_SCORE_MIN:
        return (
            f"no face was found {where} (best detector score {best:.2f} of 1; at least "
            f"{DETECTION_SCORE_MIN} is needed)"
        )
    return (
        f"something like a face was found {where} (detector score {best:.2f} of 1), but its eyes "
        "and mouth are not clear: is it upright, sharp and at least 60 px wide?"
    )


def refine(
    rgb: NDArray[np.uint8], landmarks: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Find the 478 landmarks again, looking where earlier ones say the face is.

    Args:
        rgb: (H, W, 3) RGB.
        landmarks: (n, 3) or (n, 2) earlier mesh landmarks in px of `rgb`, n = 468 or 478.

    Returns:
        landmarks (478, 3) in px, and the presence score in 0..1.
    """
    return _mesh(rgb, MESH_478, _roi_of_landmarks(landmarks))


class FaceFollower:
    """Follows one face through the frames of a video, one frame at a time.

    Uses the 468-point model, which the renderer never does, so that a score measured with
    it does not grade itself.
    """

    def __init__(self) -> None:
        self._points: NDArray[np.float64] | None = None
        self._lost_frames = 0

    def look(self, rgb: NDArray[np.uint8]) -> NDArray[np.float64] | None:
        """Find the face in the next frame.

        Args:
            rgb: (H, W, 3) RGB.

        Returns:
            (468, 3) landmarks in px, or None in a frame without a face; it is searched for
            again from the next frame on.
        """
        points = None if self._points is None else _followed(rgb, self._points)
        if points is None:
            points = _found_again(rgb, tiles=self._lost_frames % _TILES_EVERY_FRAMES == 0)
        self._points = points
        self._lost_frames = 0 if points is not None else self._lost_frames + 1
        return points


def track_landmarks(frames: Iterable[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """Follow one face through a video, see `FaceFollower`.

    A frame without a face gives a row of NaN.

    Args:
        frames: RGB pictures (H, W, 3) in order; taken one by one, never collected.

    Returns:
        (T, 468, 3) landmarks in px, one row per frame.

    Raises:
        NoFaceError: there are frames, but none of them shows a face.
    """
    follower = FaceFollower()
    rows = [follower.look(rgb) for rgb in frames]
    if not rows:
        return np.empty((0, MESH_468.points, 3))
    if all(row is None for row in rows):
        raise NoFaceError("no frame of the video shows a face")
    lost = np.full((MESH_468.points, 3), np.nan)
    return np.stack([lost if row is None else row for row in rows])


def _followed(rgb: NDArray[np.uint8], previous: NDArray[np.float64]) -> NDArray[np.float64] | None:
    points, presence = _mesh(rgb, MESH_468, _roi_of_landmarks(previous))
    return points if presence >= _TRACK_PRESENCE_MIN else None


def _found_again(rgb: NDArray[np.uint8], *, tiles: bool) -> NDArray[np.float64] | None:
    for search in (detect, detect_in_tiles) if tiles else (detect,):
        for found in candidates(search(rgb)):
            points, presence = _two_looks(rgb, MESH_468, found)
            if presence >= PRESENCE_MIN:
                return points
    return None


def _real_ones(rgb: NDArray[np.uint8], detections: list[Detection]) -> Iterator[Face]:
    for found in candidates(detections):
        landmarks, presence = _two_looks(rgb, MESH_478, found)
        if presence >= PRESENCE_MIN:
            x0, y0, x1, y1 = map(float, found.box)
            yield Face(landmarks, found.score, presence, (x0, y0, x1, y1))


def _two_looks(
    rgb: NDArray[np.uint8], model: MeshModel, found: Detection
) -> tuple[NDArray[np.float64], float]:
    """Look once where the detector points, then again where the landmarks point."""
    first, _ = _mesh(rgb, model, _roi_of_detection(found))
    return _mesh(rgb, model, _roi_of_landmarks(first))


def _roi_of_detection(found: Detection) -> _Roi:
    centre = (found.box[:2] + found.box[2:]) / 2
    edge = _ROI_MARGIN * float(max(found.box[2:] - found.box[:2]))
    return _Roi(centre, edge, _level(found.eyes[0], found.eyes[1]))


def _roi_of_landmarks(landmarks: NDArray[np.float64]) -> _Roi:
    points = landmarks[:, :2]
    angle = _level(points[EYE_CORNERS[0]], points[EYE_CORNERS[1]])
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    level = points @ turn.T
    low, high = level.min(axis=0), level.max(axis=0)
    return _Roi((low + high) / 2 @ turn, _ROI_MARGIN * float((high - low).max()), angle)


def _level(right_eye: NDArray[np.float64], left_eye: NDArray[np.float64]) -> float:
    dx, dy = left_eye - right_eye
    return float(np.arctan2(dy, dx))


def _mesh(rgb: NDArray[np.uint8], model: MeshModel, roi: _Roi) -> tuple[NDArray[np.float64], float]:
    """Cut the ROI out upright, run the network, and bring its points back to the picture."""
    edge = max(roi.edge_px, 1.0)
    scale, half = model.edge_px / edge, model.edge_px / 2
    cos, sin = np.cos(roi.angle_rad) * scale, np.sin(roi.angle_rad) * scale
    linear = np.array([[cos, sin], [-sin, cos]])
    to_square = np.column_stack([linear, half - linear @ roi.centre])
    square = cv2.warpAffine(
        rgb,
        to_square,
        (model.edge_px, model.edge_px),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    points, presence = mesh_outputs(model, np.asarray(square, np.uint8))
    xy = (points[:, :2] - to_square[:, 2]) @ np.linalg.inv(linear).T
    return np.column_stack([xy, points[:, 2] / scale]), presence
