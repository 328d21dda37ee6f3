"""Runs the benchmarks one after the other, each in a process of its own, and judges the whole.

    python -m benchmarks                 # all of them, about 15 minutes on two idle cores
    python -m benchmarks --quick         # whether they run at all; nothing is kept
    python -m benchmarks --only polling importing

What is found goes to `benchmarks/results/NAME.json`, and `python -m benchmarks.report` makes
docs/benchmarks.md of that. Ends with 1 if a gate is broken, or a benchmark with a gate failed.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.findings import Findings
from benchmarks.goals import GOALS, judge
from benchmarks.text import goals_as_text, tables_as_text

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
LONGEST_S = 600.0
BENCHMARKS = (
    "importing", "first_payload", "submit_throughput", "rate_limited", "fault_grid", "kill_loop",
    "polling", "ledger_growth", "sweep_scale", "rendering", "panel_opening",
    "board_watching",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Given:
    """What the command line asks for."""

    only: list[str]
    rounds: int
    quick: bool
    out: Path


def main() -> int:
    """Run what is asked for; return the exit code."""
    given = read_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended as well
    given.out.mkdir(parents=True, exist_ok=True)
    compileall.compile_dir(ROOT / "tfi_notebook", quiet=1)  # as pip has done for the others
    measured: dict[str, dict[str, float]] = {}
    failed: list[str] = []
    began = time.perf_counter()
    for number, name in enumerate(given.only, start=1):
        print(f"\n[{number}/{len(given.only)}] {name} ...", flush=True)
        kept = run_apart(name, given)
        if kept is None:
            failed.append(name)
            continue
        found = Findings.from_json(kept)
        measured[name] = found.measures
        print(tables_as_text(found), f"\n({kept['seconds']:.0f} s)", sep="", flush=True)
    verdicts = [each for each in judge(measured) if each.goal.benchmark in given.only]
    print(f"\n{goals_as_text(verdicts)}\n\nin all {time.perf_counter() - began:.0f} s")
    if failed:
        print(f"failed: {', '.join(failed)}")
    return int(is_broken([each.word for each in verdicts], failed))


def is_broken(words: list[str], failed: list[str]) -> bool:
    """Tell whether a gate is broken, or cannot be shown to hold because its benchmark failed."""
    guarded = {goal.benchmark for goal in GOALS}
    return "gate broken" in words or bool(guarded & set(failed))


def read_arguments() -> Given:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, default=list(BENCHMARKS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, help="folder of the JSON files")
    given = parser.parse_args()
    out = given.out or (ROOT / "test-artifacts" / "benchmarks" if given.quick else RESULTS)
    return Given(given.only, given.rounds, given.quick, out)


def run_apart(name: str, given: Given) -> dict[str, Any] | None:
    """Run one benchmark in a process and a home of its own; None if it fails."""
    path = given.out / f"{name}.json"
    path.unlink(missing_ok=True)  # an old figure is not to be taken for one of this run
    command = [sys.executable, "-m", "benchmarks.one", name, "--out", str(path)]
    command += ["--rounds", str(given.rounds), *(["--quick"] if given.quick else [])]
    with tempfile.TemporaryDirectory() as home:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(Path(home)), start_new_session=True,
            stdout=subprocess.DEVNULL,  # a sweep narrates; what goes wrong is told on stderr
        )  # fmt: skip
        try:
            code = process.wait(LONGEST_S)
        except subprocess.TimeoutExpired:
            print(f"{name} was ended after {LONGEST_S:.0f} s")
            code = 1
        finally:
            end_all_of(process)
    if code or not path.exists():
        print(f"{name} failed; the others go on", flush=True)
        return None
    kept: dict[str, Any] = json.loads(path.read_text())
    return kept


def end_all_of(process: subprocess.Popen[bytes]) -> None:
    """End whatever the benchmark has started and left behind."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def environment(home: Path) -> dict[str, str]:
    """An environment in which nobody's account, settings or ledger is seen or changed."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("TFI_")}
    return kept | {"TFI_HOME": str(home / "home"), "TMPDIR": str(home)}


if __name__ == "__main__":
    raise SystemExit(main())
