"""URLs that are credentials: what of them may be kept.

A signed URL opens its file for whoever has it. So payloads, ledger and displays hold the plain
URL, and the signature is made for the request that needs it (`tfi_notebook.lifecycle.cloud`).
Where a person hands in such a URL, it goes to the API as it is, and is written down without what
opens it. `tfi_notebook.credentials` says which parts those are. What is kept is also what the
fingerprint of a payload is made of, so two mistakes are possible:

1. Two files are taken for one. The second job is never made, and nobody hears of it.
2. One file is taken for two, because its URL was signed anew. Who submits it again pays again.

The first is worse: it is silent, and its result is wrong. So a credential leaves no trace only
where something else names the file: a known signing scheme, the last part of the path (`a.png`,
or a long random name), or a parameter (`file=`, `id=`). Anywhere else, and wherever a value may
be credential or name alike, its digest stands in its place: different values stay different,
and the value is gone. A URL inside of a longer text always leaves a digest: there it is content.
Passwords leave none, as they could be guessed from it.

Known limits: a short token can be guessed from its digest; and a path is kept as it is, apart
from parameters and bare tokens in it, for it is what names the file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, Protocol

from tfi_notebook.credentials import URL, Kind, Part, Url, dissect

NOT_KEPT = "signature=not-kept"
"""What stands in a kept URL in the place of what opened it; a digest may follow it."""

_DIGEST_CHARS = 16
_CUT = re.compile(rf"[?&]{NOT_KEPT}(?:-[0-9a-f]{{{_DIGEST_CHARS}}})?(?![\w-])")
_MAY_HAVE = re.compile(r"[?#;@=]|eyJ|/bot\d")
"""Without any of these, a URL has no part that could be a credential."""
_USER = re.compile(r"//[^/?#]*@")
_ASSET = re.compile(r"https?://[^?#]*/(tfi-[0-9a-f]{64}(?:\.[a-z0-9]{1,5})?)", re.IGNORECASE)


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
    match = _ASSET.fullmatch(url) if "/tfi-" in url else None
    return match[1] if match else None


def kept(text: str) -> str:
    """Return a URL, or a text with URLs in it, without what opens them; others stay as they are.

    Example:
        >>> kept("https://b.example.com/a.png?versionId=3&X-Amz-Signature=0af&X-Amz-Expires=60")
        'https://b.example.com/a.png?versionId=3&signature=not-kept'
        >>> kept("https://cdn.example.com/a.png?v=3")
        'https://cdn.example.com/a.png?v=3'
        >>> kept("https://files.example.com/get?token=abc")
        'https://files.example.com/get?signature=not-kept-2794c7f79cc5ff34'
    """
    if "//" not in text or not _MAY_HAVE.search(text):
        return text
    if URL.fullmatch(text):
        return _kept_url(text)
    return URL.sub(lambda found: _kept_url(found[0], is_content=True), text)


def displayed(text: str) -> str:
    """Return a text as it may be shown: as `kept`, with a mark where a URL names a user.

    What is kept of such a URL tells two users apart by a digest in its query; a person who sees
    that in what was typed a moment ago takes it for an invention.

    Example:
        >>> displayed("https://me:secret@files.example.com/a.png")
        'https://not-kept@files.example.com/a.png'
    """
    bare = _USER.sub("//", text, count=1) if URL.fullmatch(text) else text
    return kept(text) if bare == text else kept(bare).replace("//", "//not-kept@", 1)


def is_cut(value: Any) -> bool:  # noqa: ANN401 - any JSON
    """Tell whether a URL has lost what opens it, so that nobody can fetch it any more."""
    if isinstance(value, str):
        return NOT_KEPT in value and bool(_CUT.search(value))
    if value is None or isinstance(value, (int, float)):
        return False
    items = value.values() if isinstance(value, Mapping) else value
    return isinstance(value, (Mapping, list, tuple)) and any(map(is_cut, items))


def kept_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request body as it may be written down: every text in it passed through `kept`."""
    return {name: replaced(value, kept) for name, value in body.items()}


def replaced(value: Any, change: Callable[[str], str]) -> Any:  # noqa: ANN401 - any JSON
    """Return JSON with `change` applied to every text in it, at any depth; keys stay."""
    if isinstance(value, str):
        return change(value)
    if value is None or isinstance(value, (int, float)):  # before the last: Mapping is slow to ask
        return value
    if isinstance(value, (list, tuple)):
        return [replaced(item, change) for item in value]
    if isinstance(value, Mapping):
        return {name: replaced(item, change) for name, item in value.items()}
    return value


def _kept_url(url: str, *, is_content: bool = False) -> str:
    known = dissect(url)
    gone = [part for part in known.parts if _goes(part)]
    if not gone or (len(gone) == 1 and _is_mark(gone[0])):
        return url
    needs_digest = is_content or not _names_its_file(known)
    lost = [part for part in gone if _tells_apart(part, needs_digest=needs_digest)]
    rest = known.without(_goes)
    mark = f"{NOT_KEPT}-{_digest(rest, lost)}" if lost else NOT_KEPT
    return known.without(_goes, Part("&", mark, Kind.SIGNS))


def _goes(part: Part) -> bool:
    return part.kind is not Kind.STAYS


def _is_mark(part: Part) -> bool:
    return bool(_CUT.fullmatch(f"&{part.text}"))


def _tells_apart(part: Part, *, needs_digest: bool) -> bool:
    """Whether the digest must hold this part, for two files not to become one."""
    unclear = part.kind is Kind.UNCLEAR or _is_mark(part)
    return unclear or (needs_digest and part.kind is Kind.OPENS)


def _names_its_file(url: Url) -> bool:
    """Whether what stays says which file is meant."""
    left = [part for part in url.parts if not _goes(part)]
    path = [part for part in left if part.mark == "/" and part.text]
    query = [part for part in left if part.mark in "?&"]
    return any(part.names_a_file for part in path[-1:] + query)


def _digest(rest: str, lost: list[Part]) -> str:
    """The rest is hashed along, so that nobody can look a value up in a table of digests."""
    text = "\n".join([rest, *(part.text for part in lost)])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_CHARS]
