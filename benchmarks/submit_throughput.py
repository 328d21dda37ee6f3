"""How fast paid submits go out with the ledger on, against the usual ways, in one run.

All send to a raw asyncio server in a process of its own, which answers after 20 ms:

- `shared httpx`: one plain `httpx.AsyncClient` for all workers (`limits` = workers);
- `replicate`: the async create of replicate's client, in a process and environment of its own;
- `create_job`: this package's client without a ledger (lanes, key, deadline, one queue with an
  adaptive limit, retry rules, receipt parsing);
- `ledgered`: the whole submit, with two durable commits, at 64 workers and at 256.

They take turns within each round, so that what else the machine does hits all of them; a round
gives one ratio of each pair, and the median counts.

    python benchmarks/submit_throughput.py [--rounds 3] [--jobs 2000] [--json PATH]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import httpx

sys.path.insert(0, str(Path(__file__).parent.parent))  # also when run as a script

from benchmarks.delayed_service import DelayedService
from benchmarks.peers import replicate_at
from tfi_notebook import settings
from tfi_notebook.api.client import AsyncClient
from tfi_notebook.contract.payloads import build_payload
from tfi_notebook.lifecycle.feed import Feed
from tfi_notebook.lifecycle.ledger import Ledger
from tfi_notebook.lifecycle.submit import Submitter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from multiprocessing.connection import Connection

    from tfi_notebook.contract.payloads import TalkingVideoPayload

    Way = Callable[[int], float]
    """Sends so many jobs; returns jobs per second."""

TIMEOUT_S = 60.0
WORKERS, MANY = 64, 256
GOALS = (
    ("ledgered", "shared httpx", 4.0),
    ("ledgered", "replicate", 1.3),
    (f"ledgered, {MANY} workers", "ledgered", 0.95),
    ("ledgered", "create_job", 0.8),
)
_numbers = count()


class JobServer(DelayedService):
    """Answers each POST with a new job."""

    made = 0

    def answer(self) -> bytes:
        """One body for all: each client takes the fields that it knows."""
        JobServer.made += 1
        body = (
            b'{"jobId":"job-%d","status":"processing","id":"p%d","model":"a/b","version":"v",'
            b'"input":{},"urls":{"get":"http://127.0.0.1/","cancel":"http://127.0.0.1/"}}'
        ) % (JobServer.made, JobServer.made)
        head = b"HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\ncontent-length: %d"
        return head % len(body) + b"\r\n\r\n" + body


def serve(port: Connection) -> None:
    """Run the server on a free port, which is sent through the pipe, until the process ends."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(JobServer, "127.0.0.1", 0, backlog=1024)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


@contextlib.contextmanager
def running_server() -> Iterator[str]:
    """Run the server in a process of its own; give its base URL."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs,), daemon=True)
    process.start()
    yield f"http://127.0.0.1:{ours.recv()}"
    process.terminate()


async def spread(
    send: Callable[[TalkingVideoPayload], Awaitable[object]], jobs: int, workers: int
) -> float:
    """Send `jobs` payloads with `workers` tasks; return submits per second."""
    left = iter([fresh_payload() for _ in range(jobs)])

    async def work() -> None:
        for payload in left:
            await send(payload)

    # opens the connections
    await asyncio.gather(*(send(fresh_payload()) for _ in range(workers)))
    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(workers)))
    return jobs / (time.perf_counter() - started)


def fresh_payload() -> TalkingVideoPayload:
    """Return a payload that was never submitted before."""
    return build_payload(
        image_url=f"https://cdn.example.com/{next(_numbers)}.png",
        audio_url="https://cdn.example.com/voice.mp3",
        project_id="468ea7a0-66e1-4357-a760-236e54167f3e",
    )


async def shared_httpx(url: str, jobs: int) -> float:
    """One plain client for all workers."""
    limits = httpx.Limits(max_connections=WORKERS, max_keepalive_connections=WORKERS)
    plain = httpx.AsyncClient(limits=limits, timeout=TIMEOUT_S, trust_env=False, verify=False)  # noqa: S501 - plain http on loopback

    async def send(payload: TalkingVideoPayload) -> None:
        headers = {"x-api-key": "key"}
        answer = await plain.post(f"{url}/jobs/v2", json=payload.body(), headers=headers)
        assert answer.json()["jobId"]

    async with plain:
        return await spread(send, jobs, WORKERS)


async def ours(url: str, jobs: int, workers: int, *, ledgered: bool) -> float:
    """This package, with a new ledger or without one."""
    limits = settings.Limits(
        parallel_first=workers, parallel_requests=workers, submit_timeout_s=TIMEOUT_S
    )
    with tempfile.TemporaryDirectory() as folder:
        known = settings.resolve(
            "key", url, ledger=Path(folder) / "ledger.sqlite", outputs=folder, limits=limits
        )
        client = AsyncClient(known)
        ledger = Ledger(known.ledger_path)
        submitter = Submitter(known, client, ledger, Feed(ledger))
        try:
            if ledgered:
                return await spread(lambda each: submitter.submit(each, force=False), jobs, workers)
            return await spread(client.create_job, jobs, workers)
        finally:
            await submitter.drain(1.0)
            await client.aclose()
            ledger.close()


def ways_at(url: str, replicate: Callable[[int, int], float] | None) -> dict[str, Way]:
    """Return every contender by its name."""
    ways: dict[str, Way] = {
        "shared httpx": lambda jobs: asyncio.run(shared_httpx(url, jobs)),
        "create_job": lambda jobs: asyncio.run(ours(url, jobs, WORKERS, ledgered=False)),
        "ledgered": lambda jobs: asyncio.run(ours(url, jobs, WORKERS, ledgered=True)),
        f"ledgered, {MANY} workers": lambda jobs: asyncio.run(ours(url, jobs, MANY, ledgered=True)),
    }
    if replicate is not None:
        ways["replicate"] = lambda jobs: replicate(jobs, WORKERS)
    return ways


def report(rates: dict[str, list[float]]) -> dict[str, object]:
    """Print the median ratios of the rounds and the rates; return both."""
    ratios: dict[str, float] = {}
    for name, values in rates.items():
        print(f"{name:24} {median(values):6.0f} jobs/s median, {max(values):6.0f} best")
    for one, other, goal in GOALS:
        if other not in rates:
            print(f"{one} / {other}: skipped, it could not be installed")
            continue
        ratio = median(a / b for a, b in zip(rates[one], rates[other], strict=True))
        ratios[f"{one} / {other}"] = ratio
        print(f"{one} / {other}: {ratio:.2f} (goal {goal})")
    return {"jobs_per_s": rates, "ratios": ratios}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures there as well")
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as home,
        running_server() as url,
        replicate_at(url) as replicate,
    ):
        os.environ["TFI_HOME"] = home
        ways = ways_at(url, replicate)
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(given.rounds):
            for name, way in ways.items():
                rates[name].append(way(given.jobs))
    figures = report(rates)
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
