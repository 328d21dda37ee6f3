"""What the sound says about the mouth: a listener that is not the renderer's.

The local renderer hears the mouth with a small neural net. A score that asked the same net
would grade the renderer with its own ear, so the scores listen by other means: ten bands of
the log-mel spectrogram at five moments within +-80 ms and the products of the bands at the
moment itself, weighed linearly (ridge regression; `tools/train_listener.py`). What the two
share is the teacher, espeak-ng's speech with known phone times and one table of mouth shapes.

It is no perfect ear. On voices and texts it never heard its opening correlates .69 to .84
with the truth, its spread lips .0 (German) to .86 (Spanish): see `docs/scores.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from tfi_notebook.media.audio import ENVELOPE_RATE_HZ, energy, log_mel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tfi_notebook.quality.arrays import F32

LISTENER_FILE: Final = Path(__file__).with_name("listener.npy")
HEARS: Final = ("open", "spread", "press")
BANDS: Final = 10
SPEAKING: Final = 0.3  # of the loudness envelope
SILENT: Final = 0.25  # the same; between the two nothing is claimed
SHORTEST_SILENCE_S: Final = 0.3

_MOMENTS: Final = (-8, -4, 0, 4, 8)  # rows of 10 ms
_SMOOTHING: Final = np.hanning(7) / np.hanning(7).sum()
_BLOCK_ROWS: Final = 6_000  # keeps memory flat for long sounds
_CLOSURE_PRESS: Final = 0.45
_CLOSURE_NEAR_ROWS: Final = 15  # a closure stands within 150 ms of speech


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """A sound as a mouth would make it; row i belongs to the time i / 100 s.

    Attributes:
        opening: (n,) how far the jaw is open, about 0..1.
        spread: (n,) lips spread (positive) or rounded (negative), about -1..1.
        loudness: (n,) see `media.audio.energy`, 0..1.
        closures_s: (m,) moments at which lips seem to be pressed together (p, b, m).
        silent: (n,) whether the moment lies in a silence of at least 0.3 s.
    """

    opening: F32
    spread: F32
    loudness: F32
    closures_s: NDArray[np.float64]
    silent: NDArray[np.bool_]


def listen(samples: F32) -> Heard:
    """Hear the mouth in a sound.

    Args:
        samples: (n,) mono at 16 kHz, n >= 1.

    Returns:
        what it heard, 100 rows a second.
    """
    loudness = energy(samples)
    opening, spread, press = _answer(features(samples)).T
    return Heard(
        opening=opening,
        spread=spread,
        loudness=loudness,
        closures_s=_closures(press, loudness) / ENVELOPE_RATE_HZ,
        silent=_long_runs(loudness < SILENT, round(SHORTEST_SILENCE_S * ENVELOPE_RATE_HZ)),
    )


def features(samples: F32) -> F32:
    """Compute the ten bands the listener reads, freed of the recording's colour and contrast.

    Args:
        samples: (n,) mono at 16 kHz.

    Returns:
        (n // 160 + 1, 10).
    """
    mel = log_mel(samples)
    bands = mel.reshape(len(mel), BANDS, -1).mean(axis=2)
    speaking = energy(samples) > SPEAKING
    speech = bands[speaking] if speaking.any() else bands
    bands = (bands - speech.mean(axis=0)) / (speech.std(axis=0).mean() + 1e-3)
    padded = np.pad(bands, ((3, 3), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, len(_SMOOTHING), axis=0)
    return np.asarray(windows @ _SMOOTHING, np.float32)


def in_context(bands: F32, rows: NDArray[np.intp]) -> F32:
    """Set five moments and the products of the bands beside each other, and a constant.

    Args:
        bands: (n, 10) from `features`.
        rows: (m,) the rows asked for.

    Returns:
        (m, 106).
    """
    last = len(bands) - 1
    moments = [bands[np.clip(rows + offset, 0, last)] for offset in _MOMENTS]
    now = bands[rows]
    one, other = np.triu_indices(BANDS)
    constant = np.ones((len(rows), 1), np.float32)
    return np.concatenate([*moments, now[:, one] * now[:, other], constant], axis=1)


def _answer(bands: F32) -> F32:
    blocks = [
        in_context(bands, np.arange(at, min(at + _BLOCK_ROWS, len(bands)))) @ _weights()
        for at in range(0, len(bands), _BLOCK_ROWS)
    ]
    return np.concatenate(blocks)


@cache
def _weights() -> F32:
    """Return the (106, 3) weights of the channels in `HEARS`."""
    return np.asarray(np.load(LISTENER_FILE), np.float32)


def _closures(press: F32, loudness: F32) -> NDArray[np.intp]:
    """Return the rows at which `press` peaks within speech."""
    middle = press[1:-1]
    peaks = (middle > _CLOSURE_PRESS) & (middle >= press[:-2]) & (middle > press[2:])
    reach = np.convolve(loudness > SPEAKING, np.ones(2 * _CLOSURE_NEAR_ROWS + 1))
    near = reach[_CLOSURE_NEAR_ROWS:][: len(loudness)] > 0  # "same" would be wrong for short sounds
    return np.flatnonzero(peaks & near[1:-1]) + 1


def _long_runs(mask: NDArray[np.bool_], least: int) -> NDArray[np.bool_]:
    """Return the mask without its runs of less than `least` rows."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]])))
    kept = np.zeros_like(mask)
    for start, end in edges.reshape(-1, 2):
        kept[start:end] = end - start >= least
    return kept
