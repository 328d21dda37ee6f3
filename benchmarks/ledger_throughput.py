"""What the ledger costs: submits with it against the same submits without it, interleaved.

All ways send payloads with the same client to a service in another process that answers after
20 ms. A ledgered submit is two durable commits (intent, answer), each shared with whoever else
waits. The ratio is what counts: wall times swing with what else the machine does. The bare client
is measured as well: it neither shields, nor remembers, nor tells anybody.

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
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

sys.path.insert(0, str(Path(__file__).parent.parent))  # also when run as a script

from benchmarks.counting_server import running
from tfi_notebook import settings
from tfi_notebook.api.client import AsyncClient
from tfi_notebook.contract.payloads import build_payload
from tfi_notebook.lifecycle.feed import Feed
from tfi_notebook.lifecycle.ledger import Ledger
from tfi_notebook.lifecycle.rows import Author
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


@dataclass(frozen=True, slots=True)
class Round:
    """The bare client, the submits of this package without a ledger, and with it."""

    bare: Speed
    without: Speed
    with_it: Speed

    @property
    def ratio(self) -> float:
        """Speed with the ledger relative to the same submits without it."""
        return self.with_it.jobs_per_s / self.without.jobs_per_s


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


class NoLedger:
    """Stands in for the ledger: takes everything and writes nothing."""

    author = Author("")
    life = SimpleNamespace(ttl_s=60.0, sustain=None)
    owed = SimpleNamespace(clear=lambda: None)

    def query(self, *_: object) -> list[tuple[bytes]]:
        """Give a salt, which is all that is asked for."""
        return [(b"",)]

    def submitted(self, *_: object) -> None:
        """Know of no earlier submit."""

    async def begin(self, *_: object, **__: object) -> None:
        """Let every intent through."""

    async def write(self, *_: object) -> None:
        """Forget the rows."""


async def one_round(connection: Settings, numbers: Iterator[int], workers: int, jobs: int) -> Round:
    """Measure the three ways one after the other, as a kernel would that was just started."""
    ledger = Ledger(connection.ledger_path)
    client = AsyncClient(connection)
    nothing = cast("Ledger", NoLedger())
    plain = Submitter(connection, client, nothing, Feed(nothing))
    ledgered = Submitter(connection, client, ledger, Feed(ledger))
    ways = (
        client.create_job,
        lambda payload: plain.submit(payload, force=False),
        lambda payload: ledgered.submit(payload, force=False),
    )
    speeds = [await measure(way, list(_fresh(numbers, jobs)), workers) for way in ways]
    await client.aclose()
    ledger.close()
    return Round(*speeds)


def _fresh(numbers: Iterator[int], jobs: int) -> Iterator[TalkingVideoPayload]:
    for _ in range(jobs):
        yield build_payload(
            image_url=f"https://cdn.example.com/{next(numbers)}.png",
            audio_url="https://cdn.example.com/voice.mp3",
            project_id="468ea7a0-66e1-4357-a760-236e54167f3e",
        )


def compare(folder: Path, workers: int, jobs: int, count: int) -> list[Round]:
    """Run the rounds against a service of their own, with the ledger in a folder."""
    limits = settings.Limits(parallel_first=workers, parallel_requests=workers)
    with running(folder / "made.log", delay_s=0.02) as base_url:
        connection = settings.resolve(
            "key", base_url, ledger=folder / "ledger.sqlite", limits=limits
        )
        numbers = iter(range(1_000_000_000))
        # the first round warms up
        return [
            asyncio.run(one_round(connection, numbers, workers, jobs)) for _ in range(count + 1)
        ][1:]


def _main() -> None:
    given = [int(text) for text in sys.argv[1:]]
    workers, jobs, count = (*given, *(64, 1500, 5)[len(given) :])
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TFI_HOME"] = folder
        found = compare(Path(folder), workers, jobs, count)
    for each in found:
        print(
            " | ".join(
                f"{name} {speed.jobs_per_s:5.0f} jobs/s {speed.cpu_us_per_job:5.0f} us CPU"
                for name, speed in (
                    ("bare client", each.bare),
                    ("without ledger", each.without),
                    ("with", each.with_it),
                )
            ),
            f"| ratio {each.ratio:.2f}",
        )
    to_bare = median(each.with_it.jobs_per_s / each.bare.jobs_per_s for each in found)
    cpu = [
        min(speed.cpu_us_per_job for speed in speeds)
        for speeds in zip(*((each.bare, each.without, each.with_it) for each in found), strict=True)
    ]
    print(
        f"ratio to the same submits without a ledger: median "
        f"{median(each.ratio for each in found):.2f}; to the bare client {to_bare:.2f}; least CPU "
        f"of a job {cpu[0]:.0f}, {cpu[1]:.0f}, {cpu[2]:.0f} us"
    )


if __name__ == "__main__":
    _main()
