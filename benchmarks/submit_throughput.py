"""How fast paid submits go out, against the usual way to use the same HTTP library.

Three clients send the same payload to a raw asyncio server in a process of its own, which answers
after 20 ms: one plain `httpx.AsyncClient` shared by all workers (`limits` = workers), the same over
`LaneTransport`, and the package's whole `AsyncClient.create_job` (lanes, key, deadline, one queue
with an adaptive limit, retry rules, receipt parsing). They take turns within each round, so that
what else the machine does hits all of them; a round gives one ratio, and the median is printed
first.

Usage: `python benchmarks/submit_throughput.py [--rounds 5] [--jobs 1000] [--workers 16 64 256]`
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from multiprocessing import get_context
from typing import TYPE_CHECKING

import httpx

from tfi_notebook import http, settings
from tfi_notebook.api.client import AsyncClient
from tfi_notebook.api.lanes import LaneTransport
from tfi_notebook.contract.payloads import build_payload

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from multiprocessing.connection import Connection

DELAY_S = 0.02
TIMEOUT_S = 60.0
PAYLOAD = build_payload(
    image_url="https://cdn.example.com/face.png",
    audio_url="https://cdn.example.com/voice.mp3",
    project_id="468ea7a0-66e1-4357-a760-236e54167f3e",
)
CLIENTS = ("shared httpx", "lanes", "create_job")


class JobServer(asyncio.Protocol):
    """Answers each POST with a new job after `DELAY_S`; knows as much HTTP as that takes."""

    made = 0

    def __init__(self) -> None:
        self._buffer = b""

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
            self._buffer = body[length:]
            asyncio.get_running_loop().call_later(DELAY_S, self._answer)

    def _answer(self) -> None:
        JobServer.made += 1
        body = b'{"jobId":"job-%d","status":"queued"}' % JobServer.made
        head = b"HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\ncontent-length: %d"
        if not self._transport.is_closing():
            self._transport.write(head % len(body) + b"\r\n\r\n" + body)


def serve(port: Connection) -> None:
    """Run the server on a free port, which is sent through the pipe, until the process ends."""

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(
            JobServer, "127.0.0.1", 0, backlog=1024
        )
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


async def spread(send: Callable[[], Awaitable[object]], jobs: int, workers: int) -> float:
    """Send `jobs` submits with `workers` tasks; return submits per second."""
    left = iter(range(jobs))

    async def work() -> None:
        for _ in left:
            await send()

    await asyncio.gather(*(send() for _ in range(workers)))  # opens the connections
    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(workers)))
    return jobs / (time.perf_counter() - started)


async def measure(client: str, url: str, jobs: int, workers: int) -> float:
    """Return the submits per second of one client."""
    if client == "create_job":
        return await measure_create_job(url, jobs, workers)
    if client == "lanes":
        plain = http.open_client(timeout_s=TIMEOUT_S, transport=LaneTransport(keepalive_s=4.0))
    else:
        limits = httpx.Limits(max_connections=workers, max_keepalive_connections=workers)
        plain = httpx.AsyncClient(limits=limits, timeout=TIMEOUT_S, trust_env=False, verify=False)  # noqa: S501 - plain http on loopback
    body = PAYLOAD.body()

    async def send() -> None:
        answer = await plain.post(f"{url}/jobs/v2", json=body, headers={"x-api-key": "key"})
        assert answer.json()["jobId"]

    async with plain:
        return await spread(send, jobs, workers)


async def measure_create_job(url: str, jobs: int, workers: int) -> float:
    """The same through everything that `AsyncClient` does about a submit."""
    limits = settings.Limits(
        parallel_first=workers, parallel_requests=workers, submit_timeout_s=TIMEOUT_S
    )
    client = AsyncClient(settings.resolve("key", url, limits=limits))
    try:
        return await spread(lambda: client.create_job(PAYLOAD), jobs, workers)
    finally:
        await client.aclose()


def report(workers: int, rates: dict[str, list[float]]) -> None:
    """Print the median ratios of the rounds, then the rates."""
    base = rates["shared httpx"]
    ratios = {
        client: statistics.median(mine / plain for mine, plain in zip(rates[client], base))  # noqa: B905 - one of each a round
        for client in CLIENTS[1:]
    }
    shown = ", ".join(f"{client} {ratio:.2f} x shared httpx" for client, ratio in ratios.items())
    print(f"{workers:3} workers: {shown}")
    for client, values in rates.items():
        print(f"    {client:12} {statistics.median(values):6.0f}/s median, {max(values):6.0f} best")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--workers", type=int, nargs="+", default=[16, 64, 256])
    arguments = parser.parse_args()
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{ours.recv()}"
    for workers in arguments.workers:
        rates: dict[str, list[float]] = {client: [] for client in CLIENTS}
        for _ in range(arguments.rounds):
            for client in CLIENTS:
                rate = asyncio.run(measure(client, url, arguments.jobs, workers))
                rates[client].append(rate)
        report(workers, rates)
    server.terminate()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
