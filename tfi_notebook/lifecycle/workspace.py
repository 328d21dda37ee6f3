"""One connection, as a person holds it: the sync face of the engine on the background loop."""

from __future__ import annotations

import atexit
import logging
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NoReturn, Self

from tfi_notebook import http
from tfi_notebook.api.client import AsyncClient
from tfi_notebook.contract.local import sample_fields
from tfi_notebook.contract.payloads import TalkingVideoPayload, build_payload
from tfi_notebook.contract.templates import TemplatePayload, build_template_payload
from tfi_notebook.display.painter import Painter
from tfi_notebook.errors import ArgumentError, LedgerError
from tfi_notebook.lifecycle import embedded, filters
from tfi_notebook.lifecycle.account import Account
from tfi_notebook.lifecycle.engine import Engine
from tfi_notebook.lifecycle.given import checked_force, checked_id, checked_payload
from tfi_notebook.lifecycle.job import Job
from tfi_notebook.lifecycle.joblist import JobList
from tfi_notebook.lifecycle.ledger import Ledger
from tfi_notebook.lifecycle.medium import BUSY_TIMEOUT_S
from tfi_notebook.lifecycle.resolve import UnresolvedJobs, unresolved
from tfi_notebook.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from uuid import UUID

    from tfi_notebook.contract.model import Payload
    from tfi_notebook.contract.snapshot import JobSnapshot

_log = logging.getLogger(__name__)


class Workspace(Account):
    """Submits, follows and fetches jobs over one connection. Made by `connect`.

    Works as a context manager; closing it ends the watching, not the jobs.

    Args:
        settings: the resolved connection.

    Attributes:
        endings: called on the background loop when it closes, before the ledger does.

    Raises:
        LedgerError: the ledger cannot be opened.
        MissingExtraError: the local service is meant, and its packages are not installed.
    """

    def __init__(self, settings: Settings) -> None:
        if not isinstance(settings, Settings):
            raise ArgumentError(
                "must be a Settings", field="settings", hint="tfi.connect() makes a workspace"
            )
        super().__init__()
        self.settings = settings
        with ExitStack() as undo:  # what was opened is closed again if the rest fails
            self._ledger = Ledger(settings.ledger_path, life_s=settings.limits.sign_of_life_s)
            undo.callback(self._ledger.close)
            client = AsyncClient(settings, self._way(undo))
            self._engine = Engine(settings, client, self._ledger)
            self._previews = embedded.Previews(settings)
            self.resolver = self._engine.resolver
            self.endings: set[Callable[[], None]] = set()
            self.painter = Painter(self.start, settings.limits.board_interval_s)
            self._engine.subscribe(lambda _row: self.painter.changed())
            self.run(self._engine.resume())
            atexit.register(self._close_at_exit)
            undo.pop_all()

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
        checked, paid_again = checked_payload(payload), checked_force(force)
        return self.run(self.submit_async(checked, force=paid_again))

    async def submit_async(self, payload: Payload, *, force: bool = False) -> Job:
        """Like `submit`, as a coroutine for `start` (it belongs to the background loop)."""
        return Job(self, await self._engine.submit(payload, force=force))

    def job(self, job_id: str | UUID) -> Job:
        """Take up a job by the API's id, or by the key that the ledger gave it.

        Raises:
            NotFoundError: neither the ledger nor the service knows it.
        """
        name = checked_id(job_id, "job", "tfi.jobs() lists the jobs")
        return Job(self, self.run(self.resolver.take_up(name)))

    def jobs(self, limit: int | None = None, **conditions: Any) -> JobList:  # noqa: ANN401 - listed below
        """Return the jobs in the ledger, newest first, whatever kernel has submitted them.

        Args:
            limit: this many at most.
            **conditions: only those with this `status`, `service` or `version` (or one of
                several), or submitted `since` a moment: `"2026-11-01"`, a datetime, a date, Unix
                seconds, or a timedelta back from now.

        Raises:
            ArgumentError: naming a condition that there is not, or whose value cannot be one.

        Example:
            >>> tfi.jobs(20, status="failed", since="2026-11-01")      # doctest: +SKIP
        """
        rows = self.snapshots(limit, **conditions)
        mine = [row for row in rows if row.service == self.settings.service_name and row.job_id]
        self.run(self._watch_all([row for row in mine if not row.status.is_final]))
        return JobList(self, [Job(self, row) for row in rows])

    def unresolved(self) -> UnresolvedJobs:
        """Return the jobs whose submit had no answer, with the credits that may be lost.

        Each has three ways out: `resubmit()`, `adopt(job_id)` and `write_off()`.
        """
        self.check_open()
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
        """Return the newest snapshots of the jobs in the ledger, newest job first; as `jobs`."""
        self.check_open()
        return self._engine.snapshots(**filters.checked(limit, conditions))

    # -- what handles and displays build on ------------------------------------------------

    @property
    def engine(self) -> Engine:
        """What is at work on the loop, for what is built on a workspace."""
        self.check_open()
        return self._engine

    def latest(self, row: JobSnapshot) -> JobSnapshot:
        """Return the newest snapshot of the row's job."""
        return self._engine.latest(row)

    def subscribe(self, listener: Callable[[JobSnapshot], None]) -> Callable[[], None]:
        """Call `listener` with every change, on the loop's thread; return what ends it."""
        if not callable(listener):
            raise ArgumentError(
                "must be callable", field="listener", hint="subscribe(lambda row: ...)"
            )
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

    def close(self) -> None:
        """End the watching, the connections and the local service. Jobs stay in the ledger.

        Raises:
            LedgerError: the ledger did not take what was left to write; the jobs' ids are named.
        """
        if self.closed:
            return
        self._closed = True
        atexit.unregister(self._close_at_exit)
        failure = None
        try:
            self._loop.run(self._aclose(), self._longest_close_s())
        except LedgerError as error:
            failure = error.with_traceback(None)
        finally:
            self._previews.close()
            if self.settings.embedded:
                embedded.give_back(self.settings)
            self._ledger.close()
        if failure is not None:
            raise failure

    def _longest_close_s(self) -> float:
        """The grace for answers, the one for the ledger, and some writes to a locked one."""
        return 2 * self.settings.limits.close_grace_s + 4 * BUSY_TIMEOUT_S

    def _close_at_exit(self) -> None:
        try:
            self.close()
        except LedgerError as error:
            _log.error("%s", error)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse pickling and copying: it holds connections, threads and a key.

        Raises:
            TypeError: always.
        """
        raise TypeError("a workspace is neither pickled nor copied: call tfi.connect() there")

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

    def _way(self, undo: ExitStack) -> http.AsyncBaseTransport | None:
        """The way into the service of this process; None if it is reached over the network."""
        if not self.settings.embedded:
            return None
        service = embedded.borrow(self.settings)
        undo.callback(embedded.give_back, self.settings)
        return http.asgi_transport(service.app)

    async def _aclose(self) -> None:
        try:
            await self._engine.drain()
        finally:
            self._cancel_outstanding()
            self.painter.close()
            try:
                await self._engine.aclose()
            finally:
                for end in tuple(self.endings):
                    end()

    async def _watch_all(self, rows: list[JobSnapshot]) -> None:
        for row in rows:
            self._engine.watch(row)
