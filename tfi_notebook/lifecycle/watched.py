"""What the tracker knows of one job between two status requests. Pure: `now` is an argument."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tfi_notebook.contract.records import JobStatus
from tfi_notebook.errors import AuthError, NotFoundError
from tfi_notebook.lifecycle.durations import Spread
from tfi_notebook.lifecycle.schedule import pause_by_progress_s, ramp_s, schedule_for

if TYPE_CHECKING:
    from tfi_notebook.contract.records import JobRecord
    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.errors import ApiError
    from tfi_notebook.settings import Limits, Settings

APPEARS_WITHIN_S: Final = 60.0
"""A job may be missing for so long after its submit; later, `not found` is final."""
LONG_SILENCE_S: Final = 240.0
"""After so long without an answer (this kernel was away) nobody can tell when the end was."""
_SLACK_S: Final = 5.0


@dataclass(slots=True, eq=False)
class Watched:
    """One job that is followed.

    Attributes:
        row: its newest snapshot.
        begun: monotonic time of its submit, in s.
        spread: how long jobs like it take.
        running_s: seconds since the submit at which it was last seen unfinished.
        asked: status requests so far.
        errors: requests in a row that failed.
        not_found: answers in a row that there is no such job.
        stumbles: changes in a row that the listener could not take.
        given_up: whether its watching ends here.
        busy: whether a request, or what came of it, is under way.
    """

    row: JobSnapshot
    begun: float
    spread: Spread = field(default_factory=Spread)
    running_s: float = 0.0
    asked: int = 0
    errors: int = 0
    not_found: int = 0
    stumbles: int = 0
    given_up: bool = False
    busy: bool = False

    @property
    def failures(self) -> int:
        """Status requests in a row that told nothing."""
        return self.errors + self.not_found

    @property
    def over(self) -> bool:
        """Whether nothing more is to be asked. A change that was not taken is asked for again."""
        return self.row.status.is_final or (self.given_up and not self.stumbles)

    def answered(self, record: JobRecord, now: float) -> float | None:
        """Take note of an answer; return the job's duration in s if it tells one."""
        elapsed_s, last_s = now - self.begun, self.running_s
        self.errors = self.not_found = 0
        self.given_up = False
        if not record.status.is_final:
            self.running_s = elapsed_s
        if record.status is not JobStatus.DONE or self.stumbles:  # repeated, it tells nothing new
            return None
        told_s = _told_duration_s(record)
        if told_s is not None and last_s - _SLACK_S <= told_s <= elapsed_s + _SLACK_S:
            return told_s
        # else it ended somewhere between the last two answers, unless nobody was looking
        looked = elapsed_s - last_s <= LONG_SILENCE_S
        return self.spread.middle_between(last_s, elapsed_s) if looked else None

    def failed(self, error: ApiError, now: float, limits: Limits, *, outage: bool) -> None:
        """Take note of a request that failed.

        Args:
            error: what it failed with. A key that is not accepted ends the watching at once, and
                so does a job that is not found, except shortly after its submit.
            now: monotonic time in s.
            limits: how many failures are borne.
            outage: whether the service is down for everybody, which is no fault of this job.
        """
        if isinstance(error, AuthError):
            self.given_up = True
        elif isinstance(error, NotFoundError):
            self.not_found += 1
            late = now - self.begun > APPEARS_WITHIN_S
            self.given_up = late or self.not_found >= limits.not_found_max
        elif not outage:
            self.errors += 1
            self.given_up = self.errors >= limits.soft_errors_max

    def pause_s(self, now: float, settings: Settings) -> float:
        """Return the pause before the next request."""
        limits, failures = settings.limits, self.failures + self.stumbles
        if failures:
            return ramp_s(limits, failures - 1, embedded=settings.embedded)
        if settings.embedded:
            return ramp_s(limits, self.asked, embedded=True)
        if self.row.progress:
            return pause_by_progress_s(now - self.begun, self.row.progress, limits)
        return schedule_for(self.spread, limits).pause_s(now - self.begun)

    def news(self, now: float) -> float:
        """Return the probability that it has ended since it was last seen unfinished."""
        return self.spread.ended_between(self.running_s, now - self.begun)


def _told_duration_s(record: JobRecord) -> float | None:
    """The row of a finished job is not touched any more, so it tells when the job ended."""
    if record.created_at is None or record.updated_at is None:
        return None
    return (record.updated_at - record.created_at).total_seconds()
