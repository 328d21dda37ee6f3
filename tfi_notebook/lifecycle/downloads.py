"""Fetching a finished video: sign, stream to a `.part` file, check, rename."""

from __future__ import annotations

import asyncio
import os
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tfi_notebook import http
from tfi_notebook.errors import ApiError, DownloadError

if TYPE_CHECKING:
    from pathlib import Path

    from tfi_notebook.api.client import AsyncClient
    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.settings import Limits

EXPIRED = {401, 403, 410}
MP4_BRAND_OFFSET = 4
MP4_HEAD_BYTES = 12


async def fetch_video(client: AsyncClient, row: JobSnapshot, folder: Path, limits: Limits) -> Path:
    """Download the video of a finished job, or return the copy that is already there.

    Args:
        client: signs the storage key and streams the file.
        row: a finished job with its `output`.
        folder: where the video goes; made if need be.
        limits: bounds on time and size.

    Returns:
        The mp4's path.

    Raises:
        DownloadError: no output, the transfer failed, or the file is no mp4.
    """
    target = folder / f"{safe_name(row.job_id or row.key)}.mp4"
    if target.is_file() and _is_mp4(target):
        return target
    if not row.output:
        raise DownloadError("the job is done, but the service names no video")
    failure: str
    try:
        async with asyncio.timeout(limits.download_timeout_s):
            await _fetch_signed(client, row.output, target, limits.download_max_bytes)
    except ApiError as error:
        failure = http.redact(error.message)
    except TimeoutError:
        failure = f"it took longer than {limits.download_timeout_s:g} s"
    except (http.HTTPError, http.BodyTooLargeError, OSError) as error:
        failure = http.redact(error)
    else:
        return target
    raise DownloadError(f"the video could not be fetched: {failure}")


def safe_name(text: str) -> str:
    """Return a file name stem of allowed characters only.

    Example:
        >>> safe_name("../a b:c")
        'a-b-c'
    """
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-")[:100] or "video"


async def _fetch_signed(client: AsyncClient, output: str, target: Path, max_bytes: int) -> None:
    """Sign and stream; sign once more if the link was already dead."""
    try:
        await _stream(client, await _url_of(client, output), target, max_bytes)
    except ApiError as error:
        if error.status_code not in EXPIRED:
            raise
        await _stream(client, await _url_of(client, output), target, max_bytes)


async def _url_of(client: AsyncClient, output: str) -> str:
    """Absolute URLs are taken as they are; storage keys are signed."""
    if urlsplit(output).scheme in {"http", "https"}:
        return output
    return (await client.sign(output)).url


async def _stream(client: AsyncClient, url: str, target: Path, max_bytes: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        async with client.open_file(url) as response:
            await _write(response, part, max_bytes)
        if not _is_mp4(part):
            raise DownloadError("the fetched file is no mp4 video")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


async def _write(response: http.Response, part: Path, max_bytes: int) -> None:
    expected = response.headers.get("content-length")
    written = 0
    with part.open("wb") as file:
        async for chunk in response.aiter_raw():
            written += len(chunk)
            if written > max_bytes:
                raise DownloadError(f"the video is larger than {max_bytes:,} bytes")
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    if expected is not None and written != int(expected):
        raise DownloadError(f"the transfer ended early: {written:,} of {int(expected):,} bytes")


def _is_mp4(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(MP4_HEAD_BYTES)
    return head[MP4_BRAND_OFFSET : MP4_BRAND_OFFSET + 4] == b"ftyp"
