"""Make the sample voices and the truth about them.

    python -m tools.make_samples            # all three
    python -m tools.make_samples espeak_en  # one of them

Writes `tfi_notebook/samples/voice.wav` (SVOX Pico, English), `tests/data/espeak_en.wav`
(espeak-ng) and `tests/data/other_voice.wav` (another Pico voice with another text, the wrong
voice of the tests), with the visemes of the first two beside the tests. Pico's speech
differs a little from run to run, so the files are committed and never made in tests.

Needs the extra `train` and libespeak-ng.so.1.
"""

from __future__ import annotations

import json
import sys
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from tools.speech_truth import RATE_HZ, Espeak, Segment, align, pico

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

ROOT: Final = Path(__file__).parent.parent
TESTS_DATA: Final = ROOT / "tests" / "data"
VOICE_WAV: Final = ROOT / "tfi_notebook" / "samples" / "voice.wav"

VOICE_TEXT: Final = (
    "Hello! I am a picture that can speak. Please bring me a voice, "
    "and my mouth will move with every word. Maybe a big blue boat?"
)
ESPEAK_TEXT: Final = (
    "People in the park were happy about the warm weather. A small boy bought five balloons, "
    "and his father moved a boat to the middle of the pond."
)
OTHER_TEXT: Final = (
    "Every evening the old keeper climbs the tower to light the lamp. "
    "Seven ships have sailed past since Friday, and none of them saw the rocks."
)
_PEAK: Final = 0.8
_ALIGN_TRIES: Final = 5


def make_voice() -> None:
    """Speak the sample narration and find its phones by forced alignment."""
    samples, segments = _pico_aligned(VOICE_TEXT, "en-US")
    write_wav(VOICE_WAV, samples)
    write_truth(TESTS_DATA / "voice_visemes.json", segments)


def make_espeak_en() -> None:
    """Speak the test narration with espeak-ng, which tells its phone times."""
    samples, segments = Espeak().say(ESPEAK_TEXT, "gmw/en-US+m5", words_per_minute=165)
    write_wav(TESTS_DATA / "espeak_en.wav", samples)
    write_truth(TESTS_DATA / "espeak_en_visemes.json", segments)


def make_other_voice() -> None:
    """Speak the wrong voice: other words by another speaker."""
    write_wav(TESTS_DATA / "other_voice.wav", pico(OTHER_TEXT, "en-GB"))


def write_wav(path: Path, samples: NDArray[np.float32]) -> None:
    """Write 16-bit mono at 16 kHz with a peak of 0.8."""
    scaled = samples / np.abs(samples).max() * _PEAK
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(np.round(scaled * 32_767).astype("<i2").tobytes())


def write_truth(path: Path, segments: list[Segment]) -> None:
    """Write viseme segments [[start_s, end_s, viseme], ...], one a line."""
    rows = [[round(start, 3), round(end, 3), viseme] for start, end, viseme in segments]
    body = ",\n".join(json.dumps(row) for row in rows)
    path.write_text(f"[\n{body}\n]\n", encoding="utf-8")


def _pico_aligned(text: str, voice: str) -> tuple[NDArray[np.float32], list[Segment]]:
    pico(text, voice)  # the first run of a process may be slower speech than the others
    for _ in range(_ALIGN_TRIES):
        samples = pico(text, voice)
        try:
            return samples, align(samples, text)
        except RuntimeError:  # pocketsphinx found no path through this rendition
            continue
    raise RuntimeError(f"no rendition of {voice} could be aligned with its text")


MAKERS: Final[dict[str, Callable[[], None]]] = {
    "voice": make_voice,
    "espeak_en": make_espeak_en,
    "other_voice": make_other_voice,
}

if __name__ == "__main__":
    for name in sys.argv[1:] or MAKERS:
        MAKERS[name]()
        print("made", name)
