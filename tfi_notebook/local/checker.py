"""Has pictures and sounds looked at before a job exists, by a process that nobody misses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tfi_notebook.errors import NotAPictureError, NotAudioError
from tfi_notebook.local.helper import TIMED_OUT, Helper, HelperEndedError
from tfi_notebook.local.wire import wire_error

if TYPE_CHECKING:
    from pathlib import Path

DEADLINE_S: Final = 25.0
"""Longest time of one check. The slowest file that is allowed takes 3 s of CPU; and two checks
that hang must be told before a client gives a submit up (`Limits.submit_timeout_s`)."""
IDLE_S: Final = 60.0
"""How long the process waits for the next file before it is ended, and gives its memory back."""

_SAVE_AGAIN: Final = "open it in a program that plays or shows it, and save it again"


class Checker(Helper):
    """Has files looked at in a process of its own, one at a time; see `checks`.

    The process is started at the first file. One that crashes or takes too long costs its file a
    typed error, and the next file gets a new process.

    Args:
        deadline_s: longest time of one check.
        idle_s: how long the process is kept without work.
    """

    def __init__(self, deadline_s: float = DEADLINE_S, idle_s: float = IDLE_S) -> None:
        super().__init__(
            "tfi_notebook.local.checks",
            does="files cannot be looked at",
            deadline_s=deadline_s,
            idle_s=idle_s,
        )

    def look(self, path: Path, field: str) -> dict[str, Any]:
        """Look at a file; arguments and result are those of `checks.look`.

        Raises:
            RuntimeError: the checks themselves have a defect.
            ServiceError: the process cannot be started.
        """
        try:
            return self.ask({"path": str(path), "field": field})
        except HelperEndedError as end:
            return {"error": self._why(end.exit_code, field), "may_pass": True}

    def _why(self, exit_code: int, field: str) -> dict[str, Any]:
        reason = (
            f"took longer than {self._deadline_s:g} s to decode"
            if exit_code == TIMED_OUT
            else f"made the decoder end unexpectedly (exit code {exit_code})"
        )
        kind = NotAPictureError if field == "image_url" else NotAudioError
        return wire_error(kind(f"the file {reason}", hint=_SAVE_AGAIN, field=field))


SHARED: Final = Checker()
"""The one of this process: its services share it, as they share the machine."""
