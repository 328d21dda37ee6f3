"""A raw server on loopback that breaks in the ways real ones do, and counts what it made."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import threading
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable

ID = "15a6331b-7f5e-4f0c-9a43-0c6fd6f2a111"
RECEIPT = {"jobId": ID, "status": "queued"}


def reply(status: int, body: object, *headers: str) -> bytes:
    """Return a whole HTTP answer with a JSON (or raw bytes) body."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(raw)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + raw


class FaultyServer:
    """Answers every request with what `behave` says; a context manager.

    `behave(method, path, body)` returns the bytes of an answer, or one of the words `reset`,
    `close`, `hang`, `drip`. With `before_reading="reset"` it resets every connection before it
    reads a body. `requests` keeps the heads seen, `made` counts
    the POSTs that were read whole and so may have made a job.
    """

    def __init__(
        self, behave: Callable[[str, str, bytes], bytes | str], before_reading: str = ""
    ) -> None:
        self.behave = behave
        self.before_reading = before_reading
        self.requests: list[str] = []
        self.made = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        """Start listening on a free port."""
        self._thread.start()
        starting = asyncio.start_server(self._handle, "127.0.0.1", 0)
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

    async def _stop(self) -> None:
        self._server.close()
        me = asyncio.current_task()
        hanging = [task for task in asyncio.all_tasks() if task is not me]
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            try:
                while await self._serve_one(reader, writer):
                    pass
            finally:
                writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, path, _ = head.split(" ", 2)
        if self.before_reading == "reset":
            _reset(writer)
            return False
        lines = head.lower().split("\r\n")
        lengths = [line for line in lines if line.startswith("content-length:")]
        body = await reader.readexactly(int(lengths[0].split(":")[1])) if lengths else b""
        self.requests.append(head)
        self.made += method == "POST"
        return await _act(self.behave(method, path, body), writer)


async def _act(answer: bytes | str, writer: asyncio.StreamWriter) -> bool:
    if isinstance(answer, bytes):
        writer.write(answer)
        await writer.drain()
        return True
    if answer == "hang":
        await asyncio.Event().wait()
    if answer == "drip":
        writer.write(b"HTTP/1.1 202 X\r\ncontent-length: 100\r\n\r\n")
        for _ in range(100):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)
    if answer == "reset":
        _reset(writer)
    return False


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN."""
    sock: Any = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
