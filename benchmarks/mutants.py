"""Pictures and sounds as nobody should send them: good files of many kinds, spoilt in many ways."""

from __future__ import annotations

import io
import struct
import wave
import zlib
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import av
import cv2
import numpy as np

from tfi_notebook import samples
from tfi_notebook.media.frames import read_picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Spoil = Callable[[bytes, str, np.random.Generator], bytes]

EDGE_PX: Final = 192
VOICE_S: Final = 0.4
HEAD_BYTES: Final = 96


@dataclass(frozen=True, slots=True)
class Mutant:
    """One file to try: the payload field it is for, its kind, what was done to it, its bytes."""

    field: str
    kind: str
    spoilt: str
    data: bytes


def mutants(count: int, seed: int = 0) -> Iterator[Mutant]:
    """Give spoilt files: every way of spoiling in turn, each on the next kind of file."""
    rng = np.random.default_rng(seed)
    good = list(seeds())
    for number in range(count):
        field, kind, data = good[number % len(good)]
        ways = list(WAYS)
        spoilt = ways[(number + number // len(good)) % len(ways)]
        yield Mutant(field, kind, spoilt, WAYS[spoilt](data, kind, rng))


def seeds() -> Iterator[tuple[str, str, bytes]]:
    """Give field, kind and bytes of a good file of each kind and mode."""
    rgb = read_picture(samples.PORTRAIT)
    small = cv2.resize(rgb, (EDGE_PX, EDGE_PX), interpolation=cv2.INTER_AREA)
    for kind, data in _pictures(np.asarray(small[..., ::-1], np.uint8).copy()):
        yield "image_url", kind, data
    for kind, data in _sounds():
        yield "audio_url", kind, data


def family(kind: str) -> str:
    """Return the format of a kind, without its mode."""
    return kind.partition(" ")[0]


# -- good files ----------------------------------------------------------------------------


def _pictures(bgr: NDArray[np.uint8]) -> Iterator[tuple[str, bytes]]:
    grey = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)
    alpha = np.dstack([bgr, np.full(bgr.shape[:2], 200, np.uint8)])
    for suffix in (".png", ".jpg", ".webp", ".bmp"):
        yield suffix[1:], _encoded(suffix, bgr)
    yield "png 16 bit", _encoded(".png", bgr.astype(np.uint16) * 257)
    yield "png alpha", _encoded(".png", alpha)
    yield "png grey", _encoded(".png", grey)
    yield "png palette", _palette_png(grey)
    yield "webp alpha", _encoded(".webp", alpha)
    yield "jpg grey", _encoded(".jpg", grey)
    yield "jpg cmyk", _cmyk_jpeg(_encoded(".jpg", grey))
    for suffix in (".png", ".webp"):
        film: Any = cv2.Animation()
        film.frames, film.durations = [bgr, bgr[:, ::-1].copy()], [40, 40]
        _, data = cv2.imencodeanimation(suffix, film)
        yield f"{suffix[1:]} animated", np.asarray(data).tobytes()


def _encoded(suffix: str, picture: NDArray[Any]) -> bytes:
    return cv2.imencode(suffix, picture)[1].tobytes()


def _palette_png(grey: NDArray[Any]) -> bytes:
    height, width = grey.shape
    rows = b"".join(b"\0" + row.tobytes() for row in grey)
    palette = bytes(level for index in range(256) for level in (index, index * 3 // 4, index // 2))
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0),
        b"PLTE": palette,
        b"IDAT": zlib.compress(rows),
        b"IEND": b"",
    }
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks.items())


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _cmyk_jpeg(grey: bytes) -> bytes:
    """Make four components of a grey JPEG's one: each gets a scan with the same data."""
    frame, scan = grey.index(b"\xff\xc0"), grey.index(b"\xff\xda")
    frame_end = frame + 2 + int.from_bytes(grey[frame + 2 : frame + 4])
    scan_end = scan + 2 + int.from_bytes(grey[scan + 2 : scan + 4])
    size = grey[frame + 4 : frame + 9]  # precision, height, width
    parts = b"".join(bytes([number, 0x11, 0]) for number in (1, 2, 3, 4))
    four = b"\xff\xc0" + struct.pack(">H", 8 + len(parts)) + size + b"\x04" + parts
    data = grey[scan_end:-2]
    scans = b"".join(
        b"\xff\xda\0\x08\x01" + bytes([number, 0]) + b"\0\x3f\0" + data for number in (1, 2, 3, 4)
    )
    adobe = b"\xff\xee\0\x0eAdobe\0\x64" + bytes(5)
    return b"\xff\xd8" + adobe + grey[2:frame] + four + grey[frame_end:scan] + scans + b"\xff\xd9"


def _sounds() -> Iterator[tuple[str, bytes]]:
    with wave.open(str(samples.VOICE)) as voice:
        rate_hz = voice.getframerate()
        raw = voice.readframes(round(VOICE_S * rate_hz))
    sound = np.frombuffer(raw, np.int16).astype(np.float32)[None] / np.float32(32768)
    for kind, container, codec, sample_format in (
        ("wav", "wav", "pcm_s16le", "s16"),
        ("wav float", "wav", "pcm_f32le", "flt"),
        ("mp3", "mp3", "libmp3lame", "fltp"),
        ("ogg", "ogg", "libopus", "flt"),
        ("m4a", "mp4", "aac", "fltp"),
        ("flac", "flac", "flac", "s16"),
    ):
        yield kind, _sound(sound, rate_hz, container, codec, sample_format)


def _sound(
    sound: NDArray[np.float32], rate_hz: int, container: str, codec: str, sample_format: str
) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as target:
        coded_hz = 48_000 if codec == "libopus" else rate_hz
        stream: Any = target.add_stream(codec, rate=coded_hz, layout="mono")
        frame = av.AudioFrame.from_ndarray(sound, "fltp", "mono")
        frame.sample_rate = rate_hz
        resampler = av.AudioResampler(sample_format, "mono", coded_hz, stream.frame_size or None)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            target.mux(stream.encode(part))
        target.mux(stream.encode(None))
    return buffer.getvalue()


# -- ways to spoil them ----------------------------------------------------------------------


def _flipped(share: float) -> Spoil:
    def spoil(data: bytes, _kind: str, rng: np.random.Generator) -> bytes:
        bits = np.unpackbits(np.frombuffer(data, np.uint8))
        count = max(1, round(share * bits.size))
        bits[rng.integers(0, bits.size, count)] ^= 1
        return np.packbits(bits).tobytes()

    return spoil


def _flipped_late(data: bytes, kind: str, rng: np.random.Generator) -> bytes:
    """Spare the head, so that the decoder is reached."""
    return data[:HEAD_BYTES] + _flipped(0.001)(data[HEAD_BYTES:], kind, rng)


def _truncated(data: bytes, _kind: str, rng: np.random.Generator) -> bytes:
    return data[: int(rng.integers(1, len(data)))]


def _truncated_late(data: bytes, _kind: str, rng: np.random.Generator) -> bytes:
    return data[: -int(rng.integers(1, max(2, len(data) // 50)))]


def _lying_head(data: bytes, _kind: str, rng: np.random.Generator) -> bytes:
    """Set some four bytes of the head, beyond the signature, to an extreme."""
    spoilt = bytearray(data)
    at = int(rng.integers(8, HEAD_BYTES - 4))
    spoilt[at : at + 4] = rng.choice([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff"])
    return bytes(spoilt)


def _huge(data: bytes, kind: str, _rng: np.random.Generator) -> bytes:
    """Declare a huge size (or rate, or length) where the format keeps it."""
    spoilt = bytearray(data)
    match family(kind):
        case "png":
            head = struct.pack(">II", 30_000, 30_000) + data[24:29]
            return data[:8] + _chunk(b"IHDR", head) + data[33:]
        case "bmp":
            spoilt[18:26] = struct.pack("<ii", 30_000, -30_000)
        case "jpg":
            frame = next(data.index(mark) for mark in (b"\xff\xc0", b"\xff\xc2") if mark in data)
            spoilt[frame + 5 : frame + 9] = struct.pack(">HH", 65_000, 65_000)
        case "webp":
            at = {b"VP8X": 24, b"VP8L": 21, b"VP8 ": 26}[data[12:16]]
            spoilt[at : at + 4] = b"\xff\x3f\xff\x3f"
        case "wav":
            spoilt[24:28] = struct.pack("<I", 0x7FFFFFFF)
        case "m4a":
            at = data.index(b"mvhd") + 20
            spoilt[at : at + 4] = b"\x7f\xff\xff\xff"
        case _:
            spoilt[4:20] = b"\xff" * 16
    return bytes(spoilt)


def _within_the_cap(data: bytes, kind: str, rng: np.random.Generator) -> bytes:
    """Declare as many pixels as are just allowed, of which nearly none are there."""
    if kind.startswith("png"):
        head = struct.pack(">II", 6_300, 6_300) + data[24:29]
        return data[:8] + _chunk(b"IHDR", head) + data[33:]
    if kind == "bmp":
        return data[:18] + struct.pack("<ii", 6_300, 6_300) + data[26:]
    return _huge(data, kind, rng)


def _nothing(_data: bytes, _kind: str, _rng: np.random.Generator) -> bytes:
    return b""


def _polyglot(data: bytes, kind: str, rng: np.random.Generator) -> bytes:
    """Put another format's file before, after or inside."""
    others = [data for _, other, data in _ALL() if family(other) != family(kind)]
    other = others[int(rng.integers(len(others)))]
    at = int(rng.integers(len(data)))
    mixed = [data + other, other + data, data[:at] + other + data[at:], b"PK\x03\x04" + data]
    return mixed[int(rng.integers(len(mixed)))]


def _shuffled(data: bytes, _kind: str, rng: np.random.Generator) -> bytes:
    """Change the order of some blocks, and repeat one."""
    cuts = sorted({int(cut) for cut in rng.integers(HEAD_BYTES, len(data), 4)})
    bounds = [HEAD_BYTES, *cuts, len(data)]
    blocks = [data[a:b] for a, b in pairwise(bounds)]
    order = rng.permutation(len(blocks))
    return data[:HEAD_BYTES] + b"".join(blocks[index] for index in order) + blocks[0]


def _noise(data: bytes, _kind: str, rng: np.random.Generator) -> bytes:
    """Keep the head, and put noise in place of the rest."""
    return data[:HEAD_BYTES] + rng.bytes(len(data) - HEAD_BYTES)


def _ALL() -> list[tuple[str, str, bytes]]:  # noqa: N802 - a constant that is made late
    if not _cache:
        _cache.extend(seeds())
    return _cache


_cache: list[tuple[str, str, bytes]] = []

WAYS: Final[dict[str, Spoil]] = {
    "one bit": _flipped(0),
    "0.1 % of bits": _flipped(0.001),
    "2 % of bits": _flipped(0.02),
    "bits behind the head": _flipped_late,
    "cut anywhere": _truncated,
    "cut at the end": _truncated_late,
    "lying head": _lying_head,
    "huge size": _huge,
    "large size, no data": _within_the_cap,
    "nothing": _nothing,
    "polyglot": _polyglot,
    "blocks shuffled": _shuffled,
    "noise": _noise,
}
