"""The API's endpoints, written once, asynchronously."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from tfi_notebook.api.calls import Caller, turned_away
from tfi_notebook.api.transport import SERVER_ERROR_MIN, Answer, Transport, check
from tfi_notebook.contract.records import (
    JOB_ID_PATTERN,
    JobRecord,
    MappingFields,
    Project,
    SignedUrl,
    SubmitReceipt,
    parse_credits,
    parse_triggered,
)
from tfi_notebook.errors import (
    ApiError,
    BadResponseError,
    NotFoundError,
    NotSentError,
    PayloadError,
    RateLimitedError,
    RejectedError,
    ServiceDownError,
    ServiceError,
    SourceError,
    SubmitUnknownError,
)
from tfi_notebook.http import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractAsyncContextManager
    from decimal import Decimal

    from tfi_notebook import http
    from tfi_notebook.api.calls import Gate
    from tfi_notebook.api.retry import Outage
    from tfi_notebook.contract.links import HasBody
    from tfi_notebook.settings import Settings

S = TypeVar("S")
T = TypeVar("T")
NO_STORAGE = 507
MAY_HAVE_ACTED = {300, 302, 303, 304}
"""Redirects that a server may send after it did the work; 301, 307 and 308 come before it."""


class AsyncClient:
    """Speaks the API: every endpoint, with the repeats that are safe (see `api.calls`).

    It belongs to one event loop.

    Args:
        settings: address, key and limits.
        app_transport: in-process way to an embedded service; None talks over the network.
    """

    def __init__(
        self, settings: Settings, app_transport: http.AsyncBaseTransport | None = None
    ) -> None:
        self._transport = Transport(settings, app_transport)
        self._caller = Caller(self._transport, settings.limits)
        self._local = settings.local

    async def aclose(self) -> None:
        """Close the connections."""
        await self._caller.watch.aclose()
        await self._transport.aclose()

    # -- is the service there? -------------------------------------------------------------

    @property
    def outage(self) -> Outage | None:
        """Since when, how often and why the service fails; None while it counts as up."""
        return self._caller.watch.outage

    @property
    def is_free(self) -> bool:
        """True while a request that comes now is sent at once, without standing in line."""
        return self._caller.is_free

    async def available(self, timeout_s: float | None = None) -> None:
        """Wait while the service counts as down; return at once while it counts as up.

        While it is down, reads raise `ServiceDownError` at once, and a small request looks in
        growing pauses whether it is back.

        Args:
            timeout_s: longest wait in s; None waits without end.

        Raises:
            ServiceDownError: it is still down after `timeout_s`.
        """
        await self._caller.watch.available(timeout_s)

    def resume(self) -> None:
        """Take the service for up again, without waiting for the next look at it."""
        self._caller.watch.succeeded()

    @property
    def clock_offset_s(self) -> float:
        """How far the service's clock is ahead of this machine's, in s; 0 while not known."""
        return self._transport.clock_offset_s

    # -- jobs ------------------------------------------------------------------------------

    async def create_job(self, payload: HasBody, gate: Gate | None = None) -> SubmitReceipt:
        """Submit a payload: the service reads it at most once.

        The POST is repeated, for `submit_retry_s`, only while no connection came about or the
        service turned it away unread (429, or 503 with `Retry-After`).

        Args:
            payload: what is submitted.
            gate: is asked before each try; what its `open` raises ends the submit unsent.

        Returns:
            The receipt with the job's id.

        Raises:
            NotSentError, ServiceDownError: nothing was sent; a retry is safe.
            RejectedError, AuthError, SourceError, RateLimitedError, ...: refused; nothing made.
            SubmitUnknownError: sent, but the answer was lost or unusable; the job may exist.
        """
        body = await self._paid("/jobs/v2", payload.body(), "submit", gate)
        try:
            return _parsed(SubmitReceipt.parse, body)
        except ApiError as error:  # a success without a usable id: something was made, or not
            lost = error.message
        raise _unknown("submit", lost)

    async def trigger_job(self, ids: Sequence[str], *, confirm: bool = False) -> str:
        """Put existing jobs into the service's queue once more. It may be charged once more.

        Args:
            ids: the jobs' ids.
            confirm: must be True, as a sign that the charge is meant.

        Returns:
            The service's remark.

        Raises:
            PayloadError: not confirmed, or no ids; nothing was sent.
            NotFoundError: one of the ids is no job; whether others were queued is not known.
            SubmitUnknownError: sent, but the answer was lost; the jobs may run again.
            ApiError: refused, or nothing was sent.
        """
        problems = _trigger_problems(ids, confirm=confirm)
        if problems:
            raise PayloadError(problems, hint="trigger_job([...], confirm=True)")
        body = await self._paid("/jobs/trigger-job", {"ids": list(ids)}, "trigger")
        try:
            return redact(_parsed(parse_triggered, body))
        except BadResponseError as error:  # a success that says nothing: they run again, or not
            lost = error.message
        raise _unknown("trigger", lost)

    async def get_job(self, job_id: str) -> JobRecord:
        """Read one job row.

        Raises:
            NotFoundError: there is no such job (HTTP 404, or 200 with "Job not found").
            BadResponseError: the answer is no job row, or another job's.
        """
        if not JOB_ID_PATTERN.fullmatch(job_id):
            raise NotFoundError("this is no job id")
        record = _parsed(JobRecord.parse, await self._read(f"/jobs/{job_id}", "job"))
        if record.job_id.lower() != job_id.lower():
            raise BadResponseError("job: the service answered with another job's row")
        return record

    # -- files, account, projects ----------------------------------------------------------

    async def sign(self, key: str) -> SignedUrl:
        """Return a temporary URL of a stored file. It is a credential: never show or store it."""
        path = "/storage/generate-signed-path"
        return _parsed(SignedUrl.parse, await self._read(path, "signed path", {"path": key}))

    async def credits(self) -> Decimal:
        """Return the credits left on the account."""
        return _parsed(parse_credits, await self._read("/auth/credits", "credits"))

    async def projects(self) -> list[Project]:
        """Return the account's active projects."""
        body = await self._read("/api/provider/projects/active", "projects")
        return _parsed(Project.parse_all, body)

    async def mapping_fields(self, project_id: str) -> MappingFields:
        """Return the fields that a project's template takes in `values`.

        Raises:
            NotFoundError: there is no such project for this key.
        """
        if not JOB_ID_PATTERN.fullmatch(project_id):
            raise NotFoundError("this is no project id")
        path = f"/api/provider/projects/{project_id}/mapping-fields"
        return _parsed(MappingFields.parse, await self._read(path, "mapping fields"))

    async def upload_asset(self, data: bytes, name: str) -> str:
        """Put a file into a local service's asset store and return its URL (no such thing live)."""
        answer = await self._caller.write("/local/assets", params={"name": name}, content=data)
        body = check(answer, "asset")
        url = body.get("url") if isinstance(body, dict) else None
        if not isinstance(url, str):
            raise BadResponseError("asset: the service gave no URL for the file")
        return url

    def open_file(self, url: str) -> AbstractAsyncContextManager[http.Response]:
        """Stream a file from a signed URL, without the key."""
        return self._transport.open_file(url)

    async def _read(self, path: str, what: str, params: dict[str, str] | None = None) -> object:
        answer = await self._caller.read(path, params)
        return _parsed(lambda given: check(given, what), answer)

    async def _paid(self, path: str, body: object, what: str, gate: Gate | None = None) -> object:
        """POST what may be charged, and tell apart refused, never sent, and not known."""
        try:
            answer = await self._caller.write(path, gate, json_body=body)
            if self._local:
                _check_storage(answer, what)
            if not (lost := _what_was_lost(answer)):
                return _parsed(lambda given: check(given, what), answer)
        except (NotSentError, ServiceDownError):
            raise
        except (ServiceError, BadResponseError) as error:
            lost = error.message
        raise _unknown(what, lost)


def _what_was_lost(answer: Answer) -> str:
    """Return what an answer leaves open about a paid call; empty if it settles it."""
    status = answer.status_code
    if turned_away(answer):
        if status >= SERVER_ERROR_MIN:
            raise RateLimitedError("the service is busy (HTTP 503)", status_code=status)
        return ""
    open_ended = status >= SERVER_ERROR_MIN or status in MAY_HAVE_ACTED
    return f"the service answered HTTP {status}" if open_ended else ""


def _check_storage(answer: Answer, what: str) -> None:
    """A local service that cannot write to its disk has made nothing, and says so by its 507."""
    fields: dict[str, Any] = answer.body if isinstance(answer.body, dict) else {}
    if answer.status_code != NO_STORAGE or fields.get("code") != ServiceError.code:
        return
    try:
        check(answer, what)
    except ServiceError as error:
        refusal = RejectedError(error.message, status_code=NO_STORAGE, hint=error.hint)
    raise refusal


def _unknown(what: str, lost: str) -> SubmitUnknownError:
    made = "a job was made" if what == "submit" else "the jobs will run again"
    return SubmitUnknownError(f"{what}: {lost}; whether {made} is not known")


def _trigger_problems(ids: Sequence[str], *, confirm: bool) -> dict[str, str]:
    problems = {}
    if confirm is not True:
        problems["confirm"] = "running jobs again may be charged again"
    several = isinstance(ids, list | tuple) and len(ids) > 0
    if not several or not all(_is_id(each) for each in ids):
        problems["ids"] = "must be a list of job ids"
    return problems


def _is_id(given: object) -> bool:
    return isinstance(given, str) and JOB_ID_PATTERN.fullmatch(given) is not None


def _parsed(parse: Callable[[T], S], body: T) -> S:
    """Parse an answer; whatever it breaks in a parser, the error is the answer's."""
    try:
        return parse(body)
    except (ApiError, SourceError):
        raise
    except (ValueError, TypeError, ArithmeticError, LookupError, OSError, RecursionError):
        pass
    raise BadResponseError("the service's answer cannot be read")
