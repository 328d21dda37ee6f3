"""What the services of the throughput benchmarks have in common: little HTTP, and a pause."""

from __future__ import annotations

import asyncio

DELAY_S = 0.02


class DelayedService(asyncio.Protocol):
    """Takes POSTs, and answers each after `DELAY_S`; knows as much HTTP as that takes.

    Attributes:
        asked: the beginning of the last request's head.
    """

    def __init__(self) -> None:
        self._buffer = b""
        self.asked = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer once the body is whole."""
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        if found and len(body) >= length:
            self.asked, self._buffer = head[:200], body[length:]
            asyncio.get_running_loop().call_later(DELAY_S, self._reply)

    def answer(self) -> bytes:
        """Return the whole answer to a POST."""
        raise NotImplementedError

    def _reply(self) -> None:
        answer = self.answer()
        if not self._transport.is_closing():
            self._transport.write(answer)
