"""Fetching a user-given URL without being led into this machine or its network.

Each host is resolved here once, every address it has is judged, and the connection goes to a
judged address: the URL is rewritten to the number, while the `Host` header and the name that
TLS checks stay the host's own. So nothing is sent to a refused address, not even the first
packet of a handshake, and a name server that changes its answer in between changes nothing.
(Looking at the peer of an open connection instead would already have knocked at that door.)
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tfi_notebook import http
from tfi_notebook.errors import UnreachableSourceError
from tfi_notebook.local.addresses import address_problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Resolver = Callable[[str, int], Awaitable[list[str]]]

DEADLINE_S = 10.0
REDIRECTS_MAX = 3
_OK = 200
_OWN_FILES_HINT = (
    "for a file of your own use tfi.asset(path), which gives a URL; "
    "TFI_LOCAL_PRIVATE_URLS=1 lets a service that starts then fetch from private addresses"
)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Fetched(NamedTuple):
    """A file, and what its server says that it is: a media type such as `image/png`, or ""."""

    data: bytes
    media_type: str


async def resolve_host(host: str, port: int) -> list[str]:
    """Return the IP addresses of a host, by the system's resolver, without repetition."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def fetch(
    url: str,
    *,
    field: str,
    max_bytes: int,
    allow_private: bool = False,
    deadline_s: float = DEADLINE_S,
    resolve: Resolver = resolve_host,
) -> Fetched:
    """Fetch a file by http or https.

    Args:
        url: the address, as the payload gave it.
        field: the payload field it came from, for the error.
        max_bytes: largest body that is taken; reading stops there.
        allow_private: also reach loopback and private networks (see `address_problem`).
        deadline_s: time for everything, redirects and body included.
        resolve: gives the addresses of a host and port.

    Returns:
        The body of the first answer that is no redirect, and its type.

    Raises:
        UnreachableSourceError: refused, unreachable, too slow, too large, redirected more than
            `REDIRECTS_MAX` times, or answered with another status than 200. The text holds no
            query string.
    """
    hint = ""
    try:
        async with (
            asyncio.timeout(deadline_s),
            http.open_client(timeout_s=deadline_s) as client,
        ):
            reach = _Reach(allow_private, resolve)
            return await _follow(client, url, max_bytes, reach)
    except _RefusedError as refused:
        reason, hint = refused.reason, refused.hint
    except TimeoutError:
        reason = f"did not answer within {deadline_s:g} s"
    except http.BodyTooLargeError as error:
        reason = f"was refused: {error}"
    except (http.HTTPError, OSError) as error:
        reason = f"the connection failed ({type(error).__name__})"
    # raised outside the handlers, so that no traceback shows the request with its query
    raise UnreachableSourceError(f"{http.redact(url)} {reason}", hint=hint, field=field)


class _RefusedError(Exception):
    """Why one hop was refused; `fetch` turns it into its typed error."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


@dataclass(frozen=True, slots=True)
class _Reach:
    """How far a fetch may go: which addresses, found by which resolver."""

    allow_private: bool
    resolve: Resolver

    async def addresses(self, url: http.URL) -> list[str]:
        """Resolve the host; one refused address among several refuses the host."""
        try:
            found = await self.resolve(url.host, url.port or _DEFAULT_PORTS[url.scheme])
        except (OSError, UnicodeError):
            found = []
        if not found:
            raise _RefusedError("cannot be reached: its host name is not known")
        for address in found:
            problem = address_problem(address, allow_private=self.allow_private)
            if problem:
                raise _RefusedError(f"is refused: {url.host} is {problem}", _OWN_FILES_HINT)
        return found


async def _follow(client: http.AsyncClient, url: str, max_bytes: int, reach: _Reach) -> Fetched:
    here = _parsed(url)
    for _ in range(REDIRECTS_MAX + 1):
        addresses = await reach.addresses(here)
        response = await _get(client, here, addresses)
        try:
            if response.status_code == _OK:
                return Fetched(await http.read_capped(response, max_bytes), _media_type(response))
            here = _next_hop(here, response)
        finally:
            await response.aclose()
    raise _RefusedError(f"was redirected more than {REDIRECTS_MAX} times")


def _media_type(response: http.Response) -> str:
    told: str = response.headers.get("content-type", "")
    return told.partition(";")[0].strip().lower()


def _parsed(url: str | http.URL) -> http.URL:
    try:
        parsed = http.URL(url)
    except http.InvalidURL:
        raise _RefusedError("is not a URL") from None
    if parsed.scheme not in _DEFAULT_PORTS or not parsed.host:
        raise _RefusedError("is not an http or https URL with a host")
    if parsed.userinfo:
        raise _RefusedError("carries a user name")
    return parsed


async def _get(client: http.AsyncClient, url: http.URL, addresses: list[str]) -> http.Response:
    """Send the request to the first address that takes the connection."""
    for address in addresses[:-1]:
        try:
            return await client.send(http.request_to_address(client, url, address), stream=True)
        except http.CONNECT_ERRORS:
            continue
    return await client.send(http.request_to_address(client, url, addresses[-1]), stream=True)


def _next_hop(here: http.URL, response: http.Response) -> http.URL:
    location = response.headers.get("location")
    if response.status_code not in _REDIRECTS or not location:
        raise _RefusedError(f"answered HTTP {response.status_code}")
    return _parsed(here.join(location))
