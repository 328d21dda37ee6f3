"""Leaves a service alone that is down, looks now and then whether it is back, and tells so."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from tfi_notebook.api.retry import Circuit, Outage
from tfi_notebook.errors import ServiceDownError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tfi_notebook.settings import Limits


class OutageWatch:
    """A circuit breaker over all calls of one client; lives on the client's event loop.

    After `outage_failures` failures in a row the service counts as down. From then on one small
    request goes out in growing pauses; the first answer ends the outage, and so does `resume`.
    Whoever has waited as long as it can looks once more by itself: the next look may be far off.

    Args:
        limits: how many failures, and how long the pauses.
        look: sends the small request; returns why it failed, empty when the service answered.
    """

    def __init__(self, limits: Limits, look: Callable[[], Awaitable[str]]) -> None:
        self._limits = limits
        self._look = look
        self._circuit = Circuit(limits.outage_failures)
        self._up = asyncio.Event()
        self._up.set()
        self._looking: asyncio.Task[None] | None = None
        self._last_look: asyncio.Task[None] | None = None
        self._looked_at = -math.inf

    @property
    def outage(self) -> Outage | None:
        """The outage, or None while the service counts as up. Any thread may read it."""
        return self._circuit.outage

    def failed(self, reason: str) -> None:
        """Take note of a request that failed."""
        self._circuit.failed(reason)
        if self.outage is not None and self._up.is_set():
            self._up.clear()
            self._looking = asyncio.create_task(self._look_until_up())

    def succeeded(self) -> None:
        """Take note of an answer: whatever was thought before, the service is up."""
        self._circuit.succeeded()
        self._up.set()
        if self._looking is not None and self._looking is not asyncio.current_task():
            self._looking.cancel()
        self._looking = None

    def refusal(self) -> ServiceDownError:
        """Return the error for a call that is not sent because the service is down."""
        return ServiceDownError(f"{self.outage}; nothing was sent")

    def check(self) -> None:
        """Do nothing while the service counts as up.

        Raises:
            ServiceDownError: it counts as down.
        """
        if self.outage is not None:
            raise self.refusal()

    async def available(self, timeout_s: float | None = None) -> None:
        """Wait while the service counts as down.

        Args:
            timeout_s: longest wait in s; None waits without end.

        Raises:
            ServiceDownError: it is still down after `timeout_s`, and at a last look then.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while self.outage is not None:  # it may be down again before this task runs
                    await self._up.wait()
        except TimeoutError:
            await self._look_once_more()
            self.check()

    async def aclose(self) -> None:
        """Stop looking."""
        looks = [task for task in (self._looking, self._last_look) if task is not None]
        for task in looks:
            task.cancel()
        await asyncio.gather(*looks, return_exceptions=True)

    async def _look_until_up(self) -> None:
        pause_s = self._limits.probe_first_s
        while True:
            await asyncio.sleep(pause_s)
            if await self._is_back():
                break
            pause_s = min(2 * pause_s, self._limits.probe_max_s)
        self.succeeded()

    async def _look_once_more(self) -> None:
        """One look serves all whose time runs out within the shortest pause between two looks."""
        if self._last_look is None or self._last_look.done():
            now = asyncio.get_running_loop().time()
            if now - self._looked_at < self._limits.probe_first_s:
                return
            self._looked_at = now
            self._last_look = asyncio.create_task(self._look_now())
        await asyncio.wait([self._last_look], timeout=self._limits.connect_timeout_s)

    async def _look_now(self) -> None:
        if await self._is_back():
            self.succeeded()

    async def _is_back(self) -> bool:
        reason = await self._look()
        if reason:
            self._circuit.failed(reason)
        return not reason
