"""One tracker for all live jobs: asks for their status on schedule and tells what changed.

It knows nobody who listens: it hands every new snapshot to one callback, on the loop's thread.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfi_notebook.contract.records import JobRecord, JobStatus
from tfi_notebook.errors import ApiError, AuthError, BadResponseError, NotFoundError
from tfi_notebook.http import redact
from tfi_notebook.lifecycle.schedule import next_poll_s

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tfi_notebook.api.client import AsyncClient
    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.settings import Settings

PARALLEL_REQUESTS = 8
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Watched:
    row: JobSnapshot
    due: float
    polls: int = 0
    errors: int = 0
    not_found: int = 0


class Tracker:
    """Follows jobs until their end.

    Args:
        client: where to ask.
        settings: cadences and limits.
        on_change: awaited with every changed snapshot, and with whether it is still watched; a
            slow one delays only its own job.
    """

    def __init__(
        self,
        client: AsyncClient,
        settings: Settings,
        on_change: Callable[[JobSnapshot, bool], Awaitable[None]],
    ) -> None:
        self._client = client
        self._settings = settings
        self._on_change = on_change
        self._watched: dict[str, _Watched] = {}
        self._wake = asyncio.Event()
        self._slots = asyncio.Semaphore(PARALLEL_REQUESTS)
        self._polls: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None

    def watch(self, row: JobSnapshot) -> None:
        """Follow a job that has an id; call on the loop's thread. A second call does nothing."""
        if row.job_id is None or row.key in self._watched:
            return
        self._watched[row.key] = _Watched(row, time.monotonic() + next_poll_s(self._settings, 0))
        self._wake.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._follow())

    def watched(self) -> frozenset[str]:
        """Return the keys of the jobs that are followed now."""
        return frozenset(self._watched)

    async def aclose(self) -> None:
        """Stop following. The jobs go on at the service."""
        tasks = [*self._polls, *([self._task] if self._task else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._watched.clear()

    async def _follow(self) -> None:
        while self._watched:
            self._wake.clear()
            pause = min(job.due for job in self._watched.values()) - time.monotonic()
            if pause > 0:
                await self._sleep(pause)
                continue
            for job in self._take_due():
                task = asyncio.create_task(self._poll(job))
                self._polls.add(task)
                task.add_done_callback(self._polls.discard)

    async def _sleep(self, pause_s: float) -> None:
        """Sleep until the next due time, or until something new is watched."""
        try:
            async with asyncio.timeout(pause_s):
                await self._wake.wait()
        except TimeoutError:
            pass

    def _take_due(self) -> list[_Watched]:
        now = time.monotonic()
        due = [job for job in self._watched.values() if job.due <= now]
        for job in due:
            job.due = float("inf")  # until its answer is here
        return due

    async def _poll(self, job: _Watched) -> None:
        job.polls += 1
        try:
            await self._settle(job, await self._ask(job))
        except Exception:  # noqa: BLE001 - the last guard: one job's fault must not end the others
            _log.exception("watching a job failed; it is asked for again")
            job.errors += 1
            self._reschedule(job)

    async def _ask(self, job: _Watched) -> JobSnapshot:
        try:
            async with self._slots:
                record = await self._client.get_job(str(job.row.job_id))
        except ApiError as error:
            return self._after_error(job, error)
        job.errors = job.not_found = 0
        return advance(job.row, record, time.time())

    async def _settle(self, job: _Watched, new: JobSnapshot) -> None:
        changed, job.row = new != job.row, new
        if changed:
            await self._on_change(new, not self._over(job))
        self._reschedule(job)

    def _reschedule(self, job: _Watched) -> None:
        if self._over(job):
            self._watched.pop(job.row.key, None)
        job.due = time.monotonic() + next_poll_s(self._settings, job.polls)
        self._wake.set()

    def _after_error(self, job: _Watched, error: ApiError) -> JobSnapshot:
        """A failed request is no failed job: it is counted, shown, and asked again."""
        if isinstance(error, NotFoundError):
            job.not_found += 1
        elif isinstance(error, (AuthError, BadResponseError)):
            job.errors = self._settings.limits.soft_errors_max
        else:
            job.errors += 1
        text = f"status not known: {redact(error.message)}"
        if self._given_up(job):
            text = f"no longer watched: {redact(error.message)}"
        return job.row.having(message=text, stale_since=job.row.stale_since or time.time())

    def _over(self, job: _Watched) -> bool:
        return job.row.status.is_final or self._given_up(job)

    def _given_up(self, job: _Watched) -> bool:
        limits = self._settings.limits
        return job.errors >= limits.soft_errors_max or job.not_found >= limits.not_found_max


def advance(row: JobSnapshot, record: JobRecord, now: float) -> JobSnapshot:
    """Return the row as it stands after a status answer.

    Args:
        row: the row so far.
        record: what the service says.
        now: Unix time in s of the answer.
    """
    begun = record.status not in {JobStatus.QUEUED, JobStatus.OTHER}
    return row.having(
        status=record.status,
        raw_status=redact(record.raw_status, 60),
        message=redact(record.message),
        output=record.output or row.output,
        credit_used=record.credit_used if record.credit_used is not None else row.credit_used,
        progress=record.progress,
        started_at=row.started_at or (now if begun else None),
        finished_at=row.finished_at or (now if record.status.is_final else None),
        stale_since=None,
    )
