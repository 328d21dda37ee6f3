"""URLs that are credentials: which they are, and what of them may be kept and shown.

A signed URL opens its file for whoever has it. So payloads, ledger and displays hold the plain
URL, and the signature is made for the request that needs it (`tfi_notebook.lifecycle.cloud`).
Where a person hands in a signed URL, the signature goes to the API and is not written down.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit

NOT_KEPT = "signature=not-kept"
"""What stands in a kept URL in the place of its signature."""

_ASSET = re.compile(r"/(tfi-[0-9a-f]{64}(?:\.[a-z0-9]{1,5})?)\Z")
_SIGNERS = ("x-amz-signature", "x-goog-signature", "x-oss-signature", "signature", "sig")
_PREFIXES = ("x-amz-", "x-goog-", "x-oss-")
_PARTS = frozenset(
    {*_SIGNERS, "awsaccesskeyid", "googleaccessid", "ossaccesskeyid", "key-pair-id", "policy"}
    | {"expires", "se", "sp", "sr", "sv", "st", "spr", "sip", "skoid", "sktid", "skt", "ske"}
    | {"sks", "skv", "sdd", "saoid", "suoid", "scid", "ss", "srt"}
)


class HasBody(Protocol):
    """A checked payload of either form."""

    def body(self) -> dict[str, Any]:
        """Return the JSON body of the request."""


class Outgoing:
    """A request body with signed URLs in it: it can be sent, and neither seen nor stored."""

    __slots__ = ("_body",)

    _body: Callable[[], dict[str, Any]]

    def __init__(self, body: dict[str, Any]) -> None:
        self._body = lambda: body

    def body(self) -> dict[str, Any]:
        """Return the JSON body of the request. Only the client calls this."""
        return self._body()

    def __repr__(self) -> str:
        """Show nothing of the body."""
        return "<payload with signed URLs>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse pickling and copying.

        Raises:
            TypeError: always.
        """
        raise TypeError("a payload with signed URLs is neither pickled nor copied")


def asset_name(sha256: str, suffix: str) -> str:
    """Return the name of a file in an asset store: its content's hash, unmistakably ours."""
    return f"tfi-{sha256}{suffix}"


def asset_of(url: str) -> str | None:
    """Return the name in the asset store that a plain URL ends with, or None.

    Example:
        >>> asset_of("https://bucket.example.com/in/tfi-" + 64 * "0" + ".png")[:8]
        'tfi-0000'
        >>> asset_of("https://bucket.example.com/in/picture.png") is None
        True
    """
    parts = urlsplit(url)
    match = _ASSET.search(parts.path)
    return match[1] if match and not parts.query else None


def kept(url: str) -> str:
    """Return a URL without the signature of one of the large stores; others stay as they are.

    The parameters that S3, Google, Azure and their like sign with are taken out, those that
    say which file is meant stay.

    Example:
        >>> kept("https://b.example.com/a.png?versionId=3&X-Amz-Signature=0af&X-Amz-Expires=60")
        'https://b.example.com/a.png?versionId=3&signature=not-kept'
        >>> kept("https://cdn.example.com/a.png?v=3")
        'https://cdn.example.com/a.png?v=3'
    """
    head, question, query = url.partition("?")
    pairs = parse_qsl(query.partition("#")[0], keep_blank_values=True)
    if not question or not {name.lower() for name, _ in pairs} & set(_SIGNERS) or is_cut(url):
        return url
    others = [(name, value) for name, value in pairs if not _signs(name.lower())]
    return f"{head}?{urlencode(others)}{'&' if others else ''}{NOT_KEPT}"


def is_cut(url: str) -> bool:
    """Tell whether a URL has lost its signature, so that nobody can fetch it any more."""
    return url.endswith((f"?{NOT_KEPT}", f"&{NOT_KEPT}"))


def kept_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request body as it may be written down: every URL in it passed through `kept`."""
    return {name: replaced(value, kept) for name, value in body.items()}


def replaced(value: Any, change: Callable[[str], str]) -> Any:  # noqa: ANN401 - any JSON
    """Return JSON with `change` applied to every http(s) URL in it, at any depth."""
    if isinstance(value, str):
        return change(value) if value.startswith(("https://", "http://")) else value
    if isinstance(value, Mapping):
        return {name: replaced(item, change) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [replaced(item, change) for item in value]
    return value


def _signs(name: str) -> bool:
    return name in _PARTS or name.startswith(_PREFIXES)
