"""Jobs at some moment, for tests of what is shown."""

from __future__ import annotations

from typing import Any

from tests.helpers.payloads import good_payload
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.contract.snapshot import JobSnapshot

NOW = 1_000.0


def snapshot(key: str = "k1", **changes: Any) -> JobSnapshot:
    """Return a job that was submitted 65 s before `NOW` and is processing."""
    payload = good_payload()
    row = JobSnapshot(
        key=key,
        service="local",
        local=True,
        fingerprint=payload.fingerprint,
        body=payload.body(),
        status=JobStatus.PROCESSING,
        job_id=f"job-{key}",
        created_at=NOW - 65,
    )
    return row.having(**changes)
