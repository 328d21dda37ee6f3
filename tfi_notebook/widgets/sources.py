"""What is seen and heard of a picture or a sound in the form: measured here, drawn in the browser.

Only bytes that are here already are looked at: an upload, a sample of the package, or what a
person has had fetched to be checked. A URL that somebody typed is never fetched by the form.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tfi_notebook.display import words
from tfi_notebook.errors import EmptyAudioError, MissingExtraError
from tfi_notebook.widgets.fields import SOUND

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PREVIEW_EDGE_PX: Final = 240
PREVIEW_QUALITY: Final = 70
PEAKS_MAX: Final = 400
_NAME_CHARS: Final = 60

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that was looked at.

    Attributes:
        file_name: what it is called; foreign text.
        width_px: width of the whole picture.
        height_px: height of the whole picture.
        face_count: clear faces in it, at most 6.
        face: x0, y0, x1, y1 in px of the upright box round the landmarks of the largest clear
            face, which is what the local renderer measures its crop by; None without a face.
        jpeg: a small version of it.
    """

    file_name: str
    width_px: int
    height_px: int
    face_count: int
    face: Box | None
    jpeg: bytes = field(repr=False)

    def facts(self) -> dict[str, Any]:
        """Return what the browser needs, as JSON; the JPEG travels beside it."""
        name, size = self.file_name, [self.width_px, self.height_px]
        return {"kind": "picture", "file": name, "size": size, "face": self.face}


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound that was listened to.

    Attributes:
        file_name: what it is called; foreign text.
        duration_s: its length.
        silent: it is digital silence.
        peaks: the loudest sample of each of at most 400 equal parts, 0 to 100.
    """

    file_name: str
    duration_s: float
    silent: bool
    peaks: tuple[int, ...] = field(repr=False)

    def facts(self) -> dict[str, Any]:
        """Return what the browser needs, as JSON."""
        length = round(self.duration_s, 1)
        return {"kind": "sound", "file": self.file_name, "duration": length, "peaks": self.peaks}


def look(media: str, file_name: str, data: bytes) -> Picture | Sound:
    """Measure a picture or a sound. Takes a fraction of a second and blocks: call it in a thread.

    Args:
        media: `picture` or `sound`.
        file_name: what the file is called.
        data: its bytes.

    Raises:
        SourceError: it is no such file, or too large to be decoded.
        MissingExtraError: the packages that decode it are not installed.
    """
    name = words.readable(file_name, _NAME_CHARS)
    try:
        return _sound(name, data) if media == SOUND else _picture(name, data)
    except ImportError:
        missing = MissingExtraError("a preview of pictures and sounds", extra="local")
    raise missing


def _picture(name: str, data: bytes) -> Picture:
    from tfi_notebook.media.face import find_faces  # noqa: PLC0415 - an optional extra
    from tfi_notebook.media.frames import read_picture  # noqa: PLC0415 - the same

    rgb = read_picture(data)
    faces = find_faces(rgb)
    box = None
    if faces:
        points = faces[0].landmarks[:, :2]
        box = (*points.min(axis=0).tolist(), *points.max(axis=0).tolist())
    return Picture(name, rgb.shape[1], rgb.shape[0], len(faces), box, _small(rgb))


def _small(rgb: NDArray[np.uint8]) -> bytes:
    import cv2  # noqa: PLC0415 - an optional extra

    from tfi_notebook.media.frames import encode_jpeg  # noqa: PLC0415 - the same

    scale = min(1.0, PREVIEW_EDGE_PX / max(rgb.shape[:2]))
    width, height = (max(1, round(edge * scale)) for edge in rgb.shape[1::-1])
    small = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)
    return encode_jpeg(small.astype(rgb.dtype, copy=False), quality=PREVIEW_QUALITY)


def _sound(name: str, data: bytes) -> Sound:
    import numpy as np  # noqa: PLC0415 - an optional extra

    from tfi_notebook.media.audio import ANALYSIS_RATE_HZ, blocks  # noqa: PLC0415 - the same

    parts: list[NDArray[np.float32]] = []
    silent = False
    try:
        parts.extend(blocks(data))
    except EmptyAudioError:  # what there is has been yielded before
        silent = True
    heard = np.concatenate(parts) if parts else np.zeros(1, np.float32)
    pieces = np.array_split(np.abs(heard), min(PEAKS_MAX, len(heard)))
    peaks = tuple(round(100 * float(piece.max())) for piece in pieces)
    length_s = len(heard) / ANALYSIS_RATE_HZ
    return Sound(name, length_s, silent and not any(peaks), peaks)
