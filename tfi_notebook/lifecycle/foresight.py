"""When a job will have ended: as its service says, else as jobs of its class have taken. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tfi_notebook.contract.snapshot import Eta
from tfi_notebook.lifecycle.durations import WARM_JOBS

if TYPE_CHECKING:
    from tfi_notebook.contract.records import JobRecord
    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.lifecycle.durations import Spread

_CALM_SHARE: Final = 0.15
_CALM_S: Final = 2.0


def foreseen(row: JobSnapshot, record: JobRecord, spread: Spread, now: float) -> Eta | None:
    """Return when a job's end is expected after a status answer; None once it has ended.

    What earlier jobs tell is said once, at the first answer: a job that takes longer is then seen
    to do so.

    Args:
        row: the row so far.
        record: what the service says.
        spread: how long jobs of its class take.
        now: Unix time in s of the answer.
    """
    if record.status.is_final:
        return None
    if record.left_s is not None:
        told = Eta(now + record.left_s, record.left_from_jobs)
        return row.eta if row.eta is not None and _is_as_good(row.eta, told, now) else told
    jobs = spread.jobs if spread.jobs >= WARM_JOBS else 0
    return row.eta or Eta(row.created_at + spread.median_s, jobs)


def _is_as_good(old: Eta, new: Eta, now: float) -> bool:
    """Tell whether an expectation is close enough: one that moves with every answer is no use."""
    close_s = max(_CALM_S, _CALM_SHARE * (new.at - now))
    return old.jobs == new.jobs and abs(new.at - old.at) <= close_s
