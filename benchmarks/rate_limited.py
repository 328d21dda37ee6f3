"""What becomes of submits where the service allows only so many a second.

A raw asyncio server in a process of its own counts with a token bucket and answers 429 to what is
too much, with `Retry-After: 1` or without. The package's client floods it with 64 workers, as a
sweep does, each job submitted until it is taken. After a while the limit is lifted. Measured on the
server's side:

- steady state: the share of answers that are 429, and what was taken of what is allowed;
- recovery: the time from the lifting to the first second at 0.85 of the speed without a limit,
  which the same client has reached right before.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from itertools import count
from multiprocessing import get_context
from typing import TYPE_CHECKING

from benchmarks.delayed_service import DelayedService
from benchmarks.findings import Findings, Table
from tfi_notebook import settings
from tfi_notebook.api.client import AsyncClient
from tfi_notebook.contract.payloads import build_payload

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

TITLE = "Where the service limits"
WORKERS = 64
RATE_PER_S, BURST = 100.0, 50.0
WINDOW_S = 1.0
RECOVERED = 0.85
PAYLOAD = build_payload(
    image_url="https://cdn.example.com/face.png",
    audio_url="https://cdn.example.com/voice.mp3",
    project_id="468ea7a0-66e1-4357-a760-236e54167f3e",
)


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds without a limit, of settling under it, of its steady state, and without it again."""

    before_s: float = 5.0
    settling_s: float = 10.0
    steady_s: float = 20.0
    free_s: float = 14.0


QUICK = Times(before_s=3.5, settling_s=4.0, steady_s=4.0, free_s=6.0)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run has shown."""

    retry_after: bool
    refused_share: float
    of_allowed: float
    free_jobs_per_s: float
    recovered_after_s: float


class Bucket:
    """The service's counting, and its notes: (moment, taken) of every answer."""

    def __init__(self, rate_per_s: float, burst: float) -> None:
        self.rate_per_s, self.burst = rate_per_s, burst
        self.tokens, self.since = burst, time.monotonic()
        self.limited = False
        self.retry_after = False
        self.answers: list[tuple[float, bool]] = []

    def take(self) -> bool:
        """Take a token for one request, if there is one."""
        now = time.monotonic()
        self.tokens = min(self.burst, self.tokens + (now - self.since) * self.rate_per_s)
        self.since = now
        taken = not self.limited or self.tokens >= 1
        if self.limited and taken:
            self.tokens -= 1
        self.answers.append((now, taken))
        return taken


class Service(DelayedService):
    """Answers each POST with a job or with 429."""

    numbers = count()

    def __init__(self, bucket: Bucket) -> None:
        super().__init__()
        self._bucket = bucket

    def answer(self) -> bytes:
        """Ask the bucket."""
        taken = self._bucket.take()
        body = b'{"jobId":"job-%d","status":"queued"}' % next(self.numbers) if taken else b"{}"
        status = b"202 Accepted" if taken else b"429 Too Many Requests"
        extra = b"retry-after: 1\r\n" if self._bucket.retry_after and not taken else b""
        head = b"HTTP/1.1 %s\r\n%scontent-length: %d\r\n\r\n" % (status, extra, len(body))
        return head + body


def serve(pipe: Connection, rate_per_s: float, burst: float) -> None:
    """Run the service; obey (limited, retry_after) from the pipe, and hand over the notes."""
    bucket = Bucket(rate_per_s, burst)

    def obey() -> None:
        bucket.limited, bucket.retry_after = pipe.recv()
        pipe.send(bucket.answers)
        bucket.answers = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Service(bucket), "127.0.0.1", 0, backlog=512)
        loop.add_reader(pipe.fileno(), obey)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


@contextlib.contextmanager
def running(rate_per_s: float, burst: float) -> Iterator[tuple[str, Connection]]:
    """Run the service in a process of its own; give its base URL and the pipe to it."""
    context = get_context("spawn")
    pipe, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, rate_per_s, burst), daemon=True)
    process.start()
    yield f"http://127.0.0.1:{pipe.recv()}", pipe
    process.terminate()


def command(pipe: Connection, *, limited: bool, retry_after: bool) -> list[tuple[float, bool]]:
    """Switch the limit; return what was answered since the last switch."""
    pipe.send((limited, retry_after))
    answers: list[tuple[float, bool]] = pipe.recv()
    return answers


async def flood(url: str, pipe: Connection, times: Times, *, retry_after: bool) -> Outcome:
    """Flood the service: without a limit, with one, and without it again."""
    limits = settings.Limits(
        parallel_first=8, parallel_requests=WORKERS, submit_retry_s=600.0, retry_max_s=2.0
    )
    client = AsyncClient(settings.resolve("key", url, limits=limits))
    going = True

    async def work() -> None:
        while going:
            await client.create_job(PAYLOAD)

    workers = [asyncio.create_task(work()) for _ in range(WORKERS)]
    await asyncio.sleep(times.before_s)
    free = command(pipe, limited=True, retry_after=retry_after)
    await asyncio.sleep(times.settling_s)
    command(pipe, limited=True, retry_after=retry_after)
    await asyncio.sleep(times.steady_s)
    steady = command(pipe, limited=False, retry_after=retry_after)
    lifted_at = time.monotonic()
    await asyncio.sleep(times.free_s)
    after = command(pipe, limited=False, retry_after=retry_after)
    going = False
    await asyncio.gather(*workers)
    await client.aclose()
    free_per_s = _taken(free, free[-1][0] - 3.0, free[-1][0]) / 3.0
    taken = sum(ok for _, ok in steady)
    return Outcome(
        retry_after=retry_after,
        refused_share=1 - taken / len(steady),
        of_allowed=taken / (RATE_PER_S * times.steady_s),
        free_jobs_per_s=free_per_s,
        recovered_after_s=_recovery_s(after, lifted_at, times.free_s, RECOVERED * free_per_s),
    )


def _taken(answers: list[tuple[float, bool]], begin: float, end: float) -> int:
    return sum(ok for at, ok in answers if begin <= at < end)


def _recovery_s(
    answers: list[tuple[float, bool]], lifted_at: float, free_s: float, wanted_per_s: float
) -> float:
    for step in range(int((free_s - WINDOW_S) * 10)):
        begin = lifted_at + step / 10
        if _taken(answers, begin, begin + WINDOW_S) >= wanted_per_s * WINDOW_S:
            return step / 10
    return free_s  # not within what was looked at


def run(rounds: int, *, quick: bool) -> Findings:
    """Flood two services, one that says when to come again and one that does not; once each."""
    del rounds
    times = QUICK if quick else Times()
    found: dict[str, Outcome] = {}
    for retry_after in (False, True):
        with running(RATE_PER_S, BURST) as (url, pipe):
            name = f"{'with' if retry_after else 'without'} Retry-After"
            found[name] = asyncio.run(flood(url, pipe, times, retry_after=retry_after))
    rows = {
        "share of 429 in %": {name: 100 * one.refused_share for name, one in found.items()},
        "served of what is allowed in %": {
            name: 100 * one.of_allowed for name, one in found.items()
        },
        "back after the limit is lifted in s": {
            name: one.recovered_after_s for name, one in found.items()
        },
        "jobs/s without a limit": {name: one.free_jobs_per_s for name, one in found.items()},
    }
    return Findings(
        measures={
            "refused_share": max(one.refused_share for one in found.values()),
            "of_allowed": min(one.of_allowed for one in found.values()),
            "recovered_after_s": max(one.recovered_after_s for one in found.values()),
        },
        tables=[Table(f"At {RATE_PER_S:.0f} requests a second", "", "neither", rows, plot="none")],
        notes=["The other clients have no pace to compare: they retry, or hand the 429 on."],
    )
