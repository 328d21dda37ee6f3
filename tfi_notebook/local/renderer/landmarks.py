"""Which of the 478 landmarks of MediaPipe's face mesh are what.

Left and right are the picture's. All lip rows run from the left corner to the right one and
have 11 points each, so that the k-th points of two rows lie above each other.
"""

from __future__ import annotations

from typing import Final

Indices = tuple[int, ...]

OUTER_UPPER_LIP: Final[Indices] = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
OUTER_LOWER_LIP: Final[Indices] = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
INNER_UPPER_LIP: Final[Indices] = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
INNER_LOWER_LIP: Final[Indices] = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
UPPER_LIP: Final = OUTER_UPPER_LIP + INNER_UPPER_LIP
LOWER_LIP: Final = OUTER_LOWER_LIP + INNER_LOWER_LIP
LIP_POINTS: Final = len(INNER_UPPER_LIP)

OUTER_CORNERS: Final = (61, 291)
INNER_CORNERS: Final = (78, 308)
MOUTH_CORNERS: Final = OUTER_CORNERS + INNER_CORNERS
EYE_CORNERS: Final = (33, 263)

FACE_OVAL: Final[Indices] = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288),
    *(397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136),
    *(172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)

JAW_LINE: Final[dict[float, Indices]] = {
    1.0: (152, 148, 377),
    0.97: (176, 400),
    0.9: (149, 378),
    0.78: (150, 379),
    0.6: (136, 365),
    0.38: (172, 397),
    0.15: (58, 288),
    0.03: (132, 361),
    0.0: (234, 454, 127, 356, 10, 67, 297, 103, 332, 54, 284),
}
"""Share of the chin's drop -> points of the outline that follow it: the jaw is a hinge."""

CHIN: Final[dict[float, Indices]] = {
    1.0: (200, 199, 175),
    0.97: (18, 194, 418),
    0.9: (32, 262),
    0.85: (202, 422, 211, 431),
    0.8: (204, 424),
    0.55: (43, 273),
    0.45: (212, 432),
    0.35: (57, 287, 214, 434),
}
"""The same for the skin between the lower lip and the outline."""

JAW_SHARES: Final = {
    point: share
    for table in (JAW_LINE, CHIN)
    for share, points in table.items()
    for point in points
}
"""Point -> share of the chin's drop."""

CHIN_SKIN: Final[Indices] = tuple(point for points in CHIN.values() for point in points)

CHEEKS: Final[Indices] = (50, 280, 205, 425, 207, 427, 216, 436, 206, 426)
BROWS: Final[Indices] = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300)
STILL: Final[Indices] = (
    *(1, 2, 4, 5, 6, 9, 48, 278, 64, 294, 98, 327, 33, 133, 159, 145),
    *(362, 263, 386, 374, 168, 50, 280, 117, 346, 123, 352, 36, 266),
)
"""Nose, eyes and cheekbones: pinned, whatever the mouth does."""

UPPER_LIDS: Final = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133),
    (362, 398, 384, 385, 386, 387, 388, 466, 263),
)
LOWER_LIDS: Final = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133),
    (362, 382, 381, 380, 374, 373, 390, 249, 263),
)

LIP_COLOUR: Final[Indices] = (0, 17, 37, 267, 84, 314)
SKIN_COLOUR: Final[Indices] = (50, 280, 9, 1)
CHIN_TIP: Final = 152

CONTROLS: Final[Indices] = tuple(
    sorted({*UPPER_LIP, *LOWER_LIP, *JAW_SHARES, *STILL, *BROWS, *CHEEKS})
)
"""Every landmark that steers the skin."""
