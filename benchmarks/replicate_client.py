"""Submits with another service's client, for `submit_throughput.py`; runs where that is installed.

python benchmarks/replicate_client.py BASE_URL     # reads `JOBS WORKERS`, prints jobs per second
"""

from __future__ import annotations

import asyncio
import sys
import time
from importlib import import_module
from typing import Any


async def measure(client: Any, jobs: int, workers: int) -> float:  # noqa: ANN401 - not installed here
    """Create `jobs` predictions with `workers` tasks; return how many per second."""
    left = iter(range(jobs))

    async def create() -> None:
        made = await client.predictions.async_create(version=64 * "0", input={"prompt": "a face"})
        assert made.id

    async def work() -> None:
        for _ in left:
            await create()

    await asyncio.gather(*(create() for _ in range(workers)))  # opens the connections
    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(workers)))
    return jobs / (time.perf_counter() - started)


def main() -> None:
    """Answer every line of the input with a rate, each with a client of its own."""
    replicate = import_module("replicate")
    print("ready", flush=True)
    for line in sys.stdin:
        jobs, workers = map(int, line.split())
        client = replicate.Client(api_token="a token", base_url=sys.argv[1])  # noqa: S106 - of nothing
        print(asyncio.run(measure(client, jobs, workers)), flush=True)


if __name__ == "__main__":
    main()
