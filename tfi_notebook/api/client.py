"""The API's endpoints, written once, asynchronously."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfi_notebook.api.transport import SERVER_ERROR_MIN, Answer, Transport, check
from tfi_notebook.contract.records import (
    JOB_ID_PATTERN,
    JobRecord,
    Project,
    SignedUrl,
    SubmitReceipt,
    parse_credits,
)
from tfi_notebook.errors import (
    BadResponseError,
    NotFoundError,
    RateLimitedError,
    ServiceError,
    SubmitUnknownError,
)

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from decimal import Decimal

    from tfi_notebook import http
    from tfi_notebook.contract.payloads import TalkingVideoPayload
    from tfi_notebook.settings import Settings

SERVICE_UNAVAILABLE = 503


class AsyncClient:
    """Speaks the API over one `Transport`. Nothing here retries; `jobs` decides about that.

    Args:
        settings: address, key and limits.
        app_transport: in-process way to an embedded service; None talks over the network.
    """

    def __init__(
        self, settings: Settings, app_transport: http.AsyncBaseTransport | None = None
    ) -> None:
        self._limits = settings.limits
        self._transport = Transport(settings, app_transport)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    async def create_job(self, payload: TalkingVideoPayload) -> SubmitReceipt:
        """Submit a payload: one POST, never repeated.

        Returns:
            The receipt with the job's id.

        Raises:
            NotSentError: nothing was sent; a retry is safe.
            RejectedError, AuthError, SourceError, RateLimitedError, ...: refused; nothing made.
            SubmitUnknownError: sent, but the answer was lost or unusable; the job may exist.
        """
        lost: str
        try:
            answer = await self._transport.request(
                "POST", "/jobs/v2", json_body=payload.body(),
                timeout_s=self._limits.submit_timeout_s,
            )  # fmt: skip
            if answer.status_code < SERVER_ERROR_MIN:
                return SubmitReceipt.parse(check(answer, "submit"))
            _raise_if_turned_away(answer)
            lost = f"the service answered HTTP {answer.status_code}"
        except BadResponseError as error:
            lost = error.message
        except ServiceError as error:
            lost = error.message
        raise SubmitUnknownError(f"submit: {lost}; whether a job was made is not known")

    async def get_job(self, job_id: str) -> JobRecord:
        """Read one job row.

        Raises:
            NotFoundError: there is no such job (HTTP 404, or 200 with "Job not found").
        """
        if not JOB_ID_PATTERN.fullmatch(job_id):
            raise NotFoundError("this is no job id")
        return JobRecord.parse(check(await self._get(f"/jobs/{job_id}"), "job"))

    async def sign(self, key: str) -> SignedUrl:
        """Return a temporary URL of a stored file. It is a credential: never show or store it."""
        answer = await self._transport.request(
            "GET", "/storage/generate-signed-path", params={"path": key}
        )
        return SignedUrl.parse(check(answer, "signed path"))

    async def credits(self) -> Decimal:
        """Return the credits left on the account."""
        return parse_credits(check(await self._get("/auth/credits"), "credits"))

    async def projects(self) -> list[Project]:
        """Return the account's active projects."""
        return Project.parse_all(
            check(await self._get("/api/provider/projects/active"), "projects")
        )

    async def upload_asset(self, data: bytes, name: str) -> str:
        """Put a file into a local service's asset store and return its URL (no such thing live)."""
        answer = await self._transport.request(
            "POST", "/local/assets", params={"name": name}, content=data
        )
        body = check(answer, "asset")
        url = body.get("url") if isinstance(body, dict) else None
        if not isinstance(url, str):
            raise BadResponseError("asset: the service gave no URL for the file")
        return url

    def open_file(self, url: str) -> AbstractAsyncContextManager[http.Response]:
        """Stream a file from a signed URL, without the key."""
        return self._transport.open_file(url)

    async def _get(self, path: str) -> Answer:
        return await self._transport.request("GET", path)


def _raise_if_turned_away(answer: Answer) -> None:
    """A 503 with Retry-After is a polite refusal before any work; other 5xx tell nothing."""
    if answer.status_code == SERVICE_UNAVAILABLE and answer.retry_after is not None:
        raise RateLimitedError("submit: the service is busy (HTTP 503)", status_code=503)
