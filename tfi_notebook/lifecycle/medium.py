"""What the ledger stands on: a private file, and the journal of SQLite that is safe on its disk.

Write-ahead logging (WAL) is the fast journal, but it shares memory between all who have the file
open: SQLite's own documentation says that it does not work over a network file system, and it may
answer `wal` there and fail at the first write. So the kind of file system is looked up, and the
journal is tried out in a scratch file in the same folder. Elsewhere TRUNCATE is used: slower, and
safe wherever file locks work.

The file is never opened by other means than SQLite once it exists: POSIX drops all locks of a
process on a file as soon as the process closes any descriptor of it.
"""

from __future__ import annotations

import os
import re
import sqlite3
import threading
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

BUSY_TIMEOUT_S = 5.0
"""How long a write or a read waits for another process that holds the file."""
PRIVATE = 0o600
MOUNTS = Path("/proc/self/mountinfo")
_NETWORK = frozenset(
    [
        "9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "drvfs", "glusterfs", "gpfs",
        "lustre", "ncpfs", "nfs", "nfs4", "orangefs", "panfs", "pvfs2", "smb2", "smb3", "smbfs",
        "virtiofs",
    ]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Journal:
    """A journal mode of SQLite, and why it is not the usual one.

    Attributes:
        mode: `wal` or `truncate`.
        reason: why it is not `wal`; empty if it is.
    """

    mode: str
    reason: str = ""

    def __str__(self) -> str:
        """Return the mode, with the reason if there is one."""
        return f"{self.mode} ({self.reason})" if self.reason else self.mode


class Place:
    """The file that a path leads to, told apart from one that was put in its stead.

    Args:
        path: of a file that is there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = self._look()

    def is_kept(self) -> bool:
        """Tell whether the path still leads to the same file."""
        try:
            return self._look() == self._known
        except OSError:
            return False

    def _look(self) -> tuple[int, int]:
        found = self._path.stat()
        return found.st_dev, found.st_ino


def open_durable(path: Path, journal: Journal | None = None) -> tuple[sqlite3.Connection, Journal]:
    """Open a SQLite file for writing, each commit fsynced; make it if need be, with mode 0600.

    Args:
        path: the file.
        journal: the journal; by default `choose_journal` decides.

    Returns:
        The connection, in autocommit mode, and the journal that it has.

    Raises:
        sqlite3.Error, OSError: it cannot be opened.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _keep_private(path)
    chosen = journal or choose_journal(path)
    db = _connect(path)
    try:
        (mode,) = db.execute(f"PRAGMA journal_mode = {chosen.mode}").fetchone()
        # a lost row would be a paid job that nobody remembers, so every commit is fsynced
        db.execute("PRAGMA synchronous = FULL")
    except sqlite3.Error:
        db.close()
        raise
    return db, Journal(mode, chosen.reason)


def open_reading(path: Path) -> sqlite3.Connection:
    """Open a second connection that only reads."""
    db = _connect(path)
    db.execute("PRAGMA query_only = 1")
    return db


def choose_journal(path: Path, mounts: Path = MOUNTS) -> Journal:
    """Choose the journal for a SQLite file.

    Args:
        path: the file, which need not exist; its folder must.
        mounts: the system's list of mounts, see proc(5).

    Returns:
        WAL where it is known to work, else TRUNCATE with the reason.
    """
    kind = file_system(path.parent, mounts)
    if kind in _NETWORK or kind.startswith("fuse"):
        return Journal("truncate", f"the folder is on a network file system, {kind}")
    scratch = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.probe")
    fault = wal_fault(scratch)
    return Journal("truncate", fault) if fault else Journal("wal")


def file_system(folder: Path, mounts: Path = MOUNTS) -> str:
    """Return the kind of file system that holds a folder, empty where the system does not tell."""
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    best, kind = -1, ""
    for line in lines:
        before, _, after = line.partition(" - ")
        point = Path(re.sub(r"\\(\d{3})", lambda match: chr(int(match[1], 8)), before.split()[4]))
        # a later mount on the same point hides the earlier one
        if len(point.parts) >= best and folder.resolve().is_relative_to(point):
            best, kind = len(point.parts), after.split()[0]
    return kind


def wal_fault(scratch: Path) -> str:
    """Try WAL with two connections on a scratch file; return what goes wrong, empty if nothing."""
    try:
        with closing(_connect(scratch)) as writer, closing(_connect(scratch)) as reader:
            (mode,) = writer.execute("PRAGMA journal_mode = WAL").fetchone()
            if mode != "wal":
                return f"SQLite falls back to {mode} here"
            writer.execute("PRAGMA synchronous = OFF")
            writer.execute("CREATE TABLE probe (value INTEGER)")
            writer.execute("INSERT INTO probe VALUES (1)")
            seen = reader.execute("SELECT value FROM probe").fetchall()
        with closing(_connect(scratch)) as again:
            seen += again.execute("SELECT value FROM probe").fetchall()
    except (sqlite3.Error, OSError) as error:
        return f"WAL does not work here: {error}"
    finally:
        _remove(scratch)
    return "" if seen == [(1,), (1,)] else "WAL loses rows here"


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        path,
        isolation_level=None,
        check_same_thread=False,
        timeout=BUSY_TIMEOUT_S,
        cached_statements=256,  # `rows` has one of each kind for every number of rows up to 64
    )


def _keep_private(path: Path) -> None:
    """SQLite gives its -wal and -shm files the mode of the file itself."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, PRIVATE))
    except FileExistsError:
        with suppress(OSError):  # another's file: its owner decides about its mode
            if path.stat().st_mode & 0o077:
                path.chmod(PRIVATE)


def _remove(scratch: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        with suppress(OSError):  # a left-over scratch file harms nobody
            scratch.with_name(scratch.name + suffix).unlink(missing_ok=True)
