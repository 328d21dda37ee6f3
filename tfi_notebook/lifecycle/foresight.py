"""When a job will have ended. Pure.

As its service says; else by its own pace, once enough of it is done; else as jobs of its class have
taken. Of a job of which nothing is known, nothing is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tfi_notebook.contract.snapshot import Eta
from tfi_notebook.lifecycle.durations import WARM_JOBS

if TYPE_CHECKING:
    from tfi_notebook.contract.records import JobRecord
    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.lifecycle.durations import Spread

_TELLING_SHARE: Final = 0.1  # of a job: before it, the pace is that of loading a model
_CALM_SHARE: Final = 0.15
_CALM_S: Final = 2.0


def foreseen(row: JobSnapshot, record: JobRecord, spread: Spread, now: float) -> Eta | None:
    """Return when a job's end is expected after a status answer.

    What earlier jobs tell is said once, at the first answer: a job that takes longer is then seen
    to do so.

    Args:
        row: the row so far.
        record: what the service says.
        spread: how long jobs of its class take.
        now: Unix time in s of the answer.

    Returns:
        The expectation; None once it has ended, and where there is no ground for one.
    """
    if record.status.is_final:
        return None
    told = _said(record, now) or _by_its_pace(row, record, now)
    if told is not None:
        return row.eta if row.eta is not None and _is_as_good(row.eta, told, now) else told
    if row.eta is None and spread.jobs >= WARM_JOBS:
        return Eta(row.created_at + spread.median_s, spread.jobs)
    return row.eta


def _said(record: JobRecord, now: float) -> Eta | None:
    return None if record.left_s is None else Eta(now + record.left_s, record.left_from_jobs)


def _by_its_pace(row: JobSnapshot, record: JobRecord, now: float) -> Eta | None:
    """What is left at the pace since it was first seen processing; time in a queue is no pace."""
    share = record.progress
    if share is None or share < _TELLING_SHARE or row.started_at is None:
        return None
    return Eta(now + (now - row.started_at) * (1 - share) / share, 0)


def _is_as_good(old: Eta, new: Eta, now: float) -> bool:
    """Tell whether an expectation is close enough: one that moves with every answer is no use."""
    close_s = max(_CALM_S, _CALM_SHARE * (new.at - now))
    return old.jobs == new.jobs and abs(new.at - old.at) <= close_s
