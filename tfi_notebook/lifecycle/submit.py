"""Submitting exactly once: intent on disk → one POST → answer on disk."""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import suppress
from functools import lru_cache, partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from tfi_notebook.contract.links import kept_body
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.contract.snapshot import JobSnapshot
from tfi_notebook.errors import (
    LedgerError,
    NotSentError,
    PayloadError,
    SubmitUnknownError,
    TfiError,
)
from tfi_notebook.http import redact
from tfi_notebook.lifecycle.cloud import Assets
from tfi_notebook.lifecycle.lease import BEATS_PER_LIFE
from tfi_notebook.lifecycle.recovery import Recovery
from tfi_notebook.lifecycle.strangers import Accounts
from tfi_notebook.lifecycle.turn import SubmittedBeforeError, Turn
from tfi_notebook.settings import LOOPBACK_HOSTS

if TYPE_CHECKING:
    from collections.abc import Callable

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

    Attributes:
        recovery: finds what others have left.
    """

    def __init__(
        self,
        settings: Settings,
        client: AsyncClient,
        ledger: Ledger,
        feed: Feed,
        assets: Assets | None = None,
    ) -> None:
        self.recovery = Recovery(settings, ledger, feed)
        self._assets = assets or Assets(None, settings.limits.asset_link_life_s)
        self._settings = settings
        self._client = client
        self._ledger = ledger
        self._feed = feed
        self._accounts = Accounts(settings, client, ledger)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._under_way: set[asyncio.Task[JobSnapshot]] = set()
        self._beating: asyncio.Task[None] | None = None
        self._closed = False

    async def submit(
        self,
        payload: Payload,
        *,
        force: bool,
        replaces: str | None = None,
        wanted: Callable[[], bool] | None = None,
    ) -> JobSnapshot:
        """Submit a payload, or return the job that it already has.

        Args:
            payload: a checked payload.
            force: submit although the same payload was submitted before; it is paid for again.
            replaces: key of the unknown row that is written off once the new job has an id.
            wanted: asked right before every try; False calls the submit off.

        Returns:
            The job's row: `queued`, or as far as an earlier submit has come.

        Raises:
            PayloadError: the live API could never reach one of the URLs.
            SubmitUnknownError: the answer was lost, now or at an earlier submit of this payload.
            ApiError, SourceError: refused or called off; nothing was made or charged.
            LedgerError: the intent could not be written; nothing was sent.
        """
        check_reachable(payload, self._settings)
        check = partial(self._check_open, wanted)
        intent = self._intent(payload)
        async with self._locks.setdefault(intent.fingerprint, asyncio.Lock()):
            patience = Patience(self._settings)
            while True:
                turn = Turn(self._ledger, self._feed, intent, check, force=force, replaces=replaces)
                sent = await self._shielded(payload, turn, force=force)
                row = self._feed.newest(sent)
                if row.key != intent.key and await self._accounts.is_strangers(row):
                    continue
                if row.status is JobStatus.UNKNOWN:
                    raise SubmitUnknownError(
                        "this payload was sent before and its answer was lost; it may exist already"
                    )
                if row.status is not JobStatus.INTENT:
                    return row
                # another kernel is sending this very payload: what comes of it decides
                await patience.pause()
                await self.recovery.run()

    async def drain(self, grace_s: float) -> None:
        """Wait for the answers of requests that are under way, for `grace_s` at most.

        What has no answer by then becomes `unknown`, and nothing more is submitted.

        Raises:
            LedgerError: naming the jobs whose ids the ledger did not take, after `grace_s` more.
        """
        self._closed = True
        if self._beating is not None:
            self._beating.cancel()
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=grace_s)
        unanswered = tuple(self._under_way)
        for sending in unanswered:
            sending.cancel()
        await asyncio.gather(*unanswered, return_exceptions=True)
        await self._feed.close(grace_s)

    async def _shielded(self, payload: HasBody, turn: Turn, *, force: bool) -> JobSnapshot:
        """Whoever stops waiting for a submit does not stop its answer from being written down."""
        if not force and not self._client.is_free:  # else the turn comes, and looks, at once
            earlier = self._ledger.submitted(turn.row.service, turn.row.fingerprint)
            if earlier is not None:
                return earlier  # without standing in line, and while the service is down
        sending = asyncio.create_task(self._send(payload, turn))
        self._under_way.add(sending)
        sending.add_done_callback(self._under_way.discard)
        self._keep_beating()
        return await asyncio.shield(sending)

    async def _send(self, payload: HasBody, turn: Turn) -> JobSnapshot:
        self._check_open()
        try:
            receipt = await self._client.create_job(await self._assets.outgoing(payload), turn)
        except SubmittedBeforeError as before:
            return before.row
        except BaseException as error:
            if turn.begun:
                await self._feed.publish_async(_turned_down(turn, error))
                self._feed.settle(turn.row.key)
            raise
        row = _accepted(turn.row, receipt)
        await self._feed.publish_async(row)
        return self._feed.latest(row)

    def _check_open(self, wanted: Callable[[], bool] | None = None) -> None:
        if self._closed:
            raise NotSentError("the workspace was closed before anything was sent")
        if wanted is not None and not wanted():
            raise NotSentError("it was called off before anything was sent")

    def _keep_beating(self) -> None:
        if self._beating is None or self._beating.done():
            self._beating = asyncio.create_task(self._beat())

    async def _beat(self) -> None:
        """Show other kernels that this one lives, as long as answers are awaited."""
        life = self._ledger.life
        while self._under_way:
            await asyncio.sleep(life.ttl_s / BEATS_PER_LIFE)
            if any(self._under_way):
                with suppress(LedgerError):  # whoever sees no sign of life gives up what is unsent
                    await self._ledger.transact(life.sustain)

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


class Patience:
    """Waits for another kernel's submit, for as long as one can last and no longer.

    Args:
        settings: the connection.
    """

    def __init__(self, settings: Settings) -> None:
        limits = settings.limits
        submit_s = 2 * (limits.submit_timeout_s + limits.submit_retry_s)
        self._longest_s = submit_s + 2 * limits.sign_of_life_s
        self._until = time.monotonic() + self._longest_s

    async def pause(self) -> None:
        """Let some time pass before the next look.

        Raises:
            NotSentError: it has been long enough.
        """
        if time.monotonic() > self._until:
            raise NotSentError(
                "another kernel has been submitting this payload for longer than "
                f"{self._longest_s:.0f} s; nothing was sent here",
                hint="tfi.jobs(status='intent') shows it",
            )
        await asyncio.sleep(OTHER_KERNEL_PAUSE_S)


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


def _accepted(row: JobSnapshot, receipt: SubmitReceipt) -> JobSnapshot:
    return row.having(
        status=receipt.status,
        raw_status=redact(receipt.raw_status, 60),
        job_id=receipt.job_id,
        message=redact(receipt.message) if receipt.message else "",
    )


def _turned_down(turn: Turn, error: BaseException) -> JobSnapshot:
    """Only what was said for certain, or never left, means that no job was made."""
    certain = isinstance(error, TfiError) and not isinstance(error, SubmitUnknownError)
    made_none = certain or not turn.left
    message = "the submit was cut off; it may exist"
    if isinstance(error, TfiError):
        message = f"{error.field}: {error.message}" if error.field else error.message
    elif made_none:
        message = "the submit was cut off before anything was sent"
    return turn.row.having(
        status=JobStatus.REJECTED if made_none else JobStatus.UNKNOWN,
        message=message,
        finished_at=time.time(),
    )


def check_reachable(payload: Payload, settings: Settings) -> None:
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
