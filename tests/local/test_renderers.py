"""Renderers that other packages bring, chosen by name and used through the API."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.local.conftest import KEY, Caller, voice_wav
from tfi_notebook.contract.local import LOCAL_PROJECT_ID
from tfi_notebook.errors import ArgumentError
from tfi_notebook.local.files import output_key
from tfi_notebook.local.service import LocalService
from tfi_notebook.media.video import video_info

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = Path(__file__).parents[2] / "docs" / "custom_renderer.md"
BROKEN = """
    def render(image, audio, out, options, *, progress, executor):
        raise ValueError("no GPU is free")

    def lazy(image, audio, out, options, *, progress, executor):
        pass
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Install a module with entry points where this process and its children find it."""
    site = tmp_path / "site"

    def install(module: str, code: str, **entries: str) -> None:
        info = site / f"{module}-1.0.dist-info"
        info.mkdir(parents=True)
        (site / f"{module}.py").write_text(textwrap.dedent(code))
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        lines = [f"{name} = {target}" for name, target in entries.items()]
        (info / "entry_points.txt").write_text("\n".join(["[tfi_notebook.renderers]", *lines]))

    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", str(site))
    return install


def final_row(root: Path, renderer: str | None = None) -> dict[str, Any]:
    """Have one job rendered and return its row."""
    with LocalService(root, api_key=KEY, renderer=renderer) as service:
        caller = Caller(service.app)
        url = caller.upload(voice_wav(1.0), "voice.wav")
        return caller.final_row(caller.submit(audio_url=url).json()["jobId"])


@pytest.mark.render
def test_the_renderer_of_the_page_renders_through_the_api(
    tmp_path: Path, installed: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert code.count("\n") <= 30
    (entry,) = re.findall(r'"tfi_notebook\.renderers"\]\n(\w+) = "([\w:]+)"', PAGE.read_text())
    installed("still_renderer", code, **dict([entry]))
    monkeypatch.setenv("TFI_RENDERER", "still")
    row = final_row(tmp_path)
    assert row["status"] == "done", row["message"]
    assert row["message"].startswith("rendered locally by the renderer still in ")
    key = output_key(LOCAL_PROJECT_ID, row["jobId"])
    video = tmp_path / "files" / key
    info = video_info(video)
    assert (info.width_px, info.frame_count, info.has_audio) == (64, 25, True)
    report = json.loads(video.with_suffix(".json").read_text())
    assert (report["renderer"], report["model"], report["frame_count"]) == ("still", "still", 25)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("broken", "the renderer broken failed (ValueError: no GPU is free)"),
        ("lazy", "the renderer has written no video"),
        ("gone", "the renderer gone failed (ModuleNotFoundError"),
    ],
)
def test_what_goes_wrong_in_a_renderer_is_the_jobs_reason(
    tmp_path: Path, installed: Callable[..., None], name: str, reason: str
) -> None:
    entries = {"broken": "faulty:render", "lazy": "faulty:lazy", "gone": "no_such_module:render"}
    installed("faulty", BROKEN, **entries)
    row = final_row(tmp_path, name)
    assert row["status"] == "failed"
    assert reason in row["message"]


def test_an_unknown_name_is_refused_with_those_that_are_installed(
    tmp_path: Path, installed: Callable[..., None]
) -> None:
    installed("faulty", BROKEN, faulty="faulty:render")
    with pytest.raises(ArgumentError, match="no renderer is called 'falty'") as refused:
        LocalService(tmp_path / "service", renderer="falty")
    assert "builtin, faulty" in refused.value.hint
    assert not (tmp_path / "service").exists()
    served = subprocess.run(
        [sys.executable, "-m", "tfi_notebook.cli", "serve", "--port", "0", "--renderer", "falty"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert served.returncode == 1
    assert "builtin, faulty" in served.stderr
    assert "Traceback" not in served.stderr
