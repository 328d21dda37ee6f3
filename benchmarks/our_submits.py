"""The ways in which this package submits, measured as `peer_clients` measures the others'."""

from __future__ import annotations

import asyncio
import tempfile
import time
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from tfi_notebook import settings
from tfi_notebook.api.client import AsyncClient
from tfi_notebook.contract.payloads import build_payload
from tfi_notebook.lifecycle.feed import Feed
from tfi_notebook.lifecycle.ledger import Ledger
from tfi_notebook.lifecycle.rows import Author
from tfi_notebook.lifecycle.submit import Submitter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tfi_notebook.contract.payloads import TalkingVideoPayload
    from tfi_notebook.settings import Settings

    Send = Callable[[TalkingVideoPayload], Awaitable[object]]
    Speeds = dict[str, float]

TIMEOUT_S = 60.0
LEDGERED, UNWRITTEN, BARE = "ledgered", "without a ledger", "create_job"
_numbers = count()


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

    def close(self) -> None:
        """Have nothing open."""


def measure(url: str, way: str, jobs: int, workers: int) -> Speeds:
    """Send `jobs` new payloads with `workers` tasks, in a workspace of its own.

    Args:
        url: of the service.
        way: `LEDGERED`, the whole submit; `UNWRITTEN`, the same with a ledger that writes
            nothing; `BARE`, the client's call alone, which remembers nothing.
        jobs: how many.
        workers: tasks at the same time.

    Returns:
        `per_s` and `cpu_us`, the CPU time of each job.
    """
    with tempfile.TemporaryDirectory() as folder:
        limits = settings.Limits(
            parallel_first=workers, parallel_requests=workers, submit_timeout_s=TIMEOUT_S
        )
        ledger = Path(folder) / "ledger.sqlite"
        known = settings.resolve("key", url, ledger=ledger, outputs=folder, limits=limits)
        return asyncio.run(_measure(known, way, jobs, workers))


async def _measure(known: Settings, way: str, jobs: int, workers: int) -> Speeds:
    client = AsyncClient(known)
    ledger = Ledger(known.ledger_path) if way == LEDGERED else cast("Ledger", NoLedger())
    submitter = Submitter(known, client, ledger, Feed(ledger))
    send: Send = lambda payload: submitter.submit(payload, force=False)  # noqa: E731 - one of two
    try:
        return await _spread(client.create_job if way == BARE else send, jobs, workers)
    finally:
        await submitter.drain(1.0)
        await client.aclose()
        ledger.close()


async def _spread(send: Send, jobs: int, workers: int) -> Speeds:
    left = iter([fresh_payload() for _ in range(jobs)])

    async def work() -> None:
        for payload in left:
            await send(payload)

    # opens the connections
    await asyncio.gather(*(send(fresh_payload()) for _ in range(workers)))
    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(work() for _ in range(workers)))
    took, used = time.perf_counter() - began, time.process_time() - cpu
    return {"per_s": jobs / took, "cpu_us": used / jobs * 1e6}


def fresh_payload() -> TalkingVideoPayload:
    """Return a payload that was never submitted before."""
    return build_payload(
        image_url=f"https://cdn.example.com/{next(_numbers)}.png",
        audio_url="https://cdn.example.com/voice.mp3",
        project_id="468ea7a0-66e1-4357-a760-236e54167f3e",
    )
