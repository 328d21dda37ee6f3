"""Kill a submitting process again and again, and count what was lost or paid for twice.

A child submits some thousand payloads through `Workspace.submit_async` with 16 workers. It is
killed (SIGKILL) at random moments and started again on the same ledger, until the kills are used
up; the last child runs to the end. Then the ledger is compared with the service's own log.

The other clients keep no record, so there is nothing to compare with.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent.parent))  # also when run as a script

from benchmarks.counting_server import made, running
from benchmarks.findings import OURS, Findings, Table
from tfi_notebook import settings
from tfi_notebook.contract.payloads import build_payload
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.errors import SubmitUnknownError
from tfi_notebook.lifecycle.ledger import Ledger
from tfi_notebook.lifecycle.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tfi_notebook.contract.payloads import TalkingVideoPayload
    from tfi_notebook.contract.snapshot import JobSnapshot

TITLE = "Killed in mid-sweep"
WORKERS = 16
READY = "submitting"
PICTURES = "https://cdn.example.com/"


@dataclass(frozen=True, slots=True)
class Tally:
    """What the service made against what the ledger knows."""

    jobs: int
    made: int
    duplicates: int
    accepted: int
    accepted_lost: int
    unknown_to_ledger: int
    unresolved: int
    unresolved_that_exist: int
    unresolved_never_made: int
    integrity: str
    kills: int = 0
    in_flight_at_kills: int = 0
    seconds: float = 0.0


def payloads(jobs: int) -> Iterator[TalkingVideoPayload]:
    """Yield payloads that differ in their picture."""
    for number in range(jobs):
        yield build_payload(
            image_url=f"{PICTURES}{number}.png",
            audio_url=f"{PICTURES}voice.mp3",
            project_id="468ea7a0-66e1-4357-a760-236e54167f3e",
        )


async def submit_all(workspace: Workspace, jobs: int) -> None:
    """Submit what the ledger does not have yet, with some workers."""
    have = {row.body["image_url"] for row in workspace.snapshots()}
    todo = iter([payload for payload in payloads(jobs) if payload.image_url not in have])

    async def work() -> None:
        for payload in todo:
            with suppress(SubmitUnknownError):
                await workspace.submit_async(payload)

    print(READY, flush=True)
    await asyncio.gather(*(work() for _ in range(WORKERS)))


def submit_in_child(base_url: str, ledger: Path, jobs: int) -> None:
    """Be the process that is killed."""
    connection = settings.resolve("key", base_url, ledger=ledger, outputs=ledger.parent)
    with Workspace(connection) as workspace:
        workspace.run(submit_all(workspace, jobs))


def kill_loop(folder: Path, kills: int, jobs: int, seed: int = 7) -> Tally:
    """Run the loop in a folder and return the tally.

    Args:
        folder: for the ledger and the service's log.
        kills: how often the submitting process is killed.
        jobs: how many payloads there are.
        seed: of the moments of the kills.
    """
    began = time.perf_counter()
    log, ledger = folder / "made.log", folder / "ledger.sqlite"
    chance = random.Random(seed)  # noqa: S311 - moments, no secrets
    # each life gets its share of the jobs, so that the work lasts as long as the kills do
    longest_s = 2.0 * jobs / max(kills, 1) / (WORKERS / 0.03)
    killed = in_flight = 0
    seen: dict[str, str | None] = {}
    with running(log) as base_url:
        command = [sys.executable, __file__, "child", base_url, str(ledger), str(jobs)]
        while killed < kills and _dies(command, chance.uniform(0.0, longest_s)):
            killed += 1
            rows = _rows(ledger)
            in_flight += sum(row.status is JobStatus.INTENT for row in rows)
            seen |= {row.key: row.job_id for row in rows if row.job_id}
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    tally = _tally(ledger, log, jobs, seen)
    seconds = round(time.perf_counter() - began, 1)
    return replace(tally, kills=killed, in_flight_at_kills=in_flight, seconds=seconds)


def _dies(command: list[str], life_s: float) -> bool:
    """Start a child and kill it after a while; False if it had finished before."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        child.stdout.readline()
        with suppress(subprocess.TimeoutExpired):
            child.wait(life_s)
            return False
        child.kill()
        return True


def _rows(path: Path) -> list[JobSnapshot]:
    ledger = Ledger(path)
    rows = ledger.recent()
    ledger.close()
    return rows


def _tally(path: Path, log: Path, jobs: int, seen: dict[str, str | None]) -> Tally:
    """Compare the ledger with the service's log, and with the ids `seen` after the kills."""
    rows, truth = _rows(path), made(log)
    ledger = Ledger(path)
    integrity = ledger.check()
    ledger.close()
    picture_of = {job_id: url for url, job_id in truth}
    accepted = {row.key: row for row in rows if row.job_id is not None}
    asked_for = {row.job_id: row.body["image_url"] for row in accepted.values()}
    wrong = sum(picture_of.get(str(job_id)) != url for job_id, url in asked_for.items())
    gone = sum(key not in accepted or accepted[key].job_id != seen[key] for key in seen)
    unresolved = {row.body["image_url"] for row in rows if row.status is JobStatus.UNKNOWN}
    known = unresolved.union(asked_for.values())
    pictures = Counter(url for url, _ in truth)
    return Tally(
        jobs=jobs,
        made=len(truth),
        duplicates=len(truth) - len(pictures),
        accepted=len(accepted),
        accepted_lost=wrong + gone,
        unknown_to_ledger=len(set(pictures) - known),
        unresolved=len(unresolved),
        unresolved_that_exist=len(unresolved & set(pictures)),
        unresolved_never_made=len(unresolved - set(pictures)),
        integrity=integrity,
    )


def run(rounds: int, *, quick: bool) -> Findings:
    """Kill and count; the kills are the rounds."""
    del rounds
    kills, jobs = (3, 200) if quick else (30, 1500)
    with tempfile.TemporaryDirectory() as folder:
        tally = asdict(kill_loop(Path(folder), kills, jobs))
    integrity = tally.pop("integrity")
    seconds = tally.pop("seconds")
    bad = tally["duplicates"] + tally["accepted_lost"] + tally["unknown_to_ledger"]
    rows = {name.replace("_", " "): {OURS: float(count)} for name, count in tally.items()}
    return Findings(
        measures={"jobs_lost_or_doubled": float(bad + (integrity != "ok"))},
        tables=[Table("After the kills", "", "neither", rows, plot="none")],
        notes=[
            f"The ledger's file afterwards: {integrity}. {kills} kills in {seconds:.0f} s.",
            (
                "What is unresolved was under way when its process was killed: the row says "
                "`unknown` and is never sent again by itself, because some of these jobs exist."
            ),
        ],
    )


if __name__ == "__main__":
    submit_in_child(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
