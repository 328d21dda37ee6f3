"""How far the mouth is open in every frame of a video."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tfi_notebook.media.face import track_landmarks
from tfi_notebook.media.frames import read_video, video_info
from tfi_notebook.quality.landmarks import EYE_CORNERS, INNER_PAIRS

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


UPPER_LIP, LOWER_LIP = INNER_PAIRS[4]  # the middles


@dataclass(frozen=True, slots=True, eq=False)
class MouthTrack:
    """The mouth of one video over time.

    Attributes:
        opening: (T,) distance of the inner lips over the distance of the outer eye corners,
            0 for closed lips, about 0.3 for a wide "aah"; NaN in frames without a face.
        fps: frames per second; frame i shows the time (i + 0.5) / fps.
    """

    opening: NDArray[np.float64]
    fps: float


def mouth_track(video: Path) -> MouthTrack:
    """Measure the mouth in every frame with the independent 468-point model.

    Args:
        video: a video file with one speaking face.

    Returns:
        the opening over time and the frame rate.

    Raises:
        SourceError: the file is no video.
        NoFaceError: no frame shows a face.
    """
    points = track_landmarks(read_video(video))[:, :, :2]
    lips = np.linalg.norm(points[:, UPPER_LIP] - points[:, LOWER_LIP], axis=1)
    eyes = np.linalg.norm(points[:, EYE_CORNERS[0]] - points[:, EYE_CORNERS[1]], axis=1)
    return MouthTrack(lips / eyes, video_info(video).fps)


def mouth_opening(video: Path) -> NDArray[np.float64]:
    """Return `mouth_track(video).opening`, (T,), one number per frame."""
    return mouth_track(video).opening
