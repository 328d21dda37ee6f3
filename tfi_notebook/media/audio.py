"""Sound: any file to mono samples, at once or piece by piece.

What is heard in them stands in `hearing`, and is offered here under one name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import av
import numpy as np

from tfi_notebook.errors import AudioTooLongError, EmptyAudioError, NotAudioError, SourceError
from tfi_notebook.media.container import byte_stream, open_media
from tfi_notebook.media.hearing import (
    ANALYSIS_RATE_HZ,
    ENVELOPE_RATE_HZ,
    MEL_BANDS,
    SILENCE_PEAK,
    Hearing,
    energy,
    hear,
    log_mel,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from av.audio.frame import AudioFrame
    from av.container import InputContainer
    from numpy.typing import NDArray


__all__ = [
    "ANALYSIS_RATE_HZ",
    "ENVELOPE_RATE_HZ",
    "MEL_BANDS",
    "Hearing",
    "blocks",
    "decode",
    "energy",
    "hear",
    "log_mel",
]

_SHORTEST_S: Final = 0.05
_BLOCK_S: Final = 2.0


def decode(
    source: Path | bytes,
    rate_hz: int = ANALYSIS_RATE_HZ,
    *,
    max_s: float = 900.0,
    field: str | None = None,
) -> NDArray[np.float32]:
    """Decode a sound file to mono samples.

    The length is counted while decoding; what the file's header claims is not believed.

    Args:
        source: a path or the bytes of a WAV, MP3, M4A, FLAC, OGG, WebM or similar file.
        rate_hz: sample rate of the result.
        max_s: longest sound that is accepted.
        field: the payload field the sound came from, for the error.

    Returns:
        (n,) samples in -1..1.

    Raises:
        NotAudioError: not a sound file, or one without a sound that can be decoded.
        EmptyAudioError: shorter than 0.05 s, or digital silence.
        AudioTooLongError: longer than `max_s`.
    """
    parts = list(blocks(source, rate_hz, max_s=max_s, field=field))
    return np.concatenate(parts)


def blocks(
    source: Path | bytes,
    rate_hz: int = ANALYSIS_RATE_HZ,
    *,
    max_s: float = 900.0,
    field: str | None = None,
) -> Generator[NDArray[np.float32]]:
    """Decode a sound file piece by piece; arguments and errors are those of `decode`.

    That a sound is empty or silent is known, and raised, only at its end.

    Yields:
        (n,) mono samples in -1..1, about 2 s at a time.
    """
    loudest, count = 0.0, 0
    with byte_stream(source) as stream:
        try:
            with open_media(stream) as container:
                for part in _gathered(_resampled(container, rate_hz, max_s, field), rate_hz):
                    # A float WAV may hold anything at all.
                    samples = np.clip(np.nan_to_num(part, posinf=1.0, neginf=-1.0), -1.0, 1.0)
                    loudest, count = max(loudest, float(np.abs(samples).max())), count + len(part)
                    yield samples
        except SourceError:
            raise
        # ValueError: the sound's format changes midway.
        except (av.FFmpegError, OSError, ValueError) as cause:
            raise NotAudioError("no sound could be decoded from the file", field=field) from cause
    _check_audible(loudest, count / rate_hz, field)


def _resampled(
    container: InputContainer, rate_hz: int, max_s: float, field: str | None
) -> Iterator[NDArray[np.float32]]:
    # Channels are averaged here: FFmpeg's own way to mono adds them up, and loud ones clip.
    resampler = av.AudioResampler("fltp", None, rate_hz)
    decoded_s = 0.0
    for frame in _frames(container, field):
        decoded_s += frame.samples / max(frame.sample_rate, 1)
        if decoded_s > max_s:
            raise AudioTooLongError(f"the sound lasts longer than {max_s:g} s", field=field)
        yield from (_mono(part) for part in resampler.resample(frame))
    if decoded_s > 0.0:
        # The resampler keeps the last samples back until it is flushed.
        yield from (_mono(part) for part in resampler.resample(None))


def _mono(frame: AudioFrame) -> NDArray[np.float32]:
    return np.asarray(frame.to_ndarray().mean(axis=0), np.float32)


def _frames(container: InputContainer, field: str | None) -> Iterator[AudioFrame]:
    """Decode packet by packet, stepping over damaged ones as players do."""
    if not container.streams.audio:
        raise NotAudioError("the file holds no audio stream", field=field)
    good = damaged = 0
    for packet in container.demux(container.streams.audio[0]):
        try:
            frames = packet.decode()
        except av.InvalidDataError:
            damaged += 1
            continue
        good += len(frames)
        yield from frames
    if damaged > good:
        raise NotAudioError("most of the file's sound is damaged", field=field)


def _gathered(parts: Iterator[NDArray[np.float32]], rate_hz: int) -> Iterator[NDArray[np.float32]]:
    """Join the decoder's small parts to blocks that are worth a call."""
    held: list[NDArray[np.float32]] = []
    for part in parts:
        held.append(part)
        if sum(map(len, held)) >= _BLOCK_S * rate_hz:
            yield np.concatenate(held)
            held.clear()
    rest = np.concatenate(held) if held else np.empty(0, np.float32)
    if len(rest):
        yield rest


def _check_audible(loudest: float, length_s: float, field: str | None) -> None:
    if length_s < _SHORTEST_S:
        raise EmptyAudioError(f"the sound lasts only {length_s:.3f} s", field=field)
    if loudest < SILENCE_PEAK:
        raise EmptyAudioError(f"the sound is {length_s:.1f} s of digital silence", field=field)
