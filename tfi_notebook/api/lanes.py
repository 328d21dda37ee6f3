"""Many requests at the same time, each on a connection of its own.

The HTTP library's pool looks at every connection on every request, so it slows down as connections
are added, and it loses a place for good when a request is cancelled at the wrong moment. Here each
connection is a *lane*: a transport of one connection, taken from a free list and put back after an
answer that was read to its end. A lane that saw an error, a cancel, an unread body or a byte too
many is thrown away; a new one costs 4 µs and its connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict, deque
from typing import TYPE_CHECKING

from tfi_notebook import http

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

Origin = tuple[str, str, int | None]


class LaneTransport(http.AsyncBaseTransport):
    """An httpx transport over a free list of one-connection lanes per origin.

    It sets no limit by itself: there are never more lanes than requests at the same time.

    Args:
        keepalive_s: how long an idle lane is kept.
        clock: monotonic time in s.
    """

    def __init__(self, *, keepalive_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._keepalive_s = keepalive_s
        self._clock = clock
        self._free: defaultdict[Origin, deque[_Lane]] = defaultdict(deque)
        self._alive: set[_Lane] = set()
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def alive(self) -> int:
        """Number of lanes, in use or free."""
        return len(self._alive)

    async def handle_async_request(self, request: http.Request) -> http.Response:
        """Send one request over a free lane, the one used last, or over a new one."""
        lane = self._take(request.url)
        try:
            response = await lane.transport.handle_async_request(request)
            assert isinstance(response.stream, http.AsyncByteStream)
        except BaseException:  # a cancel as well: the lane's one place may be lost for ever
            self._drop(lane)
            raise
        response.stream = _LaneStream(response.stream, lambda whole: self._put_back(lane, whole))
        return response

    async def aclose(self) -> None:
        """Close every lane."""
        for lane in tuple(self._alive):
            self._drop(lane)
        self._free.clear()
        await asyncio.gather(*self._closing, return_exceptions=True)

    def _take(self, url: http.URL) -> _Lane:
        origin = (url.scheme, url.host, url.port)
        if free := self._free[origin]:
            return free.pop()
        lane = _Lane(origin, http.open_lane(url, keepalive_s=self._keepalive_s))
        self._alive.add(lane)
        return lane

    def _put_back(self, lane: _Lane, whole: bool) -> None:  # noqa: FBT001 - a callback's argument
        if not whole or lane not in self._alive or http.has_leftover(lane.transport):
            self._drop(lane)
            return
        lane.idle_since = self._clock()
        self._free[lane.origin].append(lane)
        self._drop_idle()

    def _drop_idle(self) -> None:
        """The lanes that a burst has left behind hold sockets that the server has closed."""
        oldest = self._clock() - self._keepalive_s
        for free in self._free.values():
            while free and free[0].idle_since < oldest:
                self._drop(free.popleft())

    def _drop(self, lane: _Lane) -> None:
        self._alive.discard(lane)
        closing = asyncio.get_running_loop().create_task(_close(lane))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)


class _Lane:
    """One connection to one origin."""

    __slots__ = ("idle_since", "origin", "transport")

    def __init__(self, origin: Origin, transport: http.AsyncBaseTransport) -> None:
        self.origin = origin
        self.transport = transport
        self.idle_since = 0.0


class _LaneStream(http.AsyncByteStream):
    """An answer's body, which tells at its close whether it was read to its end."""

    def __init__(self, body: http.AsyncByteStream, closed: Callable[[bool], None]) -> None:
        self._body = body
        self._closed: Callable[[bool], None] | None = closed
        self._whole = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._body:
            yield chunk
        self._whole = True

    async def aclose(self) -> None:
        closed, self._closed = self._closed, None
        if closed is None:
            return
        whole = False
        try:
            await self._body.aclose()
            whole = self._whole
        finally:
            closed(whole)


async def _close(lane: _Lane) -> None:
    """Nobody waits for an answer on this lane, so nobody is told how its closing went."""
    with contextlib.suppress(Exception):
        await lane.transport.aclose()
