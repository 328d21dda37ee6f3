"""When a job will have ended is told on some ground, or not at all."""

from __future__ import annotations

from typing import Any

from tests.lifecycle.rows import row
from tfi_notebook.contract.records import JobRecord, JobStatus
from tfi_notebook.contract.snapshot import Eta, JobSnapshot
from tfi_notebook.lifecycle.durations import Spread
from tfi_notebook.lifecycle.tracker import advance

START = 1000.0
KNOWN = Spread(60.0, 0.2, jobs=12)


def answered(
    before: JobSnapshot, now: float, *, spread: Spread | None = None, **said: Any
) -> JobSnapshot:
    """The row after an answer that says it is processing."""
    record = JobRecord(job_id="job-1", status=JobStatus.PROCESSING, raw_status="STARTED", **said)
    return advance(before, record, now, spread)


def begun(**changes: Any) -> JobSnapshot:
    """A job that was in a queue for 100 s and is being processed since."""
    return row(created_at=START - 100, started_at=START, status=JobStatus.PROCESSING, **changes)


def test_without_any_ground_nothing_is_said() -> None:
    assert answered(row(), START).eta is None
    assert answered(begun(), START + 1, progress=0.01).eta is None, "that is loading a model"
    assert answered(row(), START, spread=Spread(jobs=1), progress=0.5).eta is None, (
        "it is not known since when it is processing"
    )


def test_its_own_pace_tells_and_the_time_in_the_queue_is_none_of_it() -> None:
    assert answered(begun(), START + 10, progress=0.25).eta == Eta(START + 40, 0)


def test_a_job_that_takes_longer_than_others_is_told_by_its_pace() -> None:
    first = answered(row(), START, spread=KNOWN)
    assert first.eta == Eta(START + 60, 12)
    assert answered(first, START + 70, spread=KNOWN).eta == first.eta, "it is seen to take longer"
    assert answered(first, START + 70, spread=KNOWN, progress=0.5).eta == Eta(START + 140, 0)


def test_what_the_service_says_goes_before_its_pace_and_keeps_still() -> None:
    told = answered(begun(), START + 10, progress=0.5, left_s=30.0, left_from_jobs=3)
    assert told.eta == Eta(START + 40, 3)
    later = answered(told, START + 20, progress=0.6, left_s=20.5, left_from_jobs=3)
    assert later.eta == told.eta, "half a second more is no news"


def test_a_job_that_has_ended_has_none() -> None:
    ended = JobRecord(job_id="job-1", status=JobStatus.DONE, raw_status="SUCCESS")
    assert advance(begun(eta=Eta(START + 5)), ended, START + 3).eta is None
