"""Pictures in and out, and the doors to video: every picture here is RGB, (H, W, 3) uint8.

What reads and writes video stands in `video`, what reads headers in `headers`; both are
offered here under one name.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from tfi_notebook.errors import NotAPictureError, PictureTooLargeError
from tfi_notebook.media.headers import picture_header
from tfi_notebook.media.video import VideoInfo, poster, read_video, video_info, write_video

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = [
    "MAX_EDGE_PX",
    "MAX_PIXELS",
    "VideoInfo",
    "contact_sheet",
    "encode_jpeg",
    "encode_png",
    "picture_header",
    "poster",
    "read_picture",
    "read_video",
    "video_info",
    "write_video",
]

MAX_PIXELS: Final = 40_000_000
MAX_EDGE_PX: Final = 16_384
# What shows through a transparent picture: a light neutral grey, as a photo studio's wall.
BACKDROP: Final = (200, 200, 200)
_WITH_ALPHA: Final = 4  # channels
_COLOUR_AXES: Final = 3  # rows, columns, channels
_ROWS_AT_ONCE: Final = 256


def read_picture(source: Path | bytes, *, field: str | None = None) -> NDArray[np.uint8]:
    """Read a PNG, JPEG, WebP or BMP picture.

    The size is checked in the header before a pixel is decoded. EXIF rotation is applied
    (not for pictures with transparency, where cameras do not write it), transparency is laid
    on a light grey, grey and 16-bit pictures become 8-bit RGB.

    Args:
        source: a path, or the file's bytes.
        field: the payload field the picture came from, for the error.

    Returns:
        (H, W, 3) RGB.

    Raises:
        NotAPictureError: not one of the four formats, or damaged.
        PictureTooLargeError: more than `MAX_PIXELS` pixels or an edge over `MAX_EDGE_PX`.
    """
    data = source if isinstance(source, bytes) else Path(source).read_bytes()
    try:
        name, width, height = picture_header(data)
    except NotAPictureError as error:
        error.field = field
        raise
    if width * height > MAX_PIXELS or max(width, height) > MAX_EDGE_PX:
        raise PictureTooLargeError(
            f"the {name} picture has {width}x{height} px; at most {MAX_PIXELS:,} pixels and "
            f"{MAX_EDGE_PX:,} px along an edge are read",
            field=field,
        )
    return _decoded(data, name, field)


def encode_jpeg(rgb: NDArray[np.uint8], *, quality: int = 80) -> bytes:
    """Return the picture (H, W, 3) as a JPEG file; quality 0..100."""
    return _encoded(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, quality])


def encode_png(rgb: NDArray[np.uint8]) -> bytes:
    """Return the picture (H, W, 3) as a PNG file."""
    return _encoded(".png", rgb, [])


def contact_sheet(frames: Iterable[NDArray[np.uint8]], columns: int) -> NDArray[np.uint8]:
    """Lay pictures out in rows, to look at a video at one glance.

    Args:
        frames: (H, W, 3) pictures; smaller ones than the largest are padded with white.
        columns: pictures per row, at least 1.

    Returns:
        (rows * H, columns * W, 3); empty places are white.

    Raises:
        ValueError: there is no frame.

    Example:
        >>> import numpy as np
        >>> contact_sheet([np.zeros((4, 6, 3), np.uint8)] * 5, columns=2).shape
        (12, 12, 3)
    """
    pictures = list(frames)
    if not pictures:
        raise ValueError("a contact sheet needs at least one frame")
    height = max(picture.shape[0] for picture in pictures)
    width = max(picture.shape[1] for picture in pictures)
    rows = -(-len(pictures) // columns)
    sheet = np.full((rows * height, columns * width, 3), 255, np.uint8)
    for index, picture in enumerate(pictures):
        top, left = index // columns * height, index % columns * width
        sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return sheet


def _decoded(data: bytes, name: str, field: str | None) -> NDArray[np.uint8]:
    buffer = np.frombuffer(data, np.uint8)
    try:
        if name in ("PNG", "WebP"):
            raw = cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED)
            if raw is not None and raw.ndim == _COLOUR_AXES and raw.shape[2] == _WITH_ALPHA:
                return _on_backdrop(raw)
        bgr = cv2.imdecode(buffer, cv2.IMREAD_COLOR)
    except cv2.error as cause:
        raise NotAPictureError(f"the {name} file cannot be decoded", field=field) from cause
    if bgr is None:
        hint = "open it in a picture viewer and save it again"
        raise NotAPictureError(f"the {name} file is damaged or cut short", field=field, hint=hint)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def _on_backdrop(bgra: cv2.typing.MatLike) -> NDArray[np.uint8]:
    full = np.float32(65_535.0 if bgra.dtype == np.uint16 else 255.0)
    backdrop = np.array(BACKDROP, np.float32)
    out = np.empty((*bgra.shape[:2], 3), np.uint8)
    for top in range(0, len(out), _ROWS_AT_ONCE):  # floats of 40 million pixels take a gigabyte
        rows = bgra[top : top + _ROWS_AT_ONCE].astype(np.float32) / full
        colour, alpha = rows[..., 2::-1] * np.float32(255.0), rows[..., 3:]
        out[top : top + _ROWS_AT_ONCE] = np.round(backdrop + alpha * (colour - backdrop))
    return out


def _encoded(suffix: str, rgb: NDArray[np.uint8], parameters: list[int]) -> bytes:
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(suffix, bgr, parameters)
    return data.tobytes()
