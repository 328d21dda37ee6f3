"""Blocking waits: bounded, ended by Ctrl-C without ending what is waited for.

They say how far it is: in a terminal a line for each change, in a notebook one line that is kept
up to date. `TFI_QUIET=1` silences both.
"""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import CancelledError
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from tfi_notebook.display.cell_line import CellLine
from tfi_notebook.display.painter import in_kernel
from tfi_notebook.errors import ServiceError, WaitTimeoutError
from tfi_notebook.settings import is_quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from concurrent.futures import Future

    from tfi_notebook.display.painter import Drawing, Follower, Painter

    Draws = Callable[[], Drawing]

T = TypeVar("T")

_cell_line = CellLine()


class Starts(Protocol):
    """Starts coroutines on the background loop."""

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Start one from any thread."""


class Progress:
    """What the wait for one job says. Made by the thread that waits, used on the loop's.

    Args:
        painter: looks for changes.
        card: draws what the job is shown as: where that is followed, a notebook needs no line.
        line: draws a notebook's line.
        step: draws a terminal's line; its HTML tells whether it is worth one.
    """

    def __init__(self, painter: Painter, *, card: Draws, line: Draws, step: Draws) -> None:
        self._painter = painter
        self._card, self._line, self._step = card, line, step
        self._silence_s = _cell_line.silence_s() if in_kernel() else 0.0
        self._follower: Follower | None = None

    @contextmanager
    def said(self) -> Iterator[None]:
        """Say how far the job is, as long as the context lasts."""
        timer = asyncio.get_running_loop().call_later(self._silence_s, self._show)
        if not self._silence_s:
            timer.cancel()
            self._show()  # at once, so that a job that has ended already is told too
        try:
            yield
        finally:
            timer.cancel()
            if self._follower is not None:
                self._follower.close()

    def _show(self) -> None:
        if is_quiet():
            return
        if not in_kernel():
            self._follower = follow_in_terminal(self._painter, self._step)
        elif not self._painter.follows(self._card):
            self._follower = _cell_line.follow(self._painter, self._line)


def wait_for(
    keeper: Starts,
    work: Callable[[], Coroutine[Any, Any, None]],
    timeout_s: float | None,
    goes_on: Callable[[], str],
    progress: Progress | None = None,
) -> None:
    """Block until some work on the background loop is done.

    Args:
        keeper: whose loop it is.
        work: makes what ends when the waiting is to end.
        timeout_s: longest wait in s; None waits until the end.
        goes_on: says what goes on without the waiting, and how to take it up.
        progress: says how far it is.

    Raises:
        WaitTimeoutError: it is not done yet.
        ServiceError: the workspace was closed.
    """
    waiting: Future[bool] | None = None
    try:
        waiting = keeper.start(_within(work, timeout_s, progress))
        done = waiting.result()
    except CancelledError:
        raise ServiceError("the workspace was closed", hint=goes_on()) from None
    except KeyboardInterrupt:
        if waiting is not None:
            waiting.cancel()
        raise KeyboardInterrupt(f"stopped waiting; {goes_on()}") from None
    if not done:
        raise WaitTimeoutError(f"not done after {timeout_s:g} s", hint=goes_on())


def show_progress(painter: Painter, *, line: Draws, step: Draws) -> Follower | None:
    """Say how far something is from now on: a line in a notebook, lines of a log in a terminal.

    Args:
        painter: looks for changes.
        line: draws a notebook's line.
        step: draws a terminal's line; its HTML tells whether it is worth one.

    Returns:
        What ends the lines in a terminal by `close`. A notebook's line is followed to its end.
    """
    if is_quiet() or painter.show(line):
        return None
    return follow_in_terminal(painter, step)


def follow_in_terminal(painter: Painter, step: Draws) -> Follower:
    """Write a line to standard error whenever a drawing changes, until `close` of what it returns.

    Args:
        painter: looks for changes.
        step: makes the drawing; its HTML tells whether it is worth a line.
    """
    return painter.follow(step, lambda drawing: _say(drawing.plain))


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


async def _within(
    work: Callable[[], Coroutine[Any, Any, None]],
    timeout_s: float | None,
    progress: Progress | None,
) -> bool:
    try:
        with progress.said() if progress else nullcontext():
            async with asyncio.timeout(timeout_s):
                await work()
    except TimeoutError:
        return False
    return True
