"""What the ledger costs as it grows: writing, reading and taking up at 100,000 and 1,000,000 rows.

Rows of finished jobs are written by the thousand into one ledger; at each size the same things are
done, each `rounds` times, and the least time counts: one durable submit (its two commits), the look
whether a payload was submitted before, one job by its id, the newest 50 (a page of the board), the
jobs that are still open (what a fresh kernel takes up), and opening the file. What depends on an
index must not grow with the rows.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import replace
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.findings import OURS, Findings, Table
from benchmarks.our_submits import fresh_payload
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.contract.snapshot import JobSnapshot
from tfi_notebook.lifecycle.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable

TITLE = "The ledger as it grows"
SIZES = (1_000, 100_000, 1_000_000)
QUICK_SIZES = (1_000, 10_000)
TOGETHER = 2_000
OPEN_JOBS = 20
SERVICE = "https://api.example.com"
_BODY = fresh_payload().body()
_numbers = count(1)


def run(rounds: int, *, quick: bool) -> Findings:
    """Fill one ledger step by step, and look at each size."""
    rows: dict[str, dict[str, float]] = {}
    growing: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.sqlite"
        fill(path, OPEN_JOBS, JobStatus.PROCESSING)
        held = OPEN_JOBS
        for size in QUICK_SIZES if quick else SIZES:
            took_s = fill(path, size - held)
            rows[str(size)] = look(path, rounds)
            growing[str(size)] = {
                "written: µs a row": 1e6 * took_s / (size - held),
                "file: bytes a row": path.stat().st_size / size,
            }
            held = size
    first, last = rows[min(rows, key=int)], rows[max(rows, key=int)]
    return Findings(
        measures={f"growth of {name}": last[name] / first[name] for name in first},
        tables=[
            Table("Time of one thing in a ledger of so many rows", "ms", "lower", rows,
                  plot="lines"),
            Table("What a row costs", "", "lower", growing, plot="none"),
        ],
        notes=[f"{OURS} alone: the other clients keep no ledger. Wall time, with every fsync."],
    )  # fmt: skip


def fill(path: Path, rows: int, status: JobStatus = JobStatus.DONE) -> float:
    """Write so many rows; return how long the writing itself took, in s."""
    ledger, took_s = Ledger(path), 0.0
    for begin in range(0, rows, TOGETHER):
        batch = [row(status) for _ in range(min(TOGETHER, rows - begin))]
        began = time.perf_counter()
        ledger.put(*batch)
        took_s += time.perf_counter() - began
    ledger.close()
    return took_s


def row(status: JobStatus) -> JobSnapshot:
    """Return a job that nobody else has."""
    number = next(_numbers)
    begun, done = 1_800_000_000.0 + number, status is JobStatus.DONE
    return JobSnapshot(
        key=f"{number:032x}", service=SERVICE, local=False, fingerprint=f"{number:064x}",
        body=_BODY, status=status, raw_status="SUCCESS" if done else "STARTED",
        job_id=f"job-{number}", output=f"outputs/job-{number}.mp4" if done else None,
        credit_used=Decimal("12.5") if done else None, created_at=begun, started_at=begun + 2,
        finished_at=begun + 60 if done else None,
    )  # fmt: skip


def look(path: Path, rounds: int) -> dict[str, float]:
    """Return the least time in ms of each thing that is done with a ledger, by its name."""
    opened = least_ms(lambda: Ledger(path).close(), rounds)
    ledger = Ledger(path)
    try:
        some = ledger.recent(1)[0]
        ways: dict[str, Callable[[], object]] = {
            "a submit's two commits": lambda: asyncio.run(submit(ledger)),
            "submitted before?": lambda: ledger.find(SERVICE, some.fingerprint),
            "a job by its id": lambda: ledger.get(str(some.job_id)),
            "the newest 50": lambda: ledger.recent(50),
            f"the {OPEN_JOBS} open ones": lambda: ledger.unfinished(SERVICE),
        }
        assert len(ledger.unfinished(SERVICE)) == OPEN_JOBS
        return {"opening": opened} | {name: least_ms(way, rounds) for name, way in ways.items()}
    finally:
        ledger.close()


async def submit(ledger: Ledger) -> None:
    """Do what a submit does to the ledger."""
    intent = replace(row(JobStatus.INTENT), job_id=None)
    assert await ledger.begin(intent) is None
    await ledger.write(replace(intent, status=JobStatus.DONE, job_id=f"job-{intent.key}"))


def least_ms(work: Callable[[], object], rounds: int) -> float:
    """Return the least time of some work, in ms; it is done a few times in each round."""
    times = []
    for _ in range(4 * rounds):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return 1000 * min(times)
