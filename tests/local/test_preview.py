"""A playable clip at once, that is neither queued nor written down."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import termios
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil  # type: ignore[import-untyped]
import pytest

from tests.helpers.kernel import run_notebook
from tests.helpers.pictures import one_colour_png
from tests.local.conftest import until, voice_wav
from tfi_notebook import samples, settings
from tfi_notebook.display.saved import WIDGET_VIEW
from tfi_notebook.errors import ArgumentError, NoFaceError, PayloadError, RenderError
from tfi_notebook.lifecycle.workspace import Workspace
from tfi_notebook.local.previewer import _PROCESS
from tfi_notebook.local.renderer.options import RenderOptions
from tfi_notebook.local.renderer.render import render
from tfi_notebook.local.renderer.segments import SEGMENT_FRAMES
from tfi_notebook.media.audio import decode
from tfi_notebook.media.video import read_video, video_info

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tfi_notebook.contract.payloads import TalkingVideoPayload

pytestmark = pytest.mark.render

SEGMENT_S = SEGMENT_FRAMES / 25


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    with Workspace(settings.resolve(local=True)) as opened:
        yield opened


def payload_with_voice(
    workspace: Workspace, folder: Path, seconds: float, **fields: Any
) -> TalkingVideoPayload:
    (folder / "voice.wav").write_bytes(voice_wav(seconds))
    return workspace.build_payload(audio_url=workspace.asset(folder / "voice.wav"), **fields)


def test_a_preview_is_the_beginning_of_the_job_and_leaves_no_trace(
    workspace: Workspace, tmp_path: Path
) -> None:
    payload = payload_with_voice(workspace, tmp_path, 2.0, version=6, iteration_count=6)
    view = workspace.preview(payload, seconds=SEGMENT_S, size_px=128)
    clip = view.save(tmp_path / "clip.mp4")
    whole, options = tmp_path / "whole.mp4", RenderOptions(output_size=128, iteration_count=6)
    render(samples.PORTRAIT, tmp_path / "voice.wav", whole, options)

    info = video_info(clip)
    assert (info.width_px, info.height_px, info.frame_count) == (128, 128, SEGMENT_FRAMES)
    shown, wanted = list(read_video(clip)), list(read_video(whole))
    assert all(np.array_equal(*pair) for pair in zip(shown, wanted, strict=False))
    sound = decode(clip)
    assert len(sound) / 16_000 == pytest.approx(SEGMENT_S, abs=0.1)
    said = decode(tmp_path / "voice.wav")[: len(sound)]
    assert np.corrcoef(sound[: len(said)], said)[0, 1] > 0.8

    assert view.duration_s == SEGMENT_S
    assert "not TFI's model" in repr(view)
    assert len(workspace.jobs()) == 0
    store = workspace.settings.data_dir / "local"
    assert [path for folder in ("parts", "files") for path in (store / folder).iterdir()] == []


def test_a_changed_parameter_changes_the_clip_without_a_new_look_at_the_sources(
    workspace: Workspace,
) -> None:
    first = workspace.preview(workspace.build_payload(version=6), 0.4, 128)
    assert _PROCESS.pid is not None
    process = psutil.Process(_PROCESS.pid)
    read = process.io_counters().read_chars
    changes: list[dict[str, Any]] = [
        {"version": 4},
        {"iteration_count": 1},
        {"crop": False},
        {"expand_ratio": 0.2},
        {"dynamic_scale": 0.3},
    ]
    clips = [workspace.preview(workspace.build_payload(**each), 0.4, 128) for each in changes]
    assert len({first.data, *(clip.data for clip in clips)}) == len(changes) + 1
    # each reads the beginning of the sound once more, and never the picture
    grown = process.io_counters().read_chars - read
    assert grown < samples.PORTRAIT.stat().st_size + len(changes) * samples.VOICE.stat().st_size
    assert workspace.preview(workspace.build_payload(version=6), 0.4, 128).data == first.data


def test_it_plays_as_the_last_expression_of_a_cell(tmp_path: Path) -> None:
    code = "import tfi_notebook as tfi\ntfi.preview(tfi.build_payload(), 0.2, 64)"
    line, player = (output["data"] for output in run_notebook(tmp_path, code).outputs(0))
    assert "preview 0.2 s" in line["text/plain"]
    assert "preview 0.2 s" in line["text/html"]
    assert list(player) == [WIDGET_VIEW]


def test_what_cannot_be_rendered_is_told_as_at_a_submit(
    workspace: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "grey.png").write_bytes(one_colour_png(64, 64))
    no_face = workspace.build_payload(image_url=workspace.asset(tmp_path / "grey.png"))
    with pytest.raises(NoFaceError) as refused:
        workspace.preview(no_face)
    assert refused.value.field == "image_url"
    with pytest.raises(PayloadError, match="job_type"):
        workspace.preview({"job_type": "another", "values": {}, "project_id": "x"})


@pytest.mark.parametrize(
    ("named", "arguments"),
    [
        ("seconds", {"seconds": 0}),
        ("seconds", {"seconds": 11}),
        ("seconds", {"seconds": "2"}),
        ("size_px", {"size_px": 32}),
        ("size_px", {"size_px": 4096}),
        ("size_px", {"size_px": 99.5}),
    ],
)
def test_a_length_or_size_that_is_not_made_is_named(
    workspace: Workspace, named: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(ArgumentError) as refused:
        workspace.preview(workspace.build_payload(), **arguments)
    assert refused.value.field == named


def test_a_process_that_ends_costs_one_preview(workspace: Workspace) -> None:
    payload = workspace.build_payload()
    workspace.preview(payload, 0.2, 64)
    process = _PROCESS._process
    assert process is not None
    assert process.stdin is not None
    errors: list[BaseException] = []

    def ask() -> None:
        with pytest.raises(RenderError) as failed:
            workspace.preview(payload, 0.2, 64)
        errors.append(failed.value)

    process.send_signal(signal.SIGSTOP)
    until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED, "the stop")
    asking = threading.Thread(target=ask)
    asking.start()
    until(lambda: waiting_bytes(process.stdin.fileno()), "the question")  # type: ignore[union-attr]
    os.kill(process.pid, signal.SIGKILL)
    asking.join(20)
    assert "exit code -9" in str(errors[0])
    assert workspace.preview(payload, 0.2, 64).duration_s == 0.2


def waiting_bytes(pipe: int) -> int:
    """Return how much was written to a pipe and not yet read."""
    return int(struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))[0])
