"""One pass over a video: everything the scores need of its pictures.

Frames are streamed; of each only some landmarks and a few numbers are kept (less than 1 kB),
so that memory hardly grows with the video's length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from tfi_notebook.errors import NoFaceError
from tfi_notebook.media.face import FaceFollower
from tfi_notebook.media.frames import read_picture, read_video
from tfi_notebook.quality.landmarks import EYE_CORNERS, INNER_LIPS, OUTER_LIPS, RIGID
from tfi_notebook.quality.picture import Likeness, background, mouth_sharpness

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

KEPT: Final = (*OUTER_LIPS, *INNER_LIPS, *RIGID)

_LIKENESS_EVERY_FRAMES: Final = 5  # it is slow, and changes slowly


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What was seen in the T frames of one video; NaN where a frame shows no face.

    Attributes:
        points: (T, 48, 2) landmarks in px, in the order of `KEPT`.
        change: (T,) mean absolute difference of a frame's grey to the frame before, in grey
            levels 0..255; the first is NaN.
        background_change: (T,) the same for what lies behind the head; NaN too where hardly
            any background is in the picture.
        sharpness: (T,) see `picture.mouth_sharpness`.
        likeness: (n,) SSIM against the source picture of every fifth frame; empty without one.
        picture_sharpness: the source picture's own sharpness; NaN without one.
        edge_px: the shorter edge of a frame.
    """

    points: NDArray[np.float32]
    change: NDArray[np.float32]
    background_change: NDArray[np.float32]
    sharpness: NDArray[np.float32]
    likeness: NDArray[np.float32]
    picture_sharpness: float
    edge_px: int

    def point(self, number: int) -> NDArray[np.float32]:
        """Return (T, 2): where one landmark of `KEPT` is, in px."""
        return self.points[:, KEPT.index(number)]

    def gap(self, one: int, other: int) -> NDArray[np.float64]:
        """Return (T,): the distance of two landmarks of `KEPT` in distances of the eye corners."""
        apart = np.linalg.norm(self.point(one) - self.point(other), axis=1)
        return np.asarray(apart / self.eyes_apart_px(), np.float64)

    def eyes_apart_px(self) -> NDArray[np.float64]:
        """Return (T,): the distance of the outer eye corners, in px."""
        right, left = (self.point(number) for number in EYE_CORNERS)
        return np.asarray(np.linalg.norm(right - left, axis=1), np.float64)


def look_at(video: Path, picture: Path | bytes | None = None) -> Look:
    """Measure all frames of a video.

    Args:
        video: a video file with one speaking face.
        picture: the portrait it was made from, a path or the file's bytes.

    Returns:
        the measurements.

    Raises:
        SourceError: the file is no video.
        NoFaceError: no frame shows a face.
        NotAPictureError, PictureTooLargeError: the picture cannot be used.
    """
    likeness = None if picture is None else Likeness(read_picture(picture))
    eyes = _Eyes(likeness)
    for rgb in read_video(video):
        eyes.see(rgb)
    return eyes.look()


class _Eyes:
    """Takes frames in, one by one."""

    def __init__(self, likeness: Likeness | None) -> None:
        self._follower = FaceFollower()
        self._likeness = likeness
        self._before: NDArray[np.uint8] | None = None
        self._points: list[NDArray[np.float32]] = []
        self._numbers: list[tuple[float, float, float]] = []
        self._likenesses: list[float] = []
        self._seen = False

    def see(self, rgb: NDArray[np.uint8]) -> None:
        """Measure one frame, (H, W, 3) RGB."""
        grey = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
        points = self._follower.look(rgb)
        self._numbers.append(self._changes(grey, points))
        if points is None:
            self._points.append(np.full((len(KEPT), 2), np.nan, np.float32))
        else:
            self._seen = True
            self._points.append(points[KEPT, :2].astype(np.float32))
            if self._likeness and len(self._points) % _LIKENESS_EVERY_FRAMES == 1:
                self._likenesses.append(self._likeness.of(grey, points))
        self._before = grey

    def _changes(
        self, grey: NDArray[np.uint8], points: NDArray[np.float64] | None
    ) -> tuple[float, float, float]:
        sharp = np.nan if points is None else mouth_sharpness(grey, points)
        if self._before is None:
            return np.nan, np.nan, sharp
        difference = np.asarray(cv2.absdiff(grey, self._before), np.uint8)
        behind = None if points is None else background(grey.shape[:2], points)
        behind_change = np.nan if behind is None else cv2.mean(difference, behind)[0]
        return cv2.mean(difference)[0], behind_change, sharp

    def look(self) -> Look:
        """Return what was seen."""
        if not self._seen or self._before is None:
            raise NoFaceError("no frame of the video shows a face")
        change, behind, sharpness = np.array(self._numbers, np.float32).T
        return Look(
            points=np.stack(self._points),
            change=change,
            background_change=behind,
            sharpness=sharpness,
            likeness=np.array(self._likenesses, np.float32),
            picture_sharpness=self._likeness.sharpness if self._likeness else np.nan,
            edge_px=min(self._before.shape[:2]),
        )
