"""Files of this machine for the live API: kept in a store of the user's, signed for one request.

TFI's API fetches pictures and sounds itself. `AssetStore.put` uploads a file once, under the hash
of its content, into a bucket that the user has configured, and returns its **plain** URL. That is
what payloads, ledger, widgets and notebooks hold; it opens nothing. `AssetStore.outgoing` puts
signed URLs of bounded life in its place, in the body of one POST and nowhere else. So the
fingerprint of a payload does not depend on a signature, submitting again signs anew, and there is
no credential that would have to be kept out of a notebook.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import logging
import mimetypes
import re
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tfi_notebook.contract import links
from tfi_notebook.contract.links import Outgoing
from tfi_notebook.errors import MissingExtraError, PayloadError, SettingsError, SourceError
from tfi_notebook.http import redact
from tfi_notebook.settings import LOOPBACK_HOSTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tfi_notebook.contract.links import HasBody

LIFE_MIN_S = 60.0
LIFE_MAX_S = 7 * 86_400.0
"""S3 and Google refuse links that live longer than a week."""

_HOW_TO = (
    "set TFI_ASSET_STORE, or tfi.connect(assets=...), to a bucket of yours such as "
    "s3://bucket/folder, gs://bucket/folder or az://container/folder"
)
_OPTIONS: dict[str, dict[str, Any]] = {
    # signatures of version 2 (its default in one region) are refused by all buckets since 2020,
    # and a signature for another region than the bucket's is none
    "s3": {"config_kwargs": {"signature_version": "s3v4"}, "cache_regions": True},
}
_CONTENT_TYPE = {"s3": "ContentType", "gs": "content_type", "gcs": "content_type"}
"""By which name each store takes the type of a file; the others guess it or do without."""

logging.getLogger("botocore.auth").addFilter(lambda record: "Signature" not in str(record.msg))
"""At DEBUG the S3 library logs the signature of every URL that it signs."""


class Assets:
    """The asset store of one connection, opened at its first use; safe without one.

    Args:
        location: bucket and folder as an `fsspec` URL, or None.
        life_s: how long a signed URL opens its file.
    """

    def __init__(self, location: str | None, life_s: float) -> None:
        self._location = location
        self._life_s = life_s
        self._store: AssetStore | None = None

    async def put(self, data: bytes, name: str) -> str:
        """Upload a file, unless the store has it, and return its plain URL.

        Args:
            data: the file.
            name: its name, for its type; nothing else of it is passed on.

        Raises:
            SettingsError: there is no store, or its location cannot be used.
            MissingExtraError: the store's packages are not installed.
            SourceError: the store did not take the file.
        """
        if self._location is None:
            raise SettingsError(
                "the live API fetches pictures and sounds itself, from public URLs",
                hint=f"{_HOW_TO}; or upload the file yourself and pass its https URL",
            )
        return await asyncio.to_thread(self._opened(self._location).put, data, name)

    async def outgoing(self, payload: HasBody) -> HasBody:
        """Return what is to be sent for a payload: itself, or its body with signed URLs.

        Call it before anything is written down or sent: what fails here costs nothing.

        Raises:
            PayloadError: a URL was signed once, and its signature was not kept.
            SettingsError: a file lies in an asset store, and none is configured.
            SourceError: a file is no longer in the store, or cannot be signed.
        """
        body = payload.body()
        if problems := _cut(body):
            raise PayloadError(problems, hint="make a new payload with a freshly signed URL")
        found = _asset_urls(body)
        if not found:
            return payload
        if self._location is None:
            raise SettingsError("the payload names a file in an asset store", hint=_HOW_TO)
        return await asyncio.to_thread(self._opened(self._location).outgoing, body)

    def _opened(self, location: str) -> AssetStore:
        if self._store is None:
            self._store = AssetStore(location, self._life_s)
        return self._store


class AssetStore:
    """A folder in a bucket, through `fsspec`. Its methods block; credentials are its own affair.

    Args:
        location: such as `s3://bucket/folder`; endpoint and credentials come from where the
            store's own tools take them (environment, profiles, `fsspec`'s configuration).
        life_s: how long a signed URL opens its file, 60 s to 7 days.

    Raises:
        SettingsError: it is no bucket, or a store that cannot sign.
        MissingExtraError: its packages are not installed.
    """

    def __init__(self, location: str, life_s: float) -> None:
        if not LIFE_MIN_S <= life_s <= LIFE_MAX_S:
            raise SettingsError("asset_link_life_s must be between 60 s and 7 days")
        parts = urlsplit(location)
        if not parts.scheme or not parts.netloc or "@" in parts.netloc or parts.query:
            raise SettingsError("the asset store is no bucket", hint=_HOW_TO)
        self._life_s = int(life_s)
        self._type_name = _CONTENT_TYPE.get(parts.scheme)
        self._fs = _filesystem(parts.scheme)
        self._root = f"{parts.netloc}{parts.path.rstrip('/')}"
        self._there: set[str] = set()

    def put(self, data: bytes, name: str) -> str:
        """Upload a file, unless the store has it, and return its plain URL.

        Raises:
            SourceError: the store did not take the file.
        """
        digest = hashlib.sha256(data).hexdigest()
        asset = links.asset_name(digest, _suffix(name))
        try:
            if self._size(asset) != len(data):
                self._fs.pipe_file(f"{self._root}/{asset}", data, **self._options(asset))
            self._there.add(asset)
        except Exception as error:  # noqa: BLE001 - every store has errors of its own
            reason = f"{type(error).__name__}: {redact(error, 200)}"
        else:
            return self._signed(asset).partition("?")[0]
        raise SourceError(
            f"the asset store did not take the file ({reason})",
            hint="check the bucket's name, and your credentials for it",
        )

    def outgoing(self, body: Mapping[str, Any]) -> Outgoing:
        """Return a body in which the store's plain URLs are signed.

        Raises:
            SourceError: a file is no longer there, or cannot be signed.
        """
        signed = {url: self._sign_again(name) for url, name in _asset_urls(body).items()}
        return Outgoing(links.replaced(body, lambda url: signed.get(url, url)))

    def _sign_again(self, asset: str) -> str:
        if asset not in self._there and self._size(asset) is None:
            raise SourceError(
                "a file of the payload is not in the asset store (any more)",
                hint="put it there again with tfi.asset(path)",
            )
        self._there.add(asset)
        return self._signed(asset)

    def _size(self, asset: str) -> int | None:
        """The size of a file, None when it is not there, -1 when the store does not tell."""
        path = f"{self._root}/{asset}"
        try:
            self._fs.invalidate_cache(path)
            return int(self._fs.info(path)["size"])
        except FileNotFoundError:
            return None
        except Exception:  # noqa: BLE001 - some accounts may write and not list: S3 answers 403
            return -1

    def _options(self, asset: str) -> dict[str, str]:
        kind = mimetypes.guess_type(asset)[0]
        return {self._type_name: kind} if self._type_name and kind else {}

    def _signed(self, asset: str) -> str:
        try:
            url = str(self._fs.sign(f"{self._root}/{asset}", expiration=self._life_s))
        except Exception as error:  # noqa: BLE001 - every store has errors of its own
            problem = f"the store cannot sign ({type(error).__name__}: {redact(error, 200)})"
        else:
            if _travels_safely(url):
                return url
            url, problem = "", "the store signs URLs that are not https"
        raise SourceError(problem, hint="check your credentials; some kinds cannot sign")


def _filesystem(scheme: str) -> Any:  # noqa: ANN401 - an optional package without types
    try:
        fsspec = importlib.import_module("fsspec")
        kind = fsspec.get_filesystem_class(scheme)
    except ImportError:
        kind = None
    except ValueError:
        raise SettingsError(f"{scheme}:// is no known kind of store", hint=_HOW_TO) from None
    if kind is None:
        raise MissingExtraError(f"an asset store at {scheme}://", extra="cloud")
    if kind.sign is fsspec.AbstractFileSystem.sign:
        raise SettingsError(f"{scheme}:// cannot sign URLs", hint=_HOW_TO)
    return fsspec.filesystem(scheme, **_OPTIONS.get(scheme, {}))


def _asset_urls(body: Mapping[str, Any]) -> dict[str, str]:
    """The plain URLs of assets in a body, with their names in the store."""
    found: dict[str, str] = {}

    def look(url: str) -> str:
        name = links.asset_of(url)
        if name is not None:
            found[url] = name
        return url

    links.replaced(body, look)
    return found


def _cut(body: Mapping[str, Any]) -> dict[str, str]:
    text = "its signature was not kept, so nobody can fetch it"
    return {name: text for name, value in body.items() if links.is_cut(value)}


def _suffix(name: str) -> str:
    suffix = PurePath(name).suffix.lower()
    return suffix if re.fullmatch(r"\.[a-z0-9]{1,5}", suffix) else ""


def _travels_safely(url: str) -> bool:
    """https, or a store on this machine."""
    try:
        parts = urlsplit(url)
        local = parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS
    except ValueError:
        return False
    return parts.scheme == "https" or local
