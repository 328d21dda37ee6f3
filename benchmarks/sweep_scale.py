"""How a sweep scales to 100,000 points: planning, reopening, reading, drawing, and memory.

Everything is judged by CPU time, by bytes, or against what is bare in the same interleaved run:
wall times swing with what else the machine does. The boards are drawn by a real Chromium.
"""

from __future__ import annotations

import gc
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
from typing import TYPE_CHECKING, TypeVar

import pandas as pd  # type: ignore[import-untyped] # it publishes no types

from benchmarks.findings import OURS, Findings, Table
from benchmarks.in_browser import drawing_ms
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
TITLE = "Sweeps"
POINTS, JOBS = 100_050, 2_000
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


def reading(run: Run, ledger: Path, rounds: int) -> dict[str, float]:
    """Compare the results' frame with what pandas alone makes of the jobs' table."""
    bare, ours = [], []
    with sqlite3.connect(ledger) as db:
        for _ in range(rounds):
            bare.append(cpu_s(lambda: pd.read_sql_query("SELECT * FROM jobs", db))[0])
            ours.append(cpu_s(lambda: run.results(scores=False))[0])
    ratio = median(mine / other for mine, other in zip(ours, bare, strict=True))
    return {"results_cpu_s": median(ours), "read_sql_cpu_s": median(bare), "results_ratio": ratio}


def reopening(folder: Path, rounds: int) -> dict[str, float]:
    """Measure how long the handle of the run takes in a new workspace."""
    times = []
    for _ in range(rounds):
        with workspace_in(folder) as workspace:
            before = time.perf_counter()
            take_up("scale", workspace=workspace)
            times.append(time.perf_counter() - before)
    return {"reopen_ms": 1000 * median(times)}


def drawing(run: Run, rounds: int) -> dict[str, float]:
    """Compare the board with a plain table of the run's rows: bytes, and time in a browser."""
    live = board(run._runner).html  # noqa: SLF001 - what the painter sends
    frame = run.results(scores=False)
    table: str = frame.head(ONE_TABLE_ROWS).to_html()
    one, thousand, rows = len(live.encode()), len(table.encode()), len(frame)
    found = {
        "board_bytes": one,
        "table_bytes": thousand * max(1.0, rows / ONE_TABLE_ROWS),
        "board_ratio": one / thousand,
    }
    pages = (
        {"board_ms": live} if rows > 2 * ONE_TABLE_ROWS else {"board_ms": live, "table_ms": table}
    )
    return found | drawing_ms(pages, rounds)


def finished_run(points: int, rounds: int) -> dict[str, float]:
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
        found |= reopening(folder, rounds)
        with workspace_in(folder) as workspace:
            run = take_up("scale", workspace=workspace).wait()
            assert run.counts == {"done": len(sweep)}
            found |= reading(run, folder / "l.sqlite", rounds) | drawing(run, rounds)
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


def run(rounds: int, *, quick: bool) -> Findings:
    """Measure runs that are over, of growing size, and the memory of one that is at work."""
    sizes = (150, 1_500) if quick else (150, 1_500, POINTS)
    found = {points: finished_run(points, rounds) for points in sizes}
    largest = found[sizes[-1]]
    tracked = memory(300 if quick else JOBS)
    names = {f"{points:,} jobs": one for points, one in found.items()}
    return Findings(
        measures=largest | tracked,
        tables=[
            Table(
                "Bytes of the live board", "bytes", "lower",
                {case: {OURS: one["board_bytes"], "a table of its rows": one["table_bytes"]}
                 for case, one in names.items()}, "a table of its rows", "none",
            ),
            Table(
                "Time until a browser has drawn it", "ms", "lower",
                {case: {who: one[name] for who, name in
                        ((OURS, "board_ms"), ("a table of its rows", "table_ms")) if name in one}
                 for case, one in names.items()}, "a table of its rows",
            ),
            Table(
                "CPU time of the results' frame", "s", "lower",
                {case: {OURS: one["results_cpu_s"], "pandas.read_sql_query": one["read_sql_cpu_s"]}
                 for case, one in names.items()}, "pandas.read_sql_query", "none",
            ),
            Table(
                "A run taken up again, and planned", "ms", "lower",
                {case: {"taken up": one["reopen_ms"], "planned, new": 1000 * one["plan_new_cpu_s"],
                        "planned, all done": 1000 * one["plan_done_cpu_s"]}
                 for case, one in names.items()}, plot="none",
            ),
            Table(
                "Memory that stays of each", "bytes", "lower",
                {"one of them": {f"{OURS}: a tracked job": tracked["job_bytes"],
                                 "a pydantic payload": tracked["payload_bytes"]}},
                "a pydantic payload",
            ),
        ],
        notes=[
            ("The tables of all rows are what pandas writes; above "
            f"{ONE_TABLE_ROWS:,} rows their bytes are reckoned from the first {ONE_TABLE_ROWS:,}, "
            "and they are not drawn. The goal compares the board of the largest run with a table "
            f"of {ONE_TABLE_ROWS:,} rows."),
        ],
    )  # fmt: skip
