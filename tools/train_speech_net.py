"""Train the small net that hears the mouth: sound in, five mouth channels out.

    python -m tools.train_speech_net                 # about three minutes on one core
    python -m tools.train_speech_net --quick         # ten seconds, to see that it works
    python -m tools.train_speech_net --out net.npz   # elsewhere than into the package

Teacher: synthetic speech whose phone times are known (`speech_truth`), in five languages and
many voices, drawn as mouth tracks by `speech.viseme_track`. Every utterance is disturbed
before it is learned (other vocal tracts, colours, rooms and noise), so that the net does not
learn the synthesiser. Features are those of the package itself, so that training and use
cannot drift apart. At the end the net is held against utterances it never saw. Pico's speech
differs a little from run to run, and so does the net.

Needs the extra `train` and libespeak-ng.so.1.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.signal import lfilter, resample_poly
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from tfi_notebook.local.renderer.speech import (
    CHANNELS,
    TRACK_RATE_HZ,
    net_features,
    viseme_track,
    with_context,
)
from tfi_notebook.media.audio import decode, hear
from tfi_notebook.quality.sync import pearson
from tools.make_samples import TESTS_DATA, VOICE_WAV
from tools.speech_truth import RATE_HZ, Espeak, Segment, align, pico
from tools.training_texts import ENGLISH, HELD_OUT, NET_BY_VOICE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

NET_FILE: Final = (
    Path(__file__).parent.parent / "tfi_notebook" / "local" / "renderer" / "speech_net.npz"
)
VARIANTS: Final = ("", "+f2", "+m3", "+f4", "+m7", "+f5")
PICO_VOICES: Final = ("en-US", "en-GB")
LAYERS: Final = (96, 48)


@dataclass(frozen=True, slots=True)
class Setting:
    """How much is learned.

    Attributes:
        variants: voice variants per espeak-ng voice.
        copies: disturbed copies of each espeak-ng utterance.
        copies_of_pico: disturbed copies of each Pico utterance (Pico has few voices).
        every: every how many rows of 10 ms is learned; neighbours are nearly alike.
        rounds: epochs at most; training stops early when it no longer helps.
    """

    variants: int
    copies: int
    copies_of_pico: int
    every: int
    rounds: int


FULL: Final = Setting(variants=6, copies=3, copies_of_pico=12, every=2, rounds=80)
QUICK: Final = Setting(variants=2, copies=1, copies_of_pico=0, every=3, rounds=20)


def main() -> None:
    """Synthesise, train, save, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="a small run that proves the script")
    parser.add_argument("--out", type=Path, default=None, help="where to write the net")
    options = parser.parse_args()
    out = options.out or (Path("speech_net_quick.npz") if options.quick else NET_FILE)
    espeak, rng = Espeak(), np.random.default_rng(1)

    start = time.monotonic()
    x, y = training_rows(espeak, rng, QUICK if options.quick else FULL)
    print(f"{len(x):,} rows synthesised in {time.monotonic() - start:.0f} s")
    start = time.monotonic()
    net = train(x, y, (QUICK if options.quick else FULL).rounds)
    print(f"trained in {time.monotonic() - start:.0f} s")
    np.savez_compressed(out, allow_pickle=False, **net)
    print(f"{out.name}: {out.stat().st_size:,} bytes")
    judge(net, espeak)


def training_rows(
    espeak: Espeak, rng: np.random.Generator, setting: Setting
) -> tuple[Floats, Floats]:
    """Speak everything, disturb it, and return inputs (n, 440) and targets (n, 5)."""
    inputs: list[Floats] = []
    targets: list[Floats] = []

    def learn(samples: Floats, segments: list[Segment], copies: int) -> None:
        track = viseme_track(segments, len(samples) / RATE_HZ)
        for _ in range(copies):
            heard, seen = disturbed(samples, track, rng)
            features = net_features(hear([heard]))
            rows = np.arange(0, min(len(features), len(seen)), setting.every)
            inputs.append(with_context(features, rows))
            targets.append(seen[rows])

    for voice, texts in NET_BY_VOICE.items():
        for text in texts:
            for variant in VARIANTS[: setting.variants]:
                speed, pitch = int(rng.integers(130, 200)), int(rng.integers(30, 70))
                said = espeak.say(text, voice + variant, words_per_minute=speed, pitch=pitch)
                learn(*said, setting.copies)
    for samples, segments in pico_utterances() if setting.copies_of_pico else ():
        learn(samples, segments, setting.copies_of_pico)
    return np.concatenate(inputs), np.concatenate(targets)


def pico_utterances() -> list[tuple[Floats, list[Segment]]]:
    """Return the English texts in Pico's voices, aligned; those that fail are left out."""
    utterances = []
    for text in ENGLISH:
        for voice in PICO_VOICES:
            samples = pico(text, voice)
            try:
                utterances.append((samples, align(samples, text)))
            except RuntimeError:
                print(f"left out, not alignable: {voice}: {text[:40]}...")
    return utterances


def disturbed(samples: Floats, track: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return the utterance by another body, in another room, through another microphone.

    Resampling by 86 to 116 % shifts formants and tempo together; a peaking filter and a
    first-order tilt colour it (formulas: Bristow-Johnson, Audio EQ Cookbook); half of the
    copies get a decaying noise as room; white noise lies 40 to 80 dB below the peak.
    """
    percent = int(rng.integers(86, 116))
    x = resample_poly(samples, 100, percent)
    length = int(len(track) * 100 / percent)
    rows = np.minimum((np.arange(length) * percent / 100).astype(int), len(track) - 1)

    w = 2 * np.pi * rng.uniform(200, 4000) / RATE_HZ
    gain = 10 ** (rng.uniform(-9, 9) / 40)
    alpha = np.sin(w) / 2 / rng.uniform(0.5, 2)
    middle = -2 * np.cos(w)
    x = lfilter(
        [1 + alpha * gain, middle, 1 - alpha * gain],
        [1 + alpha / gain, middle, 1 - alpha / gain],
        x,
    )
    x = lfilter([1.0, -rng.uniform(-0.5, 0.7)], [1.0], x)
    if rng.random() < 0.5:  # noqa: PLR2004 - every second one
        x = np.convolve(x, room(rng))[: len(x)]
    noise = 10 ** rng.uniform(-4, -1.9) * np.abs(x).max()
    return np.asarray(x + rng.normal(0, noise, len(x)), np.float32), track[rows]


def room(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a room's impulse response: the direct sound and a decaying noise of 50 to 250 ms."""
    taps = int(rng.uniform(0.05, 0.25) * RATE_HZ)
    tail = np.exp(-np.arange(taps) / (taps / 5)) * rng.normal(0, 1, taps)
    tail *= rng.uniform(0.02, 0.15) / np.sqrt(np.square(tail).sum())
    tail[0] = 1.0
    return tail


def train(x: Floats, y: Floats, rounds: int) -> dict[str, NDArray[np.generic]]:
    """Fit the perceptron and return it as the package stores it (weights in half precision)."""
    mean, spread = x.mean(axis=0), x.std(axis=0) + np.float32(1e-3)
    model = MLPRegressor(
        hidden_layer_sizes=LAYERS,
        alpha=3e-2,
        batch_size=512,
        max_iter=rounds,
        early_stopping=True,
        n_iter_no_change=4,
        random_state=0,
    )
    with warnings.catch_warnings():
        # Stopping after `rounds` is meant.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit((x - mean) / spread, y)
    print(f"{model.n_iter_} rounds, R2 on held-out rows {max(model.validation_scores_):.3f}")
    net: dict[str, NDArray[np.generic]] = {"mu": mean, "sd": spread}
    for index, (weights, bias) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        net[f"w{index}"] = weights.astype(np.float16)
        net[f"b{index}"] = bias.astype(np.float16)
    return net


def judge(net: dict[str, NDArray[np.generic]], espeak: Espeak) -> None:
    """Print the correlation of each channel with the truth, on utterances never trained on."""
    tests = {name: espeak.say(text, voice) for name, (voice, text) in HELD_OUT.items()}
    tests["en"] = recorded(TESTS_DATA / "espeak_en.wav", TESTS_DATA / "espeak_en_visemes.json")
    tests["pico en"] = recorded(VOICE_WAV, TESTS_DATA / "voice_visemes.json")
    print("correlation with the truth:", ", ".join(CHANNELS))
    for name, (samples, segments) in tests.items():
        truth = viseme_track(segments, len(samples) / RATE_HZ)
        answer = answered(net, samples)
        rows = min(len(truth), len(answer))
        r = [pearson(truth[:rows, i], answer[:rows, i]) for i in range(len(CHANNELS))]
        seconds = rows / TRACK_RATE_HZ
        print(f"  {name:10s} {seconds:4.1f} s ", " ".join(f"{value:.2f}" for value in r))


def recorded(sound: Path, visemes: Path) -> tuple[Floats, list[Segment]]:
    """Return a committed sample and its known segments."""
    segments = [(start, end, name) for start, end, name in json.loads(visemes.read_text())]
    return decode(sound), segments


def answered(net: dict[str, NDArray[np.generic]], samples: Floats) -> Floats:
    """Return the bare net's answer (T, 5), without the closing in silence."""
    stored = {name: np.asarray(values, np.float32) for name, values in net.items()}
    features = net_features(hear([samples]))
    hidden = (with_context(features, np.arange(len(features))) - stored["mu"]) / stored["sd"]
    for layer in "01":
        hidden = np.maximum(hidden @ stored[f"w{layer}"] + stored[f"b{layer}"], np.float32(0.0))
    return np.asarray(hidden @ stored["w2"] + stored["b2"], np.float32)


if __name__ == "__main__":
    main()
