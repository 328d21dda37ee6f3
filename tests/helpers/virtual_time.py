"""An event loop whose clock jumps to the next thing to do: hours of waiting in a moment.

Only the waiting is left out. Everything else is asyncio's own loop, so code under test needs no
hooks for it; it must keep to the loop's clock and use neither threads nor sockets.
"""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose `time()` is 1000 s at first and moves by what would have been waited."""

    def __init__(self) -> None:
        self.now = 1_000.0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        """Return the virtual time in s."""
        return self.now


class _Jumping(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Poll, and let the time pass at once if nothing has happened."""
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "everything waits, and for nothing"
            self._loop.now += max(timeout, 0.0)
        return ready


def run_virtually(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on a virtual loop."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)
