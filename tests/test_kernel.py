"""What a person's kernel does: interrupt, restart, scripts without a guard. Real kernels."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.live_kernel import Kernel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REPLY_S = 120
SUBMIT = """
import tfi_notebook as tfi
job = tfi.submit(tfi.build_payload(version=4, output_size=512, iteration_count=30))
print(job.id)
"""


WAIT = """
import sys, threading, time
main = threading.main_thread().ident
def inside():
    frame = sys._current_frames()[main]
    while frame:
        yield frame.f_code.co_filename.rsplit("/", 1)[-1], frame.f_code.co_name
        frame = frame.f_back
def tell():
    while not {("job.py", "wait"), ("_base.py", "result")} <= set(inside()):
        time.sleep(0.01)
    print("waiting", flush=True)
threading.Thread(target=tell).start()
job.wait()
"""


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    running = Kernel(tmp_path)
    yield running
    running.close()


@pytest.mark.render
def test_an_interrupt_ends_the_waiting_and_not_the_job(kernel: Kernel) -> None:
    job_id = kernel.run(SUBMIT)
    request = kernel.client.execute(WAIT)
    while True:
        message: dict[str, Any] = kernel.client.get_iopub_msg(timeout=REPLY_S)
        if message["msg_type"] == "stream" and "waiting" in message["content"]["text"]:
            break
    kernel.manager.interrupt_kernel()
    told = kernel.collect(request)
    assert told.startswith("KeyboardInterrupt")
    assert f"tfi.job('{job_id}')" in told
    assert kernel.run("print(job.wait(100).status.value)") == "done"


@pytest.mark.render
def test_a_job_is_taken_up_again_after_the_kernel_was_killed(
    kernel: Kernel, tmp_path: Path
) -> None:
    job_id = kernel.run(SUBMIT)
    kernel.manager.restart_kernel(now=True)
    kernel.client.wait_for_ready(timeout=REPLY_S)
    again = f"import tfi_notebook as tfi\njob = tfi.job({job_id!r}).wait(100)\n"
    assert kernel.run(f"{again}print(job.status.value, job.path.name)") == f"done {job_id}.mp4"
    assert kernel.run("print(len(tfi.jobs()))") == "1"
    assert (tmp_path / "tfi_outputs" / f"{job_id}.mp4").is_file()


@pytest.mark.render
def test_a_script_without_a_main_guard_submits_once_and_leaves_no_process(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import tfi_notebook as tfi\n"
        "job = tfi.submit(tfi.build_payload(version=4, output_size=128))\n"
        "print(job.wait(100).status.value, len(tfi.jobs()))\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True,
        timeout=REPLY_S, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["done", "1"], done.stderr
    home = os.environ["TFI_HOME"]
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert not [line for line in listed.stdout.splitlines() if home in line]
