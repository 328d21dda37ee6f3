"""Fetching a finished video: sign, stream to a `.part` file, check, put in its place."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from tfi_notebook import http
from tfi_notebook.contract.records import SignedUrl
from tfi_notebook.errors import (
    ApiError,
    BadResponseError,
    DownloadError,
    NotFoundError,
    RejectedError,
    SourceError,
)
from tfi_notebook.lifecycle.files import (
    check_space,
    is_whole_mp4,
    off_loop,
    place,
    safe_name,
    start_part,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from tfi_notebook.contract.records import JobRecord
    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.settings import Limits

DEAD_LINK: Final = frozenset({401, 403, 410})
KEPT_PATHS = 256
_OFF_BY_S: Final = 0.5
_OFF_BY_SHARE: Final = 0.05


class FileSource(Protocol):
    """What a download needs of the API client."""

    @property
    def clock_offset_s(self) -> float:
        """How far the service's clock is ahead of this machine's, in s."""

    async def get_job(self, job_id: str) -> JobRecord:
        """Read one job row."""

    async def sign(self, key: str) -> SignedUrl:
        """Return a temporary URL of a stored file."""

    def open_file(self, url: str) -> AbstractAsyncContextManager[http.Response]:
        """Stream a file."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A video that is here: where, and what is odd about it (empty if nothing is)."""

    path: Path
    remark: str = ""


class Downloads:
    """Fetches the videos of finished jobs into one folder, a few at a time.

    Args:
        client: signs storage keys and streams files.
        folder: where the videos go; made if need be.
        limits: bounds on time, size, space and number.
        audio_s: tells the seconds of audio of a request body, or None where nobody knows.
        wall: Unix time in s, to judge whether a link has expired.
    """

    def __init__(
        self,
        client: FileSource,
        folder: Path,
        limits: Limits,
        audio_s: Callable[[Mapping[str, Any]], float | None] = lambda _body: None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._folder = folder
        self._limits = limits
        self._audio_s = audio_s
        self._wall = wall
        self._here: dict[str, Path] = {}
        self._slots = asyncio.Semaphore(limits.parallel_downloads)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def fetch(self, row: JobSnapshot) -> Fetched:
        """Download the video of a finished job, or return the copy that is already here.

        A file of the same name and other content is left alone; the video gets a number then.

        Args:
            row: a finished job with its `output`.

        Returns:
            The mp4's path, and a remark if it does not last as long as its audio.

        Raises:
            DownloadError: no output, no space, the transfer failed, or the file is no mp4.
        """
        async with self._locks.setdefault(row.key, asyncio.Lock()):
            for path in (row.path, self._here.get(row.key)):
                if path is not None and is_whole_mp4(path):
                    return Fetched(path)
            if not row.output:
                raise DownloadError("the job is done, but the service names no video")
            async with self._slots:
                path = await self._fetch(row)
            self._remember(row.key, path)
            return Fetched(path, await self._remark(row, path))

    def _remember(self, key: str, path: Path) -> None:
        """Bridge the moment until the row has the path: a run may fetch a hundred thousand."""
        self._here[key] = path
        if len(self._here) > KEPT_PATHS:
            del self._here[next(iter(self._here))]

    async def _fetch(self, row: JobSnapshot) -> Path:
        try:
            async with asyncio.timeout(self._limits.download_timeout_s):
                return await self._fetch_signed(row)
        except ApiError as error:
            failure = http.redact(error.message)
        except TimeoutError:
            failure = f"it took longer than {self._limits.download_timeout_s:g} s"
        except OSError as error:
            failure = error.strerror or type(error).__name__
        except (http.HTTPError, http.BodyTooLargeError) as error:
            failure = http.redact(error)
        # raised outside the handlers: no traceback holds a link
        raise DownloadError(f"the video could not be fetched: {failure}")

    async def _fetch_signed(self, row: JobSnapshot) -> Path:
        """Sign and stream; sign once more if the link was dead."""
        link = await self._link(row)
        try:
            return await self._stream(row, link.url)
        except ApiError as error:
            if error.status_code not in DEAD_LINK and not self._expired(link):
                raise
        return await self._stream(row, (await self._link(row)).url)

    async def _link(self, row: JobSnapshot) -> SignedUrl:
        """Sign the storage key; where that fails, see whether the job's row has a link itself."""
        output = str(row.output)
        if urlsplit(output).scheme in {"http", "https"}:
            return SignedUrl(output)
        try:
            return await self._client.sign(output)
        except (NotFoundError, RejectedError, BadResponseError) as error:
            failure = error
        record = await self._client.get_job(str(row.job_id))
        if record.signed_output is None:
            raise failure
        return record.signed_output

    def _expired(self, link: SignedUrl) -> bool:
        """Whether the link has died meanwhile, by the clock of the service that made it."""
        if link.expires_at is None:
            return False
        at = link.expires_at if link.expires_at.tzinfo else link.expires_at.replace(tzinfo=UTC)
        return at.timestamp() <= self._wall() + self._client.clock_offset_s

    async def _stream(self, row: JobSnapshot, url: str) -> Path:
        target = self._folder / f"{safe_name(row.job_id or row.key)}.mp4"
        part = start_part(target, self._limits.download_timeout_s)
        try:
            async with self._client.open_file(url) as response:
                await self._write(response, part)
            if not is_whole_mp4(part):
                raise DownloadError("the fetched file is no mp4 video, or only a part of one")
            return await off_loop(place, part, target)
        finally:
            part.unlink(missing_ok=True)

    async def _write(self, response: http.Response, part: Path) -> None:
        expected = _length(response)
        check_space(part.parent, expected or 0, self._limits.disk_reserve_bytes)
        written = 0
        with part.open("wb") as file:
            async for chunk in response.aiter_raw():
                written += len(chunk)
                if written > self._limits.download_max_bytes:
                    raise DownloadError(
                        f"the video is larger than {self._limits.download_max_bytes:,} bytes"
                    )
                file.write(chunk)
            file.flush()
            await off_loop(os.fsync, file.fileno())
        if expected is not None and written != expected:
            raise DownloadError(f"the transfer ended early: {written:,} of {expected:,} bytes")

    async def _remark(self, row: JobSnapshot, path: Path) -> str:
        """Compare video and audio: a service that cannot read the audio may render silence."""
        video_s, audio_s = await off_loop(_video_seconds, path), self._audio_s(row.body)
        if video_s is None:
            return ""
        told = f"the video lasts {video_s:.1f} s"
        if audio_s is None:
            return f"{told}: check audio_url" if video_s < _OFF_BY_S else ""
        if abs(video_s - audio_s) <= max(_OFF_BY_S, _OFF_BY_SHARE * audio_s):
            return ""
        return f"{told}, its audio {audio_s:.1f} s: check that the service can read audio_url"


async def fetch_video(client: FileSource, row: JobSnapshot, folder: Path, limits: Limits) -> Path:
    """Fetch one video; see `Downloads.fetch`."""
    return (await Downloads(client, folder, limits).fetch(row)).path


def _length(response: http.Response) -> int | None:
    stated = response.headers.get("content-length", "")
    return int(stated) if stated.isascii() and stated.isdecimal() else None


def _video_seconds(path: Path) -> float | None:
    """Measure a video; needs the `local` extra, so it may be None."""
    try:
        from tfi_notebook.media.video import video_info  # noqa: PLC0415 - an optional extra
    except ImportError:
        return None
    try:
        return video_info(path).duration_s
    except (SourceError, OSError):
        return None
