"""Opening sound and video files that came from somewhere else.

A media file may name other files or addresses to read (a playlist renamed to .mp4 can make
a decoder read local files). So only formats that carry their data in themselves are
accepted, and the file is handed over already open: the decoder gets bytes, not a path.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import av

if TYPE_CHECKING:
    from av.container import InputContainer

# Names of FFmpeg's demuxers. None of them reads a second file.
SELF_CONTAINED_FORMATS: Final = (
    "wav", "w64", "mp3", "ogg", "flac", "aac", "aiff", "caf", "amr", "au",
    "mov", "mp4", "m4a", "matroska", "webm", "avi",
)  # fmt: skip


def byte_stream(source: Path | bytes) -> BinaryIO:
    """Open a path, or the bytes themselves, for reading; OSError if that cannot be done."""
    return io.BytesIO(source) if isinstance(source, bytes) else Path(source).open("rb")


def open_media(stream: BinaryIO) -> InputContainer:
    """Open a self-contained media file for reading.

    Args:
        stream: the file's bytes, from `byte_stream`.

    Returns:
        the open container, to be used as a context manager.

    Raises:
        av.FFmpegError: no known format; callers turn it into their own error.
        OSError: the decoder moved to where there is nothing, as in an empty file.
    """
    options = {"format_whitelist": ",".join(SELF_CONTAINED_FORMATS), "protocol_whitelist": "none"}
    return av.open(stream, "r", container_options=options)
