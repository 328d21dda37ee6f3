"""Submitting exactly once: intent on disk → one POST → answer on disk."""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from tfi_notebook.contract.links import kept_body
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.contract.snapshot import JobSnapshot
from tfi_notebook.errors import (
    ApiError,
    LedgerError,
    MissingExtraError,
    NotSentError,
    PayloadError,
    SettingsError,
    SourceError,
    SubmitUnknownError,
    TfiError,
)
from tfi_notebook.http import redact
from tfi_notebook.lifecycle.cloud import Assets
from tfi_notebook.settings import LOOPBACK_HOSTS

if TYPE_CHECKING:
    from tfi_notebook.api.client import AsyncClient
    from tfi_notebook.contract.links import HasBody
    from tfi_notebook.contract.model import Payload
    from tfi_notebook.contract.records import SubmitReceipt
    from tfi_notebook.lifecycle.feed import Feed
    from tfi_notebook.lifecycle.ledger import Ledger
    from tfi_notebook.settings import Settings

OTHER_KERNEL_PAUSE_S = 0.2
"""How often to look whether another kernel's submit of the same payload has its answer."""


class Submitter:
    """Sends payloads, each at most once.

    Args:
        settings: the connection.
        client: where to send.
        ledger: where earlier submits of the same payload are found.
        feed: takes every step.
        assets: signs the files of the asset store for the request; default one without a store.
    """

    def __init__(
        self,
        settings: Settings,
        client: AsyncClient,
        ledger: Ledger,
        feed: Feed,
        assets: Assets | None = None,
    ) -> None:
        self._assets = assets or Assets(None, settings.limits.asset_link_life_s)
        self._settings = settings
        self._client = client
        self._ledger = ledger
        self._feed = feed
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._under_way: set[asyncio.Task[JobSnapshot]] = set()
        self._closed = False

    async def submit(self, payload: Payload, *, force: bool) -> JobSnapshot:
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
        intent = self._intent(payload)
        async with self._locks.setdefault(intent.fingerprint, asyncio.Lock()):
            while True:
                row = self._feed.newest(await self._shielded(payload, intent, force=force))
                if row.status is JobStatus.UNKNOWN:
                    raise SubmitUnknownError(
                        "this payload was sent before and its answer was lost; it may exist already"
                    )
                if row.status is not JobStatus.INTENT:
                    return row
                # another kernel is sending this very payload: what comes of it decides
                await asyncio.sleep(OTHER_KERNEL_PAUSE_S)
                await recover(self._ledger, self._feed, self._settings)

    async def drain(self, grace_s: float) -> None:
        """Wait for the answers of requests that are under way, for `grace_s` at most.

        What has no answer by then becomes `unknown`, and nothing more is submitted.
        """
        self._closed = True
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=grace_s)
        unanswered = tuple(self._under_way)
        for sending in unanswered:
            sending.cancel()
        await asyncio.gather(*unanswered, return_exceptions=True)
        with suppress(LedgerError):  # what the disk does not take stays an intent there
            await self._feed.flush()

    async def _shielded(self, payload: HasBody, intent: JobSnapshot, *, force: bool) -> JobSnapshot:
        """Whoever stops waiting for a submit does not stop its answer from being written down."""
        sending = asyncio.create_task(self._send(payload, intent, force=force))
        self._under_way.add(sending)
        sending.add_done_callback(self._under_way.discard)
        return await asyncio.shield(sending)

    async def _send(self, payload: HasBody, row: JobSnapshot, *, force: bool) -> JobSnapshot:
        self._check_open()
        earlier = await self._feed.begin(row, force=force)
        if earlier is not None:
            return earlier
        try:
            receipt = await self._post(payload)
        except BaseException as error:
            await self._feed.publish_async(_turned_down(row, error))
            self._feed.settle(row.key)
            raise
        row = _accepted(row, receipt)
        await self._feed.publish_async(row)
        return self._feed.latest(row)

    async def _post(self, payload: HasBody) -> SubmitReceipt:
        self._check_open()  # it may have been closed while the intent was written
        return await self._client.create_job(await self._assets.outgoing(payload))

    def _check_open(self) -> None:
        if self._closed:
            raise NotSentError("the workspace was closed before anything was sent")

    def _intent(self, payload: Payload) -> JobSnapshot:
        return JobSnapshot(
            key=_new_key(),
            service=self._settings.service_name,
            local=self._settings.local,
            fingerprint=payload.fingerprint,
            body=kept_body(payload.body()),
            status=JobStatus.INTENT,
            created_at=time.time(),
        )


async def recover(ledger: Ledger, feed: Feed, settings: Settings) -> list[JobSnapshot]:
    """Find what earlier kernels have left, and turn the intents of dead ones into `unknown`.

    An intent whose process lives is under way, and is left alone. Where that cannot be told from
    here (another machine), an intent is given up once it is too old to be under way. Should its
    owner live after all, the answer that it writes counts.

    Args:
        ledger: the ledger.
        feed: takes the changes.
        settings: the connection whose jobs are meant.

    Returns:
        The rows that have an id and whose end has not been seen, to be watched.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    service = settings.service_name
    oldest = time.time() - _longest_submit_s(settings)
    for row, owner in ledger.intents(service):
        alive = owner.is_alive() if owner else None
        if alive is False or (alive is None and row.created_at < oldest):
            text = "the kernel ended while it was submitted; it may exist"
            await feed.publish_async(
                row.having(status=JobStatus.UNKNOWN, message=text, finished_at=time.time())
            )
    return [row for row in ledger.unfinished(service) if row.job_id is not None]


def adopted(job_id: str, settings: Settings) -> JobSnapshot:
    """Return a row for a job that was not submitted through this ledger."""
    return JobSnapshot(
        key=f"adopted-{job_id}",
        service=settings.service_name,
        local=settings.local,
        fingerprint="",
        body={},
        status=JobStatus.ACCEPTED,
        job_id=job_id,
        created_at=time.time(),
    )


def _new_key() -> str:
    """A random key that starts with the time: keys in order touch few pages of an index."""
    return f"{time.time_ns() // 1000:014x}{secrets.token_hex(9)}"


def _longest_submit_s(settings: Settings) -> float:
    """Longest time that a submit can be under way, its repeats included, with room to spare."""
    return 2 * (settings.limits.submit_timeout_s + settings.limits.submit_retry_s)


def _accepted(row: JobSnapshot, receipt: SubmitReceipt) -> JobSnapshot:
    return row.having(
        status=receipt.status,
        raw_status=redact(receipt.raw_status, 60),
        job_id=receipt.job_id,
        message=redact(receipt.message) if receipt.message else "",
    )


def _turned_down(row: JobSnapshot, error: BaseException) -> JobSnapshot:
    """Only what the API or the transport has said for certain means that no job was made."""
    before_sending = PayloadError | SettingsError | MissingExtraError  # as `Assets.outgoing` does
    certain = isinstance(error, ApiError | SourceError | before_sending)
    lost = isinstance(error, SubmitUnknownError) or not certain
    message = "the submit was cut off; it may exist"
    if isinstance(error, TfiError):
        message = f"{error.field}: {error.message}" if error.field else error.message
    return row.having(
        status=JobStatus.UNKNOWN if lost else JobStatus.REJECTED,
        message=message,
        finished_at=time.time(),
    )


def _check_reachable(payload: Payload, settings: Settings) -> None:
    """The live API fetches the URLs itself, so they must not point to this machine."""
    if settings.local:
        return
    problems = {
        name: "only this machine can reach this URL"
        for name, url in payload.urls().items()
        if _is_local(url)
    }
    if problems:
        raise PayloadError(problems, hint="the live API needs publicly reachable URLs")


@lru_cache(maxsize=256)
def _is_local(url: str) -> bool:
    host = (urlsplit(url).hostname or "").lower()
    return host in LOOPBACK_HOSTS or host.endswith(".localhost")
