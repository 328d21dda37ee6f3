"""A service in a process of its own that makes a job of every POST, 20 ms after it was read.

python benchmarks/job_server.py      # prints its port, ends with its stdin
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent.parent))  # also when run as a script

from benchmarks.delayed_service import DelayedService

if TYPE_CHECKING:
    from collections.abc import Iterator


def receipt(job_id: str) -> dict[str, Any]:
    """Return one answer for all clients: each takes the fields that it knows."""
    when = "2026-11-22T12:00:00.000Z"
    stage = {"stage": "RUNNING", "message": None}
    return {
        "jobId": job_id, "id": job_id, "request_id": job_id, "event_id": job_id,
        "status": stage if job_id.startswith("hf") else "processing",
        "model": "a/b", "version": "v", "input": {},
        "urls": {"get": "http://127.0.0.1/", "cancel": "http://127.0.0.1/"},
        "response_url": "http://127.0.0.1/", "status_url": "http://127.0.0.1/",
        "cancel_url": "http://127.0.0.1/",
        "createdAt": when, "dockerImage": "face", "spaceId": None, "command": ["talk"],
        "arguments": [], "environment": {}, "secrets": {}, "flavor": "cpu-basic",
        "owner": {"id": "me", "name": "me", "type": "user"},
    }  # fmt: skip


def answer(body: bytes, status: str = "202 Accepted") -> bytes:
    """Return a whole HTTP answer of JSON."""
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return f"{head}\r\n\r\n".encode() + body


class JobServer(DelayedService):
    """Answers each POST with a new job."""

    numbers = count()
    job, hub_job = (json.dumps(receipt(kind)).encode() for kind in ("job-0", "hf-0"))

    def answer(self) -> bytes:
        """Answer in the way of the API that was asked."""
        body = self.hub_job if b" /api/jobs/" in self.asked else self.job
        return answer(body.replace(b"-0", b"-%d" % next(self.numbers)))


@contextmanager
def running() -> Iterator[str]:
    """Run the service; give its base URL."""
    command = [sys.executable, __file__]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()


async def _main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(JobServer, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(_main())
