"""Makes docs/benchmarks.md and its pictures of what `python -m benchmarks` has found.

python -m benchmarks.report
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from benchmarks.findings import Findings, Table
from benchmarks.goals import Verdict, judge
from benchmarks.text import as_markdown, caption_of, grid_of, grid_of_goals, number

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
PAGE = ROOT / "docs" / "benchmarks.md"
PICTURES = "images/bench"
ORDER = (
    "importing", "first_payload", "submit_throughput", "fault_grid", "kill_loop", "rate_limited",
    "polling", "ledger_growth", "sweep_scale", "rendering", "panel_opening",
    "board_watching",
)  # fmt: skip
NOISE = 1.05
"""What is closer than this counts as equal."""
REASONS = Path(__file__).parent / "reasons.json"
"""Why a goal is missed, `benchmark.measure` → a sentence with the profile that explains it."""
HEAD = """\
# Benchmarks

<!-- written by `python -m benchmarks.report`; the figures are in benchmarks/results -->

What this project says of its speed and safety, measured beside what a person would use instead.
Ratios come first, for they travel between machines; what they were reckoned from follows in
brackets. All contenders take turns in each round, the best of {rounds} rounds counts, and nothing
leaves the machine: every server is on loopback.

Again on yours (about 15 minutes on two idle cores):

<!-- not tested: it takes a quarter of an hour of an idle machine -->
```console
make bench           # runs all; fails only where a gate is broken
make bench-report    # writes this page anew
```

`python -m benchmarks --only polling importing` runs some, `--quick` tries whether they run at all.
"""


def load(folder: Path) -> list[dict[str, Any]]:
    """Read what is kept of each benchmark, in the order of the page."""
    files = [folder / f"{name}.json" for name in ORDER]
    return [json.loads(path.read_text()) for path in files if path.exists()]


def known_reasons() -> dict[str, str]:
    """Read why goals are missed, as far as somebody has looked."""
    known: dict[str, str] = json.loads(REASONS.read_text()) if REASONS.exists() else {}
    return known


def page(kept: list[dict[str, Any]], reasons: dict[str, str]) -> str:
    """Return the page of some results.

    Args:
        kept: what `load` gives; at least one.
        reasons: why goals are missed.
    """
    found = {each["name"]: Findings.from_json(each) for each in kept}
    verdicts = judge({name: each.measures for name, each in found.items()})
    parts = [
        HEAD.format(rounds=max(each["rounds"] for each in kept)),
        machine_of(kept),
        "## Goals\n\n" + goals_of(verdicts, reasons),
        "## Where this project is behind\n\n" + behind(kept, found),
    ]
    parts += [section(each, found[each["name"]]) for each in kept]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def machine_of(kept: list[dict[str, Any]]) -> str:
    """Say on what and when each was measured, and whether that was a quiet machine."""
    on = kept[0]["machine"]
    told = (
        f"Measured on {on['processor']}, {on['cores']} cores, {on['memory_gb']} GB, "
        f"{on['system']}, Python {on['python']}:\n\n"
    )
    commits = dict.fromkeys(each["machine"]["commit"] for each in kept)
    told += "\n".join(
        session_of([each for each in kept if each["machine"]["commit"] == commit])
        for commit in commits
    )
    if any(each["quick"] for each in kept):
        told += "\n\n**A quick try, not a measurement.**"
    return told


def session_of(kept: list[dict[str, Any]]) -> str:
    """Say when the benchmarks of one commit were run; the first of them found the load there."""
    first = min((each["machine"] for each in kept), key=lambda machine: str(machine["taken"]))
    names = ", ".join(str(each["name"]) for each in kept)
    told = f"- {first['taken']}, commit `{first['commit']}`: {names}."
    if float(first["load_before"]) > 1:
        told += (
            f" **The machine was busy with other work (load {first['load_before']}): times are "
            "too long here, and ratios of different kinds of work are not to be trusted.**"
        )
    return told


def goals_of(verdicts: list[Verdict], reasons: dict[str, str]) -> str:
    """Return the table of goals; a gate stands at 0.7 of its goal and is what fails a run."""
    words = [each.word for each in verdicts]
    told = (
        f"{words.count('met')} of {len(words)} met. A gate stands at 0.7 of its goal; a broken one "
        "fails the run."
    )
    missed = [each for each in verdicts if each.word in {"missed", "gate broken"}]
    why = "\n".join(f"- {reason_of(each, reasons)}" for each in missed)
    table = as_markdown(grid_of_goals(verdicts))
    return f"{told}\n\n{table}" + (f"\n\nMissed:\n\n{why}" if why else "")


def reason_of(verdict: Verdict, reasons: dict[str, str]) -> str:
    """Say what is missed, by how much, and why as far as that is known."""
    goal = verdict.goal
    why = reasons.get(f"{goal.benchmark}.{goal.measure}", "not explained yet.")
    return f"{goal.says}: {number(verdict.measured)} (goal {number(goal.figure)}): {why}"


def behind(kept: list[dict[str, Any]], found: dict[str, Findings]) -> str:
    """List every figure in which somebody else is better, whether or not there is a goal."""
    lines = []
    for each in kept:
        for table in found[each["name"]].tables:
            better: dict[str, list[str]] = {}
            for case, peer, ratio in table.behind():
                if ratio > NOISE:
                    better.setdefault(case, []).append(f"{peer} {number(ratio)} times")
            lines += [f"- {table.title}, {case}: {', '.join(by)}" for case, by in better.items()]
    if not lines:
        return "In nothing that was measured here."
    return "Who is better than this project, and how much:\n\n" + "\n".join(lines)


def section(kept: dict[str, Any], found: Findings) -> str:
    """Return one benchmark: what it measures, its tables and pictures, and how to read them."""
    parts = [f"## {kept['title']}", kept["about"].strip()]
    for table in found.tables:
        parts.append(f"**{caption_of(table)}**\n\n{as_markdown(grid_of(table))}")
        if is_drawn(table):
            parts.append(f"![{table.title}]({PICTURES}/{picture_of(kept['name'], table)})")
    parts += found.notes
    again = f"python -m benchmarks --only {kept['name']}"
    return "\n\n".join([*parts, f"`{again}`, {kept['seconds']:.0f} s."])


def is_drawn(table: Table) -> bool:
    """Tell whether a picture says more than the table."""
    return table.plot != "none" and sum(map(len, table.rows.values())) > 1


def picture_of(name: str, table: Table) -> str:
    """Return the file name of a table's picture."""
    words = re.sub(r"[^a-z0-9]+", "_", table.title.lower()).strip("_")
    return f"{name}_{words[:40]}.svg"


def draw_all(kept: list[dict[str, Any]], folder: Path) -> None:
    """Draw every table that is drawn, and remove pictures that no page shows any more."""
    from benchmarks.plots import draw  # noqa: PLC0415 - an optional extra

    folder.mkdir(parents=True, exist_ok=True)
    drawn = set()
    for each in kept:
        for table in Findings.from_json(each).tables:
            if is_drawn(table):
                path = folder / picture_of(each["name"], table)
                draw(table, path)
                drawn.add(path)
    for path in set(folder.glob("*.svg")) - drawn:
        path.unlink()


def main() -> None:
    """Write the page and its pictures."""
    kept = load(RESULTS)
    PAGE.write_text(page(kept, known_reasons()))
    draw_all(kept, PAGE.parent / PICTURES)
    print(f"docs/{PAGE.name}: {len(kept)} benchmarks")


if __name__ == "__main__":
    main()
