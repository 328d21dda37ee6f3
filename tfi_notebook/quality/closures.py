"""Do the lips close where the words have p, b, m?

The moments come from the English phone recogniser of the extra `phones` (pocketsphinx), or,
where the words are known, from aligning them with the sound.
"""

from __future__ import annotations

import re
import threading
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tfi_notebook.errors import MissingExtraError

if TYPE_CHECKING:
    from tfi_notebook.quality.arrays import F32
    from tfi_notebook.quality.lips import Mouth

Segment = tuple[float, float]
BILABIALS: Final = frozenset("PBM")

_NEAR_S: Final = 0.06  # lips may close this much before or after the phone
_AROUND_S: Final = 0.25  # and must have been open within this time on one side
_CLOSED: Final = 0.25  # of the opening's span above its 5th percentile
_LEAST_SPAN: Final = 0.02  # in eye distances: below that a mouth neither opens nor closes
_FRAMES_PER_S: Final = 100
_one_at_a_time: Final = threading.Lock()
_WORDS: Final = re.compile(r"[^a-z' ]+")


def closure_rate(mouth: Mouth, segments: list[Segment]) -> float:
    """Return the share of bilabials at which the lips close after or before being open.

    Args:
        mouth: the measured mouth.
        segments: start and end of each p, b, m in s.

    Returns:
        0..1; NaN without a bilabial.
    """
    low, high = np.percentile(mouth.opening, [5, 95])
    if not segments:
        return float("nan")
    if high - low < _LEAST_SPAN:
        return 0.0
    height = (mouth.opening - low) / (high - low)
    return float(np.mean([_closes(mouth, height, segment) for segment in segments]))


def bilabials(samples: F32, transcript: str | None = None) -> list[Segment]:
    """Find p, b, m in English speech.

    Args:
        samples: (n,) mono at 16 kHz.
        transcript: the words spoken, in English; without them the phones are recognised.

    Returns:
        start and end in s of each, on a grid of 10 ms.

    Raises:
        MissingExtraError: pocketsphinx is not installed.
        LookupError: the words cannot be aligned with the sound, or are not in the dictionary.
    """
    loudest = float(np.abs(samples).max()) + 1e-6
    raw = np.round(samples / loudest * 0.9 * 32_767).astype("<i2").tobytes()
    with _one_at_a_time:  # a decoder serves one thread
        phones = _recognised(raw) if transcript is None else _aligned(raw, transcript)
    return [(start, end) for name, start, end in phones if name in BILABIALS]


def _closes(mouth: Mouth, height: Any, segment: Segment) -> bool:  # noqa: ANN401
    start, end = segment
    near = (mouth.times_s >= start - _NEAR_S) & (mouth.times_s <= end + _NEAR_S)
    around = (mouth.times_s >= start - _AROUND_S) & (mouth.times_s <= end + _AROUND_S)
    if not near.any():
        return False
    lowest = height[near].min()
    return bool(lowest < _CLOSED and height[around].max() > lowest + _CLOSED)


def _recognised(raw: bytes) -> list[tuple[str, float, float]]:
    decoder = _decoder(allphone=True)
    _hear(decoder, raw)
    # frames are counted inclusively
    return [
        (segment.word, segment.start_frame / _FRAMES_PER_S, (segment.end_frame + 1) / _FRAMES_PER_S)
        for segment in decoder.seg()
    ]


def _aligned(raw: bytes, transcript: str) -> list[tuple[str, float, float]]:
    decoder = _decoder(allphone=False)
    words = " ".join(_WORDS.sub(" ", transcript.lower()).split())
    try:
        decoder.set_align_text(words)
        _hear(decoder, raw)
        decoder.set_alignment()  # the second run goes down from words to phones
        _hear(decoder, raw)
        alignment = decoder.get_alignment()
    except RuntimeError as cause:
        raise LookupError("the transcript cannot be aligned with the sound") from cause
    if alignment is None:
        raise LookupError("the transcript cannot be aligned with the sound")
    return [
        (phone.name, phone.start / _FRAMES_PER_S, (phone.start + phone.duration) / _FRAMES_PER_S)
        for word in alignment
        for phone in word
    ]


def _hear(decoder: Any, raw: bytes) -> None:  # noqa: ANN401 - pocketsphinx has no types
    decoder.start_utt()
    decoder.process_raw(raw, full_utt=True)
    decoder.end_utt()


@cache
def _decoder(*, allphone: bool) -> Any:  # noqa: ANN401 - pocketsphinx has no types
    try:
        from pocketsphinx import Decoder, get_model_path  # noqa: PLC0415 - an optional extra
    except ImportError:
        raise MissingExtraError("finding p, b, m in the sound", extra="phones") from None
    model = get_model_path("en-us")
    settings: dict[str, Any] = {"hmm": f"{model}/en-us", "lm": None, "loglevel": "FATAL"}
    if allphone:
        phones = f"{model}/en-us-phone.lm.bin"
        return Decoder(
            **settings, allphone=phones, dict=None, lw=2.0, pip=0.3, beam=1e-20, pbeam=1e-20
        )
    words = f"{model}/cmudict-en-us.dict"
    return Decoder(**settings, dict=words, beam=1e-60, wbeam=1e-60, pbeam=1e-60)
