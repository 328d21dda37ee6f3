"""Pictures the tests draw themselves: a cartoon face, a plain one, a bomb."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SKIN = (236, 188, 150)
LINE = (70, 45, 35)


def cartoon_face(edge_px: int = 512) -> NDArray[np.uint8]:
    """Draw a frontal face with a closed mouth, (edge_px, edge_px, 3) RGB."""
    picture = np.full((512, 512, 3), (214, 226, 238), np.uint8)
    cv2.ellipse(picture, (256, 265), (145, 185), 0, 0, 360, SKIN, -1, cv2.LINE_AA)
    cv2.ellipse(picture, (256, 140), (150, 85), 0, 180, 360, (95, 60, 30), -1, cv2.LINE_AA)
    for x in (198, 314):
        cv2.ellipse(picture, (x, 238), (29, 18), 0, 0, 360, (255, 255, 255), -1, cv2.LINE_AA)
        cv2.ellipse(picture, (x, 238), (29, 18), 0, 0, 360, LINE, 3, cv2.LINE_AA)
        cv2.circle(picture, (x, 238), 11, LINE, -1, cv2.LINE_AA)
        cv2.ellipse(picture, (x, 200), (35, 11), 0, 195, 345, LINE, 6, cv2.LINE_AA)
    nose = np.array([(256, 245), (241, 302), (263, 304)], np.int32)
    cv2.polylines(
        picture, [nose], isClosed=False, color=(170, 110, 80), thickness=4, lineType=cv2.LINE_AA
    )
    cv2.ellipse(picture, (256, 362), (54, 16), 0, 0, 360, (192, 88, 88), -1, cv2.LINE_AA)
    cv2.line(picture, (204, 362), (308, 362), (110, 40, 40), 3, cv2.LINE_AA)
    scaled = cv2.resize(picture, (edge_px, edge_px), interpolation=cv2.INTER_AREA)
    return np.asarray(scaled, np.uint8)


def on_canvas(
    picture: NDArray[np.uint8], width_px: int, height_px: int, left: int, top: int
) -> NDArray[np.uint8]:
    """Lay a picture on a plain canvas."""
    canvas = np.full((height_px, width_px, 3), (88, 96, 104), np.uint8)
    canvas[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return canvas


def one_colour_png(width_px: int, height_px: int) -> bytes:
    """Build a small PNG file of a huge grey picture, without ever holding its pixels."""
    packer = zlib.compressobj(9)
    row = b"\0" + b"\x80" * width_px
    rows = b"".join(packer.compress(row) for _ in range(height_px)) + packer.flush()
    header = struct.pack(">IIBBBBB", width_px, height_px, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", rows)
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
