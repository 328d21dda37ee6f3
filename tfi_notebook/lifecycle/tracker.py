"""One tracker for all live jobs: asks for their status on schedule and tells what changed.

It knows nobody who listens: it hands every new snapshot to one callback, on the loop's thread.
All waits are by the loop's monotonic clock; the wall clock only dates what is shown.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final, Protocol

from tfi_notebook.contract.records import JobRecord, JobStatus
from tfi_notebook.errors import ApiError
from tfi_notebook.http import redact
from tfi_notebook.lifecycle.durations import Durations, Spread
from tfi_notebook.lifecycle.foresight import foreseen
from tfi_notebook.lifecycle.turns import Budget, Turns
from tfi_notebook.lifecycle.watched import Watched

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.settings import Settings

PARALLEL_REQUESTS: Final = 8
_SHORTEST_SLEEP_S: Final = 1e-3
_log = logging.getLogger(__name__)


class StatusSource(Protocol):
    """What the tracker needs of the API client."""

    @property
    def outage(self) -> object | None:
        """What is known of an outage, fit to be shown by `str`; None while the service is up."""

    async def available(self) -> None:
        """Wait until the service is up."""

    async def get_job(self, job_id: str) -> JobRecord:
        """Read one job row."""


class Tracker:
    """Follows jobs until their end.

    Args:
        client: where to ask.
        settings: cadences and limits.
        on_change: awaited with every changed snapshot, and with whether it is still watched; a
            slow one delays only its own job, and one that fails is given the change again.
        durations: what is known of the service's jobs; it learns from those that end here.
        wall: Unix time in s, for what is shown.
    """

    def __init__(
        self,
        client: StatusSource,
        settings: Settings,
        on_change: Callable[[JobSnapshot, bool], Awaitable[None]],
        durations: Durations | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        limits = settings.limits
        rate = limits.local_poll_budget_per_s if settings.embedded else limits.poll_budget_per_s
        self._client = client
        self._settings = settings
        self._on_change = on_change
        self._durations = durations or Durations()
        self._wall = wall
        self._budget = Budget(rate)
        self._turns = Turns[Watched](Watched.news)
        self._watched: dict[str, Watched] = {}
        self._wake = asyncio.Event()
        self._asking = 0
        self._polls: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None

    def watch(self, row: JobSnapshot) -> None:
        """Follow a job that has an id; call on the loop's thread. A second call does nothing."""
        if row.job_id is None or row.key in self._watched:
            return
        age_s = max(0.0, self._wall() - row.created_at)
        job = Watched(row, begun=_now() - age_s)
        self._watched[row.key] = job
        self._line_up(job, at_once=age_s > self._settings.limits.poll_first_s)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._follow())

    def drop(self, key: str) -> None:
        """Ask no more for a job; call on the loop's thread. Its turn passes when it comes."""
        self._watched.pop(key, None)
        self._wake.set()

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
        self._turns.clear()

    # -- when ------------------------------------------------------------------------------

    async def _follow(self) -> None:
        while self._watched:
            self._wake.clear()
            if self._client.outage is not None:
                await self._sit_out()
                continue
            self._start_polls()
            await self._sleep(self._until_next_s())

    def _start_polls(self) -> None:
        while self._asking < PARALLEL_REQUESTS and self._turns.waiting(_now()):
            if not self._budget.take(_now()):
                return
            job = self._turns.take(_now())
            assert job is not None
            if not self._follows(job):
                continue
            self._asking += 1
            job.busy = True
            task = asyncio.create_task(self._poll(job))
            self._polls.add(task)
            task.add_done_callback(self._polls.discard)

    def _until_next_s(self) -> float:
        if self._asking >= PARALLEL_REQUESTS:
            return float("inf")  # until an answer wakes it
        if self._turns.waiting(_now()):
            return self._budget.wait_s(_now())
        return self._turns.next_due - _now()

    async def _sleep(self, pause_s: float) -> None:
        """Sleep for a time, or until something is watched or answered."""
        limit = None if pause_s == float("inf") else max(pause_s, _SHORTEST_SLEEP_S)
        try:
            async with asyncio.timeout(limit):
                await self._wake.wait()
        except TimeoutError:
            pass

    def _line_up(self, job: Watched, *, at_once: bool = False) -> None:
        """Plan the next request; what an earlier kernel has left is asked for at once."""
        job.spread = self._durations.spread(job.row.body)
        pause_s = 0.0 if at_once else job.pause_s(_now(), self._settings)
        self._turns.add(job, _now() + pause_s)
        self._wake.set()

    # -- one request -----------------------------------------------------------------------

    async def _poll(self, job: Watched) -> None:
        job.asked += 1
        try:
            await self._settle(job, await self._ask(job))
            job.stumbles = 0
        except Exception:  # noqa: BLE001 - the last guard: one job's fault must not end the others
            _log.exception("a change of a job could not be taken in; it is asked for again")
            job.stumbles += 1
        job.busy = False
        if not self._follows(job):
            return
        if job.over:
            self._watched.pop(job.row.key, None)
            self._wake.set()
        else:
            self._line_up(job)

    def _follows(self, job: Watched) -> bool:
        return self._watched.get(job.row.key) is job

    async def _ask(self, job: Watched) -> JobSnapshot:
        try:
            record = await self._client.get_job(str(job.row.job_id))
        except ApiError as error:
            return self._after_error(job, error)
        finally:
            self._asking -= 1
            self._wake.set()
        duration_s = job.answered(record, _now())
        if duration_s is not None:
            self._durations.learn(job.row.body, duration_s)
        return advance(job.row, record, self._wall(), job.spread)

    async def _settle(self, job: Watched, new: JobSnapshot) -> None:
        # that it is given up is told even if it was before: somebody waits for it again
        if new != job.row or job.given_up:
            await self._on_change(new, not (new.status.is_final or job.given_up))
        job.row = new  # only now: a change that could not be written down comes again

    # -- what goes wrong -------------------------------------------------------------------

    def _after_error(self, job: Watched, error: ApiError) -> JobSnapshot:
        """A failed request is no failed job: it is counted, shown, and asked again."""
        outage = self._client.outage
        job.failed(error, _now(), self._settings.limits, outage=outage is not None)
        text = redact(error.message)
        if job.given_up:
            text = f"no longer watched: {text}"
        elif outage is not None:
            text = self._waiting_text(outage)
        else:
            text = f"status not known ({_times(job.failures, 'request')} failed): {text}"
        return job.row.having(message=text, stale_since=job.row.stale_since or self._wall())

    async def _sit_out(self) -> None:
        """Ask for nothing while the service is down: an outage is no fault of any job."""
        told: set[str] = set()
        back = asyncio.create_task(self._client.available())
        try:
            while not back.done() and (outage := self._client.outage) is not None:
                self._wake.clear()
                for key in self._watched.keys() - told:
                    told.add(key)
                    await self._tell_outage(self._watched.get(key), outage)
                woken = asyncio.create_task(self._wake.wait())
                await asyncio.wait({back, woken}, return_when=asyncio.FIRST_COMPLETED)
                woken.cancel()
        finally:
            back.cancel()
            await asyncio.gather(back, return_exceptions=True)
        await asyncio.sleep(_SHORTEST_SLEEP_S)

    async def _tell_outage(self, job: Watched | None, outage: object) -> None:
        if job is None or job.busy:  # a request under way tells it by itself
            return
        since = job.row.stale_since or self._wall()
        try:
            await self._settle(
                job, job.row.having(message=self._waiting_text(outage), stale_since=since)
            )
        except Exception:  # noqa: BLE001 - as in _poll
            _log.exception("an outage could not be told")

    def _waiting_text(self, outage: object) -> str:
        return f"{redact(outage)}; {_times(len(self._watched), 'job')} waiting"


def advance(
    row: JobSnapshot, record: JobRecord, now: float, spread: Spread | None = None
) -> JobSnapshot:
    """Return the row as it stands after a status answer.

    Args:
        row: the row so far.
        record: what the service says.
        now: Unix time in s of the answer.
        spread: how long jobs of its class take, where that is known.
    """
    begun = record.status not in {JobStatus.ACCEPTED, JobStatus.QUEUED, JobStatus.OTHER}
    return row.having(
        status=record.status,
        raw_status=redact(record.raw_status, 60),
        message=redact(record.message),
        output=record.output or row.output,
        credit_used=record.credit_used if record.credit_used is not None else row.credit_used,
        progress=record.progress,
        queue_position=None if begun else record.queue_position,
        eta=foreseen(row, record, spread or Spread(), now),
        started_at=row.started_at or (now if begun else None),
        finished_at=row.finished_at or (now if record.status.is_final else None),
        stale_since=None,
    )


def _now() -> float:
    """The loop's monotonic time in s."""
    return asyncio.get_running_loop().time()


def _times(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
