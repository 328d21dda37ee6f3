"""The only importer of httpx: what the API client and the local service's fetcher share.

A switch to an API-compatible successor of httpx is a change of this one file.
"""

from __future__ import annotations

import functools
import logging
import re
import ssl
import sys
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tfi_notebook import credentials
from tfi_notebook.keys import mask

# httpx loads its command line with it where click, rich and pygments are installed, as beside
# JupyterLab they are: a quarter of what the first connection imports, and nothing here uses it
_loaded: dict[str, Any] = sys.modules
_loaded.setdefault("httpx._main", None)  # Python's word for "is not there"
import httpx  # noqa: E402 - see above

if _loaded["httpx._main"] is None:
    del _loaded["httpx._main"]  # whoever wants it, imports it

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

AsyncClient = httpx.AsyncClient
AsyncBaseTransport = httpx.AsyncBaseTransport
AsyncByteStream = httpx.AsyncByteStream
Request = httpx.Request
Response = httpx.Response
Timeout = httpx.Timeout
URL = httpx.URL
HTTPError = httpx.HTTPError
"""Base of every transport failure (connection, time-out, broken answer)."""
CONNECT_ERRORS = (httpx.ConnectError, httpx.ConnectTimeout)
"""No connection was made: another address of the host may be tried."""
InvalidURL = httpx.InvalidURL

_INVISIBLE = re.compile("[\\u200b-\\u200d\\u2060-\\u2064\\ufeff]")
_UNPRINTABLE = re.compile(
    "[\\x00-\\x09\\x0b-\\x1f\\x7f-\\x9f\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2069\\ufeff]"
)


_CLEANED_LOGGERS = (
    "httpx", "httpcore.connection", "httpcore.http11", "asyncio",
    "tfi_notebook.display.painter", "tfi_notebook.lifecycle.feed", "tfi_notebook.lifecycle.tracker",
    "tfi_notebook.local.renderers", "tfi_notebook.local.replies", "tfi_notebook.local.routes",
    "tfi_notebook.local.tasks", "tfi_notebook.local.worker", "tfi_notebook.sweeps.led",
    "tfi_notebook.lifecycle.workspace", "tfi_notebook.widgets.form",
    "tfi_notebook.widgets.form_requests", "tfi_notebook.widgets.part",
    "tfi_notebook.widgets.payload_box",
)  # fmt: skip
_LOG_MAX_CHARS = 20_000


class HeldBackError(Exception):
    """The first byte of a request was held back."""


class BodyTooLargeError(Exception):
    """A body had more bytes than the caller allows."""


def open_client(
    *, timeout_s: float, transport: AsyncBaseTransport | None = None, base_url: str = ""
) -> AsyncClient:
    """Return an AsyncClient that follows no redirects, keeps no cookies, and asks for no proxy.

    Args:
        timeout_s: time-out of each connect, read and write; the caller bounds the whole call.
        transport: another way to the server, such as `asgi_transport(app)`.
        base_url: prefix of relative URLs.
    """
    return httpx.AsyncClient(
        transport=transport,
        base_url=base_url,
        timeout=timeout_s,
        follow_redirects=False,
        trust_env=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        headers={"accept-encoding": "identity", "user-agent": "tfi-notebook"},
    )


def open_lane(url: URL, *, keepalive_s: float) -> AsyncBaseTransport:
    """Return a transport that holds one single connection, for the origin of `url`.

    Args:
        url: any URL of the origin; only https loads the certificates, once per process.
        keepalive_s: how long an idle connection may be used again. It must be shorter than the
            server's own limit, or a request meets a connection that is just being closed.
    """
    _spare_the_search()
    return httpx.AsyncHTTPTransport(
        verify=_trusted() if url.scheme == "https" else _trusts_nobody(),
        trust_env=False,
        limits=httpx.Limits(
            max_connections=1, max_keepalive_connections=1, keepalive_expiry=keepalive_s
        ),
    )


@functools.cache
def _spare_the_search() -> None:
    """Let httpcore see at once that this is asyncio: a fifth of a request's time.

    In every lock it imports `sniffio` to find out, and where that is not installed Python goes
    through all of `sys.path` in vain. Trio cannot be running unless somebody has imported it.
    """
    from httpcore import _synchronization as locks  # noqa: PLC0415 - httpx loads it late as well

    ask = getattr(locks, "current_async_library", None)
    if ask is not None:
        locks.current_async_library = lambda: ask() if "sniffio" in sys.modules else "asyncio"


def has_leftover(lane: AsyncBaseTransport) -> bool:
    """Tell whether a lane has read more than the answer it gave out.

    Such bytes would be taken for the answer to the next request on that connection. The library
    has no public way to ask, so a lane that cannot be looked into counts as unclean.

    Args:
        lane: from `open_lane`, after an answer was read to its end.
    """
    try:
        inner = [held._connection for held in lane._pool.connections]  # type: ignore[attr-defined]  # noqa: SLF001 - see above
        return any(bool(each._h11_state.trailing_data[0]) for each in inner if each)  # noqa: SLF001 - see above
    except AttributeError:
        return True


@functools.cache
def _trusted() -> ssl.SSLContext:
    """The public certificate authorities: some 20 ms to load, so they are shared."""
    return httpx.create_ssl_context(trust_env=False)


@functools.cache
def _trusts_nobody() -> ssl.SSLContext:
    """For plain http: a TLS handshake with it would fail, as it knows no authority."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def asgi_transport(app: Callable[..., Any]) -> AsyncBaseTransport:
    """Return a transport that hands requests to an ASGI app in this process, with no port.

    An exception inside the app becomes its HTTP 500, as it would on a wire.
    """
    return httpx.ASGITransport(app=app, raise_app_exceptions=False)


def request_to_address(
    client: AsyncClient, url: URL, address: str, *, connect_timeout_s: float = 3.0
) -> Request:
    """Build a GET that connects to a given IP address instead of resolving the URL's host.

    The `Host` header and the name that TLS verifies stay those of the URL.

    Args:
        client: the client that will send it.
        url: the absolute URL.
        address: IPv4 or IPv6 address to connect to.
        connect_timeout_s: time for the connection; a host may have more than one address.

    Example:
        >>> url = URL("https://example.com:8443/a.png")
        >>> request = request_to_address(open_client(timeout_s=1), url, "2001:db8::1")
        >>> str(request.url), request.headers["host"]
        ('https://[2001:db8::1]:8443/a.png', 'example.com:8443')
    """
    return client.build_request(
        "GET",
        url.copy_with(host=address),
        headers={"host": url.netloc.decode("ascii")},
        extensions={"sni_hostname": url.raw_host.decode("ascii")},
        timeout=httpx.Timeout(client.timeout.read, connect=connect_timeout_s),
    )


async def read_capped(response: Response, max_bytes: int) -> bytes:
    """Read a streamed body of at most `max_bytes`.

    Raises:
        BodyTooLargeError: the body is longer, or compressed although identity was asked for.
    """
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise BodyTooLargeError("the body is compressed")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > max_bytes:
            raise BodyTooLargeError(f"the body is larger than {max_bytes:,} bytes")
    return bytes(body)


def _keep_logs_clean(record: logging.LogRecord) -> bool:
    """Take keys and the queries of signed URLs out of a log record, its traceback included."""
    record.msg, record.args = redact(record.getMessage(), _LOG_MAX_CHARS), None
    if record.exc_info:
        text = logging.Formatter().formatException(record.exc_info)
        record.exc_text, record.exc_info = redact(text, _LOG_MAX_CHARS), None
    return True


for _name in _CLEANED_LOGGERS:
    logging.getLogger(_name).addFilter(_keep_logs_clean)


def origin(url: str) -> str:
    """Return scheme, host and port of a URL, the unit to which a key is bound.

    Example:
        >>> origin("https://api.example.com/jobs/v2?x=1")
        'https://api.example.com'
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def redact(text: object, max_chars: int = 500) -> str:
    """Return foreign text fit to be shown or stored: no query strings, no control characters.

    Signed URLs are bearer credentials, so every URL loses its query, and what else of it is a
    credential (`tfi_notebook.credentials`); so does an address without its host. Services repeat
    a wrong key in their answers, so every key that is in use is masked.

    Example:
        >>> redact("GET https://cdn.example.com/a.mp4?token=abc failed")
        'GET https://cdn.example.com/a.mp4 failed'
    """
    # first what is invisible: a key with such a character inside would not be recognised
    plain = _UNPRINTABLE.sub(" ", _INVISIBLE.sub("", str(text)))
    if "//" in plain:
        plain = credentials.URL.sub(lambda found: credentials.shown(found[0]), plain)
    if "=" in plain:
        plain = credentials.PAIR.sub(_without_credential, plain)
    plain = mask(plain).strip()
    return plain if len(plain) <= max_chars else plain[: max_chars - 1] + "…"


def _without_credential(found: re.Match[str]) -> str:
    return "" if credentials.is_credential(found[0][1:]) else found[0]


def nothing_was_sent(
    may_send: Callable[[], bool] | None = None,
) -> tuple[Mapping[str, Any], Callable[[], bool]]:
    """Return request extensions that watch the wire, and a function that tells the outcome.

    httpcore reports `send_request_headers.started` just before the first byte leaves. When a
    request fails and that event never came, the server cannot have seen it.

    Args:
        may_send: asked at that moment; False ends the request with a `HeldBackError`.

    Returns:
        The `extensions` for the request, and a callable: True while nothing was sent.
    """
    seen: list[str] = []

    async def trace(event: str, _info: Mapping[str, Any]) -> None:
        if event.endswith("send_request_headers.started"):
            if may_send is not None and not may_send():
                raise HeldBackError
            seen.append(event)

    return {"trace": trace}, lambda: not seen
