"""Killed, interrupted, restarted: what was paid for is known afterwards, and paid for once."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from benchmarks.counting_server import made, running
from benchmarks.kill_loop import WORKERS, kill_loop
from tests.helpers.live_kernel import Kernel
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.lifecycle.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

REPLY_S = 60
JOBS = 200
SWEEP = """
import asyncio
import tfi_notebook as tfi
from benchmarks.kill_loop import payloads
workspace = tfi.connect("key", {base_url!r}, local=False)

async def sweep():
    todo, lost = iter(payloads({jobs})), []
    async def work():
        for payload in todo:
            try:
                await workspace.submit_async(payload)
            except tfi.errors.SubmitUnknownError:
                lost.append(payload)
    await asyncio.gather(*(work() for _ in range(8)))
    return len(lost)

print("lost", workspace.run(sweep()))
"""


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    running_kernel = Kernel(tmp_path)
    yield running_kernel
    running_kernel.close()


def test_eight_kills_lose_nothing_and_pay_for_nothing_twice(tmp_path: Path) -> None:
    tally = kill_loop(tmp_path, kills=8, jobs=400)
    assert tally.kills == 8
    assert (tally.duplicates, tally.accepted_lost, tally.unknown_to_ledger) == (0, 0, 0)
    assert tally.unresolved <= tally.in_flight_at_kills <= 8 * WORKERS
    assert tally.accepted + tally.unresolved == 400
    assert tally.accepted > 100
    assert tally.integrity == "ok"


def stop_by_interrupt(kernel: Kernel) -> None:
    kernel.manager.interrupt_kernel()


def stop_by_restart(kernel: Kernel) -> None:
    kernel.manager.restart_kernel(now=True)


def stop_by_polite_restart(kernel: Kernel) -> None:
    kernel.manager.restart_kernel(now=False)


def stop_by_shutdown(kernel: Kernel) -> None:
    kernel.close()


@pytest.mark.parametrize(
    "stop", [stop_by_interrupt, stop_by_restart, stop_by_polite_restart, stop_by_shutdown]
)
def test_a_kernel_that_is_stopped_in_mid_sweep_goes_on_where_it_was(
    kernel: Kernel, tmp_path: Path, tfi_home: Path, stop: Callable[[Kernel], None]
) -> None:
    log = tmp_path / "made.log"
    with running(log, delay_s=0.05) as base_url:
        code = SWEEP.format(base_url=base_url, jobs=JOBS)
        request = kernel.client.execute(code)
        wait_for_jobs(log, 20)
        stop(kernel)
        if stop is stop_by_interrupt:
            assert kernel.collect(request).startswith("KeyboardInterrupt")
        elif stop is stop_by_shutdown:
            kernel.open()
        else:
            kernel.client.wait_for_ready(timeout=REPLY_S)
        lost = int(kernel.run(code).removeprefix("lost "))
    truth = made(log)
    rows = Ledger(tfi_home / "ledger.sqlite").recent()
    rows = [row for row in rows if row.status is not JobStatus.REJECTED]  # closed before the POST
    accepted = {row.job_id for row in rows if row.job_id}
    unknown = [row for row in rows if row.status is JobStatus.UNKNOWN]
    assert len(rows) == JOBS
    assert len({url for url, _ in truth}) == len(truth)
    assert len(accepted) + len(unknown) == JOBS
    assert len(unknown) == lost <= 8
    assert accepted <= {job_id for _, job_id in truth}
    orphans = {url for url, job_id in truth if job_id not in accepted}
    assert orphans <= {row.body["image_url"] for row in unknown}
    if stop in {stop_by_interrupt, stop_by_polite_restart}:
        assert not unknown, "an in-flight submit was not shielded"


def wait_for_jobs(log: Path, count: int) -> None:
    """Wait until the service, another process, has made so many jobs."""
    until = time.monotonic() + REPLY_S
    pause = threading.Event()
    while len(made(log)) < count:
        assert time.monotonic() < until
        pause.wait(0.01)
