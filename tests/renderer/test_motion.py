"""The mouth follows the speech, closes where it must, and the steps pay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.helpers.sounds import segments
from tfi_notebook.local.renderer.motion import (
    ACCELERATION_WEIGHT,
    FPS,
    MOUTH_SCALE_MAX,
    VELOCITY_WEIGHT,
    Motion,
    make_motion,
    mouth_targets,
    solve_mouth,
)
from tfi_notebook.local.renderer.rig import BASES
from tfi_notebook.local.renderer.speech import viseme_track

if TYPE_CHECKING:
    from numpy.typing import NDArray

DURATION_S = 8.0
OPEN, PRESS, YAW = BASES.index("open"), BASES.index("press"), BASES.index("yaw")
HEAD = slice(BASES.index("shift_x"), None)


@pytest.fixture(scope="module")
def track() -> NDArray[np.float32]:
    return viseme_track(segments("espeak_en"), DURATION_S)


def motion_of(
    track: NDArray[np.float32],
    *,
    version: int = 6,
    step_count: int = 10,
    dynamic_scale: float = 1.0,
    seed: int = 0,
) -> Motion:
    return make_motion(
        track,
        track[:, 0],
        version=version,
        step_count=step_count,
        dynamic_scale=dynamic_scale,
        seed=seed,
    )


def test_there_is_one_row_for_each_frame_of_the_track(track: NDArray[np.float32]) -> None:
    motion = motion_of(track)
    assert motion.weights.shape == (DURATION_S * FPS, len(BASES))
    assert motion.lids.shape == (DURATION_S * FPS,)
    assert len(motion_of(track[:2]).weights) == 1


def test_the_lips_close_at_p_b_m(track: NDArray[np.float32]) -> None:
    motion = motion_of(track, version=5)
    closures = [(a + b) / 2 for a, b, viseme in segments("espeak_en") if viseme == "PBM"]
    assert len(closures) > 5
    for middle_s in closures:
        # the lips lead the sound by 20 ms and a frame lasts 40 ms
        nearby = motion.weights[max(0, int((middle_s - 0.06) * FPS)) :][:4]
        assert nearby[:, OPEN].min() < 0.1
        assert nearby[:, PRESS].max() > 0.3


def test_the_objective_falls_with_every_step_and_the_residual_vanishes(
    track: NDArray[np.float32],
) -> None:
    targets, upper = mouth_targets(track)
    solution = solve_mouth(targets, upper, 200)
    assert np.all(np.diff(solution.objective) <= 1e-9)
    assert solution.residual < 1e-6
    assert solution.track.min() >= 0
    assert np.all(solution.track <= upper)


def test_the_optimum_is_that_of_the_linear_system_where_no_bound_is_active() -> None:
    time = np.arange(60)
    targets = (0.5 + 0.2 * np.sin(time / 3))[:, None]
    first, second = np.diff(np.eye(60), axis=0), np.diff(np.eye(60), 2, axis=0)
    smooth = VELOCITY_WEIGHT * first.T @ first + ACCELERATION_WEIGHT * second.T @ second
    exact = np.linalg.solve(np.eye(60) + smooth, targets)
    solved = solve_mouth(targets, np.ones_like(targets), 300)
    assert np.allclose(solved.track, exact, atol=1e-6)


def test_more_steps_articulate_more(track: NDArray[np.float32]) -> None:
    openings = [
        float(np.percentile(motion_of(track, step_count=n).weights[:, OPEN], 95))
        for n in (1, 3, 5, 10, 20, 50)
    ]
    assert openings == sorted(openings)
    assert openings[0] < 0.4 * openings[-1]
    assert openings[3] > 0.95 * openings[-1]  # the default articulates well


def test_ten_steps_follow_the_track_as_well_as_the_optimum_does(
    track: NDArray[np.float32],
) -> None:
    targets, _ = mouth_targets(track)
    r = {
        n: np.corrcoef(motion_of(track, step_count=n).weights[:, OPEN], targets[:, 0])[0, 1]
        for n in (10, 200)
    }
    assert r[10] > 0.9
    assert r[10] > r[200] - 0.01


def test_only_version_6_moves_head_brows_and_lids(track: NDArray[np.float32]) -> None:
    still, lively = motion_of(track, version=5), motion_of(track, version=6)
    assert not still.weights[:, HEAD].any()
    assert not still.lids.any()
    assert lively.weights[:, HEAD].any(axis=0).all()
    assert lively.weights[:, BASES.index("brow")].max() > 0.1
    assert 1 <= np.sum((lively.lids == 3)[1:] & (lively.lids != 3)[:-1]) <= 5
    assert np.array_equal(still.weights[:, 1:6], lively.weights[:, 1:6])


def test_the_head_moves_smoothly(track: NDArray[np.float32]) -> None:
    head = motion_of(track).weights[:, HEAD]
    assert np.abs(np.diff(head, axis=0)).max() < 0.02


def test_dynamic_scale_acts_fully_on_the_head_and_within_limits_on_the_mouth(
    track: NDArray[np.float32],
) -> None:
    one, half, three = (motion_of(track, dynamic_scale=scale).weights for scale in (1, 0.5, 3))
    assert np.allclose(three[:, HEAD], 3 * one[:, HEAD], atol=1e-5)
    assert np.allclose(half[:, OPEN], 0.5 * one[:, OPEN], atol=1e-6)
    assert np.allclose(three[:, OPEN], MOUTH_SCALE_MAX * one[:, OPEN], atol=1e-6)
    assert np.array_equal(three[:, PRESS], one[:, PRESS])


def test_the_seed_decides_on_the_head_and_on_nothing_else(track: NDArray[np.float32]) -> None:
    first, again, other = (motion_of(track, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.weights, again.weights)
    assert np.array_equal(first.lids, again.lids)
    assert not np.allclose(first.weights[:, YAW], other.weights[:, YAW])
    assert np.array_equal(first.weights[:, OPEN], other.weights[:, OPEN])


def test_silence_keeps_the_mouth_shut() -> None:
    silence = viseme_track([], 2.0)
    assert motion_of(silence).weights[:, OPEN].max() < 0.01
