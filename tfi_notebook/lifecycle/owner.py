"""Who wrote something down, and whether that process still lives.

A process id alone is no answer: ids are used again, and the same id means another process on
another machine or in another container. So an owner also carries the machine, its boot and
process-id space, and the moment at which the process started. And a process may open a ledger
more than once, or become another program (`exec`), so each opening has a token of its own.
"""

from __future__ import annotations

import json
import os
import socket
import uuid
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

_PROC = Path("/proc")
_ENDED = {"Z", "X"}
_open: set[str] = set()
"""Tokens of the owners that this very program has made and that have not left."""


@dataclass(frozen=True, slots=True)
class Owner:
    """One process, told apart from every other one.

    Attributes:
        host: name of the machine.
        space: its boot and process-id namespace; empty where the system does not tell.
        pid: process id, which means something within `space` only.
        started: start of the process in clock ticks since boot; empty where it is not told.
        token: tells one opening of a ledger from every other one; empty for the process as such.
    """

    host: str
    space: str
    pid: int
    started: str
    token: str = ""

    @classmethod
    def this(cls) -> Owner:
        """Return this process.

        Example:
            >>> Owner.this() == Owner.parse(Owner.this().text())
            True
        """
        return _this(os.getpid())

    @classmethod
    def entering(cls) -> Owner:
        """Return this process with a token of its own; it counts as alive until `leave`."""
        owner = replace(cls.this(), token=uuid.uuid4().hex)
        _open.add(owner.token)
        return owner

    def leave(self) -> None:
        """Say that nothing more is done under this token."""
        _open.discard(self.token)

    @classmethod
    def parse(cls, text: str | None) -> Owner | None:
        """Read what `text` has written; None if it is nothing of that kind."""
        try:
            fields = json.loads(text or "")
            return cls(**fields)
        except (ValueError, TypeError):
            return None

    def text(self) -> str:
        """Return the owner as one line for the ledger."""
        return json.dumps(asdict(self))

    @property
    def is_near(self) -> bool:
        """True when it is a process of this machine since its last boot, in the same id space."""
        here = Owner.this()
        return bool(self.space) and (self.host, self.space) == (here.host, here.space)

    @property
    def is_open(self) -> bool:
        """True for an opening of this very program that has not left."""
        return self.token in _open

    def is_alive(self) -> bool | None:
        """Tell whether the process lives; None where that cannot be told from here.

        Of this process, one that has left, or was there before an `exec`, is dead.

        Example:
            >>> Owner.this().is_alive() is False
            False
            >>> owner = Owner.entering()
            >>> owner.leave()
            >>> owner.is_alive() is True
            False
        """
        if self.is_open or self == Owner.this():
            return True
        if self.is_near:
            is_this = replace(self, token="") == Owner.this()
            return not is_this and _start_of(self.pid) == self.started
        return None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_open.clear)  # what the parent has opened is the parent's


@lru_cache(maxsize=1)
def _this(pid: int) -> Owner:
    return Owner(socket.gethostname(), _space(), pid, _start_of(pid))


def _space() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


def _start_of(pid: int) -> str:
    """Field 22 of /proc/<pid>/stat (see proc(5)); empty for a process that is gone."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return ""
    # the command in brackets may hold anything, so the fields are counted from its end
    state, *rest = stat.rpartition(")")[2].split()
    return "" if state in _ENDED else rest[18]
