"""Speech whose phone times are known: espeak-ng tells them, pocketsphinx finds them.

espeak-ng is asked through its C library, whose callback names every phoneme with the moment
it begins; the times are exact. Pico has no such callback: its speech is aligned with the
known text by pocketsphinx, which is good to about a frame or two of 10 ms, so that those
times are called an estimate wherever they are used.

Needs the extra `train` and, for espeak-ng, the system library libespeak-ng.so.1.
"""

from __future__ import annotations

import ctypes
import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import av
import numpy as np

from tfi_notebook.local.renderer.phones import CMU_VISEMES
from tools.phones import espeak_viseme

if TYPE_CHECKING:
    from numpy.typing import NDArray

Segment = tuple[float, float, str]
RATE_HZ: Final = 16_000

# From espeak-ng's speak_lib.h.
_SYNCHRONOUS_RETRIEVAL: Final = 1  # AUDIO_OUTPUT_RETRIEVAL
_PHONEME_EVENTS: Final = 1  # espeakINITIALIZE_PHONEME_EVENTS
_EVENT_END: Final = 0  # espeakEVENT_LIST_TERMINATED
_EVENT_PHONEME: Final = 7  # espeakEVENT_PHONEME
_RATE: Final = 1  # espeakRATE
_PITCH: Final = 3  # espeakPITCH
_UTF8: Final = 1  # espeakCHARS_UTF8


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("text", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),  # ms
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class Espeak:
    """The espeak-ng library; one per process."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libespeak-ng.so.1")
        self._rate_hz = self._library.espeak_Initialize(
            _SYNCHRONOUS_RETRIEVAL, 500, None, _PHONEME_EVENTS
        )
        self._sound: list[NDArray[np.int16]] = []
        self._phonemes: list[tuple[float, str]] = []
        self._callback = _Callback(self._receive)  # kept: the library holds only its address
        self._library.espeak_SetSynthCallback(self._callback)

    def say(
        self, text: str, voice: str, *, words_per_minute: int = 160, pitch: int = 50
    ) -> tuple[NDArray[np.float32], list[Segment]]:
        """Speak a text.

        Args:
            text: what to say.
            voice: a voice's file name, with a variant if wanted: `gmw/en-US+f3`, `roa/fr`.
            words_per_minute: espeak's rate, 80 to 450.
            pitch: 0..99.

        Returns:
            samples (n,) at 16 kHz, and viseme segments with exact times in s.

        Raises:
            LookupError: no such voice.
        """
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise LookupError(f"espeak-ng has no voice {voice}")
        self._library.espeak_SetParameter(_RATE, words_per_minute, 0)
        self._library.espeak_SetParameter(_PITCH, pitch, 0)
        self._sound.clear()
        self._phonemes.clear()
        data = text.encode()
        self._library.espeak_Synth(data, len(data) + 1, 0, 0, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        samples = resample(np.concatenate(self._sound), self._rate_hz)
        return samples, self._segments(len(samples) / RATE_HZ)

    def _segments(self, duration_s: float) -> list[Segment]:
        starts = [start for start, _ in self._phonemes]
        ends = [*starts[1:], duration_s]
        names = [espeak_viseme(name) for _, name in self._phonemes]
        return list(zip(starts, ends, names, strict=True))

    def _receive(self, wave: Any, count: int, events: Any) -> int:  # noqa: ANN401 - C pointers
        if wave and count > 0:
            self._sound.append(np.ctypeslib.as_array(wave, (count,)).copy())
        index = 0
        while events[index].type != _EVENT_END:
            if events[index].type == _EVENT_PHONEME:
                name = events[index].id.text.decode("utf-8", "replace")
                self._phonemes.append((events[index].audio_position / 1000, name))
            index += 1
        return 0


def pico(text: str, voice: str) -> NDArray[np.float32]:
    """Speak a text with SVOX Pico (en-US, en-GB, de, es, fr, it); (n,) at 16 kHz.

    Two runs may differ in a few samples.
    """
    from py_nanotts import NanoTTS  # noqa: PLC0415 - espeak users need not have it

    sound = np.frombuffer(NanoTTS().speak(text, voice=voice), "<i2")
    return np.asarray(sound / 32_768, np.float32)


def align(samples: NDArray[np.float32], text: str) -> list[Segment]:
    """Find the times of a known English text in a recording of it.

    Args:
        samples: (n,) at 16 kHz.
        text: what is said; every word must stand in the CMU dictionary.

    Returns:
        viseme segments in s, estimated on a grid of 10 ms.
    """
    decoder = _aligner()
    loudest = float(np.abs(samples).max()) + 1e-6
    raw = np.round(samples / loudest * 0.9 * 32_767).astype("<i2").tobytes()
    decoder.set_align_text(re.sub(r"[^a-z' ]", " ", text.lower()))
    _listen(decoder, raw)
    decoder.set_alignment()  # the second run goes down from words to phones
    _listen(decoder, raw)
    return [
        (phone.start / 100, (phone.start + phone.duration) / 100, CMU_VISEMES[phone.name])
        for word in decoder.get_alignment()
        for phone in word
    ]


def resample(sound: NDArray[np.int16], rate_hz: int) -> NDArray[np.float32]:
    """Bring 16-bit samples of any rate to 16 kHz floats in -1..1."""
    resampler = av.AudioResampler("flt", "mono", RATE_HZ)
    frame = av.AudioFrame.from_ndarray(sound[None], "s16", "mono")
    frame.sample_rate = rate_hz
    parts = [*resampler.resample(frame), *resampler.resample(None)]
    return np.concatenate([part.to_ndarray()[0] for part in parts]).astype(np.float32)


@cache
def _aligner() -> Any:  # noqa: ANN401 - pocketsphinx has no types
    from pocketsphinx import Decoder, get_model_path  # noqa: PLC0415 - espeak users need not have it

    return Decoder(
        hmm=get_model_path("en-us/en-us"),
        dict=get_model_path("en-us/cmudict-en-us.dict"),
        lm=None,
        loglevel="FATAL",
        beam=1e-60,
        wbeam=1e-60,
        pbeam=1e-60,
    )


def _listen(decoder: Any, raw: bytes) -> None:  # noqa: ANN401 - pocketsphinx has no types
    decoder.start_utt()
    decoder.process_raw(raw, full_utt=True)
    decoder.end_utt()
