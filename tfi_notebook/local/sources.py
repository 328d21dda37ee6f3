"""Admission: what a payload names must be here and usable before a job exists.

A picture without a face or a broken sound file is refused at the door, with the reason and the
field, and nothing is queued. Whatever is fetched is kept by its content, so the worker never
goes to the network, and what a check found is remembered for the content it looked at.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit
from weakref import WeakValueDictionary

from tfi_notebook import samples
from tfi_notebook.contract.local import SAMPLE_PORTRAIT_PATH, SAMPLE_VOICE_PATH
from tfi_notebook.errors import (
    AudioTooLongError,
    NoFaceError,
    PictureTooLargeError,
    SourceError,
    TfiError,
    UnreachableSourceError,
    by_code,
)
from tfi_notebook.http import redact
from tfi_notebook.local.fetch import fetch
from tfi_notebook.settings import LOCAL_BASE_URL

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tfi_notebook.contract.payloads import TalkingVideoPayload
    from tfi_notebook.local.store import Store

PICTURE_MAX_BYTES: Final = 50_000_000
SOUND_MAX_BYTES: Final = 200_000_000
FETCHED_FOR_S: Final = 10.0
"""For how long a fetched URL is not fetched again: the jobs of a sweep share their files."""

SAMPLES: Final = {SAMPLE_PORTRAIT_PATH: samples.PORTRAIT, SAMPLE_VOICE_PATH: samples.VOICE}
"""The sample files by their path on the service."""

_MAX_BYTES = {"image_url": PICTURE_MAX_BYTES, "audio_url": SOUND_MAX_BYTES}
# a new number makes every file be looked at again, after a change of what is accepted
_RULES = "1"


def check_picture(path: Path) -> None:
    """Check that a file is a picture with a face.

    Raises:
        NotAPictureError, PictureTooLargeError, NoFaceError: with `field="image_url"`.
    """
    from tfi_notebook.media.face import find_face  # noqa: PLC0415 - cv2 loads at the first check
    from tfi_notebook.media.frames import read_picture  # noqa: PLC0415 - the same

    if path.stat().st_size > PICTURE_MAX_BYTES:
        raise PictureTooLargeError(
            f"the picture's file is larger than {PICTURE_MAX_BYTES:,} bytes", field="image_url"
        )
    find_face(read_picture(path, field="image_url"), field="image_url")


def check_sound(path: Path) -> None:
    """Check that a file holds audible sound.

    Raises:
        NotAudioError, EmptyAudioError, AudioTooLongError: with `field="audio_url"`.
    """
    from tfi_notebook.media.audio import decode  # noqa: PLC0415 - av loads at the first check

    if path.stat().st_size > SOUND_MAX_BYTES:
        raise AudioTooLongError(
            f"the narration's file is larger than {SOUND_MAX_BYTES:,} bytes", field="audio_url"
        )
    decode(path, field="audio_url")


_CHECKS: Final[dict[str, Callable[[Path], None]]] = {
    "image_url": check_picture,
    "audio_url": check_sound,
}


def wire_error(error: TfiError) -> dict[str, Any]:
    """Return an error as JSON-ready fields: code, message, field, hint, and score or problems."""
    fields = {
        "code": error.code,
        "message": error.message,
        "field": error.field,
        "hint": error.hint,
    }
    extra = {name: getattr(error, name) for name in ("score", "problems") if hasattr(error, name)}
    return fields | extra


class Admission:
    """Turns a payload's two URLs into checked files of the store.

    Args:
        store: keeps the files and what is known about them.
        base_url: the service's own address; its assets are taken from the store directly.
        allow_private_urls: also fetch from loopback and private networks.
    """

    def __init__(self, store: Store, *, base_url: str, allow_private_urls: bool = False) -> None:
        self._store = store
        self._bases = (urlsplit(base_url), urlsplit(LOCAL_BASE_URL))
        self._allow_private = allow_private_urls
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._fetched: dict[tuple[str, str], tuple[float, str]] = {}

    async def admit(self, payload: TalkingVideoPayload) -> tuple[str, str]:
        """Get and check both files of a payload.

        Returns:
            Asset names of the picture and of the narration.

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
        image, audio = (str(result) for result in found)
        return image, audio

    async def _usable(self, url: str, field: str) -> str:
        asset = await self._asset_of(url, field)
        kind = f"{field}/{_RULES}"
        async with self._lock(asset + kind):  # many jobs of a sweep wait for one check
            fields = self._store.verdict(asset, kind)
            if fields is None:
                fields = await asyncio.to_thread(self._check, asset, field)
                self._store.keep_verdict(asset, kind, fields)
        if fields:
            raise _error_of(fields)
        return asset

    def _check(self, asset: str, field: str) -> dict[str, Any]:
        path = self._store.files.asset_path(asset)
        assert path is not None, "the asset was found or kept just now"
        try:
            _CHECKS[field](path)
        except SourceError as error:
            return wire_error(error)
        return {}

    async def _asset_of(self, url: str, field: str) -> str:
        path = self._own_path(url)
        if path is not None:
            return await asyncio.to_thread(self._own_asset, path, field)
        async with self._lock(url + field):
            kept_until, asset = self._fetched.get((url, field), (0.0, ""))
            if time.monotonic() < kept_until:
                return asset
            data = await fetch(
                url,
                field=field,
                max_bytes=_MAX_BYTES[field],
                allow_private=self._allow_private,
            )
            asset = await asyncio.to_thread(self._store.files.add_asset, data, url)
            self._remember(url, field, asset)
        return asset

    def _remember(self, url: str, field: str, asset: str) -> None:
        now = time.monotonic()
        self._fetched = {key: entry for key, entry in self._fetched.items() if entry[0] > now}
        self._fetched[url, field] = (now + FETCHED_FOR_S, asset)

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
        if self._store.files.asset_path(asset) is None:
            raise UnreachableSourceError(
                f"the local service has no file {redact(path)}",
                field=field,
                hint="give it the file again: tfi.asset(path) returns its URL",
            )
        return asset

    def _lock(self, name: str) -> asyncio.Lock:
        return self._locks.setdefault(name, asyncio.Lock())


def _error_of(fields: dict[str, Any]) -> TfiError:
    """Make again the error that a check has left behind."""
    error = by_code()[fields["code"]](fields["message"], hint=fields["hint"], field=fields["field"])
    if isinstance(error, NoFaceError):
        error.score = float(fields["score"])
    return error
