"""One connection at work: client, ledger, tracker, downloads, and a local service if need be."""

from __future__ import annotations

import atexit
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from tfi_notebook import http
from tfi_notebook.api.client import AsyncClient
from tfi_notebook.api.loop import background_loop
from tfi_notebook.contract.local import sample_fields
from tfi_notebook.contract.payloads import TalkingVideoPayload, build_payload
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.display.painter import Painter
from tfi_notebook.errors import DownloadError, SettingsError, SourceError, TfiError
from tfi_notebook.lifecycle.downloads import fetch_video
from tfi_notebook.lifecycle.feed import Feed
from tfi_notebook.lifecycle.job import Job, JobList
from tfi_notebook.lifecycle.ledger import Ledger
from tfi_notebook.lifecycle.submit import Submitter, adopted
from tfi_notebook.lifecycle.tracker import Tracker, advance

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from concurrent.futures import Future
    from decimal import Decimal

    from tfi_notebook.contract.records import Project
    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.local.service import LocalService
    from tfi_notebook.settings import Settings

T = TypeVar("T")


class Workspace:
    """Submits, follows and fetches jobs over one connection. Made by `connect`.

    Works as a context manager; closing it ends the watching, not the jobs.

    Args:
        settings: the resolved connection.

    Raises:
        LedgerError: the ledger cannot be opened.
        MissingExtraError: the local service is meant, and its packages are not installed.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._loop = background_loop()
        self._service = _local_service(settings) if settings.embedded else None
        self._ledger = Ledger(settings.ledger_path)
        app_transport = http.asgi_transport(self._service.app) if self._service else None
        self._client = AsyncClient(settings, app_transport)
        self._feed = Feed(self._ledger)
        self._tracker = Tracker(self._client, settings, self._on_change)
        self._submitter = Submitter(settings, self._client, self._ledger, self._feed)
        self.painter = Painter(self.start, settings.limits.board_interval_s)
        self._feed.subscribe(lambda _row: self.painter.changed())
        self._outstanding: set[Future[Any]] = set()
        self._closed = False
        atexit.register(self.close)
        self.run(self._resume())

    # -- payloads, submits, jobs -----------------------------------------------------------

    def build_payload(self, **fields: Any) -> TalkingVideoPayload:  # noqa: ANN401 - validated
        """Build a checked payload; locally, picture, voice and project default to samples.

        Raises:
            PayloadError: naming every wrong, missing or unknown field.
        """
        samples = sample_fields(self.settings.base_url) if self.settings.local else {}
        return build_payload(**(samples | fields))

    def submit(
        self, payload: TalkingVideoPayload | Mapping[str, Any], *, force: bool = False
    ) -> Job:
        """Submit a payload once and return its job at once.

        A payload that was submitted before gives back the job it already has.

        Args:
            payload: from `build_payload`, or its fields as a mapping.
            force: submit again all the same; it is paid for again.

        Returns:
            The job's handle.

        Raises:
            PayloadError: a field is wrong; nothing was sent.
            SourceError: the service cannot use the picture or the sound; nothing was made.
            SubmitUnknownError: the answer was lost; the job is `unknown` in the ledger.
            ApiError: refused, or nothing could be sent; nothing was charged.
            LedgerError: the ledger cannot be written; nothing was sent.
        """
        checked = payload if isinstance(payload, TalkingVideoPayload) else build_payload(**payload)
        return self.run(self.submit_async(checked, force=force))

    async def submit_async(self, payload: TalkingVideoPayload, *, force: bool = False) -> Job:
        """Like `submit`, as a coroutine for `start` (it belongs to the background loop)."""
        row = await self._submitter.submit(payload, force=force)
        self._watch(row)
        return Job(self, row)

    def job(self, job_id: str) -> Job:
        """Take up a job by the API's id, or by the key that the ledger gave it.

        Raises:
            NotFoundError: neither the ledger nor the service knows it.
        """
        return self.run(self._reattach(job_id))

    def jobs(self, limit: int | None = None) -> JobList:
        """Return the jobs in the ledger, newest first, whatever kernel has submitted them."""
        return JobList(self, [Job(self, row) for row in self.snapshots(limit)])

    def snapshots(self, limit: int | None = None) -> list[JobSnapshot]:
        """Return the newest snapshot of every job in the ledger, newest job first."""
        return self._feed.snapshots(limit)

    # -- files and account -----------------------------------------------------------------

    def asset(self, path: str | Path) -> str:
        """Put a local file where the service can fetch it, and return its URL.

        Raises:
            SourceError: there is no such file, or it is too large.
            SettingsError: the live API takes public URLs only.
        """
        file = Path(path).expanduser()
        if not file.is_file():
            raise SourceError(f"there is no file {file.name!r}", hint="check the path")
        return self.run(self.asset_async(file.read_bytes(), file.name))

    async def asset_async(self, data: bytes, name: str) -> str:
        """Like `asset`, for bytes and as a coroutine for `start`."""
        if not self.settings.local:
            raise SettingsError(
                "the live API fetches pictures and sounds itself, from public URLs",
                hint="upload the file to a public place and pass its https URL",
            )
        if len(data) > self.settings.limits.upload_max_bytes:
            raise SourceError(f"the file {name!r} is too large ({len(data):,} bytes)")
        return await self._client.upload_asset(data, name)

    def credits(self) -> Decimal:
        """Return the credits left on the account (0 locally: rendering here costs nothing)."""
        return self.run(self.credits_async())

    async def credits_async(self) -> Decimal:
        """Like `credits`, as a coroutine for `start`."""
        return await self._client.credits()

    def projects(self) -> list[Project]:
        """Return the account's active projects."""
        return self.run(self.projects_async())

    async def projects_async(self) -> list[Project]:
        """Like `projects`, as a coroutine for `start`."""
        return await self._client.projects()

    # -- what handles and displays build on ------------------------------------------------

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Start a coroutine on the background loop from any thread; return its future."""
        future = self._loop.start(work)
        self._outstanding.add(future)
        future.add_done_callback(self._outstanding.discard)
        return future

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the background loop and wait for it."""
        try:
            return self._loop.run(work)
        except TfiError as error:
            failure = error.with_traceback(None)
        # raised anew outside the handler: a short traceback, without the loop's frames
        raise failure

    def latest(self, row: JobSnapshot) -> JobSnapshot:
        """Return the newest snapshot of the row's job."""
        return self._feed.latest(row)

    def subscribe(self, listener: Callable[[JobSnapshot], None]) -> Callable[[], None]:
        """Call `listener` with every change, on the loop's thread; return what ends it."""
        return self._feed.subscribe(listener)

    async def settled(self, row: JobSnapshot) -> None:
        """Wait until the job has ended and its video is here, or it is no longer watched."""
        if row.service != self.settings.service_name:
            raise SettingsError(
                f"this job belongs to {row.service}", hint="connect to that service first"
            )
        ended = self.latest(row).status.is_final
        if not ended or row.key in self._tracker.watched():
            await self._feed.settled(row.key)

    async def download_async(self, row: JobSnapshot) -> Path:
        """Fetch a finished job's video and note its path."""
        now = self.latest(row)
        path = await fetch_video(self._client, now, self.settings.outputs_dir, self.settings.limits)
        self._feed.publish(self.latest(row).having(path=path))
        return path

    # -- life ------------------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """True once it was closed."""
        return self._closed

    def close(self) -> None:
        """End the watching, the connections and the local service. Jobs stay in the ledger."""
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self.close)
        self._loop.run(self._aclose(), timeout_s=2 * self.settings.limits.close_grace_s)
        if self._service:
            self._service.close()
        self._ledger.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def __repr__(self) -> str:
        """Name the service and the key's source."""
        return f"<Workspace {self.settings.service_name}, key from {self.settings.api_key.source}>"

    async def _aclose(self) -> None:
        await self._submitter.drain(self.settings.limits.close_grace_s)
        for future in tuple(self._outstanding):
            future.cancel()
        await self._tracker.aclose()
        self.painter.close()
        await self._client.aclose()

    async def _resume(self) -> None:
        """Watch what earlier kernels have left; an intent too old to be under way is unknown."""
        oldest = time.time() - 2 * self.settings.limits.submit_timeout_s
        for row in self._ledger.unfinished(self.settings.service_name):
            if row.job_id is not None:
                self._watch(row)
            elif row.created_at < oldest:
                text = "the kernel ended while it was submitted; it may exist"
                self._feed.publish(row.having(status=JobStatus.UNKNOWN, message=text))

    def _watch(self, row: JobSnapshot) -> None:
        if row.status.is_final:
            self._feed.settle(row.key)
        else:
            self._feed.unsettle(row.key)
            self._tracker.watch(row)

    async def _on_change(self, row: JobSnapshot, still_watched: bool) -> None:  # noqa: FBT001 - the tracker's callback
        self._feed.publish(row)
        if row.status is JobStatus.DONE:
            await self._collect(row)
        if not still_watched:
            self._feed.settle(row.key)

    async def _collect(self, row: JobSnapshot) -> None:
        try:
            await self.download_async(row)
        except DownloadError as error:
            self._feed.publish(row.having(message=error.message))

    async def _reattach(self, job_id: str) -> Job:
        row = self._ledger.get(job_id) or adopted(job_id, self.settings)
        row = self._feed.latest(row)
        mine = row.service == self.settings.service_name and row.job_id is not None
        if mine and not row.status.is_final:
            record = await self._client.get_job(str(row.job_id))
            row = advance(row, record, time.time())
            self._feed.publish(row)
            self._watch(row)
        return Job(self, row)


def _local_service(settings: Settings) -> LocalService:
    from tfi_notebook.local.service import LocalService  # noqa: PLC0415 - an optional extra

    return LocalService(
        settings.data_dir / "local",
        base_url=settings.base_url,
        api_key=settings.api_key.reveal(),
    )
