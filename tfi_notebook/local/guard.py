"""What every answer of the served app has in common: a checked Host and no guessed types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tfi_notebook.settings import LOCAL_BASE_URL, LOOPBACK_HOSTS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[Message, Receive, Send], Awaitable[None]]

_FORBIDDEN = 403


def allowed_hosts(base_url: str) -> frozenset[str]:
    """Return the host names by which a service at `base_url` may be addressed.

    Example:
        >>> sorted(allowed_hosts("https://render.example.com/tfi"))
        ['render.example.com', 'tfi.localhost']
    """
    own = {_host(base_url), _host(LOCAL_BASE_URL)}
    on_this_machine = _host(base_url) in LOOPBACK_HOSTS
    return frozenset(own | LOOPBACK_HOSTS if on_this_machine else own)


class Guard:
    """ASGI middleware: refuses foreign Host headers, forbids browsers to guess types.

    A web page can make its own name resolve to this machine (DNS rebinding) and so read a
    service on loopback; its requests then still carry the page's name as their Host.

    Args:
        app: the app behind it.
        hosts: allowed host names.
    """

    def __init__(self, app: App, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Hand a request on, or answer 403."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if _host("//" + headers.get(b"host", b"").decode("latin-1")) not in self._hosts:
            await _refuse(send)
            return

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message.get("headers", []),
                    (b"x-content-type-options", b"nosniff"),
                ]
            await send(message)

        await self._app(scope, receive, send_marked)


async def _refuse(send: Send) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": _FORBIDDEN, "headers": headers})
    body = b'{"message":"this service is not addressed by that host name"}'
    await send({"type": "http.response.body", "body": body})


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
