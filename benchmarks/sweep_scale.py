"""How a sweep of 100,000 points scales: planning, reopening, reading, drawing, and memory.

Everything is judged by CPU time, by bytes, or against what is bare in the same interleaved run:
wall times swing with what else the machine does.

    python benchmarks/sweep_scale.py [--points 100000] [--jobs 2000] [--json PATH]
"""

from __future__ import annotations

import argparse
import gc
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
import tracemalloc
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, TypeVar

sys.path.insert(0, str(Path(__file__).parent.parent))  # also when run as a script

import pandas as pd  # type: ignore[import-untyped] # it publishes no types

from tfi_notebook import settings
from tfi_notebook.contract.payloads import TalkingVideoPayload, build_payload
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.contract.snapshot import JobSnapshot
from tfi_notebook.lifecycle.workspace import Workspace
from tfi_notebook.sweeps.board import board
from tfi_notebook.sweeps.start import run as take_up
from tfi_notebook.sweeps.store import opened
from tfi_notebook.sweeps.sweep import Sweep
from tfi_notebook.sweeps.tables import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tfi_notebook.sweeps.points import Point
    from tfi_notebook.sweeps.run import Run

T = TypeVar("T")
ROUNDS = 5
TOGETHER = 2_000
ONE_TABLE_ROWS = 1_000
FAST = settings.Limits(
    poll_first_s=0.05, poll_max_s=0.2, poll_floor_s=0.05, poll_budget_per_s=1e4, read_tries=2
)
BASE = build_payload(
    image_url="https://cdn.example.com/image.png",
    audio_url="https://cdn.example.com/audio.mp3",
    project_id="468ea7a0-66e1-4357-a760-236e54167f3e",
)
SERVER = """
import sys, threading
sys.path.insert(0, sys.argv[1])
from tests.helpers.held_api import HeldApi, served
api = HeldApi(10**9)
with served(api) as server:
    print(server.url, flush=True)
    sys.stdin.read()
"""


@contextmanager
def service() -> Iterator[str]:
    """Run a service that finishes every job at once, in a process of its own."""
    command = [sys.executable, "-c", SERVER, str(Path(__file__).parent.parent)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


@contextmanager
def workspace_in(folder: Path, url: str = "http://127.0.0.1:9") -> Iterator[Workspace]:
    """Connect with a ledger of its own."""
    known = settings.resolve(
        "key", url, local=False, outputs=folder / "out", ledger=folder / "l.sqlite", limits=FAST
    )
    with Workspace(known) as workspace:
        yield workspace


def grid(workspace: Workspace, points: int) -> Sweep:
    """Return a sweep of so many points over three axes."""
    scales = [at * 2 / points for at in range(points // 150)]
    return Sweep(
        BASE, workspace=workspace, name="scale",
        version=[4, 5, 6], iteration_count=range(1, 51), dynamic_scale=scales,
    )  # fmt: skip


def cpu_s(work: Callable[[], T]) -> tuple[float, T]:
    """Return the CPU time of some work in this process, and its result."""
    gc.collect()
    before = time.process_time()
    result = work()
    return time.process_time() - before, result


# -- a run that is over ----------------------------------------------------------------------


def fill(workspace: Workspace, sweep: Sweep, folder: Path) -> None:
    """Write a run down as if all of its jobs were done."""

    async def points() -> None:
        name = workspace.settings.service_name
        store = await opened(workspace.engine.ledger, name, sweep.name)
        part, every = await store.add(sweep), sweep.points()
        while part.reached < part.total:
            await store.write(part, every)
        store.record.state = State.DONE
        store.record.tally = {"counts": {"done": len(sweep)}, "spent": "0"}
        await store.save()

    workspace.run(points())
    jobs = (_done(workspace, sweep, point, folder) for point in sweep.points())
    while batch := [job for _, job in zip(range(TOGETHER), jobs, strict=False)]:
        workspace.engine.ledger.put(*batch)


def _done(workspace: Workspace, sweep: Sweep, point: Point, folder: Path) -> JobSnapshot:
    begun = time.time() + 1
    name = f"0b0ad1d6-8c5e-4f46-9d5a-{point.place:012}"
    return JobSnapshot(
        key=f"{point.place:014x}{'0' * 18}",
        service=workspace.settings.service_name,
        local=False,
        fingerprint=point.fingerprint,
        body=BASE.body() | dict(zip(sweep.axes, point.axes, strict=True)),
        status=JobStatus.DONE,
        raw_status="SUCCESS",
        job_id=name,
        output=f"ai-talking-videos/p/outputs/{name}.mp4",
        path=folder / "out" / f"{name}.mp4",
        credit_used=Decimal("12.5"),
        created_at=begun,
        started_at=begun + 2,
        finished_at=begun + 60,
    )


def reading(run: Run, ledger: Path) -> dict[str, float]:
    """Compare the results' frame with what pandas alone makes of the jobs' table."""
    bare, ours = [], []
    with sqlite3.connect(ledger) as db:
        for _ in range(ROUNDS):
            bare.append(cpu_s(lambda: pd.read_sql_query("SELECT * FROM jobs", db))[0])
            ours.append(cpu_s(lambda: run.results(scores=False))[0])
    ratio = median(mine / other for mine, other in zip(ours, bare, strict=True))
    return {"results_cpu_s": median(ours), "read_sql_cpu_s": median(bare), "results_ratio": ratio}


def reopening(folder: Path) -> dict[str, float]:
    """Measure how long the handle of the run takes in a new workspace."""
    times = []
    for _ in range(ROUNDS):
        with workspace_in(folder) as workspace:
            before = time.perf_counter()
            take_up("scale", workspace=workspace)
            times.append(time.perf_counter() - before)
    return {"reopen_ms": 1000 * median(times)}


def drawing(run: Run) -> dict[str, float]:
    """Compare the board's bytes with a table of 1,000 of the run's rows."""
    one = len(board(run._runner).html.encode())  # noqa: SLF001 - what the painter sends
    table = run.results(scores=False).head(ONE_TABLE_ROWS).to_html()
    return {"board_bytes": one, "board_ratio": one / len(table.encode())}


def finished_run(points: int) -> dict[str, float]:
    """Measure everything about a run whose jobs are all in the ledger."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with workspace_in(folder) as workspace:
            sweep = grid(workspace, points)
            found["plan_new_cpu_s"] = cpu_s(sweep.plan)[0]
            fill(workspace, sweep, folder)
            found["plan_done_cpu_s"], plan = cpu_s(sweep.plan)
            assert plan.counts == {"done": len(sweep)}
        found |= reopening(folder)
        with workspace_in(folder) as workspace:
            run = take_up("scale", workspace=workspace).wait()
            assert run.counts == {"done": len(sweep)}
            found |= reading(run, folder / "l.sqlite") | drawing(run)
    return found


# -- a run at work ---------------------------------------------------------------------------


def memory(jobs: int) -> dict[str, float]:
    """Measure how much memory stays of each job of a run, against a payload of pydantic."""
    body = BASE.body()
    tracemalloc.start()
    before = _traced()
    kept = [TalkingVideoPayload(**body | {"iteration_count": 1 + at % 50}) for at in range(500)]
    payload_bytes = (_traced() - before) / len(kept)
    del kept
    with (
        tempfile.TemporaryDirectory() as name,
        service() as url,
        workspace_in(Path(name), url) as workspace,
    ):
        first = grid(workspace, 600).run(confirm=True, max_in_flight=32).wait()
        assert first.counts == {"done": 600}
        before = _traced()
        scales = [1 + at / jobs for at in range(jobs // 10)]
        more = Sweep(BASE, workspace=workspace, dynamic_scale=scales, iteration_count=range(51, 61))
        first.add(more, confirm=True).wait()
        job_bytes = (_traced() - before) / len(more)
    tracemalloc.stop()
    return {
        "payload_bytes": payload_bytes, "job_bytes": job_bytes,
        "memory_ratio": job_bytes / payload_bytes,
    }  # fmt: skip


def _traced() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def main() -> None:
    """Measure, print a table, and keep it as JSON if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--jobs", type=int, default=2_000)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    found: dict[str, Any] = finished_run(asked.points) | memory(asked.jobs)
    for name, value in found.items():
        print(f"{name:>18}  {value:,.3f}")
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
