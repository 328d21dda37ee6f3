"""Submitting exactly once: intent on disk → one POST → answer on disk."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from tfi_notebook.contract.records import JobStatus
from tfi_notebook.contract.snapshot import JobSnapshot
from tfi_notebook.errors import ApiError, PayloadError, SourceError, SubmitUnknownError
from tfi_notebook.http import redact
from tfi_notebook.settings import LOOPBACK_HOSTS

if TYPE_CHECKING:
    from tfi_notebook.api.client import AsyncClient
    from tfi_notebook.contract.payloads import TalkingVideoPayload
    from tfi_notebook.lifecycle.feed import Feed
    from tfi_notebook.lifecycle.ledger import Ledger
    from tfi_notebook.settings import Settings

_IN_FLIGHT = {JobStatus.INTENT, JobStatus.QUEUED, JobStatus.PROCESSING, JobStatus.OTHER}


class Submitter:
    """Sends payloads, each at most once.

    Args:
        settings: the connection.
        client: where to send.
        ledger: where earlier submits of the same payload are found.
        feed: takes every step.
    """

    def __init__(self, settings: Settings, client: AsyncClient, ledger: Ledger, feed: Feed) -> None:
        self._settings = settings
        self._client = client
        self._ledger = ledger
        self._feed = feed
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._under_way: set[asyncio.Task[JobSnapshot]] = set()

    async def submit(self, payload: TalkingVideoPayload, *, force: bool) -> JobSnapshot:
        """Submit a payload, or return the job that it already has.

        Args:
            payload: a checked payload.
            force: submit although the same payload was submitted before; it is paid for again.

        Returns:
            The job's row: `queued`, or as far as an earlier submit has come.

        Raises:
            PayloadError: the live API could never reach one of the URLs.
            SubmitUnknownError: the answer was lost, now or at an earlier submit of this payload.
            ApiError, SourceError: refused; nothing was made and nothing was charged.
            LedgerError: the intent could not be written; nothing was sent.
        """
        _check_reachable(payload, self._settings)
        async with self._locks.setdefault(payload.fingerprint, asyncio.Lock()):
            earlier = None if force else self._earlier(payload)
            return earlier or await self._shielded(payload)

    async def drain(self, grace_s: float) -> None:
        """Wait for the answers of requests that are under way, for `grace_s` at most."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=grace_s)

    async def _shielded(self, payload: TalkingVideoPayload) -> JobSnapshot:
        """Whoever stops waiting for a submit does not stop its answer from being written down."""
        sending = asyncio.create_task(self._send(payload))
        self._under_way.add(sending)
        sending.add_done_callback(self._under_way.discard)
        return await asyncio.shield(sending)

    def _earlier(self, payload: TalkingVideoPayload) -> JobSnapshot | None:
        service = self._settings.service_name
        rows = self._ledger.find(service, payload.fingerprint)
        for row in map(self._feed.latest, rows):
            if row.status is JobStatus.UNKNOWN:
                raise SubmitUnknownError(
                    "this payload was sent before and its answer was lost; it may exist already"
                )
            if row.status is JobStatus.DONE or row.status in _IN_FLIGHT:
                return row
        return None

    async def _send(self, payload: TalkingVideoPayload) -> JobSnapshot:
        row = self._intent(payload)
        self._feed.publish(row)
        try:
            receipt = await self._client.create_job(payload)
        except (ApiError, SourceError) as error:
            self._feed.publish(_turned_down(row, error))
            self._feed.settle(row.key)
            raise
        row = row.having(
            status=receipt.status,
            raw_status=redact(receipt.raw_status, 60),
            job_id=receipt.job_id,
            message=redact(receipt.message),
        )
        self._feed.publish(row)
        return row

    def _intent(self, payload: TalkingVideoPayload) -> JobSnapshot:
        return JobSnapshot(
            key=uuid.uuid4().hex,
            service=self._settings.service_name,
            local=self._settings.local,
            fingerprint=payload.fingerprint,
            body=payload.body(),
            status=JobStatus.INTENT,
            created_at=time.time(),
        )


def adopted(job_id: str, settings: Settings) -> JobSnapshot:
    """Return a row for a job that was not submitted through this ledger."""
    return JobSnapshot(
        key=f"adopted-{job_id}",
        service=settings.service_name,
        local=settings.local,
        fingerprint="",
        body={},
        status=JobStatus.QUEUED,
        job_id=job_id,
        created_at=time.time(),
    )


def _turned_down(row: JobSnapshot, error: ApiError | SourceError) -> JobSnapshot:
    """A lost answer leaves the job unknown; every other error means that none was made."""
    lost = isinstance(error, SubmitUnknownError)
    return row.having(
        status=JobStatus.UNKNOWN if lost else JobStatus.REJECTED,
        message=f"{error.field}: {error.message}" if error.field else error.message,
        finished_at=time.time(),
    )


def _check_reachable(payload: TalkingVideoPayload, settings: Settings) -> None:
    """The live API fetches both URLs itself, so they must not point to this machine."""
    if settings.local:
        return
    urls = {"image_url": payload.image_url, "audio_url": payload.audio_url}
    problems = {
        name: "only this machine can reach this URL" for name, url in urls.items() if _is_local(url)
    }
    if problems:
        raise PayloadError(problems, hint="the live API needs publicly reachable URLs")


def _is_local(url: str) -> bool:
    host = (urlsplit(url).hostname or "").lower()
    return host in LOOPBACK_HOSTS or host.endswith(".localhost")
