"""How the landmarks move: one displacement per landmark and basis, in px of the canvas.

Seven bases shape the face. Each is a full movement; a frame adds them with weights 0..1.
Lengths are shares of the mouth's width or of the eyes' distance, so that the size of the
picture does not matter. The shares were chosen by eye, on close-ups of four faces.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from tfi_notebook.local.renderer import landmarks as lm

if TYPE_CHECKING:
    from tfi_notebook.local.renderer.arrays import F64

SHAPE_BASES: Final = ("neutral", "open", "wide", "round", "press", "tuck", "brow")

APERTURE: Final = 0.40  # full opening, of the mouth's width
UPPER_SHARE, LOWER_SHARE = 0.26, 0.74  # of the opening: the lower jaw does the work
WIDEST_MOUTH: Final = 0.62  # of the eyes' distance; a grin counts no wider than that
RESTING_MOUTH: Final = 0.50  # of the eyes' distance; a wider one smiles
SMILE_LEVELLED, SMILE_NARROWED = 0.45, 0.6  # of a smile's curve and width: taken back at rest
SEAL: Final = 0.012  # closed lips overlap by this, of the mouth's width: no slit stays


@dataclass(frozen=True, slots=True, eq=False)
class FaceFrame:
    """A face's own axes and lengths, from its landmarks.

    Attributes:
        points: (478, 2) px.
        right: unit vector from the left outer eye corner to the right one.
        down: unit vector at right angles to it, towards the chin.
        eyes_px: distance of the outer eye corners.
        mouth_px: distance of the inner mouth corners.
        unit_px: the length that mouth movements are shares of.
        side: (478,) position across the mouth, -1 and 1 at the inner corners.
        gap_px: (11,) how far the lips of the picture stand apart.
    """

    points: F64
    right: F64
    down: F64
    eyes_px: float
    mouth_px: float
    unit_px: float
    side: F64
    gap_px: F64


def face_frame(landmarks: F64) -> FaceFrame:
    """Measure the axes and lengths of a face from its `landmarks` (478, 2 or 3) px."""
    points = np.ascontiguousarray(landmarks[:, :2], dtype=np.float64)
    eye, other_eye = points[list(lm.EYE_CORNERS)]
    eyes_px = float(np.linalg.norm(other_eye - eye))
    right = (other_eye - eye) / eyes_px
    down = np.array([-right[1], right[0]])
    inner = points[list(lm.INNER_CORNERS)]
    mouth_px = float(np.linalg.norm(inner[1] - inner[0]))
    middle = points[list(lm.OUTER_CORNERS)].mean(axis=0)
    rows = points[list(lm.INNER_LOWER_LIP)] - points[list(lm.INNER_UPPER_LIP)]
    return FaceFrame(
        points=points,
        right=right,
        down=down,
        eyes_px=eyes_px,
        mouth_px=mouth_px,
        unit_px=min(mouth_px, WIDEST_MOUTH * eyes_px),
        side=(points - middle) @ right / (mouth_px / 2),
        gap_px=np.maximum(rows @ down, 0.0),
    )


def landmark_moves(face: FaceFrame) -> F64:
    """Return (7, 478, 2) px: how each landmark moves at full weight, in `SHAPE_BASES`' order."""
    moves = (_neutral, _open, _wide, _round, _press, _tuck, _brow)
    return np.stack([move(face) for move in moves])


def _nothing(face: FaceFrame) -> F64:
    return np.zeros_like(face.points)


def _neutral(face: FaceFrame) -> F64:
    """Close the mouth of the picture and take back part of its smile: what is left at rest."""
    move = _nothing(face)
    closing = face.gap_px.copy()
    closing += 2 * SEAL * face.mouth_px * _lip_window()
    step = closing[:, None] * face.down
    move[list(lm.OUTER_UPPER_LIP)] += 0.4 * 0.75 * step
    move[list(lm.OUTER_LOWER_LIP)] -= 0.6 * 0.8 * step
    move[list(lm.INNER_UPPER_LIP)] += 0.4 * step
    move[list(lm.INNER_LOWER_LIP)] -= 0.6 * step
    move[list(lm.MOUTH_CORNERS)] = 0
    _drop_jaw(move, face, -0.25 * float(face.gap_px.max()))
    _level_smile(move, face, SMILE_LEVELLED)
    wider = max(0.0, 1 - RESTING_MOUTH * face.eyes_px / face.mouth_px)
    _spread_lips(move, face, -SMILE_NARROWED * min(wider, 0.25) / 2)
    _take_cheeks_along(move, face, np.eye(2))
    _take_chin_along(move, face)
    return move


def _open(face: FaceFrame) -> F64:
    """Drop the jaw and part the lips by `APERTURE`, along a rounded profile."""
    move = _nothing(face)
    aperture = APERTURE * face.unit_px
    profile = _lip_profile()[:, None] * aperture * face.down
    move[list(lm.INNER_UPPER_LIP)] -= UPPER_SHARE * profile
    move[list(lm.OUTER_UPPER_LIP)] -= UPPER_SHARE * 0.8 * profile
    move[list(lm.INNER_LOWER_LIP)] += LOWER_SHARE * profile
    move[list(lm.OUTER_LOWER_LIP)] += LOWER_SHARE * 0.92 * profile
    _drop_jaw(move, face, LOWER_SHARE * 0.8 * aperture)
    move[list(lm.MOUTH_CORNERS)] = 0.10 * aperture * face.down
    _spread_lips(move, face, -0.07)
    _take_cheeks_along(move, face, face.right[:, None] * face.right)
    return move


def _wide(face: FaceFrame) -> F64:
    """Spread the lips, corners slightly up: the mouth of "ee"."""
    move = _nothing(face)
    _spread_lips(move, face, 0.075)
    move[list(lm.OUTER_CORNERS)] -= 0.015 * face.unit_px * face.down
    _take_cheeks_along(move, face, np.eye(2))
    return move


def _round(face: FaceFrame) -> F64:
    """Draw the corners in, level a smile, pucker the lips: the mouth of "oo".

    Puckered lips thicken to both sides. Without the inner side a narrowed mouth shows a taller
    hole than the same opening of a wide one, and is read as an open mouth.
    """
    move = _nothing(face)
    _spread_lips(move, face, -0.14)
    _level_smile(move, face, 0.45)
    window = _lip_window()[:, None] * face.down
    upper_px, lower_px = _lip_heights(face)
    move[list(lm.INNER_UPPER_LIP)] += min(0.015 * face.unit_px, 0.12 * upper_px) * window
    move[list(lm.INNER_LOWER_LIP)] -= min(0.03 * face.unit_px, 0.16 * lower_px) * window
    move[list(lm.OUTER_UPPER_LIP)] -= 0.035 * face.unit_px * window
    move[list(lm.OUTER_LOWER_LIP)] += 0.03 * face.unit_px * window
    _take_cheeks_along(move, face, np.eye(2))
    return move


def _press(face: FaceFrame) -> F64:
    """Press the lips on each other: p, b, m."""
    move = _nothing(face)
    upper_px, lower_px = _lip_heights(face)
    window = _lip_window()[:, None] * face.down
    move[list(lm.OUTER_LOWER_LIP)] -= min(0.035 * face.unit_px, 0.22 * lower_px) * window
    move[list(lm.OUTER_UPPER_LIP)] += min(0.022 * face.unit_px, 0.22 * upper_px) * window
    _take_chin_along(move, face)
    return move


def _tuck(face: FaceFrame) -> F64:
    """Draw the lower lip under the upper teeth: f, v."""
    move = _nothing(face)
    _, lower_px = _lip_heights(face)
    window = _lip_window()[:, None] ** 1.5 * face.down
    inner_px = 0.05 * face.unit_px
    outer_px = min(inner_px + 0.035 * face.unit_px, inner_px + 0.25 * lower_px)
    move[list(lm.INNER_LOWER_LIP)] -= inner_px * window
    move[list(lm.OUTER_LOWER_LIP)] -= outer_px * window
    for row in (lm.OUTER_UPPER_LIP, lm.INNER_UPPER_LIP):
        move[list(row)] -= 0.045 * face.unit_px * window
    _take_chin_along(move, face)
    return move


def _brow(face: FaceFrame) -> F64:
    """Raise the brows."""
    move = _nothing(face)
    move[list(lm.BROWS)] -= 0.06 * face.eyes_px * face.down
    return move


def _lip_profile() -> F64:
    """Return (11,): the opening along the lips, 1 in the middle, 0 at the corners."""
    across = np.linspace(-1, 1, lm.LIP_POINTS)
    return np.asarray(np.clip(1 - across**2, 0, 1) ** 0.9, dtype=np.float64)


def _lip_window() -> F64:
    """Return (11,): 1 in the middle of a lip, 0 at its corners, without a step between."""
    across = np.linspace(-1, 1, lm.LIP_POINTS)
    return np.asarray((1 - across**2) * (1 + 0.8 * across**2), dtype=np.float64)


def _lip_heights(face: FaceFrame) -> tuple[float, float]:
    """Return how thick the upper and the lower lip are in their middle, px."""
    upper = face.points[lm.INNER_UPPER_LIP[5]] - face.points[lm.OUTER_UPPER_LIP[5]]
    lower = face.points[lm.OUTER_LOWER_LIP[5]] - face.points[lm.INNER_LOWER_LIP[5]]
    return max(0.0, float(upper @ face.down)), max(0.0, float(lower @ face.down))


def _drop_jaw(move: F64, face: FaceFrame, chin_px: float) -> None:
    shares = np.array(list(lm.JAW_SHARES.values()))
    move[list(lm.JAW_SHARES)] += shares[:, None] * chin_px * face.down


def _spread_lips(move: F64, face: FaceFrame, share: float) -> None:
    lips = sorted({*lm.UPPER_LIP, *lm.LOWER_LIP})
    move[lips] += face.side[lips, None] * share * face.unit_px * face.right


def _level_smile(move: F64, face: FaceFrame, share: float) -> None:
    """Take back `share` of the curve of the lips: corner height times side^2 (a parabola)."""
    lips = sorted({*lm.UPPER_LIP, *lm.LOWER_LIP})
    middle = face.points[[13, 14]].mean(axis=0)
    corners = face.points[list(lm.INNER_CORNERS)].mean(axis=0)
    lift_px = share * max(0.0, float((middle - corners) @ face.down))
    move[lips] += np.minimum(face.side[lips, None] ** 2, 1.2) * lift_px * face.down


def _take_cheeks_along(move: F64, face: FaceFrame, allowed: F64) -> None:
    """Let cheek and chin skin follow the mouth's corners, less with distance.

    Without this the skin beside a corner is folded over itself, which shows as a swirl.
    `allowed` (2, 2) projects the corner's movement on the directions that are followed.
    """
    skin = sorted({*lm.CHIN_SKIN, *lm.CHEEKS})
    for corner in lm.OUTER_CORNERS:
        away = np.linalg.norm(face.points[skin] - face.points[corner], axis=1)
        follow = np.exp(-((away / (0.42 * face.mouth_px)) ** 2))
        move[skin] += follow[:, None] * (move[corner] @ allowed)


def _take_chin_along(move: F64, face: FaceFrame) -> None:
    """Let the skin just below the lower lip follow it, less with distance.

    A stretch to more than twice its length cannot be inverted by the fixed point.
    """
    skin, lip = list(lm.CHIN_SKIN), lm.OUTER_LOWER_LIP[5]
    away = np.linalg.norm(face.points[skin] - face.points[lip], axis=1)
    follow = np.exp(-((away / (0.30 * face.mouth_px)) ** 2))[:, None]
    move[skin] += follow * (move[lip] - move[skin])
