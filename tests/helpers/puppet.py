"""A puppet for the tests: the sample portrait with a jaw that is simply pulled down.

It owes nothing to the renderer, so that the scores are tested with a mouth of another make.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from tfi_notebook.media.face import find_face
from tfi_notebook.media.frames import read_picture, write_video
from tfi_notebook.samples import PORTRAIT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

FPS = 25
EDGE_PX = 256


def puppet(opening: NDArray[np.floating]) -> Iterator[NDArray[np.uint8]]:
    """Draw one frame per number in 0..1, (256, 256, 3) RGB."""
    portrait = read_picture(PORTRAIT)[30:230, 124:324]
    face = np.asarray(cv2.resize(portrait, (EDGE_PX, EDGE_PX)), np.uint8)
    points = find_face(face).landmarks[:, :2]
    left, right = points[78], points[308]  # the corners between the lips
    width = float(np.linalg.norm(right - left))
    x, y = np.meshgrid(np.arange(EDGE_PX, dtype=np.float32), np.arange(EDGE_PX, dtype=np.float32))
    across = (x - (left[0] + right[0]) / 2) / (width / 2)
    # the line on which the lips part, through her three inner lip points
    line = np.interp(x[0], points[[78, 13, 308], 0], points[[78, 14, 308], 1])[None]
    profile = np.clip(1 - across**2, 0, 1)
    below = y - line
    for amount in opening:
        drop = float(amount) * 0.24 * width * profile
        pulled = np.where(below > drop, y - drop * np.exp(-((below / (1.2 * width)) ** 2)), y)
        frame = cv2.remap(face, x, pulled.astype(np.float32), cv2.INTER_LINEAR)
        frame[(below > 0) & (below <= drop)] = (50, 15, 18)
        yield np.asarray(frame, np.uint8)


def film(
    path: Path,
    opening_100hz: NDArray[np.floating],
    sound: NDArray[np.float32],
    rate_hz: int,
    *,
    late_s: float = 0.0,
) -> Path:
    """Write the puppet speaking: its mouth follows the track `late_s` too late."""
    times = (np.arange(int(len(sound) / rate_hz * FPS)) + 0.5) / FPS
    opening = np.interp(times - late_s, np.arange(len(opening_100hz)) / 100, opening_100hz)
    write_video(path, puppet(opening), FPS, sound, rate_hz)
    return path
