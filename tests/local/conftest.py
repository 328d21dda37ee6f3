"""A local service with no worker, and a way to ask it things; short sounds and pictures."""

from __future__ import annotations

import asyncio
import io
import time
import wave
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.pictures import cartoon_face
from tfi_notebook import http, samples
from tfi_notebook.contract.local import LOCAL_PROJECT_ID, SAMPLE_PORTRAIT_PATH, SAMPLE_VOICE_PATH
from tfi_notebook.local.service import create_app
from tfi_notebook.local.store import Store
from tfi_notebook.media.frames import encode_png
from tfi_notebook.settings import LOCAL_BASE_URL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

KEY = "the-test-key"
FINAL = {"done", "failed"}
"""The last words of a job in the reference dialect, which is the default one."""


@dataclass
class Caller:
    """Asks an app in this process (None: one on the network), with the key by default."""

    app: Any
    key: str = KEY
    base_url: str = LOCAL_BASE_URL
    rung: list[bool] = field(default_factory=list)

    def ask(self, method: str, path: str, **request: Any) -> http.Response:
        """Send one request."""
        headers = {"x-api-key": self.key} | request.pop("headers", {})

        async def send() -> http.Response:
            transport = http.asgi_transport(self.app) if self.app else None
            async with http.open_client(
                timeout_s=30, transport=transport, base_url=self.base_url
            ) as client:
                return await client.request(method, path, headers=headers, **request)

        return asyncio.run(send())

    def get(self, path: str, **request: Any) -> http.Response:
        """GET a path or URL."""
        return self.ask("GET", path, **request)

    def submit(self, **changes: Any) -> http.Response:
        """POST the sample payload with some fields changed."""
        return self.ask("POST", "/jobs/v2", json=sample_body(**changes))

    def upload(self, data: bytes, name: str) -> str:
        """Put a file into the service and return its URL."""
        answer = self.ask("POST", "/local/assets", params={"name": name}, content=data)
        return str(answer.json()["url"])

    def row(self, job_id: str) -> dict[str, Any]:
        """Return a job row."""
        return dict(self.get(f"/jobs/{job_id}").json())

    def final_row(self, job_id: str) -> dict[str, Any]:
        """Wait for the end of a job and return its row."""

        def ended() -> dict[str, Any] | None:
            row = self.row(job_id)
            return row if row["status"] in FINAL else None

        row: dict[str, Any] = until(ended, "the job to end")
        return row


def until(happened: Callable[[], Any], what: str, timeout_s: float = 60) -> Any:
    """Look again and again until something is true, and return it."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if found := happened():
            return found
        time.sleep(0.02)
    pytest.fail(f"waited {timeout_s} s for {what}")


def sample_body(**changes: Any) -> dict[str, Any]:
    """Return a body with the samples, small enough to render quickly."""
    body = {
        "image_url": LOCAL_BASE_URL + SAMPLE_PORTRAIT_PATH,
        "audio_url": LOCAL_BASE_URL + SAMPLE_VOICE_PATH,
        "project_id": LOCAL_PROJECT_ID,
        "output_size": 128,
    }
    return body | changes


def voice_wav(duration_s: float) -> bytes:
    """Cut the beginning of the sample narration, or repeat it to the length."""
    with wave.open(str(samples.VOICE)) as source:
        parameters = source.getparams()
        sound = source.readframes(parameters.nframes)
    wanted = round(duration_s * parameters.framerate) * parameters.sampwidth
    sound = (sound * (1 + wanted // max(1, len(sound))))[:wanted]
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as target:
        target.setparams(parameters._replace(nframes=0))
        target.writeframes(sound)
    return buffer.getvalue()


def face_png() -> bytes:
    """Return a drawn face as a PNG file."""
    return encode_png(cartoon_face(256))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "service")) as opened:
        yield opened


@pytest.fixture
def caller(store: Store) -> Caller:
    """Ask a service whose queue nobody works on; `rung` counts the calls for a worker."""
    rung: list[bool] = []
    app = create_app(
        store,
        api_key=KEY,
        base_url=LOCAL_BASE_URL,
        on_enqueued=lambda: rung.append(True),
        allow_private_urls=True,
    )
    return Caller(app, rung=rung)
