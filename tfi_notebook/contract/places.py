"""Where a video is: storage keys, public URLs, and signed URLs, which are never kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from tfi_notebook.contract.reading import (
    epoch_moment,
    first,
    mapping,
    moment,
    text,
    unusable,
    web_address,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class SignedUrl:
    """A temporary URL of a stored file. Its repr hides the URL: it is a bearer credential."""

    url: str
    expires_at: datetime | None = None

    def __repr__(self) -> str:
        """Show the expiry and nothing of the URL."""
        return f"SignedUrl(expires_at={self.expires_at})"

    @classmethod
    def parse(cls, body: object) -> SignedUrl:
        """Read the answer of `GET /storage/generate-signed-path`.

        That there is a URL does not prove that there is a file.

        Raises:
            NotFoundError: the answer says that there is no such file.
            BadResponseError: it holds no http(s) URL.
        """
        fields = mapping(body)
        url = first(fields.get("signedUrl"), fields.get("signed_url"))
        if not isinstance(url, str) or web_address(url) is None:
            raise unusable(body, "holds no signed URL for the file")
        return cls(url, moment(fields.get("expiresAt")) or _expiry(url))


def stored_at(fields: Mapping[str, Any]) -> str:
    """Return where a job row says that the video is, wherever it says so; "" if nowhere."""
    output = fields.get("output")
    nested = mapping(output)
    places = (nested.get("output"), nested.get("output_url"), nested.get("url"), output)
    return next(filter(None, map(text, [*places, fields.get("output_url")])), "")


def to_sign(place: str) -> str | None:
    """Return a storage key, or a URL that needs no signature; a signed URL gives its key.

    The CDN's path of a file is its storage key, so a row may be kept without a credential.

    Example:
        >>> to_sign("/a/b.mp4"), to_sign("https://cdn.example.com/a/b.mp4?token=x")
        ('a/b.mp4', 'a/b.mp4')
        >>> to_sign("https://cdn.example.com/a/b.mp4")
        'https://cdn.example.com/a/b.mp4'
    """
    address = web_address(place)
    if address is not None and not address.query and not address.username:
        return place
    path = place if address is None else unquote(address.path)
    return path.lstrip("/") or None


def signed_place(place: str) -> SignedUrl | None:
    """Return the signed URL that stands in place of a storage key, if one does."""
    address = web_address(place)
    return SignedUrl(place, _expiry(place)) if address is not None and address.query else None


def _expiry(url: str) -> datetime | None:
    """Return the time in a URL's `expires` parameter (epoch seconds), if it has one."""
    return epoch_moment(parse_qs(urlsplit(url).query).get("expires", [None])[0])
