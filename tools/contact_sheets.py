"""Draw the contact sheets of docs/images anew, to look at the renderer's pictures in close-up.

Usage: `python -m tools.contact_sheets [--folder docs/images] [--suffix .jpg]`
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from tests.helpers.people import SERIOUS, SMILING, draw
from tests.helpers.pictures import cartoon_face
from tfi_notebook.local.renderer.blink import LID_STATES
from tfi_notebook.local.renderer.canvas import make_canvas
from tfi_notebook.local.renderer.compose import FramePainter
from tfi_notebook.local.renderer.motion import make_motion
from tfi_notebook.local.renderer.mouth import Detail
from tfi_notebook.local.renderer.options import LIVELY_VERSION, VERSIONS
from tfi_notebook.local.renderer.rig import BASES, Rig, build_rig
from tfi_notebook.local.renderer.speech import speech_track
from tfi_notebook.media.audio import decode, energy
from tfi_notebook.media.face import find_face
from tfi_notebook.media.frames import contact_sheet, encode_jpeg, encode_png, read_picture
from tfi_notebook.samples import PORTRAIT, VOICE

if TYPE_CHECKING:
    from tfi_notebook.local.renderer.arrays import F32, F64, U8

CANVAS_PX: Final = 640
CELL_PX: Final = (200, 170)  # width, height
ITERATIONS: Final = (1, 3, 5, 10, 20, 50)
SHAPES: Final[dict[str, dict[str, float]]] = {
    "rest": {},
    "p b m": {"press": 1},
    "small": {"open": 0.25},
    "aa": {"open": 0.9},
    "eh": {"open": 0.5, "wide": 0.45},
    "ee": {"open": 0.3, "wide": 0.85},
    "oh": {"open": 0.6, "round": 0.7},
    "oo": {"open": 0.22, "round": 0.95},
    "f v": {"open": 0.08, "tuck": 1},
}
LOUDNESS_SHAPES: Final = {"open", "press"}  # version 4 knows the jaw alone
HEADS: Final[dict[str, dict[str, float]]] = {
    "rest": {},
    "left": {"yaw": -0.08, "shift_x": -0.012},
    "right": {"yaw": 0.08, "shift_x": 0.012},
    "down": {"pitch": 0.05, "shift_y": 0.012},
    "tilted": {"roll": 0.013},
}


def main() -> int:
    """Draw every sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("docs/images"))
    parser.add_argument("--suffix", choices=[".jpg", ".png"], default=".jpg")
    arguments = parser.parse_args()
    sheets = {
        "mouths": mouths,
        "faces": faces,
        "blinks": blinks,
        "iterations": iterations,
        "heads": heads,
    }
    for name, sheet in sheets.items():
        path = (arguments.folder / name).with_suffix(arguments.suffix)
        rgb = sheet()
        path.write_bytes(encode_png(rgb) if arguments.suffix == ".png" else encode_jpeg(rgb))
    return 0


def mouths() -> U8:
    """Every shape of the sample portrait in each version."""
    rig = rig_of(read_picture(PORTRAIT))
    cells = [
        close_up(rig, painter(rig, version).paint(row(shape, version), 0), lips(rig))
        for version in VERSIONS
        for shape in SHAPES.values()
    ]
    return contact_sheet(cells, len(SHAPES))


def faces() -> U8:
    """Every shape of version 6 on four faces."""
    cells: list[U8] = []
    for rgb in (read_picture(PORTRAIT), draw(SERIOUS), draw(SMILING), cartoon_face()):
        rig = rig_of(rgb)
        mine = painter(rig, LIVELY_VERSION)
        cells += [
            close_up(rig, mine.paint(row(s, LIVELY_VERSION), 0), lips(rig)) for s in SHAPES.values()
        ]
    return contact_sheet(cells, len(SHAPES))


def blinks() -> U8:
    """Both eyes in every state of the lids, on three faces."""
    cells: list[U8] = []
    for rgb in (read_picture(PORTRAIT), draw(SERIOUS), draw(SMILING)):
        rig = rig_of(rgb)
        mine = painter(rig, LIVELY_VERSION)
        eyes = rig.face.points[[33, 263]].mean(axis=0)
        half = 0.72 * rig.face.eyes_px
        cells += [
            cut(mine.paint(row({}, LIVELY_VERSION), lid), eyes, half, 0.45 * half, (400, 180))
            for lid in range(len(LID_STATES))
        ]
    return contact_sheet(cells, len(LID_STATES))


def iterations() -> U8:
    """The same frames of the sample voice after more and more steps."""
    rig = rig_of(read_picture(PORTRAIT))
    voice = decode(VOICE)
    track, loudness = speech_track(voice, version=5), energy(voice)
    cells: list[U8] = []
    for count in ITERATIONS:
        motion = make_motion(track, loudness, version=5, step_count=count, dynamic_scale=1, seed=0)
        mine = FramePainter(rig, step_count=count, detail=Detail.TONGUE)
        cells += [
            close_up(rig, mine.paint(motion.weights[i], 0), lips(rig)) for i in range(20, 61, 5)
        ]
    return contact_sheet(cells, 9)


def heads() -> U8:
    """The head at the ends of its movement before a textured background."""
    rig = rig_of(draw(SERIOUS))
    mine = painter(rig, LIVELY_VERSION)
    frames = [mine.paint(row(head, LIVELY_VERSION), 0) for head in HEADS.values()]
    small = (
        cv2.resize(frame, (360, 360), interpolation=cv2.INTER_AREA)
        for frame in map(np.copy, frames)
    )
    return contact_sheet((np.asarray(frame, np.uint8) for frame in small), len(HEADS))


def rig_of(rgb: U8) -> Rig:
    """Make the rig of a picture at the size of the sheets."""
    landmarks = find_face(rgb).landmarks
    return build_rig(
        make_canvas(rgb, landmarks, output_size=CANVAS_PX, crop=True, expand_ratio=0.5)
    )


def painter(rig: Rig, version: int) -> FramePainter:
    """Return the painter that a version uses."""
    details = dict(zip(VERSIONS, Detail, strict=True))
    return FramePainter(rig, step_count=10, detail=details[version])


def row(shape: dict[str, float], version: int) -> F32:
    """Return the weights of a shape, as far as a version knows it."""
    weights = np.zeros(len(BASES), np.float32)
    weights[0] = 1
    for name, value in shape.items():
        if version != VERSIONS[0] or name in LOUDNESS_SHAPES:
            weights[BASES.index(name)] = value
    return weights


def lips(rig: Rig) -> F64:
    """Return the middle of the mouth."""
    return np.asarray(rig.face.points[[61, 291]].mean(axis=0), dtype=np.float64)


def close_up(rig: Rig, frame: U8, centre: F64) -> U8:
    """Cut the mouth's surroundings out of a frame."""
    return cut(frame, centre, 0.95 * rig.face.mouth_px, 0.8 * rig.face.mouth_px, CELL_PX)


def cut(frame: U8, centre: F64, half_x: float, half_y: float, size: tuple[int, int]) -> U8:
    """Cut a box out of a frame and scale it to `size`."""
    (x0, y0), (x1, y1) = (
        np.clip(centre + np.array([sx, sy]), 0, None).astype(int)
        for sx, sy in ((-half_x, -half_y), (half_x, half_y))
    )
    return np.asarray(cv2.resize(frame[y0:y1, x0:x1], size, interpolation=cv2.INTER_AREA), np.uint8)


if __name__ == "__main__":
    raise SystemExit(main())
