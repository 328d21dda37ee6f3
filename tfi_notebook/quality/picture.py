"""What one frame tells beside its landmarks: background, sharpness, likeness to the source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from tfi_notebook.media.face import track_landmarks
from tfi_notebook.quality.landmarks import CHIN, EYE_CORNERS, FACE_OVAL, MOUTH, NOSE_TIP, RIGID

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HEAD_GROWN: Final = 1.6  # the oval ends at the hairline and before the ears
_LEAST_BACKGROUND: Final = 0.03  # of the picture
_EYES_APART_PX: Final = 48  # sharpness and likeness are measured at this one scale
_MOUTH_PATCH_PX: Final = (40, 60)
_FACE_PATCH_PX: Final = 96


def background(shape: tuple[int, ...], landmarks: NDArray[np.float64]) -> NDArray[np.uint8] | None:
    """Mark what lies behind the head.

    Everything above the chin and outside the face's oval grown by 60 %; what is below the
    chin are shoulders, which may move.

    Args:
        shape: (H, W) of the frame.
        landmarks: (468, 2 or 3) in px.

    Returns:
        (H, W), 255 in the background, or None if less than 3 % of the frame is background.
    """
    oval = landmarks[FACE_OVAL, :2]
    grown = oval.mean(axis=0) + _HEAD_GROWN * (oval - oval.mean(axis=0))
    mask = np.full(shape, 255, np.uint8)
    mask[max(0, int(landmarks[CHIN, 1])) :] = 0
    cv2.fillConvexPoly(mask, cv2.convexHull(grown.astype(np.int32)), (0,))
    return mask if cv2.countNonZero(mask) >= _LEAST_BACKGROUND * mask.size else None


def mouth_sharpness(grey: NDArray[np.uint8], landmarks: NDArray[np.float64]) -> float:
    """Measure how sharp the mouth is, as the variance of its Laplacian.

    The mouth is brought to one scale first (48 px between the outer eye corners), so that
    frames of different sizes compare (Pech-Pacheco et al., "Diatom autofocusing in
    brightfield microscopy", ICPR 2000).

    Args:
        grey: (H, W).
        landmarks: (468, 2 or 3) in px.

    Returns:
        the variance in squared grey levels.
    """
    height, width = _MOUTH_PATCH_PX
    scale = _EYES_APART_PX / max(_apart(landmarks), 1.0)
    centre = landmarks[MOUTH, :2].mean(axis=0)
    shift = np.array([width / 2, height / 2]) - scale * centre
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    return float(cv2.Laplacian(_warped(grey, matrix, (width, height)), cv2.CV_32F).var())


class Likeness:
    """Compares frames with the picture they were made from.

    Args:
        rgb: the source picture, (H, W, 3) RGB, with one face.

    Raises:
        NoFaceError: the picture shows no face.
    """

    def __init__(self, rgb: NDArray[np.uint8]) -> None:
        landmarks = track_landmarks([rgb])[0]
        grey = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
        self._target = _upright_square(landmarks)
        self._patch = self._cut(grey, landmarks)
        self._mask = self._upper_face(landmarks)
        self.sharpness = mouth_sharpness(grey, landmarks)

    def of(self, grey: NDArray[np.uint8], landmarks: NDArray[np.float64]) -> float:
        """Return the mean SSIM of the upper face, 1 for the same picture.

        The frame is turned, moved and scaled until eye corners and the bridge of the nose lie
        on those of the source, so that a moving head costs nothing; the mouth, which is to
        move, does not count.

        Args:
            grey: the frame, (H, W).
            landmarks: (468, 2 or 3) in px of the frame.
        """
        return float(ssim(self._patch, self._cut(grey, landmarks))[self._mask].mean())

    def _cut(self, grey: NDArray[np.uint8], landmarks: NDArray[np.float64]) -> NDArray[np.uint8]:
        matrix = _similarity(landmarks[RIGID, :2], self._target)
        return _warped(grey, matrix, (_FACE_PATCH_PX, _FACE_PATCH_PX))

    def _upper_face(self, landmarks: NDArray[np.float64]) -> NDArray[np.bool_]:
        matrix = _similarity(landmarks[RIGID, :2], self._target)
        oval = landmarks[FACE_OVAL, :2] @ matrix[:, :2].T + matrix[:, 2]
        nose_y = float((landmarks[NOSE_TIP, :2] @ matrix[:, :2].T + matrix[:, 2])[1])
        mask = np.zeros((_FACE_PATCH_PX, _FACE_PATCH_PX), np.uint8)
        cv2.fillConvexPoly(mask, cv2.convexHull(oval.astype(np.int32)), (255,))
        mask[max(0, int(nose_y)) :] = 0
        return mask > 0


def ssim(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Compute the map of structural similarity of two grey pictures of one size, (H, W).

    Wang et al., "Image quality assessment: from error visibility to structural similarity",
    IEEE TIP 13(4), 2004: Gaussian window of 11 px and 1.5 px deviation, K1 .01, K2 .03.
    """
    x, y = one.astype(np.float32), other.astype(np.float32)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_x, mean_y, xx, yy, xy = (
        cv2.GaussianBlur(signal, (11, 11), 1.5) for signal in (x, y, x * x, y * y, x * y)
    )
    variances = xx - mean_x**2 + yy - mean_y**2
    covariance = xy - mean_x * mean_y
    light = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return np.asarray(light * (2 * covariance + c2) / (variances + c2), np.float32)


def _warped(
    grey: NDArray[np.uint8], matrix: NDArray[np.float64], size: tuple[int, int]
) -> NDArray[np.uint8]:
    """Cut a patch out, softened first where it shrinks: or large pictures would look sharper."""
    shrink = 1 / max(float(np.hypot(matrix[0, 0], matrix[1, 0])), 1e-6)
    if shrink > 1:
        grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), 0.5 * np.sqrt(shrink**2 - 0.9)), np.uint8)
    return np.asarray(cv2.warpAffine(grey, matrix, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _apart(landmarks: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(landmarks[EYE_CORNERS[0], :2] - landmarks[EYE_CORNERS[1], :2]))


def _upright_square(landmarks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where eyes and nose of the source lie in the patch, unturned."""
    rigid = landmarks[RIGID, :2]
    scale = _EYES_APART_PX / max(_apart(landmarks), 1.0)
    return np.asarray((rigid - rigid.mean(axis=0)) * scale + _FACE_PATCH_PX / 2, np.float64)


def _similarity(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the (2, 3) turn, scale and shift that brings points (n, 2) closest to others.

    Umeyama, "Least-squares estimation of transformation parameters between two point
    patterns", IEEE TPAMI 13(4), 1991; in the plane complex numbers do it.
    """
    a, b = (points - points.mean(axis=0) for points in (source, target))
    z, w = a[:, 0] + 1j * a[:, 1], b[:, 0] + 1j * b[:, 1]
    turn = np.vdot(z, w) / max(float(np.vdot(z, z).real), 1e-9)
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.column_stack([linear, target.mean(axis=0) - linear @ source.mean(axis=0)])
