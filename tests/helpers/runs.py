"""Runs whose jobs stand in a real ledger, for tests of what is made of results."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tests.helpers.payloads import good_payload
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.contract.snapshot import JobSnapshot
from tfi_notebook.sweeps.cell import Cell
from tfi_notebook.sweeps.results import Results
from tfi_notebook.sweeps.tiles import Shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tfi_notebook.lifecycle.workspace import Workspace

MADE = 1000.0


@dataclass
class LedgerRun(Results, Shown):
    """A run of jobs that are in a workspace's ledger, without the part that submits."""

    workspace: Workspace
    axes: tuple[str, ...]
    found: Sequence[Cell]
    name: str = "sweep-1"

    def cells(self) -> Sequence[Cell]:
        return self.found


def job(number: int, values: Mapping[str, Any], **changes: Any) -> JobSnapshot:
    """Return a job that waited 2 s, was rendered in 10 s and has cost 12.5 credits."""
    payload = good_payload(**values)
    row = JobSnapshot(
        key=f"k{number}",
        service="local",
        local=True,
        fingerprint=payload.fingerprint,
        body=payload.body(),
        status=JobStatus.DONE,
        job_id=f"job-{number}",
        credit_used=Decimal("12.5"),
        created_at=MADE,
        started_at=MADE + 2,
        finished_at=MADE + 12,
    )
    return row.having(**changes)


def run_of(workspace: Workspace, *points: tuple[Mapping[str, Any], Any], **more: Any) -> LedgerRun:
    """Return a run: for each point its values, and its job, its problem, or None.

    The jobs are written into the ledger and read back from it.
    """
    jobs = [what for _, what in points if isinstance(what, JobSnapshot)]
    workspace.run(workspace.engine.ledger.write(*jobs))
    read = {row.key: row for row in workspace.snapshots()}
    cells = [
        Cell(at, values, read[what.key])
        if isinstance(what, JobSnapshot)
        else Cell(at, values, None, what or "")
        for at, (values, what) in enumerate(points)
    ]
    return LedgerRun(workspace, tuple(points[0][0]), cells, **more)
