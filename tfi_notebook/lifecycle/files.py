"""Putting a downloaded video where it belongs, without harm to what is there already."""

from __future__ import annotations

import asyncio
import contextlib
import filecmp
import os
import re
import shutil
import time
import uuid
from itertools import chain, count
from typing import TYPE_CHECKING, BinaryIO, Final, TypeVar

from tfi_notebook.errors import DownloadError, SourceError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")

_BOX_HEAD_BYTES: Final = 8
_LONG_BOX_HEAD_BYTES: Final = 16
_SIZE_FOLLOWS: Final = 1
_TO_THE_END: Final = 0
_BOXES_MAX: Final = 100_000
_RESERVED_NAMES: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)


def safe_name(text: str) -> str:
    """Return a file name stem of allowed characters only, that every system takes.

    Example:
        >>> safe_name("../a b:c"), safe_name("nul")
        ('a-b-c', 'video-nul')
    """
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-")[:100] or "video"
    return f"video-{name}" if _RESERVED_NAMES.fullmatch(name) else name


def start_part(target: Path, stale_after_s: float) -> Path:
    """Make the folder, remove what killed transfers left, and return a path for the next one.

    Args:
        target: where the video is to be.
        stale_after_s: no transfer takes longer; older parts are nobody's.

    Returns:
        A path beside the target, of a name that nobody else uses.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    oldest = time.time() - 2 * stale_after_s
    for left in target.parent.glob(f"{target.name}.*.part"):
        with contextlib.suppress(FileNotFoundError):
            if left.stat().st_mtime < oldest:
                left.unlink()
    return target.with_name(f"{target.name}.{uuid.uuid4().hex[:12]}.part")


def check_space(folder: Path, needed_bytes: int, reserve_bytes: int) -> None:
    """Refuse a transfer that would fill the disk.

    Args:
        folder: where the file goes.
        needed_bytes: its size; 0 if the server does not tell.
        reserve_bytes: what must be left: the ledger lives on a disk, too.

    Raises:
        DownloadError: there is not enough space.
    """
    free = shutil.disk_usage(folder).free
    if free < needed_bytes + reserve_bytes:
        raise DownloadError(
            f"not enough space: the video has {needed_bytes:,} bytes, {free:,} are free and "
            f"{reserve_bytes:,} are kept in reserve",
            hint="make space, then job.download(): the video stays on the server",
        )


def place(part: Path, target: Path) -> Path:
    """Give a finished file its name, or the name with a number if another file has it.

    Args:
        part: the checked file; it is gone afterwards.
        target: its name in the same folder.

    Returns:
        Where the content is: a file that holds the very same is taken as it is.
    """
    numbered = (target.with_stem(f"{target.stem}-{number}") for number in count(2))
    for name in chain([target], numbered):
        if _claim(part, name):
            return name
        if name.is_file() and filecmp.cmp(part, name, shallow=False):
            part.unlink()
            return name
    raise AssertionError("the numbers do not end")


def is_whole_mp4(path: Path) -> bool:
    """Whether a file begins like an mp4 and no box of it reaches beyond its end.

    An mp4 is a row of boxes, each with its size and a four-letter kind (ISO/IEC 14496-12, 4.2),
    so that a file which was cut off is noticed even if the server told no length.
    """
    try:
        with path.open("rb") as file:
            return _boxes_fit(file, path.stat().st_size)
    except OSError:
        return False


def _boxes_fit(file: BinaryIO, end: int) -> bool:
    at = 0
    for _ in range(_BOXES_MAX):
        head = file.read(_LONG_BOX_HEAD_BYTES)
        if at == 0 and head[4:8] != b"ftyp":
            return False
        at += _box_bytes(head, end - at)
        if at >= end:
            return at == end
        file.seek(at)
    return False


def _box_bytes(head: bytes, left: int) -> int:
    """Return the size of the box that begins with `head`; beyond `left` if that is nonsense."""
    size, least = int.from_bytes(head[:4], "big"), _BOX_HEAD_BYTES
    if size == _TO_THE_END:
        return left
    if size == _SIZE_FOLLOWS:
        size, least = int.from_bytes(head[8:16], "big"), _LONG_BOX_HEAD_BYTES
    return size if size >= least else left + 1


def _claim(part: Path, name: Path) -> bool:
    """Move a file to a name that nobody has; False if somebody has it. Never overwrites."""
    try:
        os.link(part, name)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        return _claim_by_reserving(part, name)
    part.unlink()
    return True


def _claim_by_reserving(part: Path, name: Path) -> bool:
    try:
        os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        return False
    part.replace(name)
    return True


async def off_loop(work: Callable[..., T], *arguments: object) -> T:
    """Do slow file work in a thread; right here when the interpreter is ending."""
    try:
        return await asyncio.to_thread(work, *arguments)
    except RuntimeError as error:
        if "shutdown" not in str(error):
            raise
    return work(*arguments)


def still(path: Path) -> bytes | None:
    """Return a frame of a video as a JPEG, for saved notebooks; None without the extra `local`."""
    try:
        from tfi_notebook.media.video import poster  # noqa: PLC0415 - an optional extra
    except ImportError:
        return None
    return poster(path)


def frames_per_s(path: Path) -> float | None:
    """Return a video's frames per second; None if the file does not tell, as `still`."""
    try:
        from tfi_notebook.media.video import video_info  # noqa: PLC0415 - an optional extra
    except ImportError:
        return None
    try:
        return video_info(path).fps or None
    except SourceError:
        return None
