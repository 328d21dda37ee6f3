"""One job at one moment, as everything above the ledger sees it. Immutable, so safe to share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal
    from pathlib import Path

    from tfi_notebook.contract.records import JobStatus


@dataclass(frozen=True, slots=True)
class Eta:
    """When the end of a job is expected.

    Attributes:
        at: Unix time in s.
        jobs: from how many earlier jobs that is known; 0 where the job's own pace tells it, and
            None where the service says so without a reason.
    """

    at: float
    jobs: int | None = None


@dataclass(frozen=True, slots=True)
class JobSnapshot:
    """One row of the ledger at one moment.

    Attributes:
        key: the toolkit's own id of this submit, made before anything is sent.
        service: `local`, or the base URL of the service that has the job.
        local: True when the service is the local renderer and not TFI's model.
        fingerprint: hash of the payload.
        body: the payload's JSON body.
        status: where it stands.
        raw_status: the API's own word for it.
        job_id: the API's id, once it has given one.
        message: the service's or the toolkit's remark; foreign text, to be escaped.
        output: storage key of the video, once there is one.
        path: the downloaded video, once it is here.
        credit_used: what the service says the job has cost.
        progress: 0..1 where the service tells it.
        queue_position: how many jobs wait before it, where the service tells it.
        eta: when its end is expected; None once it has ended, and where nothing tells it.
        created_at: Unix time in s at which the submit was written down.
        started_at: Unix time in s at which it was first seen processing.
        finished_at: Unix time in s at which the end was seen.
        stale_since: Unix time in s since which status requests fail, or None.
    """

    key: str
    service: str
    local: bool
    fingerprint: str
    body: Mapping[str, Any]
    status: JobStatus
    raw_status: str = ""
    job_id: str | None = None
    message: str = ""
    output: str | None = None
    path: Path | None = None
    credit_used: Decimal | None = None
    progress: float | None = None
    queue_position: int | None = None
    eta: Eta | None = None
    created_at: float = 0.0
    started_at: float | None = None
    finished_at: float | None = None
    stale_since: float | None = None

    def elapsed_s(self, now: float) -> float:
        """Return the seconds from the submit to its end, or to `now` (Unix time, s)."""
        return max(0.0, (self.finished_at or now) - self.created_at)

    def having(self, **changes: Any) -> JobSnapshot:  # noqa: ANN401 - fields of this class
        """Return a copy with some fields changed."""
        return replace(self, **changes)
