"""Kernels and a served process on one queue, as they are: real processes, killed for good."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped]
import pytest

from tests.local.conftest import KEY, Caller, until, voice_wav
from tests.local.test_worker import all_gone, family, rendering, running, submit_long

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.render,
    pytest.mark.skipif(sys.platform == "win32", reason="signals and process groups"),
]


@contextmanager
def served_process() -> Iterator[tuple[subprocess.Popen[str], Caller]]:
    """Run `tfi-notebook serve` on the queue in TFI_HOME."""
    with subprocess.Popen(
        [sys.executable, "-m", "tfi_notebook.cli", "serve", "--port", "0"],
        stdout=subprocess.PIPE, text=True, env=os.environ | {"TFI_API_KEY": KEY},
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            address = re.search(r"http://[0-9.:]+", process.stdout.readline())
            assert address is not None
            yield process, Caller(None, base_url=address.group())
        finally:
            process.kill()


def kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        process.kill()
    assert all_gone(processes)


def test_what_a_killed_service_was_rendering_is_rendered_by_a_kernel(tfi_home: Path) -> None:
    with served_process() as (process, served):
        url = served.upload(voice_wav(40), "long.wav")  # not done before the kernel looks on
        sample = f"{served.base_url}/samples/portrait.png"
        body = {"audio_url": url, "image_url": sample, "output_size": 256}
        job_id = served.submit(**body).json()["jobId"]
        until(lambda: rendering(served, job_id), "the rendering")
        with running(tfi_home / "local") as (kernel, caller):
            assert rendering(caller, job_id)  # seen from here too, and left alone
            (first,) = kernel.store.database.run("SELECT worker, tries FROM jobs")
            kill(family(process.pid))
            own = submit_long(caller, version=4)
            assert caller.final_row(own)["status"] == "done"
            assert caller.final_row(job_id)["status"] == "done"
            second, _ = kernel.store.database.run("SELECT worker, tries FROM jobs ORDER BY seq")
            assert (first["tries"], second["tries"]) == (1, 2)
            assert first["worker"] != second["worker"]


def test_a_job_that_ends_its_process_twice_fails_with_its_reason_and_the_next_goes_on(
    tmp_path: Path,
) -> None:
    with running(tmp_path / "room") as (service, caller):
        poisoned = submit_long(caller, output_size=512)
        for tries in (1, 2):
            until(
                lambda tries=tries: (  # type: ignore[misc]
                    (service.store.job(poisoned) or {})["tries"] == tries
                    and rendering(caller, poisoned)
                ),
                f"try {tries}",
            )
            pid = service.worker_pid
            assert pid is not None
            for process in psutil.Process(pid).children():
                if "multiprocessing.spawn" in " ".join(process.cmdline()):
                    process.kill()
        row = caller.final_row(poisoned)
        assert row["status"] == "failed"
        assert "ended unexpectedly, 2 times (at the last: rendering locally: " in row["message"]
        assert service.worker_pid == pid
        url = caller.upload(voice_wav(0.6), "short.wav")
        after = caller.submit(audio_url=url, version=4).json()["jobId"]
        assert caller.final_row(after)["status"] == "done"
