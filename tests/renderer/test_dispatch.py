"""Frames drawn by the workers of a real cluster on this machine, one of which is killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from concurrent.futures import Executor, Future
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.local.conftest import KEY, Caller, until, voice_wav
from tfi_notebook.contract.local import LOCAL_PROJECT_ID
from tfi_notebook.errors import ArgumentError, RenderError
from tfi_notebook.local.executors import DaskExecutor, checked
from tfi_notebook.local.files import output_key
from tfi_notebook.local.renderer import dispatch
from tfi_notebook.local.renderer.options import RenderOptions
from tfi_notebook.local.renderer.render import render
from tfi_notebook.local.service import LocalService
from tfi_notebook.samples import PORTRAIT

if TYPE_CHECKING:
    from collections.abc import Iterator

distributed = pytest.importorskip("distributed")
pytestmark = [
    pytest.mark.render,
    pytest.mark.skipif(sys.platform == "win32", reason="signals"),
]

PAGE = Path(__file__).parents[2] / "docs" / "many_machines.md"
SMALL = RenderOptions(output_size=96, version=5, iteration_count=3)


class Cluster:
    """A scheduler and two workers, each a process of its own."""

    def __init__(self, processes: ExitStack, folder: Path) -> None:
        self._processes, self._folder = processes, folder
        place = folder / "scheduler.json"
        # the plain commands of dask; its dashboards would need ports
        quiet = ("--scheduler-file", str(place), "--host", "127.0.0.1", "--no-dashboard")
        self.scheduler = self._start("scheduler", *quiet, "--port", "0")
        until(lambda: place.exists() and place.stat().st_size, "the scheduler")
        self.workers = [
            self._start("worker", *quiet, "--nthreads", "1", "--no-nanny") for _ in range(2)
        ]
        self.client: Any = processes.enter_context(distributed.Client(scheduler_file=str(place)))
        self.client.wait_for_workers(2, timeout=60)

    @property
    def address(self) -> str:
        return str(self.client.scheduler.address)

    def rigs_drawn(self) -> set[str]:
        """Return the hashes of the rigs that workers have unpacked."""
        return {digest for known in self.client.run(known_rigs).values() for digest in known}

    def forgive(self, deaths: int) -> None:
        """Set how many workers may die of a task before the scheduler gives it up."""
        self.client.run_on_scheduler(allow_failures, deaths)

    def _start(self, command: str, *options: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{command}", *options],
            cwd=self._folder,
            env=os.environ | {"PYTHONPATH": str(PAGE.parents[1])},
            stderr=subprocess.DEVNULL,
        )
        self._processes.callback(process.wait)
        self._processes.callback(process.kill)
        return process


def known_rigs() -> list[str]:
    return list(dispatch._RIGS._rigs)


def allow_failures(deaths: int, dask_scheduler: Any) -> None:
    dask_scheduler.allowed_failures = deaths


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with ExitStack() as processes:
        yield Cluster(processes, tmp_path_factory.mktemp("dask"))


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("voice") / "voice.wav"
    path.write_bytes(voice_wav(12))
    return path


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, voice: Path) -> bytes:
    """The video as this process renders it."""
    out = tmp_path_factory.mktemp("alone") / "alone.mp4"
    render(PORTRAIT, voice, out, SMALL)
    return out.read_bytes()


def test_the_page_renders_on_the_cluster(
    cluster: Cluster, voice: Path, alone: bytes, tmp_path: Path
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    code = code.replace("tcp://127.0.0.1:8786", cluster.address)
    code = code.replace("render(portrait, voice, out,", "render(portrait, voice, out, small,")
    names = {"portrait": PORTRAIT, "voice": voice, "out": tmp_path / "a.mp4", "small": SMALL}
    exec(compile(code, str(PAGE), "exec"), names)
    assert (tmp_path / "a.mp4").read_bytes() == alone
    assert len(cluster.rigs_drawn()) == 1


def test_the_service_draws_its_jobs_on_the_cluster(
    cluster: Cluster, voice: Path, alone: bytes, tmp_path: Path
) -> None:
    before = cluster.rigs_drawn()
    body: dict[str, Any] = {"output_size": 98, "version": 5, "iteration_count": 3}
    with LocalService(tmp_path, api_key=KEY, executor=f"dask:{cluster.address}") as service:
        caller = Caller(service.app)
        url = caller.upload(voice.read_bytes(), "voice.wav")
        row = caller.final_row(caller.submit(audio_url=url, **body).json()["jobId"])
    assert row["status"] == "done", row["message"]
    assert len(cluster.rigs_drawn() - before) == 1
    video = tmp_path / "files" / output_key(LOCAL_PROJECT_ID, row["jobId"])
    render(PORTRAIT, voice, tmp_path / "here.mp4", RenderOptions(**body))
    assert video.read_bytes() == (tmp_path / "here.mp4").read_bytes() != alone


def test_a_worker_that_is_killed_costs_nothing_but_time(
    cluster: Cluster, voice: Path, alone: bytes, tmp_path: Path
) -> None:
    killed: list[int] = []

    def kill_one(share: float, stage: str) -> None:
        if stage == "frames" and share > 0.1 and not killed:
            worker = cluster.workers[0]
            killed.append(worker.pid)
            os.kill(worker.pid, signal.SIGKILL)

    out, executor = tmp_path / "out.mp4", DaskExecutor(cluster.client)
    report = render(PORTRAIT, voice, out, SMALL, executor=executor, progress=kill_one)
    assert cluster.workers[0].wait(20) == -signal.SIGKILL
    assert report.segment_count > 2
    assert out.read_bytes() == alone


def test_a_scheduler_that_is_killed_fails_the_rendering_with_a_reason(
    cluster: Cluster, voice: Path, tmp_path: Path
) -> None:
    def kill(_share: float, stage: str) -> None:
        if stage == "frames":
            cluster.scheduler.kill()

    executor = DaskExecutor(cluster.client)
    with pytest.raises(RenderError, match=r"has given up its segments|has no workers"):
        render(PORTRAIT, voice, tmp_path / "out.mp4", SMALL, executor=executor, progress=kill)
    assert not executor.connected
    assert list(tmp_path.iterdir()) == []


def test_workers_that_die_one_after_the_other_fail_the_rendering_with_a_reason(
    voice: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.mp4"
    with ExitStack() as processes:
        (folder := tmp_path / "dask").mkdir()
        cluster = Cluster(processes, folder)
        executor = DaskExecutor(cluster.client)

        def render_and_kill(worker: subprocess.Popen[bytes]) -> None:
            def kill(share: float, stage: str) -> None:
                if stage == "frames" and share > 0.1:
                    worker.kill()

            render(PORTRAIT, voice, out, SMALL, executor=executor, progress=kill)

        cluster.forgive(0)  # the scheduler gives up what one worker has died of
        with pytest.raises(RenderError, match="a worker has failed: KilledWorker"):
            render_and_kill(cluster.workers[0])
        cluster.forgive(3)
        # the rig they shared went with the last one; or its segments wait for a new one
        with pytest.raises(RenderError, match=r"has given up its segments|has no workers"):
            render_and_kill(cluster.workers[1])
        with pytest.raises(RenderError, match="has no workers"):
            render_and_kill(cluster.workers[1])
    assert not out.exists()


class Deserted(Executor):
    """A cluster that loses its workers once it has work: that waits for new ones, for ever."""

    staffed = True

    def submit(self, *_: object, **__: object) -> Future[Any]:
        self.staffed = False
        return Future()


def test_segments_that_nobody_will_render_are_not_waited_for(
    voice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "_LOOK_EVERY_S", 0.05)
    with pytest.raises(RenderError, match="has no workers"):
        render(PORTRAIT, voice, tmp_path / "out.mp4", SMALL, executor=Deserted())
    assert list(tmp_path.iterdir()) == []


def test_a_scheduler_that_does_not_answer_is_the_jobs_reason(tmp_path: Path) -> None:
    with LocalService(tmp_path, api_key=KEY, executor="dask:tcp://127.0.0.1:9") as service:
        caller = Caller(service.app)
        url = caller.upload(voice_wav(0.5), "voice.wav")
        row = caller.final_row(caller.submit(audio_url=url).json()["jobId"])
    assert row["status"] == "failed"
    assert "no scheduler answers" in row["message"]


@pytest.mark.parametrize("address", ["dask", "ray:tcp://a:1", "http://a:1", "dask:a:1"])
def test_what_is_no_place_to_render_is_refused(address: str) -> None:
    with pytest.raises(ArgumentError, match="address of a scheduler"):
        checked(address)
