"""Fit the listener of the scores: ten spectral bands in, open / spread / press out.

    python -m tools.train_listener            # about half a minute

Teacher: espeak-ng's speech with known phone times, disturbed as for the renderer's net; no
Pico voice, so that the sample narration is new to it. A ridge regression has one answer, so
the same espeak-ng gives the same weights. At the end it is held against voices it never heard.

Needs the extra `train` and libespeak-ng.so.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from tfi_notebook.local.renderer.speech import CHANNELS, viseme_track
from tfi_notebook.quality.listen import HEARS, LISTENER_FILE, features, in_context
from tfi_notebook.quality.sync import pearson
from tools.make_samples import TESTS_DATA, VOICE_WAV
from tools.speech_truth import RATE_HZ, Espeak
from tools.train_speech_net import disturbed, recorded
from tools.training_texts import BY_VOICE, HELD_OUT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

VARIANTS: Final = ("", "+f2", "+m3", "+f5")
COPIES: Final = 2
EVERY_ROWS: Final = 3  # neighbours of 10 ms are nearly alike
RIDGE: Final = 20.0


def main() -> None:
    """Synthesise, fit, save, judge."""
    espeak = Espeak()
    x, y = training_rows(espeak, np.random.default_rng(1))
    x64 = x.astype(np.float64)
    solved = np.linalg.solve(x64.T @ x64 + RIDGE * np.eye(x.shape[1]), x64.T @ y)
    weights = np.asarray(solved, np.float32)
    np.save(LISTENER_FILE, weights)
    print(f"{len(x):,} rows; {LISTENER_FILE.name}: {LISTENER_FILE.stat().st_size:,} bytes")
    judge(weights, espeak)


def training_rows(espeak: Espeak, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Speak everything, disturb it, and return inputs (n, 106) and targets (n, 3)."""
    inputs: list[Floats] = []
    targets: list[Floats] = []
    for voice, texts in BY_VOICE.items():
        for name, text in ((voice + variant, text) for text in texts for variant in VARIANTS):
            speed, pitch = int(rng.integers(130, 200)), int(rng.integers(30, 70))
            samples, segments = espeak.say(text, name, words_per_minute=speed, pitch=pitch)
            track = viseme_track(segments, len(samples) / RATE_HZ)
            for _ in range(COPIES):
                heard, seen = disturbed(samples, track, rng)
                bands = features(heard)
                rows = np.arange(0, min(len(bands), len(seen)), EVERY_ROWS)
                inputs.append(in_context(bands, rows))
                targets.append(wanted(seen[rows]))
    return np.concatenate(inputs), np.concatenate(targets)


def wanted(track: Floats) -> Floats:
    """Turn a mouth track (n, 5) into the listener's channels (n, 3)."""
    channel = dict(zip(CHANNELS, track.T, strict=True))
    return np.stack([channel["open"], channel["wide"] - channel["round"], channel["press"]], axis=1)


def judge(weights: Floats, espeak: Espeak) -> None:
    """Print the correlation of each channel with the truth, on utterances never trained on."""
    tests = {name: espeak.say(text, voice) for name, (voice, text) in HELD_OUT.items()}
    tests["en"] = recorded(TESTS_DATA / "espeak_en.wav", TESTS_DATA / "espeak_en_visemes.json")
    tests["pico en"] = recorded(VOICE_WAV, TESTS_DATA / "voice_visemes.json")
    print("correlation with the truth:", ", ".join(HEARS))
    for name, (samples, segments) in tests.items():
        truth = wanted(viseme_track(segments, len(samples) / RATE_HZ))
        bands = features(samples)
        answer = in_context(bands, np.arange(len(bands))) @ weights
        rows = min(len(truth), len(answer))
        r = [pearson(truth[:rows, i], answer[:rows, i]) for i in range(len(HEARS))]
        print(f"  {name:8s}", " ".join(f"{value:.2f}" for value in r))


if __name__ == "__main__":
    main()
