"""Nine real films that differ, for galleries: a portrait with its frame number burned in."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

import cv2
import numpy as np

from tfi_notebook.media.frames import read_picture, write_video

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

FPS = 25.0
EDGE_PX = 256
VERSIONS = ("4", "5", "6")
ITERATIONS = ("5", "10", "20")


def nine_films(folder: Path, length_s: float) -> dict[tuple[str, str], Path]:
    """Write a film for every version and iteration count, all with the same hum."""
    folder.mkdir(parents=True, exist_ok=True)
    portrait = _portrait()
    hum = np.sin(np.arange(round(length_s * 16_000)) * (2 * np.pi * 220 / 16_000)).astype("f4") / 8
    films = {}
    for version in VERSIONS:
        for iterations in ITERATIONS:
            path = folder / f"v{version}_i{iterations}.mp4"
            pictures = _pictures(portrait, int(version), int(iterations), round(length_s * FPS))
            write_video(path, pictures, FPS, hum, 16_000)
            films[version, iterations] = path
    return films


def _portrait() -> NDArray[np.uint8]:
    """The face of the sample portrait, with its mouth at (127, 163)."""
    data = files("tfi_notebook").joinpath("samples", "portrait.png").read_bytes()
    face = read_picture(data)[20:220, 124:324]
    return np.asarray(cv2.resize(face, (EDGE_PX, EDGE_PX), interpolation=cv2.INTER_CUBIC), "u1")


def _pictures(
    portrait: NDArray[np.uint8], version: int, iterations: int, count: int
) -> Iterator[NDArray[np.uint8]]:
    tint = np.array([version * 6, 30, 50 - 2 * iterations], np.int16)
    ground = np.clip(portrait.astype(np.int16) + tint - 30, 0, 255).astype(np.uint8)
    for n in range(count):
        picture = ground.copy()
        cv2.putText(picture, f"{n:03d}", (8, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (255, 255, 0), 2)
        opening = round(3 + iterations / 2 * abs(np.sin(n / 3)))
        cv2.ellipse(picture, (127, 163), (24, opening), 0, 0, 360, (90, 20, 30), -1)
        yield picture
