"""The worker as it runs: real processes, real renderings, real signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psutil  # type: ignore[import-untyped]
import pytest

from tests.local.conftest import FINAL, KEY, Caller, sample_body, until, voice_wav
from tfi_notebook import samples
from tfi_notebook.contract.local import LOCAL_PROJECT_ID
from tfi_notebook.errors import ServiceError
from tfi_notebook.local.checker import SHARED
from tfi_notebook.local.service import LocalService
from tfi_notebook.local.store import Store
from tfi_notebook.media.frames import video_info

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and process groups")


def family(pid: int) -> list[psutil.Process]:
    """Return a process and everything below it."""
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def all_gone(processes: list[psutil.Process]) -> bool:
    return not psutil.wait_procs(processes, timeout=10)[1]


@contextmanager
def running(root: Path) -> Iterator[tuple[LocalService, Caller]]:
    with LocalService(root, api_key=KEY) as service:
        yield service, Caller(service.app)


def submit_long(caller: Caller, **changes: Any) -> str:
    """Queue a rendering of some seconds and return its id."""
    url = caller.upload(voice_wav(12), "long.wav")
    return str(caller.submit(audio_url=url, **changes).json()["jobId"])


def rendering(caller: Caller, job_id: str, share: float = 0.15) -> bool:
    row = caller.row(job_id)
    assert row["status"] not in FINAL, row
    return bool(row["status"] == "processing" and row["progress"] > share)


@pytest.mark.render
def test_a_job_is_rendered_by_the_worker_process(tmp_path: Path) -> None:
    with running(tmp_path / "room") as (service, caller):
        assert service.worker_pid is None  # nothing runs before there is work
        url = caller.upload(voice_wav(1.5), "voice.wav")
        answer = caller.submit(audio_url=url, values=["x"], is_clone_required=True, version=5)
        row = caller.final_row(answer.json()["jobId"])
        assert row["status"] == "done", row
        assert row["progress"] == 1
        assert row["message"].startswith("rendered locally in ")
        assert "not TFI's model" in row["message"]
        assert row["message"].endswith("no effect locally: values, is_clone_required")
        key = row["output"]["output"]
        assert key == f"ai-talking-videos/{LOCAL_PROJECT_ID}/outputs/{row['jobId']}.mp4"
        path = service.store.files.output_path(key)
        assert path is not None
        info = video_info(path)
        assert (info.width_px, info.height_px, info.has_audio) == (128, 128, True)
        assert info.duration_s == pytest.approx(1.5, abs=0.1)
        report = json.loads(path.with_suffix(".json").read_text())
        assert (report["version"], report["width_px"]) == (5, 128)
        assert not list((service.store.root / "parts").iterdir())


@pytest.mark.render
def test_several_jobs_are_rendered_and_progress_is_told(tmp_path: Path) -> None:
    with running(tmp_path / "room") as (_, caller):
        first, second = submit_long(caller), submit_long(caller, version=4)
        seen: set[float] = set()

        def ended() -> bool:
            row = caller.row(first)
            seen.add(row["progress"])
            return row["status"] in FINAL

        until(ended, "the job to end")
        assert caller.final_row(second)["status"] == "done"
        assert len(seen) >= 3
        assert all(0 <= share <= 1 for share in seen)


@pytest.mark.render
def test_a_killed_worker_is_replaced_and_its_job_is_done(tmp_path: Path) -> None:
    with running(tmp_path / "room") as (service, caller):
        job_id = submit_long(caller)
        until(lambda: rendering(caller, job_id), "the rendering")
        pid = service.worker_pid
        assert pid is not None
        processes = family(pid)
        assert len(processes) >= 2
        os.kill(pid, signal.SIGKILL)
        assert all_gone(processes)  # the rendering processes follow the worker
        assert caller.final_row(job_id)["status"] == "done"
        row = service.store.job(job_id)
        assert row is not None
        assert row["tries"] == 2
        assert not list((service.store.root / "parts").iterdir())


@pytest.mark.render
def test_a_killed_rendering_process_costs_one_try(tmp_path: Path) -> None:
    with running(tmp_path / "room") as (service, caller):
        job_id = submit_long(caller)
        until(lambda: rendering(caller, job_id), "the rendering")
        pid = service.worker_pid
        assert pid is not None
        for process in psutil.Process(pid).children():
            if "multiprocessing.spawn" in " ".join(process.cmdline()):
                process.kill()
        assert caller.final_row(job_id)["status"] == "done"
        assert service.worker_pid == pid


@pytest.mark.render
def test_close_ends_every_process_and_keeps_the_unfinished_job(tmp_path: Path) -> None:
    root = tmp_path / "room"
    with running(root) as (service, caller):
        job_id = submit_long(caller)
        until(lambda: rendering(caller, job_id), "the rendering")
        pid = service.worker_pid
        assert pid is not None
        processes = family(pid)
        started = time.monotonic()
        service.close()
        assert time.monotonic() - started < 5
        assert service.worker_pid is None
        assert all_gone(processes)
        service.close()  # a second time does nothing
    with running(root) as (service, caller):  # the job goes on by itself
        assert caller.final_row(job_id)["status"] == "done"
        row = service.store.job(job_id)
        assert row is not None
        assert row["tries"] == 1


@pytest.mark.render
def test_an_interrupt_does_not_touch_the_rendering(tmp_path: Path) -> None:
    with running(tmp_path / "room") as (service, caller):
        job_id = submit_long(caller)
        until(lambda: rendering(caller, job_id), "the rendering")
        pid = service.worker_pid
        assert pid is not None
        for process in family(pid):
            process.send_signal(signal.SIGINT)
        assert caller.final_row(job_id)["status"] == "done"
        assert service.worker_pid == pid
        row = service.store.job(job_id)
        assert row is not None
        assert row["tries"] == 1


@pytest.mark.render
def test_a_script_without_a_main_guard_can_be_killed_and_leaves_nothing(tmp_path: Path) -> None:
    """The worker sees that whoever started it is gone."""
    script = tmp_path / "user_script.py"
    script.write_text(
        textwrap.dedent(f"""
            import sys
            from tfi_notebook.local.service import LocalService
            service = LocalService({str(tmp_path / "room")!r})
            files = service.store.files
            image = files.add_asset(open({str(samples.PORTRAIT)!r}, "rb").read(), "a.png")
            audio = files.add_asset(open({str(tmp_path / "long.wav")!r}, "rb").read(), "a.wav")
            body = {sample_body(values=[])!r}
            print(service.store.enqueue(body, image, audio), flush=True)
            service.ensure_worker()
            sys.stdin.read()
        """)
    )
    (tmp_path / "long.wav").write_bytes(voice_wav(12))
    # a module of the user's that has the name of a standard one must not be imported
    (tmp_path / "queue.py").write_text("raise SystemExit('the wrong module')")
    user = subprocess.Popen(
        [sys.executable, "-P", str(script)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tmp_path,
    )  # fmt: skip
    with user:
        assert user.stdout is not None
        job_id = user.stdout.readline().strip()
        store = Store(tmp_path / "room")
        until(lambda: (store.job(job_id) or {})["progress"] > 0.15, "the rendering")
        processes = family(user.pid)
        assert len(processes) >= 3
        user.kill()
        assert all_gone(processes)
        row = store.job(job_id)
        assert row is not None
        assert row["status"] == "QUEUED"
        store.close()


def test_a_job_stays_queued_when_no_worker_can_be_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    SHARED.look(samples.PORTRAIT, "image_url")  # it has its process before there is none
    with running(tmp_path / "room") as (service, caller):
        monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
        with pytest.raises(ServiceError, match="cannot be started"):
            service.ensure_worker()
        answer = caller.submit()
        assert answer.status_code == 202
        assert caller.row(answer.json()["jobId"])["status"] == "queued"


def test_a_worker_that_dies_at_once_is_not_started_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts, python = tmp_path / "starts", tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho started >> {starts}\nexit 1\n")
    python.chmod(0o755)
    SHARED.look(samples.PORTRAIT, "image_url")  # it has its process before there is none
    with running(tmp_path / "room") as (service, caller):
        monkeypatch.setattr(sys, "executable", str(python))
        caller.submit()
        until(lambda: starts.exists() and len(starts.read_text().split()) == 3, "three starts")
        until(lambda: service.worker_pid is None, "the last end")
        caller.submit()
        service.ensure_worker()
        assert len(starts.read_text().split()) == 3


def test_the_module_names_a_broken_queue(tmp_path: Path) -> None:
    (tmp_path / "queue.sqlite").write_bytes(b"this is no database" * 100)
    done = subprocess.run(
        [sys.executable, "-m", "tfi_notebook.local.worker", str(tmp_path)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "the local queue cannot be used" in done.stderr
    assert "Traceback" not in done.stderr
