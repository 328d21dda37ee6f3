"""Faces are found where they are, refused where they are not."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from tests.helpers.pictures import cartoon_face, on_canvas
from tfi_notebook.errors import NoFaceError
from tfi_notebook.media.face import PRESENCE_MIN, find_face, refine, track_landmarks
from tfi_notebook.media.frames import read_picture
from tfi_notebook.media.nets import MESH_478, mesh_outputs
from tfi_notebook.samples import PORTRAIT

if TYPE_CHECKING:
    from numpy.typing import NDArray

UPPER_LIP, LOWER_LIP, RIGHT_EYE, LEFT_EYE = 13, 14, 33, 263


@pytest.fixture(scope="module")
def portrait() -> NDArray[np.uint8]:
    return read_picture(PORTRAIT)


def test_the_portrait_s_face_is_found_where_it_is(portrait: NDArray[np.uint8]) -> None:
    face = find_face(portrait)

    assert face.landmarks.shape == (478, 3)
    assert face.score > 0.8
    assert face.presence > 0.99
    # seen in the picture: the mouth's middle near (223, 146), the eyes near y = 102
    assert face.landmarks[UPPER_LIP, :2] == pytest.approx((223, 143), abs=3)
    assert face.landmarks[RIGHT_EYE, :2] == pytest.approx((195, 100), abs=3)
    assert face.landmarks[LEFT_EYE, :2] == pytest.approx((256, 103), abs=3)
    x0, y0, x1, y1 = face.box
    assert x0 < 195
    assert x1 > 256
    assert y0 < 100
    assert y1 > 146


def test_a_drawn_face_is_a_face() -> None:
    face = find_face(cartoon_face())
    assert face.presence > PRESENCE_MIN
    assert face.landmarks[UPPER_LIP, :2] == pytest.approx((256, 360), abs=14)


def test_a_tilted_face_has_tilted_eyes(portrait: NDArray[np.uint8]) -> None:
    turn = cv2.getRotationMatrix2D((224, 130), 25, 1.0)
    tilted = np.asarray(cv2.warpAffine(portrait, turn, (512, 512)), np.uint8)
    right, left = find_face(tilted).landmarks[[RIGHT_EYE, LEFT_EYE], :2]
    angle_deg = np.degrees(np.arctan2(*(left - right)[::-1]))
    assert angle_deg == pytest.approx(-25 + 3, abs=4)  # she herself tilts her head by 3 degrees


def test_a_face_of_a_twentieth_of_the_picture_is_found_in_tiles(
    portrait: NDArray[np.uint8],
) -> None:
    small = np.asarray(cv2.resize(portrait, (400, 400), interpolation=cv2.INTER_AREA), np.uint8)
    face = find_face(on_canvas(small, 2400, 1600, 1500, 1000))

    x0, _, x1, _ = face.box
    assert (x1 - x0) / 1600 < 0.06
    scale = 400 / 512
    expected = (1500 + 223 * scale, 1000 + 146 * scale)
    assert face.landmarks[[UPPER_LIP, LOWER_LIP], :2].mean(axis=0) == pytest.approx(expected, abs=4)


def test_of_two_faces_the_larger_is_taken(portrait: NDArray[np.uint8]) -> None:
    both = on_canvas(portrait, 1100, 560, 20, 20)
    both[20:532, 560:1072] = cv2.resize(portrait[20:276, 96:352], (512, 512))
    assert find_face(both).landmarks[UPPER_LIP, 0] > 560


def test_a_picture_without_a_face_is_refused_with_its_score_and_a_remedy() -> None:
    rng = np.random.default_rng(0)
    stones = np.asarray(rng.integers(0, 255, (360, 480, 3)), np.uint8)
    with pytest.raises(NoFaceError) as caught:
        find_face(cv2.GaussianBlur(stones, (0, 0), 9).astype(np.uint8), field="image_url")
    assert 0 <= caught.value.score < 0.5
    assert caught.value.field == "image_url"
    assert "480x360" in caught.value.message
    assert "closer to the face" in caught.value.hint


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 3), (97, 4000)])
def test_odd_shapes_are_refused_and_not_crashed_on(shape: tuple[int, int]) -> None:
    with pytest.raises(NoFaceError):
        find_face(np.full((*shape, 3), 120, np.uint8))


def test_refine_finds_the_same_face_again_from_rough_landmarks(
    portrait: NDArray[np.uint8],
) -> None:
    exact = find_face(portrait).landmarks
    again, presence = refine(portrait, exact + np.array([4.0, -3.0, 0.0]))
    assert presence > 0.99
    assert np.linalg.norm((again - exact)[:, :2], axis=1).mean() < 1.0


def test_tracking_follows_a_face_through_a_gap(portrait: NDArray[np.uint8]) -> None:
    blank = np.full_like(portrait, 90)
    moves = [0, 5, 10, None, None, 20, 25]
    frames = [blank if m is None else np.roll(portrait, m, axis=1) for m in moves]

    tracks = track_landmarks(iter(frames))

    assert tracks.shape == (7, 468, 3)
    assert [bool(np.isnan(row).any()) for row in tracks] == [m is None for m in moves]
    seen_x = tracks[:, UPPER_LIP, 0] - tracks[0, UPPER_LIP, 0]
    assert seen_x[[1, 2, 5, 6]] == pytest.approx([5, 10, 20, 25], abs=1.0)


def test_the_two_models_agree_on_the_lips(portrait: NDArray[np.uint8]) -> None:
    rig = find_face(portrait).landmarks[:468, :2]
    witness = track_landmarks([portrait])[0, :, :2]
    assert np.linalg.norm(rig - witness, axis=1).mean() < 2.0


def test_tracking_nothing_but_walls_raises() -> None:
    with pytest.raises(NoFaceError):
        track_landmarks([np.full((64, 64, 3), 90, np.uint8)] * 3)
    assert track_landmarks([]).shape == (0, 468, 3)


def test_threads_and_spawned_processes_find_the_very_same_landmarks(
    portrait: NDArray[np.uint8],
) -> None:
    here = find_face(portrait).landmarks
    with ThreadPoolExecutor(3) as threads:
        elsewhere = [face.landmarks for face in threads.map(find_face, [portrait] * 6)]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
        elsewhere.append(processes.submit(find_face, portrait).result().landmarks)
    assert all(np.array_equal(here, there) for there in elsewhere)


def test_a_wrong_input_size_is_an_error_and_not_a_crash() -> None:
    with pytest.raises(ValueError, match="256x256"):
        mesh_outputs(MESH_478, np.zeros((128, 128, 3), np.uint8))
