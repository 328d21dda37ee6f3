"""Sounds the tests make themselves, and where the committed ones lie."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
from av.audio.stream import AudioStream

if TYPE_CHECKING:
    from numpy.typing import NDArray

DATA = Path(__file__).parent.parent / "data"
ESPEAK_EN = DATA / "espeak_en.wav"
OTHER_VOICE = DATA / "other_voice.wav"


def segments(name: str) -> list[tuple[float, float, str]]:
    """Return the known visemes of `espeak_en` or `voice`."""
    rows = json.loads((DATA / f"{name}_visemes.json").read_text(encoding="utf-8"))
    return [(start, end, viseme) for start, end, viseme in rows]


def tone(duration_s: float, rate_hz: int = 16_000, level: float = 0.5) -> NDArray[np.float32]:
    """Return a 440 Hz tone, (n,)."""
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    return (level * np.sin(2 * np.pi * 440 * time_s)).astype(np.float32)


def encoded(
    channels: NDArray[np.float32], rate_hz: int, container_format: str, codec: str
) -> bytes:
    """Encode (channels, n) samples as a sound file of the given kind."""
    buffer = io.BytesIO()
    layout = "mono" if len(channels) == 1 else "stereo"
    with av.open(buffer, "w", format=container_format) as container:
        stream = container.add_stream(codec, rate=rate_hz, layout=layout)
        assert isinstance(stream, AudioStream)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(channels), "fltp", layout)
        frame.sample_rate = rate_hz
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def wav(samples: NDArray[np.float32], rate_hz: int = 16_000) -> bytes:
    """Encode (n,) samples as a float WAV file, which may hold any number at all."""
    return encoded(samples[None], rate_hz, "wav", "pcm_f32le")
