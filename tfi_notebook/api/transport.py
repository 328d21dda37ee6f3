"""One request to the API: key, limits on time and size, and what its outcome means.

Rules, each with its reason:

- Redirects are errors: httpx would carry `x-api-key` along to the other host.
- The key goes to the origin of `base_url` and nowhere else; files are fetched without it.
- The whole request has a deadline: httpx's own time-outs are per read.
- Errors are raised outside the handlers, so that no traceback holds a request with its headers.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from tfi_notebook import http
from tfi_notebook.api.lanes import LaneTransport
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
    from collections.abc import AsyncIterator, Callable, Mapping

    from tfi_notebook.settings import Settings

OK_MAX = 299
REDIRECT_MAX = 399
SERVER_ERROR_MIN = 500
INT_DIGITS_MAX = 30
HELD_BACK = "it took too long until it could be sent"


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
        self._server_date: tuple[str, float] = ("", 0.0)
        limits = settings.limits
        timeout_s = limits.request_timeout_s
        way = app_transport or LaneTransport(keepalive_s=limits.keepalive_s)
        self._api = http.open_client(timeout_s=timeout_s, transport=way, base_url=settings.base_url)
        self._files = http.open_client(
            timeout_s=timeout_s,
            transport=app_transport or LaneTransport(keepalive_s=limits.keepalive_s),
        )

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
        may_send: Callable[[], bool] | None = None,
    ) -> Answer:
        """Send one request with the key and return its answer, whatever its status.

        Args:
            method: HTTP method.
            path: from the root of `base_url`.
            params: query parameters.
            json_body: body to be sent as JSON.
            content: body to be sent as it is.
            timeout_s: time for the whole request in s; default `request_timeout_s`.
            may_send: asked right before the first byte leaves; False holds it back.

        Raises:
            NotSentError: it failed before a byte was sent.
            ServiceError: it failed later; the server may have acted on it.
            BadResponseError: the answer is too large or compressed; the server has acted on it.
        """
        total_s = timeout_s or self._settings.limits.request_timeout_s
        extensions, nothing_sent = self._watched(may_send)
        request = self._api.build_request(
            method, path, params=params, json=json_body, content=content,
            timeout=http.Timeout(total_s, connect=self._settings.limits.connect_timeout_s),
            extensions=dict(extensions),
        )  # fmt: skip
        self._add_key(request)
        failure: ApiError
        try:
            async with asyncio.timeout(total_s):
                return await self._answer(request)
        except http.BodyTooLargeError as error:
            failure = BadResponseError(f"the service's answer was refused: {error}")
        except Exception as error:  # noqa: BLE001 - a paid call must tell whether it was sent
            failure = self._broken(_what_failed(error), nothing_sent())
        raise failure

    @property
    def clock_offset_s(self) -> float:
        """How far the service's clock is ahead of this machine's, by its last `Date`; 0 if none."""
        header, received_at = self._server_date
        try:
            return parsedate_to_datetime(header).timestamp() - received_at if header else 0.0
        except (ValueError, TypeError, OverflowError, OSError):
            return 0.0

    def _watched(
        self, may_send: Callable[[], bool] | None
    ) -> tuple[Mapping[str, Any], Callable[[], bool]]:
        if self._embedded and may_send and not may_send():  # there is no wire to watch
            raise NotSentError(HELD_BACK)
        return http.nothing_was_sent(may_send)

    def _broken(self, reason: str, nothing_sent: bool) -> ApiError:  # noqa: FBT001 - named at each call
        """An embedded service has no wire to watch: there, what was begun counts as sent."""
        never_left = nothing_sent and not self._embedded
        return NotSentError(reason) if never_left else ServiceError(reason)

    def _add_key(self, request: http.Request) -> None:
        """The key is bound to the origin of `base_url`, whatever a path may be made of."""
        url, base = request.url, self._api.base_url
        if (url.scheme, url.host, url.port) != (base.scheme, base.host, base.port):
            raise RejectedError("a request to another address than base_url carries no key")
        request.headers["x-api-key"] = self._settings.api_key.reveal()

    async def _answer(self, request: http.Request) -> Answer:
        response = await self._api.send(request, stream=True)
        try:
            raw = await http.read_capped(response, self._settings.limits.json_max_bytes)
        finally:
            await response.aclose()
        self._server_date = (response.headers.get("date", ""), time.time())
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


def _what_failed(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "the service did not answer in time"
    if isinstance(error, http.HeldBackError):
        return HELD_BACK
    failed = "connection" if isinstance(error, (http.HTTPError, OSError)) else "HTTP library"
    return f"the {failed} failed ({type(error).__name__})"


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
    cls = _class_of(status)
    raise cls(message, status_code=status, hint=_own_hint(answer.body, cls))


def _class_of(status: int) -> type[ApiError]:
    if status >= SERVER_ERROR_MIN:
        return ServiceError
    known = {401: AuthError, 403: AuthError, 404: NotFoundError, 429: RateLimitedError}
    return known.get(status, RejectedError)


def _own_hint(body: object, cls: type[ApiError]) -> str:
    """Return the way out that a local service names for this very error; empty if it is another."""
    fields: dict[str, Any] = body if isinstance(body, dict) else {}
    return http.redact(fields.get("hint") or "") if fields.get("code") == cls.code else ""


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
    """Parse a body; None if it is no JSON. Numbers that no field can mean are None as well.

    An answer that names a job must not be thrown away for a strange number beside the name.
    """
    try:
        return json.loads(raw, parse_int=_int, parse_constant=lambda _word: None)
    except (ValueError, RecursionError):
        return None


def _int(digits: str) -> int | None:
    return int(digits) if len(digits) <= INT_DIGITS_MAX else None
