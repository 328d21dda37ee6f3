"""Blocking waits: bounded, ended by Ctrl-C without ending what is waited for."""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from tfi_notebook.display.painter import in_kernel
from tfi_notebook.errors import ServiceError, WaitTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Future

    from tfi_notebook.display.painter import Drawing, Follower, Painter

T = TypeVar("T")


class Starts(Protocol):
    """Starts coroutines on the background loop."""

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Start one from any thread."""


def wait_for(
    keeper: Starts,
    work: Callable[[], Coroutine[Any, Any, None]],
    timeout_s: float | None,
    goes_on: Callable[[], str],
) -> None:
    """Block until some work on the background loop is done.

    Args:
        keeper: whose loop it is.
        work: makes what ends when the waiting is to end.
        timeout_s: longest wait in s; None waits until the end.
        goes_on: says what goes on without the waiting, and how to take it up.

    Raises:
        WaitTimeoutError: it is not done yet.
        ServiceError: the workspace was closed.
    """
    waiting: Future[bool] | None = None
    try:
        waiting = keeper.start(_within(work, timeout_s))
        done = waiting.result()
    except CancelledError:
        raise ServiceError("the workspace was closed", hint=goes_on()) from None
    except KeyboardInterrupt:
        if waiting is not None:
            waiting.cancel()
        raise KeyboardInterrupt(f"stopped waiting; {goes_on()}") from None
    if not done:
        raise WaitTimeoutError(f"not done after {timeout_s:g} s", hint=goes_on())


def follow_in_terminal(painter: Painter, draw: Callable[[], Drawing]) -> Follower | None:
    """Write a line to standard error whenever a drawing changes; nothing in a notebook.

    Args:
        painter: looks for changes.
        draw: makes the drawing; its HTML tells whether it has changed.

    Returns:
        What ends the writing by `close`; None in a notebook, whose outputs show the same.
    """
    if in_kernel():
        return None
    return painter.follow(draw, lambda drawing: _say(drawing.plain))


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


async def _within(work: Callable[[], Coroutine[Any, Any, None]], timeout_s: float | None) -> bool:
    try:
        async with asyncio.timeout(timeout_s):
            await work()
    except TimeoutError:
        return False
    return True
