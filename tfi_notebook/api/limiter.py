"""One queue for all requests of a connection, so that submits and reads share one limit."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import time
from enum import IntEnum
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tfi_notebook.api.pace import AdaptiveLimit


SHORTEST_PAUSE_S = 1e-4
"""Less than an event loop can keep to."""
CATCH_UP_S = 0.02
"""How far a pace may lag behind and still be caught up: an event loop wakes late."""


class Priority(IntEnum):
    """Who goes first when not all may go.

    Reads are few (the tracker keeps them under a budget) and tell of jobs already paid for, so a
    flood of submits must not hold them up.
    """

    READ = 0
    REPEAT = 1
    SUBMIT = 2


class Limiter:
    """Lets as many requests go at the same time as an `AdaptiveLimit` allows.

    Args:
        limit: how many, and how fast one after another.
        clock: monotonic time in s.
    """

    def __init__(
        self, limit: AdaptiveLimit, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = limit
        self._clock = clock
        self._under_way = 0
        self._not_before = clock()
        self._order = count()
        self._waiting: list[tuple[Priority, int, asyncio.Future[None]]] = []
        self._alarm: asyncio.TimerHandle | None = None

    @contextlib.asynccontextmanager
    async def slot(self, priority: Priority, timeout_s: float | None = None) -> AsyncIterator[None]:
        """Wait for a place and hold it for the time of one request.

        Args:
            priority: who goes first; within one priority, who came first.
            timeout_s: longest wait in s; None waits without end.

        Raises:
            TimeoutError: no place came free in time.
        """
        place = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, next(self._order), place))
        self._let_go()
        try:
            async with asyncio.timeout(timeout_s):
                await place
        except (asyncio.CancelledError, TimeoutError):
            if place.done() and not place.cancelled():  # the place was given, and is not taken
                self._give_back()
            raise
        try:
            yield
        finally:
            self._give_back()

    @property
    def is_free(self) -> bool:
        """True while whoever comes now goes at once."""
        return not (self._waiting or self.held_s) and self._under_way < self._limit.slots

    @property
    def held_s(self) -> float:
        """Time in s in which nobody may go, 0 or more."""
        return max(0.0, self._not_before - self._clock())

    def hold(self, pause_s: float) -> None:
        """Let nobody go for a time, as the service has asked for it."""
        self._not_before = max(self._not_before, self._clock() + pause_s)

    def _give_back(self) -> None:
        self._under_way -= 1
        self._let_go()

    def _let_go(self) -> None:
        while self._waiting and self._under_way < self._limit.slots:
            pause_s = self._not_before - self._clock()
            if pause_s > SHORTEST_PAUSE_S:
                self._let_go_in(pause_s)
                return
            _, _, place = heapq.heappop(self._waiting)
            if not place.done():
                place.set_result(None)
                self._under_way += 1
                self._keep_distance(self._limit.gap_s)

    def _keep_distance(self, gap_s: float) -> None:
        if gap_s:
            self._not_before = max(self._not_before, self._clock() - CATCH_UP_S) + gap_s

    def _let_go_in(self, pause_s: float) -> None:
        if self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(pause_s, self._on_alarm)

    def _on_alarm(self) -> None:
        self._alarm = None
        self._let_go()
