"""Jobs that the ledger alone cannot settle: ids from outside, and submits without an answer.

A job that is `unknown` may exist and may have been charged. Nothing here decides by itself: a
person looks into TFI's studio, and then adopts the job that is there, submits again (and pays
again), or writes the row off.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from tfi_notebook.contract.records import JobStatus
from tfi_notebook.contract.templates import payload_from_body
from tfi_notebook.display.html import quiet_line
from tfi_notebook.errors import LedgerError
from tfi_notebook.http import redact
from tfi_notebook.lifecycle.job import Job
from tfi_notebook.lifecycle.joblist import JobList
from tfi_notebook.lifecycle.lease import acquire
from tfi_notebook.lifecycle.prices import Prices
from tfi_notebook.lifecycle.submit import adopted
from tfi_notebook.lifecycle.tracker import advance

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from tfi_notebook.api.client import AsyncClient
    from tfi_notebook.contract.records import JobRecord
    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.display.painter import Drawing
    from tfi_notebook.lifecycle.feed import Feed
    from tfi_notebook.lifecycle.job import Keeper
    from tfi_notebook.lifecycle.ledger import Ledger
    from tfi_notebook.lifecycle.submit import Submitter
    from tfi_notebook.settings import Settings


class Resolver:
    """Takes up jobs by their id, and resolves those that are `unknown`.

    Its coroutines belong to the background loop.

    Args:
        settings: the connection.
        client: where an adopted job is looked up.
        ledger: where the rows are.
        feed: takes the changes.
        submitter: submits again.
        watch: called with a row that is to be followed from now on.
    """

    def __init__(
        self,
        settings: Settings,
        client: AsyncClient,
        ledger: Ledger,
        feed: Feed,
        submitter: Submitter,
        watch: Callable[[JobSnapshot], None],
    ) -> None:
        self._settings = settings
        self._client = client
        self._ledger = ledger
        self._feed = feed
        self._submitter = submitter
        self._watch = watch

    async def take_up(self, job_id: str) -> JobSnapshot:
        """Find a job by the service's id or the ledger's key, and follow it if it goes on.

        Returns:
            The job's row; a new one if it was not submitted through this ledger.

        Raises:
            NotFoundError: neither the ledger nor the service knows it.
        """
        row = self._ledger.get(job_id) or adopted(job_id, self._settings)
        row = self._feed.latest(row)
        mine = row.service == self._settings.service_name and row.job_id is not None
        if mine and not row.status.is_final:
            row = advance(row, await self._client.get_job(str(row.job_id)), time.time())
            await self._feed.publish_async(row)
            self._watch(row)
        return row

    async def resubmit(self, row: JobSnapshot) -> JobSnapshot:
        """Submit the same body again. It is paid for again if the lost one exists.

        The old row is written off in the moment in which the new job's id is written down, whoever
        writes it; it stays `unknown` otherwise.

        Returns:
            The new job's row.

        Raises:
            LedgerError: the row is not `unknown` (any more), or cannot be written.
            TfiError: as `Submitter.submit`.
        """
        async with self._claimed(row) as unknown:
            payload = payload_from_body(unknown.body)
            new = await self._submitter.submit(payload, force=True, replaces=unknown.key)
            self._watch(new)
            closed = self._ledger.get(unknown.key)
            if closed is not None and closed.status is JobStatus.WRITTEN_OFF:
                self._feed.take(closed)
                self._feed.settle(closed.key)
            return new

    async def write_off(self, row: JobSnapshot) -> JobSnapshot:
        """Leave it at that: the row is kept as `written_off`, and the payload may be sent again.

        Returns:
            The row.

        Raises:
            LedgerError: the row is not `unknown` (any more), or cannot be written.
        """
        async with self._claimed(row) as unknown:
            return await self._close(unknown, "written off by hand")

    async def adopt(self, row: JobSnapshot, job_id: str) -> JobSnapshot:
        """Take a job that was found at the service for the one whose answer was lost.

        Args:
            row: the unknown row.
            job_id: the service's id of the job; the service is asked for it first.

        Returns:
            The row with the id, as the service describes the job.

        Raises:
            NotFoundError: the service knows no such job.
            LedgerError: the row is not `unknown` (any more), the id belongs to another row, or
                the row cannot be written.
        """
        async with self._claimed(row) as unknown:
            record = await self._client.get_job(job_id)
            other = self._ledger.get(record.job_id)
            if other is not None:
                raise LedgerError(
                    f"the job {record.job_id} already has a row in the ledger",
                    hint=f"tfi.job({record.job_id!r}) takes it up; write this one off",
                )
            found = _found(unknown, record)
            await self._feed.record(found)
            self._watch(found)
            return self._feed.latest(found)

    async def _close(self, row: JobSnapshot, message: str) -> JobSnapshot:
        closed = row.having(status=JobStatus.WRITTEN_OFF, message=message)
        await self._feed.record(closed)
        self._feed.settle(closed.key)
        return closed

    @asynccontextmanager
    async def _claimed(self, row: JobSnapshot) -> AsyncIterator[JobSnapshot]:
        """Hold the row against a second click, here or in another kernel, and read it again."""
        limits = self._settings.limits
        ttl_s = 2 * (limits.submit_timeout_s + limits.submit_retry_s)
        lease = await acquire(self._ledger, f"resolve-{row.key}", ttl_s=ttl_s)
        if lease is None:
            raise LedgerError("this job is being resolved already", hint="wait for its outcome")
        keeping = asyncio.create_task(lease.keep())  # a submit may wait long for its turn
        try:
            yield self._unknown(row)
        finally:
            keeping.cancel()
            await lease.release()

    def _unknown(self, row: JobSnapshot) -> JobSnapshot:
        if row.service != self._settings.service_name:
            raise LedgerError(
                f"this job belongs to {row.service}", hint="connect to that service first"
            )
        now = self._ledger.get(row.key) or row
        if now.status is not JobStatus.UNKNOWN:
            raise LedgerError(
                f"the job is {now.status}, and only an unknown one can be resolved",
                hint="submit(payload, force=True) pays for another job of the same payload",
            )
        return now


class UnresolvedJobs(JobList):
    """The jobs whose submit had no answer, newest first, with the credits that may be lost.

    Attributes:
        at_risk: for each job's key the credits that it may have cost: the median of what finished
            jobs of the same class have cost, or None where none is known. Never a guessed price.
    """

    def __init__(
        self, keeper: Keeper, jobs: Iterable[Job], at_risk: dict[str, Decimal | None]
    ) -> None:
        super().__init__(keeper, jobs)
        self.at_risk = at_risk

    @property
    def credits_at_risk(self) -> Decimal | None:
        """Sum over the jobs whose cost can be told; None if it can be told of none."""
        known = [amount for amount in self.at_risk.values() if amount is not None]
        return sum(known, Decimal(0)) if known else None

    def _draw(self) -> Drawing:
        board, summary = super()._draw(), self._summary()
        return replace(
            board, html=board.html + quiet_line(summary), plain=f"{board.plain}\n{summary}"
        )

    def _summary(self) -> str:
        if not self:
            return "no unresolved jobs"
        untold = sum(amount is None for amount in self.at_risk.values())
        amount = self.credits_at_risk
        risk = "credits at risk: " + ("not known" if amount is None else f"{amount:,}")
        also = f" and what {untold} more may have cost" if untold and amount is not None else ""
        return f"{risk}{also}; .resubmit(), .adopt(job_id) or .write_off() each of them"


def unresolved(
    keeper: Keeper, ledger: Ledger, service: str | None = None, limit: int | None = None
) -> UnresolvedJobs:
    """Return the jobs whose submit had no answer.

    Args:
        keeper: the workspace that keeps them.
        ledger: where they are.
        service: only this service's; None for all.
        limit: this many at most.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    rows = ledger.select(status=JobStatus.UNKNOWN, service=service, limit=limit)
    prices = {name: Prices(ledger, name) for name in {row.service for row in rows}}
    risk = {row.key: prices[row.service].of(row.body) for row in rows}
    return UnresolvedJobs(keeper, [Job(keeper, row) for row in rows], risk)


def _found(row: JobSnapshot, record: JobRecord) -> JobSnapshot:
    return row.having(
        status=record.status,
        raw_status=redact(record.raw_status, 60),
        job_id=record.job_id,
        message="adopted by hand",
        output=record.output,
        credit_used=record.credit_used,
        finished_at=time.time() if record.status.is_final else None,
    )
