"""One connection, as a person holds it: the sync face of the engine on the background loop."""

from __future__ import annotations

import atexit
import os
from typing import TYPE_CHECKING, Any, Self, TypeVar
from uuid import UUID

from tfi_notebook import http
from tfi_notebook.api.client import AsyncClient
from tfi_notebook.api.loop import background_loop
from tfi_notebook.contract.local import sample_fields
from tfi_notebook.contract.payloads import TalkingVideoPayload, build_payload
from tfi_notebook.contract.templates import TemplatePayload, build_template_payload
from tfi_notebook.display.painter import Painter
from tfi_notebook.errors import NotFoundError, SettingsError, SourceError, TfiError
from tfi_notebook.lifecycle import embedded
from tfi_notebook.lifecycle.engine import Engine
from tfi_notebook.lifecycle.given import checked_payload, file_content
from tfi_notebook.lifecycle.job import Job, JobList
from tfi_notebook.lifecycle.ledger import Ledger
from tfi_notebook.lifecycle.resolve import UnresolvedJobs, unresolved

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from concurrent.futures import Future
    from decimal import Decimal
    from pathlib import Path

    from tfi_notebook.contract.model import Payload
    from tfi_notebook.contract.records import MappingFields, Project
    from tfi_notebook.contract.snapshot import JobSnapshot
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
        self._pid = os.getpid()
        self._closed = False
        self._outstanding: set[Future[Any]] = set()
        self._loop = background_loop()
        self._ledger = Ledger(settings.ledger_path)
        service = embedded.borrow(settings) if settings.embedded else None
        app_transport = http.asgi_transport(service.app) if service else None
        client = AsyncClient(settings, app_transport)
        self._engine = Engine(settings, client, self._ledger)
        self.resolver = self._engine.resolver
        self.painter = Painter(self.start, settings.limits.board_interval_s)
        self._engine.subscribe(lambda _row: self.painter.changed())
        atexit.register(self.close)
        self.run(self._engine.resume())

    # -- payloads, submits, jobs -----------------------------------------------------------

    def build_payload(self, **fields: Any) -> TalkingVideoPayload:  # noqa: ANN401 - validated
        """Build a checked payload; locally, picture, voice and project default to samples.

        Raises:
            PayloadError: naming every wrong, missing or unknown field.
        """
        samples = sample_fields(self.settings.base_url) if self.settings.local else {}
        return build_payload(**(samples | fields))

    def build_template_payload(self, **fields: Any) -> TemplatePayload:  # noqa: ANN401 - validated
        """Build a checked payload of the template form; see `TemplatePayload`.

        Raises:
            PayloadError: naming every wrong, missing or unknown field.
        """
        return build_template_payload(**fields)

    def submit(self, payload: Payload | Mapping[str, Any], *, force: bool = False) -> Job:
        """Submit a payload once and return its job at once.

        A payload that was submitted before gives back the job it already has.

        Args:
            payload: from `build_payload` or `build_template_payload`, or the fields of the
                former as a mapping.
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
        return self.run(self.submit_async(checked_payload(payload), force=force))

    async def submit_async(self, payload: Payload, *, force: bool = False) -> Job:
        """Like `submit`, as a coroutine for `start` (it belongs to the background loop)."""
        return Job(self, await self._engine.submit(payload, force=force))

    def job(self, job_id: str | UUID) -> Job:
        """Take up a job by the API's id, or by the key that the ledger gave it.

        Raises:
            NotFoundError: neither the ledger nor the service knows it.
        """
        name = str(job_id).strip() if isinstance(job_id, str | UUID) else ""
        if not name:
            raise NotFoundError("there is no job id", hint="tfi.jobs() lists the jobs")
        return Job(self, self.run(self.resolver.take_up(name)))

    def jobs(self, limit: int | None = None, **conditions: Any) -> JobList:  # noqa: ANN401 - listed below
        """Return the jobs in the ledger, newest first, whatever kernel has submitted them.

        Args:
            limit: this many at most.
            **conditions: only those with this `status`, `service`, `version`, or submitted
                `since` a time; see `Ledger.select`.
        """
        rows = self.snapshots(limit, **conditions)
        mine = [row for row in rows if row.service == self.settings.service_name and row.job_id]
        self.run(self._watch_all([row for row in mine if not row.status.is_final]))
        return JobList(self, [Job(self, row) for row in rows])

    def unresolved(self) -> UnresolvedJobs:
        """Return the jobs whose submit had no answer, with the credits that may be lost.

        Each has three ways out: `resubmit()`, `adopt(job_id)` and `write_off()`.
        """
        return unresolved(self, self._ledger, self.settings.service_name)

    def trigger_job(self, ids: Sequence[str], *, confirm: bool = False) -> str:
        """Put existing jobs into the service's queue once more; may be charged once more.

        Args:
            ids: the jobs' ids.
            confirm: must be True, as a sign that the charge is meant.

        Returns:
            The service's remark.
        """
        return self.run(self._engine.client.trigger_job(ids, confirm=confirm))

    def snapshots(self, limit: int | None = None, **conditions: Any) -> list[JobSnapshot]:  # noqa: ANN401 - as in `jobs`
        """Return the newest snapshot of every job in the ledger, newest job first."""
        self._check_open()
        return self._engine.snapshots(limit, **conditions)

    # -- files and account -----------------------------------------------------------------

    def asset(self, path: str | os.PathLike[str]) -> str:
        """Put a local file where the service can fetch it, and return its URL.

        Raises:
            SourceError: there is no such file, it is empty or too large.
            SettingsError: the live API is meant, and no asset store is set.
        """
        content = file_content(path, self.settings.limits.upload_max_bytes)
        return self.run(self.asset_async(*content))

    async def asset_async(self, data: bytes, name: str) -> str:
        """Like `asset`, for bytes and as a coroutine for `start`."""
        most = self.settings.limits.upload_max_bytes
        if not 0 < len(data) <= most:
            what = f"too large (at most {most:,} bytes)" if data else "empty"
            raise SourceError(f"the file {name!r} is {what}", hint="check the file")
        return await self._engine.put_asset(data, name)

    def credits(self) -> Decimal:
        """Return the credits left on the account (0 locally: rendering here costs nothing)."""
        return self.run(self.credits_async())

    async def credits_async(self) -> Decimal:
        """Like `credits`, as a coroutine for `start`."""
        return await self._engine.client.credits()

    def projects(self) -> list[Project]:
        """Return the account's active projects."""
        return self.run(self.projects_async())

    async def projects_async(self) -> list[Project]:
        """Like `projects`, as a coroutine for `start`."""
        return await self._engine.client.projects()

    def mapping_fields(self, project_id: str) -> MappingFields:
        """Return the fields that a project's template takes in `values`.

        Raises:
            NotFoundError: there is no such project for this key.
        """
        return self.run(self._engine.client.mapping_fields(project_id))

    # -- what handles and displays build on ------------------------------------------------

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Start a coroutine on the background loop from any thread; return its future."""
        self._check_open(work)
        future = self._loop.start(work)
        self._outstanding.add(future)
        future.add_done_callback(self._outstanding.discard)
        return future

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the background loop and wait for it."""
        self._check_open(work)
        try:
            return self._loop.run(work)
        except TfiError as error:
            failure = error.with_traceback(None)
        # raised anew outside the handler: a short traceback, without the loop's frames
        raise failure

    def latest(self, row: JobSnapshot) -> JobSnapshot:
        """Return the newest snapshot of the row's job."""
        return self._engine.latest(row)

    def subscribe(self, listener: Callable[[JobSnapshot], None]) -> Callable[[], None]:
        """Call `listener` with every change, on the loop's thread; return what ends it."""
        return self._engine.subscribe(listener)

    async def settled(self, row: JobSnapshot) -> None:
        """Wait until the job has ended and its video is here, or it is no longer watched."""
        await self._engine.settled(row)

    async def download_async(self, row: JobSnapshot) -> Path:
        """Fetch a finished job's video and note its path."""
        return await self._engine.download(row)

    # -- life ------------------------------------------------------------------------------

    def resume(self) -> None:
        """Go on after an outage at once, and watch what an earlier kernel has left."""
        self.run(self._engine.resume())

    @property
    def closed(self) -> bool:
        """True once it was closed, and in a forked child, which must open its own."""
        return self._closed or os.getpid() != self._pid

    def close(self) -> None:
        """End the watching, the connections and the local service. Jobs stay in the ledger."""
        if self.closed:
            return
        self._closed = True
        atexit.unregister(self.close)
        self._loop.run(self._aclose(), timeout_s=2 * self.settings.limits.close_grace_s)
        if self.settings.embedded:
            embedded.give_back(self.settings)
        self._ledger.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def __repr__(self) -> str:
        """Name the service and the key's source."""
        state = "closed workspace" if self.closed else "Workspace"
        return f"<{state} {self.settings.service_name}, key from {self.settings.api_key.source}>"

    async def _aclose(self) -> None:
        await self._engine.drain()
        for future in tuple(self._outstanding):
            future.cancel()
        self.painter.close()
        await self._engine.aclose()

    async def _watch_all(self, rows: list[JobSnapshot]) -> None:
        for row in rows:
            self._engine.watch(row)

    def _check_open(self, work: Coroutine[Any, Any, Any] | None = None) -> None:
        if not self.closed:
            return
        if work is not None:
            work.close()
        raise SettingsError(
            "this workspace is closed",
            hint="tfi.connect() opens another; tfi.job(id) takes a job up there",
        )
