from __future__ import annotations

import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uvicorn

import tfi_notebook
from tests.local.conftest import KEY, Caller, voice_wav
from tfi_notebook.errors import MissingExtraError
from tfi_notebook.local import require
from tfi_notebook.local.service import LocalService

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(tfi_notebook.__file__).parents[1]


@contextmanager
def served(root: Path) -> Iterator[str]:
    """Serve a local service by uvicorn on a free port of loopback, and give its base URL."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        base_url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with LocalService(root, base_url=base_url, api_key=KEY) as service:
            server = uvicorn.Server(uvicorn.Config(service.app, ws="none", log_config=None))
            thread = threading.Thread(target=server.run, args=([listening],))
            thread.start()
            try:
                yield base_url
            finally:
                server.should_exit = True
                thread.join(20)


@pytest.mark.render
def test_the_same_app_is_served_on_a_port(tmp_path: Path) -> None:
    """From the upload to the video, over real connections; own URLs are not fetched."""
    with served(tmp_path / "room") as base_url:
        caller = Caller(None, base_url=base_url)
        audio_url = caller.upload(voice_wav(0.6), "a.wav")
        assert audio_url.startswith(f"{base_url}/assets/")
        image_url = f"{base_url}/samples/portrait.png"
        answer = caller.submit(audio_url=audio_url, image_url=image_url, version=4)
        row = caller.final_row(answer.json()["jobId"])
        path = {"path": row["output"]["output"]}
        url = caller.get("/storage/generate-signed-path", params=path).json()["signedUrl"]
        assert url.startswith(f"{base_url}/files/")
        video = caller.get(url, headers={"x-api-key": ""})
        assert video.content[4:8] == b"ftyp"
        part = caller.get(url, headers={"range": "bytes=4-7"})
        assert (part.status_code, part.content) == (206, b"ftyp")
        assert caller.get("/local/health", headers={"host": "evil.example"}).status_code == 403


def test_the_service_names_the_extra_it_needs() -> None:
    """In an interpreter that sees this package and the standard library only."""
    script = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from tfi_notebook.errors import MissingExtraError\n"
        "from tfi_notebook.local.service import LocalService\n"
        "try: LocalService('nowhere')\n"
        "except MissingExtraError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=True
    )
    assert "the local service needs packages" in done.stdout
    assert 'pip install "tfi-notebook[local]"' in done.stdout


def test_require_takes_what_is_there() -> None:
    require("a test", ("json", "asyncio"))
    with pytest.raises(MissingExtraError) as caught:
        require("a test", ("json", "no_such_package"))
    assert caught.value.extra == "local"
