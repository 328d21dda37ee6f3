"""The one writer of live outputs: it draws at most so often, and only what has changed."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from concurrent.futures import Future

_log = logging.getLogger(__name__)
PASSING = "tfi_passing"
"""Marks, in an output's metadata, a drawing that is `passing`."""

_CLOCK_TICK_S = 1.0
"""A drawing that is live is looked at this often even without news: its elapsed time moves."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """One state of an output.

    Attributes:
        html: what a notebook shows.
        plain: the same for a terminal, a diff and a screen reader.
        live: False when no further change is to be expected.
        passing: whether it depends on how long something took that it is shown at all; who
            compares notebooks leaves such an output out, see `saved`.
    """

    html: str
    plain: str
    live: bool
    passing: bool = False

    def bundle(self) -> dict[str, str]:
        """Return the drawing as a MIME bundle."""
        return {"text/html": self.html, "text/plain": self.plain}

    def metadata(self) -> dict[str, Any]:
        """Return the metadata of the output."""
        return {PASSING: True} if self.passing else {}


class Follower:
    """One output that is being followed; `active` turns False with its last drawing.

    Args:
        draw: makes the current drawing.
        write: puts a changed drawing on display.
        interval_s: shortest time between two drawings.
        first: what is shown already, so that it is not written again.
    """

    def __init__(
        self,
        draw: Callable[[], Drawing],
        write: Callable[[Drawing], object],
        interval_s: float,
        first: Drawing | None,
    ) -> None:
        self.active = True
        self.draw = draw
        self._write = write
        self._interval_s = interval_s
        self._wake = asyncio.Event()
        self._last_html = first.html if first else None
        self._reported = False
        self._closed = False
        self._task: asyncio.Task[Any] | None = None

    def wake(self) -> None:
        """Say that there may be something new. Called on the loop's thread."""
        self._wake.set()

    def close(self) -> None:
        """Draw no more, whatever comes. May be called from any thread."""
        self._closed = True
        self.active = False

    def cancel(self) -> None:
        """End at once. Called on the loop's thread."""
        self.close()
        if self._task is not None:
            self._task.cancel()

    async def run(self) -> None:
        """Draw until the drawing is no longer live."""
        self._task = asyncio.current_task()
        while self.paint():
            await asyncio.sleep(self._interval_s)
            await self._news()

    async def _news(self) -> None:
        try:
            async with asyncio.timeout(max(0.0, _CLOCK_TICK_S - self._interval_s)):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    def paint(self) -> bool:
        """Draw once; return whether to go on. `active` falls before anything else can run.

        Called on the loop's thread.
        """
        if self._closed:
            return False
        try:
            drawing = self.draw()
        except Exception:  # noqa: BLE001 - a fault in a drawing must not end the loop's other work
            self.active = False
            _log.exception("a notebook output could not be drawn; it is not followed any more")
            return False
        self.active = drawing.live
        if drawing.html != self._last_html:
            self._try_write(drawing)
        return drawing.live

    def _try_write(self, drawing: Drawing) -> None:
        try:
            self._write(drawing)
            self._last_html = drawing.html
        except Exception:  # noqa: BLE001 - whatever a front end raises, the jobs go on
            # the front end may be gone for good: one word about it is enough
            if not self._reported:
                _log.exception("a notebook output could not be updated")
            self._reported = True


class Painter:
    """Shows drawings in the notebook and keeps them up to date from the background loop.

    Args:
        start: runs a coroutine on the background loop, from any thread, with the caller's
            context; on some kernels an update without that context fails.
        interval_s: shortest time between two drawings of one output.
    """

    def __init__(
        self,
        start: Callable[[Coroutine[Any, Any, None]], Future[None]],
        interval_s: float = 0.5,
    ) -> None:
        self._start = start
        self._interval_s = interval_s
        self._followers: list[Follower] = []

    def show(self, draw: Callable[[], Drawing]) -> bool:
        """Display one output and follow it until it is no longer live.

        Args:
            draw: makes the current drawing; called on the loop's thread from the second time on.

        Returns:
            False, with nothing shown, when there is no notebook kernel.
        """
        if not in_kernel():
            return False
        first = draw()
        handle = publish(first.bundle())
        if first.live:
            self.follow(draw, lambda new: update(handle, new), first=first)
        return True

    def follow(
        self,
        draw: Callable[[], Drawing],
        write: Callable[[Drawing], object],
        *,
        first: Drawing | None = None,
    ) -> Follower:
        """Keep something up to date that is on display already.

        Args:
            draw: makes the current drawing, on the loop's thread.
            write: puts a changed drawing on display, on the loop's thread.
            first: what is shown already.

        Returns:
            The follower; look at its `active` to know whether it still follows.
        """
        follower = Follower(draw, write, self._interval_s, first)
        self._followers.append(follower)  # at once: `flush` may come before its first turn
        self._start(self._following(follower))
        return follower

    def follows(self, draw: Callable[[], Drawing]) -> bool:
        """Tell whether this drawing is on display already and being followed."""
        return any(follower.active and follower.draw == draw for follower in self._followers)

    def changed(self) -> None:
        """Wake every output that is followed. Called on the loop's thread."""
        for follower in self._followers:
            follower.wake()

    async def flush(self) -> None:
        """Draw every output that is followed now: whoever saves a notebook may not wait."""
        for follower in tuple(self._followers):
            follower.paint()

    def close(self) -> None:
        """End the following of every output. Called on the loop's thread."""
        for follower in self._followers:
            follower.cancel()

    async def _following(self, follower: Follower) -> None:
        try:
            await follower.run()
        finally:
            follower.active = False
            self._followers.remove(follower)


def publish(bundle: Mapping[str, Any], metadata: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - IPython leaves its handle untyped
    """Display a MIME bundle as an output of the running cell; return its display handle."""
    from IPython.display import DisplayHandle  # noqa: PLC0415 - only in a notebook

    handle: Any = DisplayHandle()  # type: ignore[no-untyped-call] # IPython leaves it untyped
    handle.display(dict(bundle), raw=True, metadata=dict(metadata or {}))
    return handle


def update(handle: Any, drawing: Drawing) -> None:  # noqa: ANN401 - IPython leaves it untyped
    """Update an output as part of whichever cell runs now, if the kernel allows it.

    Front ends find an output by its display id alone. What executes notebooks without a front end
    (nbclient) drops updates that do not belong to the running cell, and would save an old board.
    """
    changed = partial(handle.update, drawing.bundle(), raw=True, metadata=drawing.metadata())
    try:
        contextvars.Context().run(changed)
    except LookupError:  # ipykernel 7.0 insists on the context of the cell that made the output
        changed()


def in_kernel() -> bool:
    """Tell whether this process is a notebook's kernel (a terminal IPython is not)."""
    try:
        from IPython.core.getipython import get_ipython  # noqa: PLC0415 - optional at run time
    except ImportError:
        return False
    return getattr(get_ipython(), "kernel", None) is not None
