"""Does the mouth in the finished video say what is heard? Measured from the mp4 alone.

espeak-ng speaks texts the net was not trained on and tells the exact time of every phoneme.
The local renderer makes videos of four faces (the sample portrait, a flat cartoon, two drawn
portraits before a bookshelf), and a landmark model that the renderer never uses measures
the mouth in each frame. Controls, which must fail: a still mouth, another voice, a random
mouth, frames 200 ms late.

Needs the extra `train` and the system library libespeak-ng.so.1.

Usage: `python -m benchmarks.renderer_truth [--size 320] [--faces portrait cartoon ...]`
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from tests.helpers.people import SERIOUS, SMILING, draw
from tests.helpers.pictures import cartoon_face
from tests.helpers.sounds import wav
from tfi_notebook.local.renderer.canvas import make_canvas
from tfi_notebook.local.renderer.render import RenderOptions, render
from tfi_notebook.local.renderer.speech import speech_track, viseme_track
from tfi_notebook.media.face import find_face
from tfi_notebook.media.frames import encode_png, read_picture, read_video
from tfi_notebook.quality.mouth import mouth_opening
from tfi_notebook.quality.sync import SyncScore, correlate
from tfi_notebook.samples import PORTRAIT
from tools.speech_truth import RATE_HZ, Espeak

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tfi_notebook.local.renderer.canvas import Canvas

FACES: Final[dict[str, Callable[[], NDArray[np.uint8]]]] = {
    "portrait": lambda: read_picture(PORTRAIT),
    "cartoon": cartoon_face,
    "serious": lambda: draw(SERIOUS),
    "smiling": lambda: draw(SMILING),
}
TEXTS: Final = {
    "en": "People buy five fresh apples before breakfast. My brother would rather move to a warm "
    "place. Who knows how many of them will be home by Monday?",
    "de": "Morgens kaufen wir beim Bäcker frisches Brot. Meine Mutter möchte lieber Pflaumen und "
    "Äpfel. Wohin fahrt ihr im Sommer mit eurem Boot?",
    "es": "Mi abuela prepara una buena sopa para toda la familia. Mañana vamos a la playa con un "
    "amigo. ¿Por qué no vienes también tú?",
    "fr": "Ma petite voisine promène souvent son beau chien blanc. Nous avons pris le bateau "
    "avant midi. Pourquoi pas un peu de pain et de fromage?",
}
VOICES: Final = {"en": "gmw/en-US", "de": "gmw/de", "es": "roa/es", "fr": "roa/fr"}
PAUSE_S: Final = 0.3
_SETTLED_S: Final = 0.12  # of a pause's beginning and end, in which the mouth still moves
_FACE_OVAL: Final = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
_OUTSIDE: Final = 1.1  # of the face's outline: beyond it are hair, shoulders and background
_PORTRAIT_PERSON: Final = (
    (190, 35), (200, 25), (215, 20), (232, 15), (250, 18), (265, 25), (283, 35), (293, 50),
    (298, 65), (301, 85), (299, 100), (293, 113), (280, 127), (271, 136), (265, 150), (258, 166),
    (256, 173), (275, 188), (290, 205), (300, 225), (306, 237), (330, 250), (345, 270), (355, 300),
    (360, 330), (360, 512), (0, 512), (0, 262), (60, 247), (80, 232), (110, 208), (114, 198),
    (113, 187), (122, 175), (135, 160), (155, 150), (185, 148), (182, 132), (174, 130), (168, 117),
    (157, 103), (154, 85), (153, 70), (158, 57), (170, 47), (180, 40),
)  # fmt: skip
"""px: who sits for the sample portrait, outlined by hand, so that nothing of the renderer's own
matte is believed; what lies outside is background and nothing else."""


@dataclass(frozen=True)
class Speech:
    """A spoken text with its truth: `opening` (n,) at 100 Hz, and its pauses in s."""

    samples: NDArray[np.float32]
    opening: NDArray[np.float32]
    pauses: tuple[tuple[float, float], ...]


@cache
def espeak() -> Espeak:
    """Return the synthesiser; there can be only one in a process."""
    return Espeak()


@cache
def speech(language: str) -> Speech:
    """Speak the text of a language."""
    samples, segments = espeak().say(TEXTS[language], VOICES[language])
    track = viseme_track(segments, len(samples) / RATE_HZ)
    return Speech(samples, track[:, 0], _pauses(segments))


def _pauses(segments: list[tuple[float, float, str]]) -> tuple[tuple[float, float], ...]:
    found: list[tuple[float, float]] = []
    for start, end, viseme in segments:
        if viseme != "sil":
            continue
        if found and abs(found[-1][1] - start) < 1e-6:  # noqa: PLR2004 - s, no gap between
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return tuple((a, b) for a, b in found if b - a >= PAUSE_S)


def score(truth: Speech, opening: NDArray[np.float64]) -> SyncScore:
    """Correlate a measured opening with the known one."""
    return correlate(truth.opening, opening, measured_rate_hz=25, still_below=0.004)


def in_pauses(truth: Speech, opening: NDArray[np.float64], shut: float) -> float:
    """Return the opening in pauses as a share of its 95th percentile, both above a shut mouth's."""
    times = (np.arange(len(opening)) + 0.5) / 25
    within = np.zeros(len(times), bool)
    for start, end in truth.pauses:
        within |= (times > start + _SETTLED_S) & (times < end - _SETTLED_S)
    if not within.any():
        return float("nan")
    loud = float(np.percentile(opening, 95)) - shut
    return float(np.mean(np.abs(opening[within] - shut)) / loud)


def stillness(video: Path, canvas: NDArray[np.uint8], moving: NDArray[np.uint8]) -> float:
    """Return the mean structural similarity with the source where `moving` (h, w) is 0."""
    grey = cv2.cvtColor(canvas, cv2.COLOR_RGB2GRAY).astype(np.float32)
    values = [
        ssim(grey, cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32))[moving == 0].mean()
        for index, frame in enumerate(read_video(video))
        if index % 5 == 0
    ]
    return float(np.mean(values))


def face_mask(canvas: Canvas) -> NDArray[np.uint8]:
    """Return (h, w): 1 within `_OUTSIDE` times the face's outline."""
    outline = canvas.landmarks[list(_FACE_OVAL), :2]
    grown = outline.mean(axis=0) + (outline - outline.mean(axis=0)) * _OUTSIDE
    mask = np.zeros(canvas.rgb.shape[:2], np.uint8)
    return _filled(mask, cv2.convexHull(np.round(grown).astype(np.int32)))


def _filled(mask: NDArray[np.uint8], outline: NDArray[np.int32]) -> NDArray[np.uint8]:
    return np.asarray(cv2.fillPoly(mask, [outline], (1,) * 3), np.uint8)


def ssim(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the structural similarity of two grey pictures at every pixel (Wang et al. 2004)."""

    def mean(x: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(cv2.blur(x, (7, 7)), np.float32)

    mu_a, mu_b = mean(a), mean(b)
    var_a, var_b = mean(a * a) - mu_a**2, mean(b * b) - mu_b**2
    cov = mean(a * b) - mu_a * mu_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    top = (2 * mu_a * mu_b + c1) * (2 * cov + c2)
    return np.asarray(top / ((mu_a**2 + mu_b**2 + c1) * (var_a + var_b + c2)), np.float32)


class Bench:
    """Renders and measures in one folder."""

    def __init__(self, folder: Path, size: int) -> None:
        self._folder, self._size = folder, size
        self._shut: dict[str, float] = {}

    def film(self, face: str, language: str, name: str = "film", **options: object) -> Path:
        """Render a face speaking a language."""
        sound = wav(speech(language).samples)
        out = self._folder / f"{name}.mp4"
        wanted = RenderOptions(output_size=self._size, language=language, **options)  # type: ignore[arg-type]
        render(encode_png(FACES[face]()), sound, out, wanted)
        return out

    def shut(self, face: str) -> float:
        """Return what the landmark model says of the shut mouth of a face."""
        if face not in self._shut:
            still = self.film(face, "en", "still", version=5, dynamic_scale=0.0)
            self._shut[face] = float(np.median(mouth_opening(still)))
        return self._shut[face]

    def row(self, face: str, language: str, version: int) -> str:
        """Measure one video and return a line of the table."""
        truth = speech(language)
        video = self.film(face, language, version=version)
        opening = mouth_opening(video)
        found = score(truth, opening)
        silent = in_pauses(truth, opening, self.shut(face))
        line = f"{face:9} {language} v{version}  r {found.r:5.2f}  lag {found.lag_ms:4.0f} ms  "
        line += f"pauses {silent:4.0%}"
        if version != 5:  # noqa: PLR2004 - only version 6 moves more than the mouth
            line += self._background(face, video)
        return line

    def _background(self, face: str, video: Path) -> str:
        """Tell how still everything outside of the face is, and the background alone."""
        rgb = FACES[face]()
        found = find_face(rgb).landmarks
        cut = partial(make_canvas, output_size=self._size, crop=True, expand_ratio=0.5)
        canvas = cut(rgb, found)
        line = f"  around the face {stillness(video, canvas.rgb, face_mask(canvas)):.3f}"
        if face != "portrait":
            return line
        person = _filled(np.zeros_like(rgb), np.array(_PORTRAIT_PERSON, np.int32))
        moving = cut(person, found).rgb[..., 0]
        return f"{line}  background {stillness(video, canvas.rgb, moving):.3f}"

    def controls(self, face: str) -> list[str]:
        """Measure what must fail."""
        truth = speech("en")
        video = self.film(face, "en", version=5)
        opening = mouth_opening(video)
        noise = np.random.default_rng(0).normal(size=len(opening))
        late = np.concatenate([np.repeat(opening[:1], 5), opening[:-5]])
        still = mouth_opening(self.film(face, "en", version=5, dynamic_scale=0.0))
        other = mouth_opening(self.film(face, "de", version=5))
        found = {
            "itself": opening, "still mouth": still, "another voice": other[: len(opening)],
            "random mouth": noise, "200 ms late": late,
        }  # fmt: skip
        scores = {name: score(truth, track) for name, track in found.items()}
        return [f"{name:14} r {s.r:5.2f}  lag {s.lag_ms:4.0f} ms" for name, s in scores.items()]


def bad_sound(language: str) -> list[str]:
    """Hear a voice in noise, over music, clipped and quiet; correlate the track, not a video."""
    truth = speech(language)
    clean = truth.samples
    level = float(np.sqrt(np.mean(np.square(clean))))
    time_s = np.arange(len(clean)) / RATE_HZ
    beat = 0.5 + 0.5 * np.sign(np.sin(2 * np.pi * 2 * time_s))
    tones = [np.sin(2 * np.pi * hz * time_s) for hz in (220, 277, 330, 440)]
    chord = np.sum(tones, axis=0) * beat
    chord *= level / np.sqrt(np.mean(np.square(chord)))
    hiss = np.random.default_rng(0).normal(0, level, len(clean))
    sounds = {
        "clean": clean, "hiss -20 dB": clean + 0.1 * hiss, "hiss -10 dB": clean + 0.316 * hiss,
        "music -12 dB": clean + 0.25 * chord, "music -6 dB": clean + 0.5 * chord,
        "clipped": np.clip(8 * clean, -1, 1), "quiet -40 dB": 0.01 * clean,
    }  # fmt: skip
    lines = []
    for name, samples in sounds.items():
        track = speech_track(samples.astype(np.float32), version=5)[2::4, 0].astype(np.float64)
        silent = in_pauses(truth, track, 0.0)
        lines.append(f"{name:13} {language}  r {score(truth, track).r:.2f}  pauses {silent:4.0%}")
    return lines


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--faces", nargs="+", default=list(FACES), choices=list(FACES))
    parser.add_argument("--languages", nargs="+", default=list(TEXTS), choices=list(TEXTS))
    parser.add_argument("--versions", nargs="+", type=int, default=[4, 5, 6])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), arguments.size)
        for face in arguments.faces:
            for language in arguments.languages:
                for version in arguments.versions:
                    print(bench.row(face, language, version), flush=True)
        print("the net's track of bad sound:", *bad_sound("en"), *bad_sound("de"), sep="\n")
        print("controls, which must fail:", *bench.controls(arguments.faces[0]), sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
