"""What a stranger would notice: teeth, shut eyes, a smile at rest, a background that bends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from tests.helpers.people import SERIOUS, SMILING, draw
from tfi_notebook.local.renderer.blink import LID_STATES
from tfi_notebook.local.renderer.canvas import Canvas, make_canvas
from tfi_notebook.local.renderer.compose import FramePainter
from tfi_notebook.local.renderer.matte import SHOULDER_SHARE, head_and_shoulders
from tfi_notebook.local.renderer.mouth import Detail
from tfi_notebook.local.renderer.rig import BASES, Rig, build_rig
from tfi_notebook.media.face import find_face, refine

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.helpers.people import Person

EDGE_PX = 400
FACE_OVAL = (10, 297, 284, 389, 454, 361, 397, 379, 152, 150, 172, 132, 234, 162, 54, 67)


def portrait(person: Person) -> tuple[Canvas, Rig]:
    rgb = draw(person)
    canvas = make_canvas(
        rgb, find_face(rgb).landmarks, output_size=EDGE_PX, crop=True, expand_ratio=0.5
    )
    return canvas, build_rig(canvas)


@pytest.fixture(scope="module")
def serious() -> tuple[Canvas, Rig]:
    return portrait(SERIOUS)


@pytest.fixture(scope="module")
def smiling() -> tuple[Canvas, Rig]:
    return portrait(SMILING)


def painted(rig: Rig, lid: int = 0, **values: float) -> NDArray[np.uint8]:
    weights = np.zeros(len(BASES), np.float32)
    weights[0] = 1
    for name, value in values.items():
        weights[BASES.index(name)] = value
    return FramePainter(rig, step_count=10, detail=Detail.TEETH).paint(weights, lid)


def inside(points: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    mask = np.zeros(shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.round(points).astype(np.int32)), (1,))
    return mask.astype(bool)


def test_a_smile_with_teeth_rests_closed_and_less_wide(smiling: tuple[Canvas, Rig]) -> None:
    canvas, rig = smiling
    frame = painted(rig)
    points, _ = refine(frame, canvas.landmarks)

    def width_and_curve(landmarks: NDArray[np.float64]) -> tuple[float, float]:
        width_px = float(np.linalg.norm(landmarks[61, :2] - landmarks[291, :2]))
        lift_px = landmarks[[13, 14], 1].mean() - landmarks[[61, 291], 1].mean()
        return width_px, float(lift_px / width_px)

    (width_px, curve), (her_width_px, her_curve) = map(width_and_curve, (points, canvas.landmarks))
    assert width_px < 0.87 * her_width_px
    assert curve < 0.7 * her_curve
    lips = inside(canvas.landmarks[[61, 291, 0, 17, 37, 267, 84, 314], :2], frame.shape)

    def pale(rgb: NDArray[np.uint8]) -> float:
        seen = (np.ptp(rgb.astype(int), axis=-1) < 30) & (rgb.mean(axis=-1) > 140)
        return float(seen[lips].mean())

    assert pale(canvas.rgb) > 0.1  # her teeth, in the picture
    assert pale(frame) < 0.001


def test_drawn_teeth_are_single_teeth_even_in_a_small_opening(serious: tuple[Canvas, Rig]) -> None:
    canvas, rig = serious
    assert not rig.look.teeth.own
    x0, x1 = (int(canvas.landmarks[i, 0]) for i in (78, 308))
    for opening in (0.3, 0.9):
        frame = painted(rig, open=opening).astype(int)
        row = int(canvas.landmarks[[13, 14], 1].mean()) + 1
        teeth = frame[row, x0:x1].mean(axis=-1)
        middle = teeth[len(teeth) // 4 : -len(teeth) // 4]
        gaps = (middle[1:-1] < middle[:-2]) & (middle[1:-1] <= middle[2:])
        assert gaps.sum() >= 3
        assert middle.max() > 75  # in the light, not in the dark of the throat
        assert rig.look.cavity.mean() < 40


def test_a_shut_eye_shows_no_white(smiling: tuple[Canvas, Rig]) -> None:
    canvas, rig = smiling
    eye = inside(canvas.landmarks[[33, 133, 159, 145, 160, 158, 153, 144], :2], canvas.rgb.shape)

    def whites(lid: int) -> float:
        frame = painted(rig, lid).astype(int)
        return float((np.ptp(frame, axis=-1) < 16)[eye].mean())  # skin has a colour

    assert whites(0) > 0.2
    assert [whites(lid) for lid in range(len(LID_STATES))] == sorted(
        (whites(lid) for lid in range(len(LID_STATES))), reverse=True
    )
    assert whites(3) < 0.02


def test_a_moving_head_does_not_bend_the_bookshelf(serious: tuple[Canvas, Rig]) -> None:
    canvas, rig = serious
    frame = painted(rig, yaw=0.08, shift_x=0.012, roll=0.01, pitch=0.03)
    moved = np.abs(frame.astype(int) - canvas.rgb).max(axis=-1) > 24
    outline = canvas.landmarks[list(FACE_OVAL), :2]
    centre = outline.mean(axis=0)
    face = inside(outline, frame.shape)
    near = inside(centre + 1.5 * (outline - centre), frame.shape)
    assert moved[face].mean() > 0.08
    assert moved[~near].mean() < 0.02


def test_shoulders_follow_a_little_and_the_background_not_at_all(
    serious: tuple[Canvas, Rig],
) -> None:
    canvas, rig = serious
    places = np.array([[canvas.landmarks[1, :2], [200.0, 385.0], [20.0, 100.0]]])
    head, shoulders = head_and_shoulders(canvas.rgb, rig.face, places)
    nose, shoulder, shelf = (head + shoulders)[0]
    assert nose > 0.99
    assert 0.3 * SHOULDER_SHARE < shoulder < 2 * SHOULDER_SHARE
    assert shelf < 0.01
