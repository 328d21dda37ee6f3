"""One request to the API: key, limits on time and size, and what its outcome means.

Rules, each with its reason:

- Redirects are errors: httpx would carry `x-api-key` along to the other host.
- The key goes to the origin of `base_url` and nowhere else; files are fetched without it.
- The whole call has a deadline: httpx's own time-outs are per read.
- Errors are raised outside the handlers, so that no traceback holds a request with its headers.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tfi_notebook import http
from tfi_notebook.contract.records import error_text
from tfi_notebook.errors import (
    ApiError,
    AuthError,
    BadResponseError,
    NotFoundError,
    NotSentError,
    RateLimitedError,
    RedirectError,
    RejectedError,
    ServiceError,
    SourceError,
    by_code,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from tfi_notebook.settings import Settings

OK_MAX = 299
REDIRECT_MAX = 399
SERVER_ERROR_MIN = 500


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, its JSON body already parsed (None if it was no JSON)."""

    status_code: int
    body: object
    retry_after: str | None = None


class Transport:
    """Sends single requests for one connection; never retries.

    Args:
        settings: address, key and limits.
        app_transport: in-process way to an embedded service; None talks over the network.
    """

    def __init__(
        self, settings: Settings, app_transport: http.AsyncBaseTransport | None = None
    ) -> None:
        self._settings = settings
        self._embedded = app_transport is not None
        timeout_s = settings.limits.request_timeout_s
        self._api = http.open_client(
            timeout_s=timeout_s, transport=app_transport, base_url=settings.base_url
        )
        self._files = http.open_client(timeout_s=timeout_s, transport=app_transport)

    async def aclose(self) -> None:
        """Close both clients."""
        await self._api.aclose()
        await self._files.aclose()

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json_body: object = None,
        content: bytes | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """Send one request with the key and return its answer, whatever its status.

        Raises:
            NotSentError: it failed before a byte was sent.
            ServiceError: it failed later; the server may have acted on it.
        """
        extensions, nothing_sent = http.nothing_was_sent()
        request = self._api.build_request(
            method, path, params=params, json=json_body, content=content,
            headers={"x-api-key": self._settings.api_key.reveal()}, extensions=dict(extensions),
        )  # fmt: skip
        failure: ApiError
        try:
            async with asyncio.timeout(timeout_s or self._settings.limits.request_timeout_s):
                return await self._answer(request)
        except TimeoutError:
            reason = "the service did not answer in time"
        except http.BodyTooLargeError as error:
            reason = f"the service's answer was refused: {error}"
        except (http.HTTPError, OSError) as error:
            reason = f"the connection failed ({type(error).__name__})"
        # an embedded service has no wire to watch: what was begun counts as sent
        never_left = nothing_sent() and not self._embedded
        failure = NotSentError(reason) if never_left else ServiceError(reason)
        raise failure

    async def _answer(self, request: http.Request) -> Answer:
        response = await self._api.send(request, stream=True)
        try:
            raw = await http.read_capped(response, self._settings.limits.json_max_bytes)
        finally:
            await response.aclose()
        return Answer(response.status_code, _json(raw), response.headers.get("retry-after"))

    @contextlib.asynccontextmanager
    async def open_file(self, url: str) -> AsyncIterator[http.Response]:
        """Stream a stored file without the key; the caller bounds time and size.

        Raises:
            ApiError: the server answered with anything but 200.
            ServiceError: the connection failed.
        """
        failure: ApiError | None = None
        try:
            async with self._files.stream("GET", url) as response:
                check(Answer(response.status_code, None), "the file")
                yield response
        except http.HTTPError as error:
            failure = ServiceError(f"the connection failed ({type(error).__name__})")
        if failure is not None:
            raise failure


def check(answer: Answer, what: str) -> object:
    """Return the body of a 2xx answer, or raise what its status means.

    Args:
        answer: the answer.
        what: what was asked for, for the message.

    Raises:
        RedirectError, AuthError, NotFoundError, RateLimitedError, ServiceError, RejectedError:
            by status code. A local service's `code` brings back the very class it raised.
    """
    status = answer.status_code
    if status <= OK_MAX:
        if answer.body is None and what != "the file":
            raise BadResponseError(f"{what}: the service's answer is no JSON", status_code=status)
        return answer.body
    text = http.redact(error_text(answer.body))
    message = f"{what}: HTTP {status}" + (f", {text}" if text else "")
    if status <= REDIRECT_MAX:
        raise RedirectError(message, status_code=status)
    if source_error := _typed(answer.body):
        raise source_error
    raise _class_of(status)(message, status_code=status)


def _class_of(status: int) -> type[ApiError]:
    if status >= SERVER_ERROR_MIN:
        return ServiceError
    known = {401: AuthError, 403: AuthError, 404: NotFoundError, 429: RateLimitedError}
    return known.get(status, RejectedError)


def _typed(body: object) -> SourceError | None:
    """Bring back a picture or sound error that the local service has named by its `code`."""
    fields: dict[str, Any] = body if isinstance(body, dict) else {}
    cls = by_code().get(str(fields.get("code")))
    if cls is None or not issubclass(cls, SourceError):
        return None
    error = cls(
        http.redact(error_text(fields)),
        hint=http.redact(fields.get("hint") or ""),
        field=http.redact(fields["field"]) if fields.get("field") else None,
    )
    if isinstance(fields.get("score"), (int, float)) and hasattr(error, "score"):
        error.score = float(fields["score"])
    return error


def _json(raw: bytes) -> object:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None
