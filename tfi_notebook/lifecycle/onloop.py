"""Handing work to the background loop from any thread, for as long as its owner is open."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeVar

from tfi_notebook.api.loop import background_loop
from tfi_notebook.errors import SettingsError, TfiError

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from concurrent.futures import Future

T = TypeVar("T")


class OnLoop:
    """Runs coroutines on the background loop; refuses once closed, and in a forked child."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._closed = False
        self._outstanding: set[Future[Any]] = set()
        self._loop = background_loop()

    @property
    def closed(self) -> bool:
        """True once it was closed, and in a forked child, which must open its own."""
        return self._closed or os.getpid() != self._pid

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Start a coroutine on the background loop from any thread; return its future."""
        self.check_open(work)
        future = self._loop.start(work)
        self._outstanding.add(future)
        future.add_done_callback(self._outstanding.discard)
        return future

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the background loop and wait for it."""
        self.check_open(work)
        try:
            return self._loop.run(work)
        except TfiError as error:
            failure = error.with_traceback(None)
        # raised anew outside the handler: a short traceback, without the loop's frames
        raise failure

    def _cancel_outstanding(self) -> None:
        for future in tuple(self._outstanding):
            future.cancel()

    def check_open(self, work: Coroutine[Any, Any, Any] | None = None) -> None:
        """Refuse what is asked of it once it is closed.

        Args:
            work: a coroutine that will not be run then, and is closed.

        Raises:
            SettingsError: it is closed, or was opened before a fork.
        """
        if not self.closed:
            return
        if work is not None:
            work.close()
        raise SettingsError(
            "this workspace is closed",
            hint="tfi.connect() opens another; tfi.job(id) takes a job up there",
        )
