"""Numbers of MediaPipe's face mesh that the scores look at."""

from __future__ import annotations

from typing import Final

OUTER_LIPS: Final = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185,
)  # fmt: skip
INNER_LIPS: Final = (
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191,
)  # fmt: skip
INNER_PAIRS: Final = (
    (191, 95), (80, 88), (81, 178), (82, 87), (13, 14), (312, 317), (311, 402), (310, 318),
)  # fmt: skip
"""Points of the inner lips, upper and lower, that lie above each other."""
MOUTH_CORNERS: Final = (61, 291)
MOUTH: Final = (*MOUTH_CORNERS, 0, 17)
EYE_CORNERS: Final = (33, 263)
RIGID: Final = (33, 133, 362, 263, 168, 6, 197, 195)
"""Corners of the eyes and bridge of the nose: what speech does not move."""
NOSE_TIP: Final = 1
CHIN: Final = 152
FACE_OVAL: Final = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
