"""A raw server on loopback that breaks in the ways real ones do, and counts what it made."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ID = "15a6331b-7f5e-4f0c-9a43-0c6fd6f2a111"
RECEIPT = {"jobId": ID, "status": "queued"}


class Refusal(bytes):
    """The answer of a server that has done nothing about the request."""

    __slots__ = ()


def reply(status: int, body: object, *headers: str) -> bytes:
    """Return a whole HTTP answer with a JSON (or raw bytes) body."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(raw)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + raw


class FaultyServer:
    """Answers every request with what `behave` says; a context manager.

    `behave(method, path, body)` returns the bytes of an answer, a `Refusal`, or one of the words
    of `_ACTS`, such as `reset`, `close`, `hang` or `drip`. `before_reading`, or what it returns
    for a path, is such a word for requests whose body is not even read. Each answer takes
    `delay_s`; with `hang_up` the connection ends after it.

    `connections` counts the connections taken and `requests` keeps the heads seen. `made` counts
    the POSTs that were read whole and not refused, and so may have made a job; `made_at` counts
    them by path.
    """

    def __init__(
        self,
        behave: Callable[[str, str, bytes], bytes | str],
        before_reading: str | Callable[[str], str] = "",
        delay_s: float = 0.0,
        *,
        hang_up: bool = False,
    ) -> None:
        self.behave = behave
        self.delay_s = delay_s
        self.hang_up = hang_up
        self.connections = 0
        self.before_reading = before_reading
        self.requests: list[str] = []
        self.made = 0
        self.made_at: Counter[str] = Counter()
        self._handling: set[asyncio.Task[Any] | None] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        """Start listening on a free port."""
        self._thread.start()
        starting = asyncio.start_server(self._handle, "127.0.0.1", 0, backlog=1000)
        self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result(10)
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, whatever is still hanging."""
        self.stop_listening()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def stop_listening(self) -> None:
        """Close the port and every connection, as a machine that went down."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)

    def listen_again(self) -> None:
        """Open the same port again, as a machine that came back."""
        starting = asyncio.start_server(self._handle, "127.0.0.1", self.port)
        self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result(10)

    async def _stop(self) -> None:
        self._server.close()
        me = asyncio.current_task()
        hanging = [task for task in asyncio.all_tasks() if task is not me]
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        self._handling.add(task)  # a hanging task is referenced by nothing else
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            try:
                while await self._serve_one(reader, writer):
                    pass
            finally:
                writer.close()
                self._handling.discard(task)

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, path, _ = head.split(" ", 2)
        early = self.before_reading
        if word := early if isinstance(early, str) else early(path):
            self.requests.append(head)
            return await _act(word, writer)
        lines = head.lower().split("\r\n")
        lengths = [line for line in lines if line.startswith("content-length:")]
        body = await reader.readexactly(int(lengths[0].split(":")[1])) if lengths else b""
        self.requests.append(head)
        answer = self.behave(method, path, body)
        if method == "POST" and not isinstance(answer, Refusal):
            self.made += 1
            self.made_at[path] += 1
        await asyncio.sleep(self.delay_s)
        return await _act(answer, writer) and not self.hang_up


async def _act(answer: bytes | str, writer: asyncio.StreamWriter) -> bool:
    if isinstance(answer, str):
        await _ACTS[answer](writer)
        return False
    writer.write(answer)
    await writer.drain()
    return True


async def _hang(_writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def _half_close(writer: asyncio.StreamWriter) -> None:
    """End the sending side and go on listening."""
    writer.write_eof()
    await _hang(writer)


async def _trickle(writer: asyncio.StreamWriter, head: bytes, piece: bytes, pause_s: float) -> None:
    writer.write(head)
    while True:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(pause_s)


async def _drip(writer: asyncio.StreamWriter) -> None:
    await _trickle(writer, b"HTTP/1.1 202 X\r\ncontent-length: 100000\r\n\r\n", b" ", 0.05)


async def _drip_head(writer: asyncio.StreamWriter) -> None:
    await _trickle(writer, b"HTTP/1.1 202 X\r\nx-slow: ", b"y", 0.05)


async def _only_continue(writer: asyncio.StreamWriter) -> None:
    await _trickle(writer, b"", b"HTTP/1.1 100 X\r\n\r\n", 0.02)


async def _endless(writer: asyncio.StreamWriter) -> None:
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    await _trickle(writer, b"HTTP/1.1 202 X\r\ntransfer-encoding: chunked\r\n\r\n", chunk, 0)


async def _endless_head(writer: asyncio.StreamWriter) -> None:
    await _trickle(writer, b"HTTP/1.1 202 X\r\n", b"x-more: " + b"y" * 4000 + b"\r\n", 0)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN."""
    sock: Any = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


_ACTS: dict[str, Callable[[asyncio.StreamWriter], Awaitable[None]]] = {
    "hang": _hang,
    "half-close": _half_close,
    "drip": _drip,
    "drip head": _drip_head,
    "only 100 Continue": _only_continue,
    "endless": _endless,
    "endless head": _endless_head,
    "close": _close,
    "reset": _reset,
}
