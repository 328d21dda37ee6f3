"""What runs on the background loop: submit, watch, collect, resolve. `Workspace` is its face.

Everything here but `latest`, `snapshots` and `subscribe` belongs to the loop's thread.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tfi_notebook.contract.records import JobStatus
from tfi_notebook.errors import DownloadError, LedgerError, ServiceError, SettingsError
from tfi_notebook.lifecycle.cloud import Assets
from tfi_notebook.lifecycle.downloads import Downloads
from tfi_notebook.lifecycle.durations import Durations
from tfi_notebook.lifecycle.feed import Feed
from tfi_notebook.lifecycle.lease import BEATS_PER_LIFE
from tfi_notebook.lifecycle.narration import Narrations
from tfi_notebook.lifecycle.outlook import Outlooks
from tfi_notebook.lifecycle.resolve import Resolver
from tfi_notebook.lifecycle.submit import Patience, Submitter
from tfi_notebook.lifecycle.tracker import Tracker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from tfi_notebook.api.client import AsyncClient
    from tfi_notebook.contract.model import Payload
    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.lifecycle.ledger import Ledger
    from tfi_notebook.settings import Settings

LEARN_FROM = 2000
"""So many finished jobs of the service are looked at to learn how long jobs take."""
STOPPED = "no longer watched here, as you asked; the job goes on at its service"


class Engine:
    """One connection at work.

    Args:
        settings: the resolved connection.
        client: where the service is asked.
        ledger: where everything is written down.
    """

    def __init__(self, settings: Settings, client: AsyncClient, ledger: Ledger) -> None:
        self.settings = settings
        self.client = client
        self.ledger = ledger
        self.feed = Feed(ledger)
        limits = settings.limits
        self.assets = Assets(settings.asset_store, limits.asset_link_life_s)
        self.narrations = Narrations()
        self.durations = Durations(self.narrations.seconds)
        name = settings.service_name
        done = ledger.select(status=JobStatus.DONE, service=name, limit=LEARN_FROM)
        self.durations.learn_rows(done, name)
        self.outlooks = Outlooks(settings, ledger, self.feed, self.durations)
        self.tracker = Tracker(client, settings, self._on_change, self.durations)
        self._downloads = Downloads(client, settings.outputs_dir, limits, self.narrations.seconds)
        self.submitter = Submitter(settings, client, ledger, self.feed, self.assets)
        self.resolver = Resolver(settings, client, ledger, self.feed, self.submitter, self.watch)
        self._recovery = self.submitter.recovery
        self._looking: asyncio.Task[None] | None = None
        self._not_fetched: set[str] = set()
        self._closing = asyncio.Event()

    async def submit(
        self, payload: Payload, *, force: bool, wanted: Callable[[], bool] | None = None
    ) -> JobSnapshot:
        """Submit a payload, or return the job that it already has; see `Submitter.submit`."""
        row = await self.submitter.submit(payload, force=force, wanted=wanted)
        self.watch(row)
        return row

    async def put_asset(self, data: bytes, name: str) -> str:
        """Put a file where the service can fetch it, and return its URL."""
        if self.settings.local:
            url = await self.client.upload_asset(data, name)
        else:
            url = await self.assets.put(data, name)
        await self.narrations.measure(url, data)
        return url

    def watch(self, row: JobSnapshot) -> None:
        """Follow a job to its end; one that has ended is settled."""
        if row.status.is_final:
            self.feed.settle(row.key)
        elif row.key not in self.tracker.watched():
            self.feed.unsettle(row.key)
            self.tracker.watch(row)

    def unwatch(self, keys: Iterable[str]) -> None:
        """Ask no more for these jobs, which go on at the service; who waits for them is told."""
        for key in keys:
            self.tracker.drop(key)
            self.feed.settle(key)

    async def stop_watching(self, row: JobSnapshot) -> None:
        """Ask no more for one job until it is taken up again; like `unwatch`, and it says so."""
        self.tracker.drop(row.key)
        silent = self.feed.latest(row).having(message=STOPPED, queue_position=None, eta=None)
        await self.feed.publish_async(silent)
        self.feed.settle(row.key)

    async def resume(self) -> None:
        """Watch what this or an earlier kernel has left, and ask again if the service was down."""
        self.client.resume()
        await self._take_up()
        if self._recovery.undecided and (self._looking is None or self._looking.done()):
            self._looking = asyncio.create_task(self._look_again())

    async def _take_up(self) -> None:
        for row in await self._recovery.run():
            self.watch(self.feed.latest(row))

    async def _look_again(self) -> None:
        """Find out what came of submits that seemed to be under way elsewhere."""
        while self._recovery.undecided:
            await asyncio.sleep(self.settings.limits.sign_of_life_s / BEATS_PER_LIFE)
            with suppress(LedgerError):  # it is looked at again
                await self._take_up()

    async def settled(self, row: JobSnapshot) -> None:
        """Wait until the job has ended and its video is here, or it is no longer watched.

        Raises:
            SettingsError: the job belongs to another service.
            ServiceError: the workspace was closed.
            NotSentError: another kernel's submit has no outcome after a long time.
        """
        if row.service != self.settings.service_name:
            raise SettingsError(
                f"this job belongs to {row.service}", hint="connect to that service first"
            )
        row = await self._sent(self.feed.latest(row))
        if row.status.is_final and row.key not in self.tracker.watched():
            return
        self.watch(row)
        ended = asyncio.create_task(self.feed.settled(row.key))
        closing = asyncio.create_task(self._closing.wait())
        try:
            await asyncio.wait({ended, closing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
            closing.cancel()
        if self._closing.is_set():
            raise ServiceError("the workspace was closed", hint="tfi.connect() opens another")

    async def _sent(self, row: JobSnapshot) -> JobSnapshot:
        """Wait until a submit that is under way, here or in another kernel, has its outcome."""
        patience = Patience(self.settings)
        while row.status is JobStatus.INTENT and not self._closing.is_set():
            await patience.pause()
            await self._recovery.run()
            row = self.refreshed(row)
        return row

    def refreshed(self, row: JobSnapshot) -> JobSnapshot:
        """Return the newest snapshot, also where another kernel has written it."""
        newest = self.feed.latest(row)
        if newest.key in self.tracker.watched():
            return newest
        written = self.ledger.get(row.key)
        return self.feed.newest(written) if written else newest

    async def download(self, row: JobSnapshot) -> Path:
        """Fetch a finished job's video and note where it is."""
        fetched = await self._downloads.fetch(self.feed.latest(row))
        now = self.feed.latest(row)
        said = "" if row.key in self._not_fetched else now.message
        self._not_fetched.discard(row.key)
        message = fetched.remark or said
        await self.feed.publish_async(now.having(path=fetched.path, message=message))
        return fetched.path

    def latest(self, row: JobSnapshot) -> JobSnapshot:
        """Return the newest snapshot of the row's job."""
        return self.feed.latest(row)

    def snapshots(self, limit: int | None, **conditions: Any) -> list[JobSnapshot]:  # noqa: ANN401 - as `Ledger.select` takes them
        """Return the newest snapshots of the jobs in the ledger, newest job first."""
        return self.feed.snapshots(limit, **conditions)

    def subscribe(self, listener: Callable[[JobSnapshot], None]) -> Callable[[], None]:
        """Call `listener` with every change, on the loop's thread; return what ends it."""
        return self.feed.subscribe(listener)

    async def drain(self) -> None:
        """Wake whoever waits, and wait for the answers of submits under way."""
        self._closing.set()
        await self.submitter.drain(self.settings.limits.close_grace_s)

    async def aclose(self) -> None:
        """End the watching and the connections."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        await self.tracker.aclose()
        await self.client.aclose()

    async def _on_change(self, row: JobSnapshot, still_watched: bool) -> None:  # noqa: FBT001 - the tracker's callback
        await self.feed.publish_async(row)
        if row.status is JobStatus.DONE:
            await self._collect(row)
        if not still_watched:
            self.feed.settle(row.key)

    async def _collect(self, row: JobSnapshot) -> None:
        try:
            await self.download(row)
        except DownloadError as error:
            self._not_fetched.add(row.key)
            await self.feed.publish_async(row.having(message=error.message))
