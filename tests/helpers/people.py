"""People drawn by code: no real person's picture is needed to judge a renderer.

Both are soft-shaded portraits before a bookshelf, whose edges show every bend of the
background: a serious dark-haired one, and a fair one who smiles with her teeth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Colour = tuple[int, int, int]
EDGE_PX: Final = 640


@dataclass(frozen=True)
class Person:
    """What one drawn person looks like; colours are RGB."""

    skin: Colour
    hair: Colour
    lips: Colour
    iris: Colour
    clothes: Colour
    long_hair: bool
    smiles: bool
    seed: int


SERIOUS: Final = Person(
    skin=(150, 104, 76), hair=(28, 22, 20), lips=(128, 66, 62), iris=(60, 36, 22),
    clothes=(60, 84, 70), long_hair=False, smiles=False, seed=3,
)  # fmt: skip
SMILING: Final = Person(
    skin=(232, 192, 168), hair=(150, 96, 48), lips=(196, 96, 98), iris=(70, 110, 140),
    clothes=(96, 60, 110), long_hair=True, smiles=True, seed=8,
)  # fmt: skip


def draw(person: Person) -> NDArray[np.uint8]:
    """Draw a portrait, (640, 640, 3) RGB."""
    picture = bookshelf(person.seed)
    _hair_behind(picture, person)
    _body(picture, person)
    _head(picture, person)
    for x in (256, 384):
        _eye(picture, person, x)
    _nose(picture, person)
    (_smile if person.smiles else _closed_mouth)(picture, person)
    _fringe(picture, person)
    return _grain(picture, person.seed)


def bookshelf(seed: int, edge_px: int = EDGE_PX) -> NDArray[np.float32]:
    """Draw shelves of books: edges everywhere, as a background that shows every bend."""
    rng = np.random.default_rng(seed)
    picture = np.full((edge_px, edge_px, 3), (70, 50, 36), np.float32)
    for top in range(0, edge_px, 128):
        x = 0
        while x < edge_px:
            width, height = int(rng.integers(12, 34)), int(rng.integers(84, 118))
            colour = rng.uniform(40, 210, 3)
            book = picture[top + 120 - height : top + 120, x : x + width - 2]
            book[...] = colour
            book[8:14] = book[-18:-14] = 0.6 * colour
            x += width
        picture[top + 120 : top + 128] = (110, 82, 58)
    return picture


def _blend(picture: NDArray[np.float32], mask: NDArray[np.float32], colour: object) -> None:
    picture += mask[..., None] * (np.asarray(colour, np.float32) - picture)


def _shape(points: object, soft_px: float = 1.2) -> NDArray[np.float32]:
    """Return a mask 0..1 of a polygon with soft edges."""
    mask = np.zeros((EDGE_PX, EDGE_PX), np.uint8)
    fixed = np.round(np.asarray(points, np.float64) * 16).astype(np.int32)
    cv2.fillPoly(mask, [fixed], (255,), cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(mask, (0, 0), soft_px)
    return np.asarray(soft / np.float32(255), np.float32)


def _oval(x: float, y: float, rx: float, ry: float, soft_px: float = 1.2) -> NDArray[np.float32]:
    turn = np.linspace(0, 2 * np.pi, 90)
    return _shape(np.column_stack([x + rx * np.cos(turn), y + ry * np.sin(turn)]), soft_px)


def _tone(colour: Colour, factor: float) -> NDArray[np.float32]:
    return np.asarray(np.clip(np.asarray(colour, np.float32) * factor, 0, 255), np.float32)


def _hair_behind(picture: NDArray[np.float32], person: Person) -> None:
    if person.long_hair:
        _blend(picture, _oval(320, 350, 190, 260, 4), _tone(person.hair, 0.8))
    _blend(picture, _oval(320, 255, 168, 190, 3), person.hair)


def _body(picture: NDArray[np.float32], person: Person) -> None:
    shoulders = [(60, 640), (90, 585), (230, 545), (410, 545), (550, 585), (580, 640)]
    _blend(picture, _shape(shoulders, 3), person.clothes)
    _blend(picture, _shape([(262, 440), (378, 440), (392, 560), (248, 560)], 3),
           _tone(person.skin, 0.8))  # fmt: skip


def _head(picture: NDArray[np.float32], person: Person) -> None:
    turn = np.linspace(0, 2 * np.pi, 120)
    # wide at the cheekbones, narrow at the chin
    width = 138 - 26 * np.clip(np.sin(turn), 0, 1) ** 2
    outline = np.column_stack([320 + width * np.cos(turn), 312 + 188 * np.sin(turn)])
    head = _shape(outline, 1.5)
    y, x = np.mgrid[0:EDGE_PX, 0:EDGE_PX].astype(np.float32)
    light = 1.08 - 0.32 * ((x - 290) / 150) ** 2 - 0.16 * ((y - 270) / 200) ** 2
    shade = np.clip(light, 0.62, 1.08)[..., None] * np.asarray(person.skin, np.float32)
    picture += head[..., None] * (shade - picture)
    for cheek in (236, 404):
        _blend(picture, 0.18 * _oval(cheek, 360, 38, 30, 14), _tone(person.lips, 1.15))


def _eye(picture: NDArray[np.float32], person: Person, x: int) -> None:
    _blend(picture, 0.35 * _oval(x, 268, 46, 30, 9), _tone(person.skin, 0.62))
    side = np.linspace(-1, 1, 24)
    lid = 262 - 17 * (1 - side**2)
    lower = 266 + 12 * (1 - side**2)
    almond = np.concatenate([np.column_stack([x + 33 * side, lid + 2]),
                             np.column_stack([x + 33 * side, lower])[::-1]])  # fmt: skip
    white = _shape(almond, 0.8)
    _blend(picture, white, (236, 232, 228))
    _blend(picture, white * _oval(x, 262, 15, 15, 0.8), person.iris)
    _blend(picture, white * _oval(x, 262, 7, 7, 0.7), (16, 12, 12))
    _blend(picture, _oval(x - 5, 257, 3, 3, 0.6), (255, 255, 255))
    rim = np.concatenate([np.column_stack([x + 35 * side, lid - 2]),
                          np.column_stack([x + 35 * side, lid + 2])[::-1]])  # fmt: skip
    _blend(picture, 0.85 * _shape(rim, 0.9), _tone(person.hair, 0.6))
    crease = rim - np.array([0, 9])
    _blend(picture, 0.35 * _shape(crease, 1.6), _tone(person.skin, 0.55))
    arch = 228 - 10 * (1 - side**2)
    upper, under = (
        np.column_stack([x + 44 * side, arch]),
        np.column_stack([x + 44 * side, arch + 8]),
    )
    brow = np.concatenate([upper, under[::-1]])
    _blend(picture, 0.9 * _shape(brow, 1.8), _tone(person.hair, 0.9))


def _nose(picture: NDArray[np.float32], person: Person) -> None:
    _blend(picture, 0.30 * _shape([(326, 250), (346, 352), (318, 352)], 7), _tone(person.skin, 0.6))
    _blend(picture, 0.30 * _oval(316, 340, 14, 12, 7), _tone(person.skin, 1.25))
    for x in (304, 337):
        _blend(picture, 0.8 * _oval(x, 361, 8, 4, 2), _tone(person.skin, 0.38))
    _blend(picture, 0.35 * _oval(320, 368, 24, 5, 4), _tone(person.skin, 0.6))


def _lip_curve(side: NDArray[np.float64], lift_px: float, bow_px: float) -> NDArray[np.float64]:
    return 415 - lift_px * side**2 - bow_px * (1 - side**2)


def _lips(
    picture: NDArray[np.float32], person: Person, half_px: float, lift_px: float, gap_px: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    side = np.linspace(-1, 1, 41)
    x = 320 + half_px * side
    upper, lower = (
        _lip_curve(side, lift_px, gap_px * 0.35),
        _lip_curve(side, lift_px, -gap_px * 0.65),
    )
    bow = 13 * (1 - side**2) ** 0.7 - 4 * np.exp(-((side / 0.16) ** 2))
    top, bottom = upper - bow, lower + 17 * (1 - side**2) ** 0.8
    _blend(picture, _shape(np.concatenate([np.column_stack([x, top]),
           np.column_stack([x, upper])[::-1]]), 1), _tone(person.lips, 0.88))  # fmt: skip
    _blend(picture, _shape(np.concatenate([np.column_stack([x, lower]),
           np.column_stack([x, bottom])[::-1]]), 1), person.lips)  # fmt: skip
    shine = np.column_stack([320 + 18 * side, lower.max() + 6 + 3 * side**2])
    _blend(
        picture,
        0.25 * _shape(np.concatenate([shine, shine[::-1] + np.array([0, 4])]), 2),
        (255, 235, 230),
    )
    _blend(picture, 0.3 * _oval(320, bottom.max() + 9, 34, 5, 4), _tone(person.skin, 0.6))
    return x, upper, lower


def _closed_mouth(picture: NDArray[np.float32], person: Person) -> None:
    x, upper, lower = _lips(picture, person, 56, 0, 0)
    seam = np.concatenate(
        [np.column_stack([x, upper - 1.2]), np.column_stack([x, lower + 1.2])[::-1]]
    )
    _blend(picture, 0.9 * _shape(seam, 0.8), _tone(person.lips, 0.4))


def _smile(picture: NDArray[np.float32], person: Person) -> None:
    x, upper, lower = _lips(picture, person, 68, 16, 26)
    inside = _shape(
        np.concatenate([np.column_stack([x, upper]), np.column_stack([x, lower])[::-1]]), 0.8
    )
    _blend(picture, inside, _tone(person.lips, 0.28))
    teeth = np.minimum(upper + 17 * (1 - ((x - 320) / 64) ** 2).clip(0) ** 0.4, lower)
    row = _shape(
        np.concatenate([np.column_stack([x, upper]), np.column_stack([x, teeth])[::-1]]), 0.8
    )
    gaps = 1 - 0.10 * np.exp(-((((np.arange(EDGE_PX) - 320) % 15 - 7.5) / 1.2) ** 2))
    _blend(picture, row * inside, np.array((240, 234, 222)) * gaps[None, :, None])


def _fringe(picture: NDArray[np.float32], person: Person) -> None:
    turn = np.linspace(np.pi, 2 * np.pi, 60)
    outer = np.column_stack([320 + 152 * np.cos(turn), 235 + 150 * np.sin(turn)])
    inner = np.column_stack([320 + 128 * np.cos(turn), 232 + 62 * np.sin(turn)])[::-1]
    _blend(picture, _shape(np.concatenate([outer, inner]), 2.5), person.hair)


def _grain(picture: NDArray[np.float32], seed: int) -> NDArray[np.uint8]:
    """Add the texture of skin and film, without which a drawing is too smooth to be judged."""
    rng = np.random.default_rng(seed)
    fine, coarse = (rng.normal(0, size, (EDGE_PX, EDGE_PX, 1)) for size in (2.0, 14.0))
    smooth = cv2.GaussianBlur(coarse, (0, 0), 3)[..., None]
    return np.clip(picture + fine + smooth, 0, 255).astype(np.uint8)
