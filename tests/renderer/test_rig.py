"""The rig moves what it should move, holds still what it should not, and travels."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from tests.helpers.pictures import cartoon_face, on_canvas
from tfi_notebook.local.renderer.blink import LID_STATES
from tfi_notebook.local.renderer.canvas import Canvas, face_side, face_square, make_canvas
from tfi_notebook.local.renderer.compose import FramePainter
from tfi_notebook.local.renderer.fields import Grid, thin_plate
from tfi_notebook.local.renderer.mouth import Detail, mouth_pose
from tfi_notebook.local.renderer.rig import BASES, Rig, build_rig
from tfi_notebook.local.renderer.warp import Warp
from tfi_notebook.media.face import find_face, refine
from tfi_notebook.media.frames import read_picture
from tfi_notebook.samples import PORTRAIT

if TYPE_CHECKING:
    from numpy.typing import NDArray

EDGE_PX = 256


def weights(**values: float) -> NDArray[np.float32]:
    """Weights of one frame with a shut mouth and what is named."""
    row = np.zeros(len(BASES), np.float32)
    row[0] = 1
    for name, value in values.items():
        row[BASES.index(name)] = value
    return row


def canvas_of(rgb: NDArray[np.uint8], expand_ratio: float = 0.5) -> Canvas:
    face = find_face(rgb)
    return make_canvas(
        rgb, face.landmarks, output_size=EDGE_PX, crop=True, expand_ratio=expand_ratio
    )


@pytest.fixture(scope="module")
def canvas() -> Canvas:
    return canvas_of(read_picture(PORTRAIT))


@pytest.fixture(scope="module")
def rig(canvas: Canvas) -> Rig:
    return build_rig(canvas)


@pytest.fixture
def painter(rig: Rig) -> FramePainter:
    return FramePainter(rig, step_count=10, detail=Detail.TEETH)


def opening(frame: NDArray[np.uint8], canvas: Canvas) -> float:
    """How far the lips stand apart in a frame, in eye distances, seen by the landmark model."""
    points, _ = refine(frame, canvas.landmarks)
    eyes = np.linalg.norm(points[263, :2] - points[33, :2])
    return float(np.linalg.norm(points[13, :2] - points[14, :2]) / eyes)


def change(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.float64]:
    difference: NDArray[np.float64] = np.abs(a.astype(np.float64) - b).mean(axis=-1)
    return difference


def test_the_mouth_of_the_drawn_frames_opens_with_the_weight(
    painter: FramePainter, canvas: Canvas
) -> None:
    seen = [opening(painter.paint(weights(open=w), 0), canvas) for w in (0, 0.3, 0.6, 1)]
    assert seen == sorted(seen)
    assert seen[-1] - seen[0] > 0.1


def test_pressed_lips_are_shut_in_a_portrait_that_smiles_with_its_teeth(
    rig: Rig, painter: FramePainter, canvas: Canvas
) -> None:
    assert rig.look.teeth.own
    assert mouth_pose(rig, weights(press=1).astype(np.float64)).gap_px == 0
    assert opening(painter.paint(weights(press=1), 0), canvas) < opening(canvas.rgb, canvas)


def test_rounding_narrows_and_spreading_widens_the_mouth(
    painter: FramePainter, canvas: Canvas
) -> None:
    def width_px(row: NDArray[np.float32]) -> float:
        points, _ = refine(painter.paint(row, 0), canvas.landmarks)
        return float(np.linalg.norm(points[61, :2] - points[291, :2]))

    rest = width_px(weights(open=0.3))
    assert width_px(weights(open=0.3, round=1)) < 0.9 * rest
    assert width_px(weights(open=0.3, wide=1)) > 1.02 * rest


def test_a_moving_mouth_leaves_everything_outside_the_face_untouched(
    rig: Rig, painter: FramePainter, canvas: Canvas
) -> None:
    frame = painter.paint(weights(open=1, wide=0.5), 0)
    x0, y0, x1, y1 = rig.face_grid.box
    outside = np.ones(frame.shape[:2], bool)
    outside[y0:y1, x0:x1] = False
    assert outside.any()
    assert np.array_equal(frame[outside], canvas.rgb[outside])
    eyes = canvas.landmarks[[33, 133, 362, 263], :2].round().astype(int)
    assert change(frame, canvas.rgb)[eyes[:, 1], eyes[:, 0]].max() < 3


def test_a_moving_head_leaves_the_edge_of_the_picture_in_place(
    painter: FramePainter, canvas: Canvas
) -> None:
    frame = painter.paint(weights(shift_x=0.05, yaw=0.1, roll=0.05, pitch=0.05), 0)
    moved = change(frame, canvas.rgb)
    border = np.concatenate([moved[0], moved[-1], moved[:, 0], moved[:, -1]])
    assert border.max() < 3
    points, _ = refine(frame, canvas.landmarks)
    assert np.linalg.norm((points - canvas.landmarks)[1, :2]) > 0.04 * face_side(points)


def test_shut_lids_cover_the_eyes(painter: FramePainter, canvas: Canvas) -> None:
    def lid_gap(lid: int) -> float:
        points, _ = refine(painter.paint(weights(), lid), canvas.landmarks)
        return float(np.linalg.norm(points[159, :2] - points[145, :2]))

    gaps = [lid_gap(lid) for lid in range(len(LID_STATES))]
    assert gaps[3] < 0.6 * gaps[0]
    assert gaps[1] < gaps[0]


def test_more_is_painted_in_the_mouth_with_each_level_of_detail(rig: Rig) -> None:
    x0, y0, x1, y1 = rig.mouth_grid.box
    row = weights(open=1)
    inside = {
        detail: FramePainter(rig, step_count=10, detail=detail).paint(row, 0)[y0:y1, x0:x1].copy()
        for detail in Detail
    }
    assert change(inside[Detail.TONGUE], inside[Detail.CAVITY]).max() > 10
    brighter = inside[Detail.TEETH].astype(int) - inside[Detail.CAVITY]
    assert brighter.mean(axis=-1).max() > 80  # teeth are bright, a throat is dark


def test_a_grey_portrait_gets_a_grey_mouth() -> None:
    grey = cv2.cvtColor(read_picture(PORTRAIT), cv2.COLOR_RGB2GRAY)
    rig = build_rig(canvas_of(np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)))
    frame = FramePainter(rig, step_count=10, detail=Detail.TEETH).paint(weights(open=1), 0)
    assert np.ptp(frame.astype(int), axis=-1).max() <= 1


def test_a_drawing_without_teeth_gets_painted_ones() -> None:
    canvas = canvas_of(cartoon_face())
    rig = build_rig(canvas)
    assert not rig.look.teeth.own
    painter = FramePainter(rig, step_count=10, detail=Detail.TEETH)
    closed = opening(painter.paint(weights(press=1), 0), canvas)
    assert opening(painter.paint(weights(open=1), 0), canvas) > closed + 0.1


def test_the_rig_survives_the_way_to_another_process(rig: Rig, painter: FramePainter) -> None:
    row = weights(open=0.7, round=0.3, yaw=0.05)
    copy = pickle.loads(pickle.dumps(rig))
    other = FramePainter(copy, step_count=10, detail=Detail.TEETH)
    assert np.array_equal(painter.paint(row, 2), other.paint(row, 2))


def test_more_steps_invert_the_warp_better(rig: Rig) -> None:
    row = weights(open=1, wide=0.3, yaw=0.08, roll=0.03)
    means = [
        FramePainter(rig, step_count=n, detail=Detail.TEETH).residual(row)[0] for n in (1, 2, 4, 8)
    ]
    assert means == sorted(means, reverse=True)
    assert means[0] > 0.1
    assert means[-1] < 0.005


def test_a_full_opening_does_not_fold_the_skin(rig: Rig) -> None:
    # where skin folds, the inversion cannot converge and the worst point stays px away
    painter = FramePainter(rig, step_count=12, detail=Detail.CAVITY)
    for row in (weights(open=1), weights(open=0.6, round=1), weights(open=0.3, wide=1)):
        mean_px, worst_px = painter.residual(row)
        assert mean_px < 0.015
        assert worst_px < 1.2


def test_the_inverse_of_a_known_stretch_is_found() -> None:
    # x -> 1.25 x moves the point at 40 to 50, so that 50 shows what was at 40
    warp = Warp(Grid((0, 0, 80, 8), 2))
    x = np.arange(0, 80, 2) + 0.5
    field = np.zeros((4, 40, 2), np.float32)
    field[..., 0] = 0.25 * x
    shift = warp.invert(field, 12)
    inner = slice(1, 30)  # the border is repeated, not stretched
    assert np.allclose(shift[0, inner, 0], 0.2 * x[inner], atol=0.02)
    assert warp.residual(field, shift)[:, inner].max() < 0.02


def test_thin_plate_splines_pass_through_their_points_and_keep_planes_plane() -> None:
    rng = np.random.default_rng(0)
    points, values = rng.uniform(0, 100, (30, 2)), rng.normal(size=(30, 3))
    assert np.allclose(thin_plate(points, values, points), values, atol=1e-3)
    plane = points @ np.array([[0.3], [-0.2]]) + 5
    queries = rng.uniform(0, 100, (50, 2))
    expected = queries @ np.array([[0.3], [-0.2]]) + 5
    assert np.allclose(thin_plate(points, plane, queries), expected, atol=1e-3)


@pytest.mark.parametrize("expand_ratio", [0.0, 0.25, 0.5])
def test_the_square_has_the_documented_size(expand_ratio: float) -> None:
    rgb = read_picture(PORTRAIT)
    face = find_face(rgb)
    x0, y0, x1, y1 = face_square(face.landmarks, rgb.shape[:2], expand_ratio)
    expected = face_side(face.landmarks) * (1 + 2 * expand_ratio)
    assert x1 - x0 == y1 - y0 == round(expected)
    assert canvas_of(rgb, expand_ratio).face_share == pytest.approx(
        1 / (1 + 2 * expand_ratio), rel=0.05
    )


def test_the_square_is_moved_into_the_picture_instead_of_inventing_a_border() -> None:
    face = cartoon_face(300)
    corner = on_canvas(face, 800, 600, 480, 290)
    points = find_face(corner).landmarks
    x0, y0, x1, y1 = face_square(points, corner.shape[:2], 1.0)
    assert (x1, y1) == (800, 600)
    assert x0 >= 0
    assert y0 >= 0
    assert face_square(points, corner.shape[:2], 9.0)[3] == 600


def test_a_face_larger_than_the_picture_is_mirrored_at_the_edge_not_smeared() -> None:
    rgb = read_picture(PORTRAIT)
    points = find_face(rgb).landmarks
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    part = np.ascontiguousarray(
        rgb[int(low[1]) : int(high[1]), int(low[0]) + 12 : int(high[0]) - 12]
    )
    face = find_face(part)
    canvas = make_canvas(part, face.landmarks, output_size=200, crop=True, expand_ratio=0.5)
    assert canvas.rgb.shape == (200, 200, 3)
    # a smeared border would repeat one column; a mirrored one differs from column to column
    assert change(canvas.rgb[:, :4], canvas.rgb[:, 4:8]).mean() > 0.5
