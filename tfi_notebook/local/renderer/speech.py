"""Speech to mouth: five numbers for every 10 ms of sound.

The channels are `open` (jaw), `wide` (spread lips), `round` (puckered lips), `press` (lips
on each other: p b m) and `tuck` (lower lip under the teeth: f v), each in 0..1.

Two ways lead there. `speech_track` hears them in the sound with a small neural net trained
by `tools/train_speech_net.py`; `viseme_track` draws them from known phone times, which is
how the net's targets and the truth tracks of the tests are made, and what `phones` adds.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from tfi_notebook.media.audio import Hearing, hear
from tfi_notebook.media.hearing import product

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

CHANNELS: Final = ("open", "wide", "round", "press", "tuck")
TRACK_RATE_HZ: Final = 100
LOUDNESS_VERSION: Final = 4  # the one version that hears only how loud the sound is

# Mouth shapes by the letters of their sounds: open, wide, round, press, tuck.
VISEMES: Final[dict[str, tuple[float, float, float, float, float]]] = {
    "sil": (0.00, 0.00, 0.00, 0.15, 0.00),
    "PBM": (0.00, 0.00, 0.00, 1.00, 0.00),
    "FV": (0.08, 0.10, 0.00, 0.00, 1.00),
    "TDN": (0.22, 0.15, 0.00, 0.00, 0.00),
    "S": (0.12, 0.35, 0.00, 0.00, 0.00),
    "KG": (0.30, 0.10, 0.00, 0.00, 0.00),
    "SH": (0.20, 0.00, 0.55, 0.00, 0.00),
    "R": (0.28, 0.00, 0.35, 0.00, 0.00),
    "AA": (1.00, 0.10, 0.00, 0.00, 0.00),
    "EH": (0.62, 0.50, 0.00, 0.00, 0.00),
    "IY": (0.32, 0.85, 0.00, 0.00, 0.00),
    "OH": (0.62, 0.00, 0.75, 0.00, 0.00),
    "UW": (0.22, 0.00, 1.00, 0.00, 0.00),
    "AX": (0.45, 0.10, 0.00, 0.00, 0.00),
    "H": (0.35, 0.05, 0.00, 0.00, 0.00),
}

PHONES_SHARE: Final = 0.35
"""Weight of recognised phones. Correlation of the opening with the truth at 0, .35 and .5: for a
natural English voice .88, .92, .92; for a robot's .90, .88, .84."""

_OPEN, _WIDE, _ROUND, _PRESS, _TUCK = range(5)
_CONTACTS: Final = (_PRESS, _TUCK)
_NET_FILE: Final = Path(__file__).with_name("speech_net.npz")
# Rows before and after the present one that the net sees, 10 ms each.
_CONTEXT: Final = (-8, -5, -3, -2, -1, 0, 1, 2, 3, 5, 8)
_SPEAKING: Final = 0.3  # of the loudness envelope
_NEAR_ROWS: Final = 41  # a row is near speech if there is some within 0.2 s
_BLOCK_ROWS: Final = 1_000  # keeps memory flat for long narrations
_COARTICULATION_S: Final = 0.045  # standard deviation: how far a shape reaches into the next
_CONTACT_S: Final = 0.025  # the same for closures, which are quick
_LIPS_LEAD_S: Final = 0.02


def speech_track(samples: NDArray[np.float32], *, version: int) -> NDArray[np.float32]:
    """Hear the mouth in a narration; see `heard_track`.

    Args:
        samples: (n,) mono at 16 kHz in -1..1, n >= 1.
        version: the payload's version.

    Returns:
        (n // 160 + 1, 5) in 0..1 at 100 Hz, in the order of `CHANNELS`.

    Example:
        >>> import numpy as np
        >>> speech_track(np.zeros(16_000, np.float32), version=4).max()
        np.float32(0.0)
    """
    return heard_track(hear([samples]), version=version)


def heard_track(
    hearing: Hearing, *, version: int, phones: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Hear the mouth in what is kept of a narration.

    Version 4 opens the jaw with the loudness and knows no shapes. Later versions ask the
    net; its answer is closed in silence and scaled by loudness, so that a shout opens wider
    than a murmur. The net was trained on English, German, Spanish, French and Portuguese at
    once and hears them all the same way.

    Args:
        hearing: what is kept of the sound, T rows.
        version: the payload's version.
        phones: (T, 5) what a recogniser of phones has heard, to be averaged in.

    Returns:
        (T, 5) in 0..1 at 100 Hz, in the order of `CHANNELS`.
    """
    envelope = hearing.energy()
    loudness = _smoothed(envelope, np.hanning(7))
    if version == LOUDNESS_VERSION:
        track = np.zeros((len(envelope), len(CHANNELS)), np.float32)
        track[:, _OPEN] = np.clip(loudness * 1.05 - 0.2, 0.0, 1.0) * 0.75
        return track
    track = _smoothed(_net_answer(hearing), np.hanning(7))
    voiced = np.clip(_smoothed(envelope, np.ones(15)) * 3.0, 0.0, 1.0)
    track[:, : _ROUND + 1] *= voiced[:, None]
    closing = np.clip(track[:, _PRESS] * 1.6 - 0.3, 0.0, 1.0)
    track[:, _OPEN] *= (1.0 - 0.9 * closing) * (0.75 + 0.35 * loudness)
    track = np.clip(track, 0.0, 1.0)
    return track if phones is None else track + np.float32(PHONES_SHARE) * (phones - track)


def viseme_track(
    segments: Sequence[tuple[float, float, str]], duration_s: float
) -> NDArray[np.float32]:
    """Draw the mouth's track from known visemes and their times.

    Each shape is held for its time, then all are blurred with a Gaussian (45 ms; 25 ms for
    the lip contacts, raised again by half so that closures do close), contacts shut the jaw,
    and the lips run 20 ms ahead of the sound.

    Args:
        segments: start in s, end in s, and a key of `VISEMES`; gaps are silence.
        duration_s: length of the sound.

    Returns:
        (round(duration_s * 100) + 1, 5) in 0..1, in the order of `CHANNELS`.

    Raises:
        KeyError: an unknown viseme.

    Example:
        >>> viseme_track([(0.2, 0.4, "AA"), (0.4, 0.5, "PBM")], 0.6)[[30, 44], 0].round(1)
        array([0.9, 0. ], dtype=float32)
    """
    rest = np.array(VISEMES["sil"], np.float32)
    held = np.tile(rest, (round(duration_s * TRACK_RATE_HZ) + 1, 1))
    for start_s, end_s, viseme in segments:
        first = round(start_s * TRACK_RATE_HZ)
        held[first : max(round(end_s * TRACK_RATE_HZ), first + 1)] = VISEMES[viseme]
    track = _smoothed(held, _gaussian(_COARTICULATION_S))
    contacts = _smoothed(held[:, _CONTACTS], _gaussian(_CONTACT_S))
    track[:, _CONTACTS] = np.clip(contacts * 1.5, 0.0, 1.0)
    track[:, _OPEN] *= (1.0 - 0.95 * track[:, _PRESS]) * (1.0 - 0.7 * track[:, _TUCK])
    lead = round(_LIPS_LEAD_S * TRACK_RATE_HZ)
    return np.concatenate([track[lead:], np.repeat(track[-1:], lead, axis=0)])[: len(track)]


def net_features(hearing: Hearing) -> NDArray[np.float32]:
    """Compute the net's view of a sound before its context is gathered.

    The log-mel spectrogram, freed of the recording's own colour (mean of each band) and
    contrast (mean standard deviation of the bands). Both are taken where somebody speaks
    and 0.2 s around it: long silence before or after a narration must not shift them
    (measured: 3 s of it on both ends cost 0.01 to 0.15 of the correlation with the truth).

    Args:
        hearing: what is kept of the sound, T rows.

    Returns:
        (T, 40).
    """
    mel = hearing.log_mel()
    near = _smoothed((hearing.energy() > _SPEAKING).astype(np.float32), np.ones(_NEAR_ROWS)) > 0
    heard = near if near.any() else slice(None)
    # band by band and in place: of ten minutes of sound no second copy is held
    means, deviations = zip(
        *((band[heard].mean(), band[heard].std()) for band in mel.T), strict=True
    )
    mel -= np.array(means, np.float32)
    mel /= np.float32(np.mean(deviations) + 1e-3)
    return mel


def with_context(features: NDArray[np.float32], rows: NDArray[np.intp]) -> NDArray[np.float32]:
    """Set the rows of 11 moments within +-80 ms beside each other.

    Args:
        features: (T, 40).
        rows: (m,) the rows asked for; moments outside the sound repeat its first or last.

    Returns:
        (m, 440).
    """
    last = len(features) - 1
    parts = [features[np.clip(rows + offset, 0, last)] for offset in _CONTEXT]
    return np.concatenate(parts, axis=1)


def _net_answer(hearing: Hearing) -> NDArray[np.float32]:
    features = net_features(hearing)
    blocks = [
        _perceptron(with_context(features, np.arange(at, min(at + _BLOCK_ROWS, len(features)))))
        for at in range(0, len(features), _BLOCK_ROWS)
    ]
    return np.clip(np.concatenate(blocks), 0.0, 1.1)


def _perceptron(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Two hidden layers with ReLU and a linear end, 440 -> 96 -> 48 -> 5."""
    net = _net()
    hidden = (x - net["mu"]) / net["sd"]
    for layer in "01":
        hidden = np.maximum(product(hidden, net[f"w{layer}"]) + net[f"b{layer}"], np.float32(0.0))
    return np.asarray(product(hidden, net["w2"]) + net["b2"], np.float32)


@cache
def _net() -> dict[str, NDArray[np.float32]]:
    with np.load(_NET_FILE) as stored:
        return {name: stored[name].astype(np.float32) for name in stored.files}


def _gaussian(sigma_s: float) -> NDArray[np.float64]:
    steps = np.arange(-20, 21) / (sigma_s * TRACK_RATE_HZ)
    return np.exp(-0.5 * np.square(steps))


def _smoothed(signal: NDArray[np.float32], kernel: NDArray[np.float64]) -> NDArray[np.float32]:
    """Filter along the first axis with the kernel scaled to sum 1; the ends are held."""
    kernel = kernel / kernel.sum()
    before = (len(kernel) - 1) // 2
    pad = [(before, len(kernel) - 1 - before)] + [(0, 0)] * (signal.ndim - 1)
    padded = np.pad(signal, pad, mode="edge")
    total = np.zeros(signal.shape)
    for shift, weight in enumerate(kernel):
        total += weight * padded[shift : shift + len(signal)]
    return total.astype(np.float32)
