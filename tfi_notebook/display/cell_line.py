"""The one line in which a cell says how far its waits are, however many they are.

A wait that is soon over says nothing. Later ones of the same cell move the line that is there, so
that a loop over a hundred jobs leaves one line behind and not a hundred.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from tfi_notebook.display.painter import publish, update

if TYPE_CHECKING:
    from collections.abc import Callable

    from tfi_notebook.display.painter import Drawing, Follower, Painter

SILENCE_S: Final = 2.0
"""So long a cell may wait without a word."""


class CellLine:
    """The line of the cell that runs now; a new cell begins a new one."""

    def __init__(self) -> None:
        self._cell: int | None = None
        self._due_s = 0.0
        self._handle: Any = None

    def silence_s(self) -> float:
        """Return how long a wait that begins now is to say nothing, in s."""
        cell = _running_cell()
        if cell != self._cell:
            self._cell, self._handle = cell, None
            self._due_s = time.monotonic() + SILENCE_S
        return max(0.0, self._due_s - time.monotonic())

    def follow(self, painter: Painter, draw: Callable[[], Drawing]) -> Follower:
        """Put a drawing into the line, and keep it up to date.

        Args:
            painter: looks for changes.
            draw: makes the drawing.

        Returns:
            What ends the following by `close`; what the line says then stays.
        """
        first = draw()
        if self._handle is None:
            self._handle = publish(first.bundle(), first.metadata())
        else:
            update(self._handle, first)
        handle = self._handle
        return painter.follow(draw, lambda new: update(handle, new), first=first)


def _running_cell() -> int:
    from IPython.core.getipython import get_ipython  # noqa: PLC0415 - only in a notebook

    shell: Any = get_ipython()
    return int(shell.execution_count)
