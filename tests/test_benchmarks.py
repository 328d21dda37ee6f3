"""The benchmarks' arithmetic and their report. Nothing is timed here: `make bench` does that."""

from __future__ import annotations

import inspect
import json
import math
import re
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import report
from benchmarks.__main__ import BENCHMARKS, is_broken
from benchmarks.fault_grid import grid_of, our_grid
from benchmarks.findings import OURS, Findings, Table, interleaved
from benchmarks.goals import GOALS, Goal, Verdict
from benchmarks.job_server import running
from benchmarks.machine import machine
from benchmarks.our_submits import BARE, LEDGERED, UNWRITTEN, measure
from benchmarks.text import cell
from benchmarks.text import grid_of as cells_of

if TYPE_CHECKING:
    from pathlib import Path

WITHOUT_GOALS = {"ledger_growth"}
"""Shows how something grows; what would be too much is not agreed on."""
SPEED = Table(
    "Speed of it", "jobs/s", "higher",
    {"64": {OURS: 100.0, "other": 25.0}, "256": {OURS: 90.0, "other": 180.0}}, "other",
)  # fmt: skip
AT_LEAST = Goal("speed", "ratio", ">=", 4.0, "as fast as that")
AT_MOST = Goal("speed", "bytes", "<=", 0.35, "as small as that")
NEVER = Goal("speed", "paid", "<=", 1.0, "paid once", exact=True)


def kept(**changes: Any) -> dict[str, Any]:
    """What a benchmark leaves behind, as it is stored."""
    found = Findings({"to_httpx_pydantic": 0.2}, [SPEED], ["A note."])
    known = {
        "name": "importing", "title": "Import", "about": "What is measured.", "quick": False,
        "rounds": 5, "seconds": 12.0, "machine": machine() | {"load_before": "0.1"},
    }  # fmt: skip
    return json.loads(json.dumps(known | found.to_json() | changes))  # type: ignore[no-any-return]


# -- the arithmetic ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("goal", "measured", "word"),
    [
        (AT_LEAST, 4.0, "met"), (AT_LEAST, 3.9, "missed"), (AT_LEAST, 2.81, "missed"),
        (AT_LEAST, 2.79, "gate broken"), (AT_MOST, 0.35, "met"), (AT_MOST, 0.36, "missed"),
        (AT_MOST, 0.49, "missed"), (AT_MOST, 0.51, "gate broken"), (NEVER, 1.0, "met"),
        (NEVER, 2.0, "gate broken"), (AT_LEAST, math.nan, "not measured"),
    ],
)  # fmt: skip
def test_a_gate_stands_at_seven_tenths_of_its_goal(goal: Goal, measured: float, word: str) -> None:
    assert Verdict(goal, measured).word == word


def test_a_run_fails_for_a_broken_gate_or_one_that_nobody_measured() -> None:
    assert not is_broken(["met", "missed", "not measured"], [])
    assert is_broken(["met", "gate broken"], [])
    assert is_broken([], ["submit_throughput"])
    assert not is_broken([], ["ledger_growth"])


def test_contenders_take_turns_in_every_round() -> None:
    turns: list[str] = []
    found = interleaved({name: partial(turns.append, name) for name in "ab"}, 3)
    assert turns == ["a", "b"] * 3
    assert list(map(len, found.values())) == [3, 3]


def test_ratios_come_first_and_a_missing_figure_is_no_figure() -> None:
    assert cell(100.0, 25.0) == "4x (100)"
    assert cell(25.0, 25.0) == "25"
    assert cell(None, 25.0) == "-"
    assert cells_of(SPEED)[1] == ["64", "4x (100)", "25"]


def test_a_peer_that_is_better_is_told_of() -> None:
    assert SPEED.behind() == [("256", "other", 2.0)]
    slower = Table("Time", "s", "lower", {"a": {OURS: 3.0, f"{OURS} alone": 2.0, "other": 1.0}})
    assert slower.behind() == [("a", "other", 3.0)]


# -- the list ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_says_what_it_measures_and_can_be_run(name: str) -> None:
    module = import_module(f"benchmarks.{name}")
    assert len(module.__doc__ or "") > 100
    assert module.TITLE
    assert list(inspect.signature(module.run).parameters) == ["rounds", "quick"]


def test_every_benchmark_has_a_goal_or_is_known_to_have_none() -> None:
    assert {goal.benchmark for goal in GOALS} == set(BENCHMARKS) - WITHOUT_GOALS
    assert set(report.ORDER) == set(BENCHMARKS)


# -- the report --------------------------------------------------------------------------------


def test_a_report_shows_ratios_goals_and_where_others_are_better() -> None:
    page = report.page([kept()], {"importing.to_httpx_pydantic": "the profile says so."})
    assert "| 64 | 4x (100) | 25 |" in page
    assert "0.200 (goal 0.150): the profile says so." in page
    assert "- Speed of it, 256: other 2 times" in page
    assert "| missed |" in page
    assert "busy" not in page
    assert "](images/bench/importing_speed_of_it.svg)" in page


def test_a_report_from_a_busy_machine_says_so() -> None:
    busy = kept(machine=machine() | {"load_before": "7.5"})
    assert "**The machine was busy" in report.page([busy], {})
    assert "**A quick try" in report.page([kept(quick=True)], {})


def test_pictures_are_drawn_and_old_ones_go(tmp_path: Path) -> None:
    (tmp_path / "of_an_older_run.svg").touch()
    report.draw_all([kept()], tmp_path)
    (picture,) = tmp_path.iterdir()
    assert picture.name == "importing_speed_of_it.svg"
    assert picture.read_text().startswith("<svg")


def test_a_machine_is_described_without_naming_anybody() -> None:
    told = " ".join(machine().values())
    assert "/" not in told.replace("UTC", "")
    assert re.search(r"\d+\.\d+\.\d+", told)


def test_the_page_in_the_docs_is_the_one_of_the_stored_figures() -> None:
    stored = report.load(report.RESULTS)
    if not stored:
        pytest.skip("no figures are stored yet")
    assert report.PAGE.read_text() == report.page(stored, report.known_reasons())
    for name in re.findall(r"\]\((images/bench/.*?)\)", report.PAGE.read_text()):
        assert (report.PAGE.parent / name).is_file()


# -- what is measured, small -------------------------------------------------------------------


@pytest.mark.parametrize("way", [LEDGERED, UNWRITTEN, BARE])
def test_every_way_to_submit_is_measured(way: str) -> None:
    with running() as url:
        found = measure(url, way, jobs=20, workers=4)
    assert min(found["per_s"], found["cpu_us"]) > 0


def test_the_fault_grid_counts_what_is_paid_for() -> None:
    faults = ["made, then reset", "not made: 429"]
    assert our_grid(faults) == {faults[0]: (1, "unknown"), faults[1]: (0, "rejected")}
    assert grid_of("httpx", faults) == {faults[0]: 1, faults[1]: 0}
