"""From the sound's mouth track to the weights of every frame.

The mouth's movement y (T, 5) is the solution of a small optimisation problem: follow the
targets t, but move like flesh, without jerks, and keep the lips shut where p, b, m demand it:

    minimise  1/2 |y - t|^2 + a/2 |Dy|^2 + b/2 |DDy|^2    subject to  0 <= y <= u,

D being the difference from frame to frame. It is solved by projected gradient descent with
the fixed step 1/L, where L = 1 + 4a + 16b bounds the curvature (Nesterov, "Introductory
Lectures on Convex Optimization", 2004, section 2.2.4). It starts at a shut mouth, so the
number of steps is a true trade of time against articulation. A banded solver would find the
optimum at once; the steps are there to be counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from tfi_notebook.local.renderer.options import LIVELY_VERSION
from tfi_notebook.local.renderer.rig import BASES
from tfi_notebook.local.renderer.speech import CHANNELS, TRACK_RATE_HZ

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tfi_notebook.local.renderer.arrays import F32, F64, U8

FPS: Final = 25
VELOCITY_WEIGHT: Final = 0.1  # a
ACCELERATION_WEIGHT: Final = 0.1  # b; both: as smooth as the tracks of known phones are
OPENING_GAIN: Final = 1.1  # gives back what the net's caution and the smoothing take
MOUTH_SCALE_MAX: Final = 1.3  # beyond that the skin at the corners would fold

LEAD_S: Final = 0.01
"""Frames look this far ahead in the track. Measured in finished videos, mouths are then 0 to 15 ms
early; a viewer forgives an early mouth more easily than a late one."""

_OPEN, _PRESS = CHANNELS.index("open"), CHANNELS.index("press")
_MOUTH: Final = slice(BASES.index("open"), BASES.index("tuck") + 1)
_SCALED: Final = slice(BASES.index("open"), BASES.index("round") + 1)
_BASE: Final = {name: BASES.index(name) for name in BASES}
_CLOSED: Final = 0.02  # the upper bound of the opening while the lips are pressed
_PRESS_FELT, _PRESS_SHUTS = 0.25, 0.65  # a press bounds the opening, and one that shuts the lips
_HALF_FRAME: Final = TRACK_RATE_HZ // FPS // 2
_BLINK: Final = (1, 3, 3, 2, 1)  # lid states of one blink, 40 ms each
_FIRST_BLINK_S: Final = (0.8, 2.5)
_BLINK_EVERY_S: Final = (2.2, 5.0)


@dataclass(frozen=True, slots=True, eq=False)
class MouthSolution:
    """The solver's result.

    Attributes:
        track: (T, 5) in 0..1 at 25 fps, in the order of `speech.CHANNELS`.
        objective: (n,) its value after each step; falls monotonically.
        residual: largest projected gradient after the last step; 0 at the optimum.
    """

    track: F64
    objective: F64
    residual: float


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """What every frame needs besides the rig.

    Attributes:
        weights: (T, 12) in the order of `rig.BASES`.
        lids: (T,) states of the lids, indices of `blink.LID_STATES`.
        mouth: the solver's result.
    """

    weights: F32
    lids: U8
    mouth: MouthSolution


def make_motion(
    track: F32, loudness: F32, *, version: int, step_count: int, dynamic_scale: float, seed: int
) -> Motion:
    """Make the weights of every frame.

    Args:
        track: (n, 5) in 0..1 at 100 Hz, from `speech.speech_track`.
        loudness: (n,) in 0..1 at 100 Hz.
        version: 6 also moves head, brows and lids.
        step_count: steps of the mouth's solver, at least 1.
        dynamic_scale: see `RenderOptions`.
        seed: of head movement and blinks.

    Returns:
        the motion, one row for each 1/25 s of the track.
    """
    targets, upper = mouth_targets(track)
    mouth = solve_mouth(targets, upper, step_count)
    weights = np.zeros((len(targets), len(BASES)))
    weights[:, _BASE["neutral"]] = 1
    weights[:, _MOUTH] = mouth.track
    weights[:, _SCALED] *= min(dynamic_scale, MOUTH_SCALE_MAX)
    lids = np.zeros(len(targets), np.uint8)
    if version >= LIVELY_VERSION:
        rng = np.random.default_rng(seed)
        _move_head(weights, loudness, dynamic_scale, rng)
        _blink(lids, rng)
    return Motion(weights.astype(np.float32), lids, mouth)


def mouth_targets(track: F32) -> tuple[F64, F64]:
    """Sample a mouth track at the middle of each frame, `LEAD_S` ahead.

    A closure lasts hardly longer than a frame, so the strongest press within the frame
    counts, and while it lasts the opening's upper bound falls to nearly 0.

    Args:
        track: (n, 5) at 100 Hz.

    Returns:
        targets t and upper bounds u, (T, 5) each.
    """
    duration_s = max(len(track) - 1, 1) / TRACK_RATE_HZ
    frames = max(1, int(np.ceil(duration_s * FPS - 1e-9)))
    middles = _middle_rows(frames) + round(LEAD_S * TRACK_RATE_HZ)
    last = len(track) - 1
    around = np.arange(-_HALF_FRAME, _HALF_FRAME + 1)[:, None]
    targets = np.clip(track[np.clip(middles, 0, last)], 0, 1).astype(np.float64)
    targets[:, _OPEN] = np.minimum(OPENING_GAIN * targets[:, _OPEN], 1)
    targets[:, _PRESS] = track[np.clip(middles + around, 0, last), _PRESS].max(axis=0)
    upper = np.ones_like(targets)
    shut = (targets[:, _PRESS] - _PRESS_FELT) / (_PRESS_SHUTS - _PRESS_FELT)
    upper[:, _OPEN] = np.clip(1 - shut, _CLOSED, 1)
    return targets, upper


def _middle_rows(frames: int) -> NDArray[np.int64]:
    """Return (T,): the row of a 100 Hz track at the middle of each frame."""
    return np.asarray((np.arange(frames) + 0.5) * TRACK_RATE_HZ / FPS, dtype=np.int64)


def solve_mouth(targets: F64, upper: F64, step_count: int) -> MouthSolution:
    """Take `step_count` projected-gradient steps towards the movement of least cost.

    Args:
        targets: t, (T, 5).
        upper: u, (T, 5).
        step_count: n, at least 1.

    Returns:
        the movement after n steps from a shut mouth.

    Example:
        >>> solve_mouth(np.full((9, 1), 0.5), np.ones((9, 1)), 60).track.round(3)[4]
        array([0.5])
    """
    curvature = 1 + 4 * VELOCITY_WEIGHT + 16 * ACCELERATION_WEIGHT
    track = np.zeros_like(targets)
    values = np.empty(step_count)
    residual = 0.0
    for step in range(step_count):
        moved = np.clip(track - _gradient(track, targets) / curvature, 0, upper)
        residual = float(np.abs(moved - track).max()) * curvature
        track = moved
        values[step] = _objective(track, targets)
    return MouthSolution(track, values, residual)


def _objective(track: F64, targets: F64) -> float:
    misses = ((track - targets) ** 2).sum()
    speed = (np.diff(track, axis=0) ** 2).sum()
    jerk = (np.diff(track, 2, axis=0) ** 2).sum()
    return float(misses + VELOCITY_WEIGHT * speed + ACCELERATION_WEIGHT * jerk) / 2


def _gradient(track: F64, targets: F64) -> F64:
    """Return t - y plus the transposed differences of the weighted differences."""
    gradient = track - targets
    speed = VELOCITY_WEIGHT * np.diff(track, axis=0)
    gradient[:-1] -= speed
    gradient[1:] += speed
    bend = ACCELERATION_WEIGHT * np.diff(track, 2, axis=0)
    gradient[:-2] += bend
    gradient[1:-1] -= 2 * bend
    gradient[2:] += bend
    return gradient


def _move_head(weights: F64, loudness: F32, scale: float, rng: np.random.Generator) -> None:
    """Sway slowly, nod and raise the brows with the phrases; amplitudes in rad or eye distances."""
    phrase = _phrases(loudness, len(weights))
    sway = {
        "shift_x": (0.007, (0.13, 0.31, 0.53)),
        "shift_y": (0.006, (0.17, 0.41)),
        "roll": (0.007, (0.11, 0.27, 0.47)),
        "yaw": (0.055, (0.09, 0.23, 0.38)),
        "pitch": (0.025, (0.14, 0.33)),
    }
    for name, (amplitude, rates_hz) in sway.items():
        weights[:, _BASE[name]] = amplitude * _wander(len(weights), rates_hz, rng)
    weights[:, _BASE["shift_y"]] += 0.02 * phrase
    weights[:, _BASE["pitch"]] += 0.06 * phrase
    weights[:, _BASE["brow"]] = np.clip(2.2 * phrase, 0, 1)
    weights[:, _BASE["brow"] :] *= scale


def _phrases(loudness: F32, frames: int) -> F64:
    """Return (T,): the loudness of phrases, not syllables, round its mean."""
    kernel = np.hanning(61)
    padded = np.pad(loudness.astype(np.float64), 30, mode="edge")
    smooth = np.convolve(padded, kernel / kernel.sum(), mode="valid")
    phrase = smooth[np.minimum(_middle_rows(frames), len(smooth) - 1)]
    return np.asarray(phrase - phrase.mean(), dtype=np.float64)


def _wander(frames: int, rates_hz: tuple[float, ...], rng: np.random.Generator) -> F64:
    """Return (T,): a sum of slow sines with random phases, the slowest the strongest."""
    time_s = np.arange(frames) / FPS
    phases = rng.uniform(0, 2 * np.pi, len(rates_hz))
    waves = [
        np.sin(2 * np.pi * rate * time_s + phase) / (1 + rank)
        for rank, (rate, phase) in enumerate(zip(rates_hz, phases, strict=True))
    ]
    return np.asarray(np.sum(waves, axis=0), dtype=np.float64)


def _blink(lids: U8, rng: np.random.Generator) -> None:
    """Blink every few seconds, in place; never cut off by the end."""
    at_s = rng.uniform(*_FIRST_BLINK_S)
    while (start := int(at_s * FPS)) + len(_BLINK) < len(lids):
        lids[start : start + len(_BLINK)] = _BLINK
        at_s += rng.uniform(*_BLINK_EVERY_S)
