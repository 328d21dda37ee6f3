"""English phones from the sound, by pocketsphinx: the extra `phones`.

On a natural English voice it hears more than the small net does; in other languages, which
its acoustic model has never heard, less. So it is averaged in for English alone.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tfi_notebook.local.renderer.speech import TRACK_RATE_HZ, viseme_track
from tfi_notebook.media.audio import ANALYSIS_RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

# CMU phones as pocketsphinx names them (no stress marks).
CMU_VISEMES: Final[dict[str, str]] = {
    phone: viseme
    for viseme, phones in {
        "sil": "SIL +NSN+",
        "PBM": "P B M",
        "FV": "F V",
        "TDN": "T D N L DH TH",
        "S": "S Z",
        "KG": "K G NG",
        "IY": "Y IH IY",
        "H": "HH",
        "SH": "SH ZH CH JH",
        "R": "R ER",
        "UW": "W UH UW",
        "AA": "AA AE AY AW",
        "AX": "AH +SPN+",
        "EH": "EH EY",
        "OH": "AO OW OY",
    }.items()
    for phone in phones.split()
}

_CUT_AFTER_S: Final = 12.0  # a piece is cut at its quietest moment between here and the end
_LONGEST_S: Final = 18.0
_HOP: Final = ANALYSIS_RATE_HZ // TRACK_RATE_HZ
_LOUDEST: Final = 0.9 * 32_767  # every piece is brought to this


def hears(language: str) -> bool:
    """Tell whether phones of this language can be recognised here."""
    english = language.lower().split("-")[0].split("_")[0] == "en"
    return english and importlib.util.find_spec("pocketsphinx") is not None


def phone_track(sound: Iterable[NDArray[np.float32]], rows: int) -> NDArray[np.float32]:
    """Recognise the phones of a narration and draw the mouth's track from them.

    Args:
        sound: samples at 16 kHz in pieces of any length; not more than 18 s are held.
        rows: T, the length of the track.

    Returns:
        (T, 5) in 0..1 at 100 Hz, in the order of `speech.CHANNELS`.
    """
    found: list[tuple[float, float, str]] = []
    start_s = 0.0
    decoder = (
        _decoder()
    )  # a fresh one: it adapts to what it hears, and would hear it otherwise again
    for piece in _utterances(sound):
        phones = _recognised(decoder, piece)
        found += [(start_s + a, start_s + b, viseme) for a, b, viseme in phones]
        start_s += len(piece) / ANALYSIS_RATE_HZ
    return viseme_track(found, (rows - 1) / TRACK_RATE_HZ)


def _recognised(
    decoder: Any,  # noqa: ANN401 - pocketsphinx has no types
    samples: NDArray[np.float32],
) -> list[tuple[float, float, str]]:
    loudest = float(np.abs(samples).max()) + 1e-6
    decoder.start_utt()
    decoder.process_raw(
        np.round(samples / loudest * _LOUDEST).astype("<i2").tobytes(), full_utt=True
    )
    decoder.end_utt()
    return [
        (
            part.start_frame / TRACK_RATE_HZ,
            (part.end_frame + 1) / TRACK_RATE_HZ,
            CMU_VISEMES[part.word],
        )
        for part in decoder.seg() or ()
    ]


def _utterances(sound: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    """Cut a sound in its pauses, into pieces that the recogniser can hold."""
    held = np.empty(0, np.float32)
    for samples in sound:
        held = np.concatenate([held, samples])
        while len(held) >= _LONGEST_S * ANALYSIS_RATE_HZ:
            cut = _quietest(held)
            yield held[:cut]
            held = held[cut:]
    if len(held):
        yield held


def _quietest(samples: NDArray[np.float32]) -> int:
    """Return the middle of the quietest 0.2 s after `_CUT_AFTER_S`."""
    first = int(_CUT_AFTER_S * TRACK_RATE_HZ)
    rows = samples[: len(samples) // _HOP * _HOP].reshape(-1, _HOP)
    power = np.convolve(np.square(rows[first:]).mean(axis=1), np.ones(20), mode="valid")
    return (first + int(power.argmin()) + 10) * _HOP


def _decoder() -> Any:  # noqa: ANN401 - pocketsphinx has no types
    from pocketsphinx import Decoder, get_model_path  # noqa: PLC0415 - an optional extra

    return Decoder(
        hmm=get_model_path("en-us/en-us"),
        allphone=get_model_path("en-us/en-us-phone.lm.bin"),
        lm=None,
        dict=None,
        lw=2.0,
        pip=0.3,
        beam=1e-20,
        pbeam=1e-20,
        loglevel="FATAL",
    )
