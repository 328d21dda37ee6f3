"""Admission: what a payload names must be here and usable before a job exists.

A picture without a face or a broken sound file is refused at the door, with the reason and the
field, and nothing is queued. Whatever is fetched is kept by its content, so the worker never
goes to the network, and what a check found is remembered for the content it looked at.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit
from weakref import WeakValueDictionary

from tfi_notebook import samples
from tfi_notebook.contract.local import SAMPLE_PORTRAIT_PATH, SAMPLE_VOICE_PATH
from tfi_notebook.errors import UnreachableSourceError
from tfi_notebook.http import redact
from tfi_notebook.local import checker
from tfi_notebook.local.checks import MAX_BYTES
from tfi_notebook.local.fetch import fetch
from tfi_notebook.local.wire import error_of
from tfi_notebook.settings import LOCAL_BASE_URL

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tfi_notebook.contract.payloads import TalkingVideoPayload
    from tfi_notebook.local.store import Store

FETCHED_FOR_S: Final = 10.0
"""For how long a fetched URL is not fetched again: the jobs of a sweep share their files."""

SAMPLES: Final = {SAMPLE_PORTRAIT_PATH: samples.PORTRAIT, SAMPLE_VOICE_PATH: samples.VOICE}
"""The sample files by their path on the service."""

# a new number makes every file be looked at again, after a change of what is accepted or found
_RULES = "2"


class Admitted(NamedTuple):
    """What a job needs of its payload's files: their asset names, and the narration's length."""

    image: str
    audio: str
    voice_s: float


class Looked(NamedTuple):
    """One file: its asset name, what `checks.look` found, and the type that its server told."""

    asset: str
    found: dict[str, Any]
    media_type: str


class Admission:
    """Turns a payload's two URLs into checked files of the store.

    Args:
        store: keeps the files and what is known about them.
        base_url: the service's own address; its assets are taken from the store directly.
        allow_private_urls: also fetch from loopback and private networks.
        look: looks at a file; see `Checker.look`.
        fetched_for_s: how long a fetched URL is not fetched again.
    """

    def __init__(
        self,
        store: Store,
        *,
        base_url: str,
        allow_private_urls: bool = False,
        look: Callable[[Path, str], dict[str, Any]] = checker.SHARED.look,
        fetched_for_s: float = FETCHED_FOR_S,
    ) -> None:
        self._store = store
        self._look = look
        self._bases = (urlsplit(base_url), urlsplit(LOCAL_BASE_URL))
        self._allow_private = allow_private_urls
        self._fetched_for_s = fetched_for_s
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._fetched: dict[tuple[str, str], tuple[float, str, str]] = {}

    async def admit(self, payload: TalkingVideoPayload) -> Admitted:
        """Get and check both files of a payload.

        Raises:
            SourceError: the first thing that is wrong; `.field` names the URL.
        """
        found = await asyncio.gather(
            self._usable(payload.image_url, "image_url"),
            self._usable(payload.audio_url, "audio_url"),
            return_exceptions=True,  # so that neither goes on in the background
        )
        for result in found:
            if isinstance(result, BaseException):
                raise result
        (image, _), (audio, heard) = (result for result in found if isinstance(result, tuple))
        return Admitted(image, audio, heard["voice_s"])

    def check_still_here(self, admitted: Admitted) -> None:
        """Check that no other process has removed what was admitted; see `retention`.

        Raises:
            UnreachableSourceError: it has; `.field` names the URL.
        """
        for field, asset in (("image_url", admitted.image), ("audio_url", admitted.audio)):
            if self._store.files.asset_path(asset) is None:
                raise _gone(f"/assets/{asset}", field)

    async def look_up(self, url: str, field: str) -> Looked:
        """Get one file and look at it, whether it is usable or not.

        Args:
            url: where it is.
            field: `image_url` or `audio_url`: what it is looked at as.

        Raises:
            UnreachableSourceError: there is no file to look at.
        """
        asset, media_type = await self._asset_of(url, field)
        kind = f"{field}/{_RULES}"
        async with self._lock(asset + kind):  # many jobs of a sweep wait for one check
            found = self._store.verdict(asset, kind)
            if found is None:
                path = self._store.files.asset_path(asset)
                if path is None:
                    raise _gone(f"/assets/{asset}", field)
                found = await asyncio.to_thread(self._look, path, field)
                if "may_pass" not in found:  # a full memory is no property of the file
                    self._store.keep_verdict(asset, kind, found)
        return Looked(asset, found, media_type)

    async def _usable(self, url: str, field: str) -> tuple[str, dict[str, Any]]:
        """Return the asset's name and what the check has found besides."""
        asset, found, _ = await self.look_up(url, field)
        if found["error"]:
            raise error_of(found["error"])
        return asset, found

    async def _asset_of(self, url: str, field: str) -> tuple[str, str]:
        """Return the asset's name, and the type that its server tells, if one was asked."""
        path = self._own_path(url)
        if path is not None:
            return await asyncio.to_thread(self._own_asset, path, field), ""
        async with self._lock(url + field):
            kept_until, asset, media_type = self._fetched.get((url, field), (0.0, "", ""))
            if time.monotonic() < kept_until:
                return asset, media_type
            data, media_type = await fetch(
                url,
                field=field,
                max_bytes=MAX_BYTES[field],
                allow_private=self._allow_private,
            )
            asset = await asyncio.to_thread(self._store.files.add_asset, data, url)
            self._remember((url, field), asset, media_type)
        return asset, media_type

    def _remember(self, asked: tuple[str, str], asset: str, media_type: str) -> None:
        now = time.monotonic()
        self._fetched = {key: entry for key, entry in self._fetched.items() if entry[0] > now}
        self._fetched[asked] = (now + self._fetched_for_s, asset, media_type)

    def _own_path(self, url: str) -> str | None:
        """Return the path behind the service's base URL, or None for a foreign URL."""
        parts = urlsplit(url)
        for base in self._bases:
            same_host = (parts.hostname, parts.port) == (base.hostname, base.port)
            if same_host and parts.path.startswith(f"{base.path}/"):
                return unquote(parts.path.removeprefix(base.path))
        return None

    def _own_asset(self, path: str, field: str) -> str:
        if path in SAMPLES:
            return self._store.files.add_asset(SAMPLES[path].read_bytes(), path)
        asset = path.removeprefix("/assets/")
        found = self._store.files.asset_path(asset)
        if found is None:
            raise _gone(path, field)
        self._store.files.touch(found)
        return asset

    def _lock(self, name: str) -> asyncio.Lock:
        return self._locks.setdefault(name, asyncio.Lock())


def _gone(path: str, field: str) -> UnreachableSourceError:
    return UnreachableSourceError(
        f"the local service has no file {redact(path)}",
        field=field,
        hint="give it the file again: tfi.asset(path) returns its URL",
    )
