"""Other people's clients; runs where they are installed, one client in each process.

    python benchmarks/peer_clients.py CLIENT BASE_URL

Each line of its input asks for one thing, as JSON, and each is answered by a line of JSON:

- `{"jobs": 800, "workers": 64}`: create so many jobs; `{"per_s", "cpu_us"}`, CPU time of each job;
- `{"timeout_s": 1}`: create one, whatever the server does; `{"outcome"}`, an error's name or `ok`.

It knows nothing of this package, so that an environment of its own is enough.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Create = Callable[[], Awaitable[object]]
    Opened = Callable[[str, int, float], Create]
    """Opens a client: base URL, workers, time limit in s; returns what creates one job."""

QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
}
"""Nothing may leave for any other host."""
LATEST_RETRY_S = 0.05
"""fal's client pauses up to 10 s between its tries; their number is what counts here."""
PATIENCE_S = 30.0
"""How long one create may take: not every client keeps to its time limit."""
BODY = {
    "image_url": "https://cdn.example.com/face.png",
    "audio_url": "https://cdn.example.com/voice.mp3",
    "project_id": "468ea7a0-66e1-4357-a760-236e54167f3e",
    "version": 6,
    "iteration_count": 10,
}


def by_httpx(url: str, workers: int, timeout_s: float) -> Create:
    """One plain client for all workers, with as many connections."""
    httpx = import_module("httpx")
    return _plain(
        httpx, url, timeout_s,
        limits=httpx.Limits(max_connections=workers, max_keepalive_connections=workers),
    )  # fmt: skip


def by_httpx_as_it_comes(url: str, _workers: int, timeout_s: float) -> Create:
    """One plain client for all workers, with the limits it has by itself."""
    return _plain(import_module("httpx"), url, timeout_s)


def _plain(httpx: Any, url: str, timeout_s: float, **settings: Any) -> Create:  # noqa: ANN401 - not installed where this is checked
    client = httpx.AsyncClient(timeout=timeout_s, trust_env=False, verify=False, **settings)

    async def create() -> object:
        answer = await client.post(f"{url}/jobs/v2", json=BODY, headers={"x-api-key": "key"})
        return answer.raise_for_status().json()["jobId"]

    return create


def by_replicate(url: str, _workers: int, timeout_s: float) -> Create:
    """The async create of a prediction."""
    replicate = import_module("replicate")
    client = replicate.Client(api_token="key", base_url=url, timeout=timeout_s)  # noqa: S106 - of nothing
    return lambda: client.predictions.async_create(version=64 * "0", input=BODY)


def by_fal(url: str, _workers: int, timeout_s: float) -> Create:
    """The async submit to a queue; the host is a constant of the module."""
    import_module("fal_client")
    client: Any = import_module("fal_client.client")
    client.QUEUE_URL_FORMAT = f"{url}/"
    client._get_retry_delay = lambda *_: LATEST_RETRY_S  # noqa: SLF001 - no setting for it
    opened = client.AsyncClient(key="key:secret", default_timeout=timeout_s)
    return lambda: opened.submit("tfi/talking", arguments=BODY)


def by_openai(url: str, _workers: int, timeout_s: float) -> Create:
    """The async create of a batch, which is a job with an id and a status."""
    openai = import_module("openai")
    client = openai.AsyncOpenAI(api_key="key", base_url=url, timeout=timeout_s)
    return lambda: client.batches.create(
        input_file_id="file", endpoint="/v1/responses", completion_window="24h"
    )


def by_huggingface(url: str, workers: int, timeout_s: float) -> Create:
    """`run_job`, which has no async form, in as many threads."""
    hub = import_module("huggingface_hub")
    httpx = sys.modules.get("httpx2") or import_module("httpx")
    hub.set_client_factory(lambda: httpx.Client(timeout=timeout_s, trust_env=False))
    api = hub.HfApi(endpoint=url, token="hf_key")  # noqa: S106 - of nothing
    return _in_threads(workers, lambda: api.run_job(image="face", command=["talk"], namespace="me"))


def by_gradio(url: str, workers: int, timeout_s: float) -> Create:
    """`submit` to an app; the answer would come by a stream, so only the sending is waited for."""
    gradio = import_module("gradio_client")
    client = gradio.Client(url, verbose=False, httpx_kwargs={"timeout": timeout_s})

    def create() -> object:
        try:
            return client.submit("a face", api_name="/predict").result(timeout=PATIENCE_S)
        except CancelledError as error:  # the stream of answers has ended
            raise RuntimeError("no answer") from error

    return _in_threads(workers, create)


def _in_threads(workers: int, create: Callable[[], object]) -> Create:
    pool = ThreadPoolExecutor(workers)

    async def submit() -> object:
        return await asyncio.get_running_loop().run_in_executor(pool, create)

    return submit


CLIENTS: dict[str, Opened] = {
    "httpx": by_httpx,
    "httpx as it comes": by_httpx_as_it_comes,
    "replicate": by_replicate,
    "fal-client": by_fal,
    "openai": by_openai,
    "huggingface_hub": by_huggingface,
    "gradio_client": by_gradio,
}


async def measure(create: Create, jobs: int, workers: int) -> dict[str, float]:
    """Create `jobs` jobs with `workers` tasks."""
    left = iter(range(jobs))

    async def work() -> None:
        for _ in left:
            await create()

    await asyncio.gather(*(create() for _ in range(workers)))  # opens the connections
    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(work() for _ in range(workers)))
    took, used = time.perf_counter() - began, time.process_time() - cpu
    return {"per_s": jobs / took, "cpu_us": used / jobs * 1e6}


async def try_once(create: Create) -> dict[str, str]:
    """Create one job; name what became of it."""
    try:
        await asyncio.wait_for(create(), PATIENCE_S)
    except Exception as error:  # noqa: BLE001 - whatever a client raises is the finding
        return {"outcome": type(error).__name__}
    return {"outcome": "ok"}


async def obey(opened: Opened, url: str, asked: dict[str, float]) -> dict[str, Any]:
    """Do what one line asks for, with a client of its own."""
    workers = int(asked.get("workers", 1))
    create = opened(url, workers, asked.get("timeout_s", 60.0))
    if "jobs" in asked:
        return await measure(create, int(asked["jobs"]), workers)
    return await try_once(create)


def main() -> None:
    """Answer every line of the input; leave at once at its end, whatever threads a client has."""
    os.environ.update(QUIET)
    logging.disable(logging.CRITICAL)
    opened, url = CLIENTS[sys.argv[1]], sys.argv[2]
    for line in sys.stdin:
        print(json.dumps(asyncio.run(obey(opened, url, json.loads(line)))), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
