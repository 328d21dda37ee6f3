"""A service in a process of its own that makes jobs after a pause, and writes every one down.

Its log is the truth of the kill loop: one line for each job, with the `image_url` of the payload
and the id that the job got, written before the answer leaves. A killed client cannot touch it.

    python benchmarks/counting_server.py LOG DELAY_S      # prints its port, ends with its stdin
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

_QUEUED = '{"uuid":"%s","job_status":"QUEUED"}'


class CountingService:
    """Answers `POST` with a new job after a pause, and `GET /jobs/:id` with a queued one."""

    def __init__(self, log: TextIO, delay_s: float) -> None:
        self._log = log
        self._delay_s = delay_s

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until the client leaves."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(await self._answer(head.decode("latin-1"), reader))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client was killed or has closed, or the service ends
        finally:
            writer.close()

    async def _answer(self, head: str, reader: asyncio.StreamReader) -> bytes:
        method, path, _ = head.split(" ", 2)
        length = re.search(r"content-length: *(\d+)", head, re.IGNORECASE)
        body = await reader.readexactly(int(length[1]) if length else 0)
        if method != "POST":
            return _reply(200, _QUEUED % path.rpartition("/")[2])
        job_id = str(uuid.uuid4())
        self._log.write(f"{json.loads(body)['image_url']} {job_id}\n")
        self._log.flush()
        await asyncio.sleep(self._delay_s)
        return _reply(202, f'{{"jobId":"{job_id}","status":"queued"}}')


def _reply(status: int, body: str) -> bytes:
    return f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()


@contextmanager
def running(log: Path, delay_s: float = 0.02) -> Iterator[str]:
    """Run the service in a process of its own; give its base URL.

    Args:
        log: file for one line `image_url job_id` for each job made.
        delay_s: pause before each answer to a submit, in s.
    """
    command = [sys.executable, __file__, str(log), str(delay_s)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.stdin.close()


def made(log: Path) -> list[tuple[str, str]]:
    """Return (`image_url`, id) of every job that the service has made."""
    lines = log.read_text().splitlines() if log.exists() else []
    return [(url, job_id) for url, _, job_id in (line.partition(" ") for line in lines)]


async def _main(log: Path, delay_s: float) -> None:
    with log.open("a") as file:
        service = CountingService(file, delay_s)
        server = await asyncio.start_server(service.serve, "127.0.0.1", 0, backlog=512)
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        server.close()


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), float(sys.argv[2])))
