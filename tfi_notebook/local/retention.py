"""Keeps the folder of the local service under a bound, oldest files first.

What may go: finished videos (with their reports), pictures and sounds that no waiting or running
job needs, and what killed renderings have left. What was touched a moment ago stays, because
somebody may be about to submit or to download it; so the folder can be over its bound for as
long. Copies in a user's own folder are never looked at.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from stat import S_ISREG
from typing import TYPE_CHECKING, Final, NamedTuple

from tfi_notebook.local import preferences

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tfi_notebook.local.store import Store

YOUNG_S: Final = 600.0
"""For how long a file stays after it was last put in, asked for or finished."""
PART_YOUNG_S: Final = 86_400.0
"""The same for a rendering's own files; those of a long voice are touched seldom."""

_GB: Final = 1_000_000_000
_MB: Final = 1_000_000
_OPEN_FILES: Final = "SELECT image, audio FROM jobs WHERE status IN ('QUEUED', 'STARTED')"


@dataclass(frozen=True, slots=True)
class Plan:
    """What the folder holds, and what goes so that it keeps its bound.

    Attributes:
        used_bytes: size of everything in the folder.
        max_bytes: the bound.
        videos: storage keys of the videos that go.
        files: everything that goes, reports beside their videos.
        freed_bytes: size of what goes.
    """

    used_bytes: int
    max_bytes: int
    videos: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    freed_bytes: int = 0

    def __str__(self) -> str:
        """Return it as one line.

        Example:
            >>> print(Plan(1_234_000_000, 5_000_000_000))
            1,234.0 MB of 5 GB used, nothing has to go
        """
        used = f"{self.used_bytes / _MB:,.1f} MB of {in_gb(self.max_bytes)} used"
        if self.files:
            others = len(self.files) - 2 * len(self.videos)
            going = f"{self.freed_bytes / _MB:,.1f} MB go next"
            return f"{used}, {going} (videos: {len(self.videos)}, other files: {others})"
        return f"{used}, nothing {'more can' if self.used_bytes > self.max_bytes else 'has to'} go"


def in_gb(size_bytes: int) -> str:
    """Return a bound as a person set it.

    Example:
        >>> in_gb(5_000_000_000), in_gb(250_000_000)
        ('5 GB', '0.25 GB')
    """
    return f"{size_bytes / _GB:g} GB"


def plan(store: Store) -> Plan:
    """Look at a store's folder and say what goes; nothing is changed.

    Raises:
        ArgumentError: the bound in the environment is none.
        ServiceError: the queue cannot be read.
    """
    max_bytes = preferences.max_bytes()
    used_bytes = sum(size for _, size, _ in _files(store.root))
    if used_bytes <= max_bytes:
        return Plan(used_bytes, max_bytes)
    return _chosen(store, used_bytes, max_bytes)


def tidy(store: Store) -> Plan:
    """Remove what the plan says, and remember which videos went; the errors of `plan`.

    Safe beside other processes: while it looks and removes, nobody can put a job into the queue.
    """
    found = plan(store)
    if not found.files:
        return found
    with store.database.alone():
        found = _chosen(store, found.used_bytes, found.max_bytes)
        reason = f"removed to keep the local store under {in_gb(found.max_bytes)}"
        for key in found.videos:
            store.note_removal(key, reason)
        for path in found.files:
            with suppress(OSError):  # some systems keep a file that is open
                path.unlink()
    return found


def _chosen(store: Store, used_bytes: int, max_bytes: int) -> Plan:
    """Take what may go, the longest untouched first, until the rest is under the bound."""
    videos: list[str] = []
    files: list[Path] = []
    freed_bytes = 0
    for one in sorted(_removable(store)):
        if used_bytes - freed_bytes <= max_bytes:
            break
        freed_bytes += one.size_bytes
        files += one.files
        videos += [one.video] if one.video else []
    return Plan(used_bytes, max_bytes, tuple(videos), tuple(files), freed_bytes)


class _Removable(NamedTuple):
    """What goes at once; the first field is the order."""

    touched: float
    size_bytes: int
    files: list[Path]
    video: str = ""


def _removable(store: Store) -> Iterator[_Removable]:
    room, now = store.files, time.time()
    needed = {name for row in store.database.run(_OPEN_FILES) for name in row.values()}
    outputs = {path: (size, touched) for path, size, touched in _files(store.root / "files")}
    for path, (size, touched) in outputs.items():
        key = path.relative_to(store.root / "files").as_posix()
        if path.suffix == ".mp4" and room.output_path(key) and touched < now - YOUNG_S:
            report = path.with_suffix(".json")
            beside, _ = outputs.get(report, (0, 0.0))
            yield _Removable(touched, size + beside, [path, report], key)
    for path, size, touched in _files(store.root / "assets"):
        unused = room.asset_path(path.name) and path.name not in needed
        if unused and touched < now - YOUNG_S:
            yield _Removable(touched, size, [path])
    for path, size, touched in _files(store.root / "parts"):
        if touched < now - PART_YOUNG_S:
            yield _Removable(touched, size, [path])


def _files(folder: Path) -> Iterator[tuple[Path, int, float]]:
    """Yield path, size and time of the last touch; what vanishes meanwhile is left out."""
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            status = path.lstat()
            if S_ISREG(status.st_mode):
                yield path, status.st_size, status.st_mtime
