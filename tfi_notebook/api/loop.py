"""One daemon thread with one event loop, on which everything asynchronous of a process runs.

Widget callbacks and cells arrive on different threads and loops in different kernel versions, so
nothing here depends on the caller's loop. `asyncio.run_coroutine_threadsafe` carries the caller's
context along, which display updates need on some kernels.
"""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from concurrent.futures import Future

T = TypeVar("T")


class BackgroundLoop:
    """An event loop in a daemon thread, started at the first use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Start a coroutine from any thread and return its future at once."""
        return asyncio.run_coroutine_threadsafe(work, self._running())

    def run(self, work: Coroutine[Any, Any, T], timeout_s: float | None = None) -> T:
        """Run a coroutine and wait for its result.

        A Ctrl-C ends the waiting and not the work: a submit that is under way must still be able
        to write its answer down.

        Args:
            work: the coroutine.
            timeout_s: longest wait in s; None waits without end.

        Raises:
            TimeoutError: the wait was longer than `timeout_s`; the work goes on.
            RuntimeError: called on the loop's own thread, where it could never return.
        """
        if threading.current_thread() is self._thread:
            work.close()
            raise RuntimeError("a blocking call was made on the background loop; await it instead")
        return self.start(work).result(timeout_s)

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name="tfi-notebook-loop", daemon=True
                )
                self._thread.start()
            return self._loop


_shared = BackgroundLoop()


def background_loop() -> BackgroundLoop:
    """Return the process's one background loop."""
    return _shared


def _forget_after_fork() -> None:
    """A forked child has the loop object but not its thread: it starts its own."""
    global _shared  # noqa: PLW0603 - one loop per process is the point of this module
    _shared = BackgroundLoop()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
