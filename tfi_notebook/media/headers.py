"""The size of a picture, read from its first bytes.

Decoding comes later and only for sizes that are safe: a file of 50 kB can unfold into
gigabytes of pixels. Four formats are known: PNG, JPEG, WebP and BMP.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from tfi_notebook.errors import NotAPictureError

if TYPE_CHECKING:
    from collections.abc import Callable

_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_JPEG_SIGNATURE: Final = b"\xff\xd8\xff"
# Start-of-frame markers of JPEG; C4, C8 and CC in the same range mean other things.
_JPEG_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_BARE: Final = frozenset([0x01, *range(0xD0, 0xD8)])  # markers without a length
_JPEG_SCAN: Final = 0xDA
_BMP_CORE_HEADER_BYTES: Final = 12


def picture_header(data: bytes) -> tuple[str, int, int]:
    """Read the format and the size of a picture without decoding it.

    Args:
        data: the file, or its beginning; for JPEG up to the first frame header.

    Returns:
        format name (PNG, JPEG, WebP or BMP), width and height in px, as stored: a rotation
        asked for by EXIF is not applied.

    Raises:
        NotAPictureError: none of the four formats, or a damaged header.

    Example:
        >>> import struct
        >>> picture_header(struct.pack("<2s12xIii", b"BM", 40, 512, -256))
        ('BMP', 512, 256)
    """
    for name, matches, size_of in _FORMATS:
        if not matches(data):
            continue
        try:
            width, height = size_of(data)
        except (struct.error, IndexError) as cause:
            raise NotAPictureError(f"the {name} file breaks off in its header") from cause
        if width < 1 or height < 1:
            raise NotAPictureError(f"the {name} header tells a size of {width}x{height} px")
        return name, width, height
    raise NotAPictureError("the file is none of PNG, JPEG, WebP and BMP")


def _is_png(data: bytes) -> bool:
    return data.startswith(_PNG_SIGNATURE)


def _is_jpeg(data: bytes) -> bool:
    return data.startswith(_JPEG_SIGNATURE)


def _is_webp(data: bytes) -> bool:
    return data.startswith(b"RIFF") and data[8:12] == b"WEBP"


def _is_bmp(data: bytes) -> bool:
    return data.startswith(b"BM")


def _png_size(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """Walk the markers up to the first frame header."""
    at = 2
    while True:
        if data[at] != 0xFF:  # noqa: PLR2004 - every marker starts with this byte
            raise NotAPictureError("the JPEG file is damaged before its frame header")
        marker = data[at + 1]
        if marker == 0xFF:  # noqa: PLR2004 - fill byte before a marker
            at += 1
        elif marker in _JPEG_BARE:
            at += 2
        elif marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        elif marker == _JPEG_SCAN:
            raise NotAPictureError("the JPEG file has no frame header")
        else:
            at += 2 + struct.unpack_from(">H", data, at + 2)[0]


def _webp_size(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X":  # extended: canvas size minus one, 24 bits each
        low_w, high_w, low_h, high_h = struct.unpack_from("<HBHB", data, 24)
        return (high_w << 16 | low_w) + 1, (high_h << 16 | low_h) + 1
    if kind == b"VP8L":  # lossless: two sizes minus one, 14 bits each, after a signature byte
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":  # lossy: 14 bits each, after the frame tag and the start code
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise NotAPictureError("the WebP file starts with an unknown chunk")


def _bmp_size(data: bytes) -> tuple[int, int]:
    (header_bytes,) = struct.unpack_from("<I", data, 14)
    if header_bytes == _BMP_CORE_HEADER_BYTES:
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)
    return width, abs(height)  # a negative height means rows from the top


_FORMATS: Final[
    tuple[tuple[str, Callable[[bytes], bool], Callable[[bytes], tuple[int, int]]], ...]
] = (
    ("PNG", _is_png, _png_size),
    ("JPEG", _is_jpeg, _jpeg_size),
    ("WebP", _is_webp, _webp_size),
    ("BMP", _is_bmp, _bmp_size),
)
