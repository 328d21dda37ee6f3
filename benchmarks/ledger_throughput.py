"""What the ledger costs: submits through it against the same client without it, interleaved.

Both ways send the same payloads with the same client to a service in another process that answers
after 20 ms. A ledgered submit is two durable commits (intent, answer), each shared with whoever
else waits. The ratio is what counts: wall times swing with what else the machine does.

    python benchmarks/ledger_throughput.py [WORKERS] [JOBS] [ROUNDS]     # default 64 1500 5
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent.parent))  # also when run as a script

from benchmarks.counting_server import running
from tfi_notebook import settings
from tfi_notebook.api.client import AsyncClient
from tfi_notebook.contract.payloads import build_payload
from tfi_notebook.lifecycle.feed import Feed
from tfi_notebook.lifecycle.ledger import Ledger
from tfi_notebook.lifecycle.submit import Submitter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from tfi_notebook.contract.payloads import TalkingVideoPayload
    from tfi_notebook.settings import Settings


@dataclass(frozen=True, slots=True)
class Speed:
    """One round of one way."""

    jobs_per_s: float
    cpu_us_per_job: float


async def measure(
    send: Callable[[TalkingVideoPayload], Awaitable[object]],
    payloads: list[TalkingVideoPayload],
    workers: int,
) -> Speed:
    """Send the payloads with so many workers."""
    todo = iter(payloads)

    async def work() -> None:
        for payload in todo:
            await send(payload)

    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(work() for _ in range(workers)))
    took, used = time.perf_counter() - began, time.process_time() - cpu
    return Speed(len(payloads) / took, used / len(payloads) * 1e6)


async def rounds(
    connection: Settings, workers: int, jobs: int, count: int
) -> list[tuple[Speed, Speed]]:
    """Measure (without, with) the ledger, `count` times, each with the client of its own."""
    numbers = iter(range(1_000_000_000))
    ledger = Ledger(connection.ledger_path)
    plain, ledgered = AsyncClient(connection), AsyncClient(connection)
    submitter = Submitter(connection, ledgered, ledger, Feed(ledger))

    async def submit(payload: TalkingVideoPayload) -> object:
        return await submitter.submit(payload, force=False)

    found = []
    for _ in range(count + 1):  # the first round warms up
        without = await measure(plain.create_job, list(_fresh(numbers, jobs)), workers)
        with_it = await measure(submit, list(_fresh(numbers, jobs)), workers)
        found.append((without, with_it))
    await plain.aclose()
    await ledgered.aclose()
    ledger.close()
    return found[1:]


def _fresh(numbers: Iterator[int], jobs: int) -> Iterator[TalkingVideoPayload]:
    for _ in range(jobs):
        yield build_payload(
            image_url=f"https://cdn.example.com/{next(numbers)}.png",
            audio_url="https://cdn.example.com/voice.mp3",
            project_id="468ea7a0-66e1-4357-a760-236e54167f3e",
        )


def compare(folder: Path, workers: int, jobs: int, count: int) -> list[tuple[Speed, Speed]]:
    """Run the rounds against a service of their own, with the ledger in a folder."""
    limits = settings.Limits(parallel_first=workers, parallel_requests=workers)
    with running(folder / "made.log", delay_s=0.02) as base_url:
        connection = settings.resolve(
            "key", base_url, ledger=folder / "ledger.sqlite", limits=limits
        )
        return asyncio.run(rounds(connection, workers, jobs, count))


def _main() -> None:
    given = [int(text) for text in sys.argv[1:]]
    workers, jobs, count = (*given, *(64, 1500, 5)[len(given) :])
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TFI_HOME"] = folder
        found = compare(Path(folder), workers, jobs, count)
    for without, with_it in found:
        print(
            f"without {without.jobs_per_s:6.0f} jobs/s {without.cpu_us_per_job:5.0f} us CPU | "
            f"with {with_it.jobs_per_s:6.0f} jobs/s {with_it.cpu_us_per_job:5.0f} us CPU | "
            f"ratio {with_it.jobs_per_s / without.jobs_per_s:.2f}"
        )
    ratios = [with_it.jobs_per_s / without.jobs_per_s for without, with_it in found]
    best = max(pair[1].jobs_per_s for pair in found) / max(pair[0].jobs_per_s for pair in found)
    cpu = min(pair[1].cpu_us_per_job for pair in found) - min(
        pair[0].cpu_us_per_job for pair in found
    )
    print(f"ratio: median {median(ratios):.2f}, best of each {best:.2f}; {cpu:.0f} us CPU a job")


if __name__ == "__main__":
    _main()
