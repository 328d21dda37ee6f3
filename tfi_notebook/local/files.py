"""The local service's files: pictures and sounds by their content, videos by their key.

Names that come out of URLs are matched against one strict pattern each before they touch a
path, so nothing outside the root can be named.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import tempfile
from base64 import urlsafe_b64encode
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from types import TracebackType

ASSET_SUFFIXES: Final = frozenset(
    {"png", "jpg", "jpeg", "webp", "bmp"}
    | {"wav", "mp3", "m4a", "flac", "ogg", "oga", "opus", "aac", "aiff"}
    | {"mp4", "webm", "mov", "mkv", "avi"}
)
"""Suffixes that an asset may keep; a browser would run scripts of some others (svg, html)."""

_ASSET = re.compile(r"[0-9a-f]{64}\.[a-z0-9]{1,5}")
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_OUTPUT = re.compile(rf"ai-talking-videos/{_UUID}/outputs/{_UUID}\.(?:mp4|json)")


def output_key(project_id: str, job_id: str) -> str:
    """Return the storage key of a job's video, as the API's documentation forms it.

    Args:
        project_id: UUID of the project.
        job_id: UUID of the job.

    Raises:
        ValueError: one of them is no UUID.
    """
    key = f"ai-talking-videos/{project_id}/outputs/{job_id}.mp4"
    if not _OUTPUT.fullmatch(key):
        raise ValueError("project and job ids must be UUIDs")
    return key


def safe_suffix(name: str) -> str:
    """Return the suffix under which a file is kept, from its name or URL.

    Example:
        >>> safe_suffix("https://cdn.example.com/a.PNG?x=1"), safe_suffix("../../run.sh")
        ('png', 'bin')
    """
    try:
        suffix = PurePosixPath(urlsplit(name).path).suffix[1:].lower()
    except ValueError:
        return "bin"
    return suffix if suffix in ASSET_SUFFIXES else "bin"


class FileRoom:
    """The files under one root folder.

    Args:
        root: the folder; it is created, readable for its owner only.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in (root, root / "assets", root / "files", root / "parts"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def add_asset(self, data: bytes, name: str) -> str:
        """Keep a file by its content and return its asset name.

        Args:
            data: the file's bytes.
            name: its name or URL; only a known suffix of it is kept.
        """
        with self.receive(name) as sink:
            sink.write(data)
        return sink.asset

    def receive(self, name: str) -> AssetSink:
        """Return a sink that keeps what is written to it as one asset, without holding it."""
        return AssetSink(self.root, safe_suffix(name))

    def asset_path(self, asset: str) -> Path | None:
        """Return the path of an asset, or None if there is no such asset."""
        return self._existing("assets", asset, _ASSET)

    def touch(self, path: Path) -> None:
        """Show that a file is in use, which keeps it from being removed for a while."""
        with suppress(OSError):  # it is readable, and that is what counts
            os.utime(path)

    def output_path(self, key: str) -> Path | None:
        """Return the path of a finished video or of the report beside it, or None."""
        return self._existing("files", key, _OUTPUT)

    def part_path(self, part: str) -> Path:
        """Return the path at which a try renders; `part` is the claim's name for it."""
        return self.root / "parts" / f"{part}.mp4"

    def publish(self, part: str, key: str, report: str) -> None:
        """Move what a try has rendered to its storage key, with its report (JSON text) beside it.

        Raises:
            ValueError: the key is not one of `output_key`.
            OSError: the disk is full, or nothing was rendered.
        """
        if not _OUTPUT.fullmatch(key):
            raise ValueError("not a storage key")
        rendered, target = self.part_path(part), self.root / "files" / key
        target.parent.mkdir(parents=True, exist_ok=True)
        report_part = rendered.with_suffix(".json")
        report_part.write_text(report, encoding="utf-8")
        report_part.replace(target.with_suffix(".json"))
        rendered.replace(target)

    def discard(self, part: str) -> None:
        """Remove whatever is left of a try, or of all tries of a job given its id."""
        for leftover in (self.root / "parts").glob(f"*{part}*"):
            leftover.unlink(missing_ok=True)

    def signing_secret(self) -> bytes:
        """Return the root's own secret of 32 bytes; made at first use, in a file of mode 0600."""
        path = self.root / "signing.key"
        if not path.exists():
            # mkstemp makes the file 0600; link() lets one of several processes win, complete
            handle, draft = tempfile.mkstemp(dir=self.root)
            with os.fdopen(handle, "wb") as file:
                file.write(secrets.token_bytes(32))
            with suppress(FileExistsError):
                os.link(draft, path)
            Path(draft).unlink()
        return path.read_bytes()

    def sign(self, key: str, expires: int) -> str:
        """Return the token that opens a storage key until `expires` (Unix time, s)."""
        text = f"{key}\n{expires}".encode()
        digest = hmac.digest(self.signing_secret(), text, "sha256")
        return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")

    def token_is_valid(self, key: str, expires: int, token: str) -> bool:
        """Tell whether a token was signed here for this key and expiry (in constant time)."""
        return hmac.compare_digest(self.sign(key, expires).encode(), token.encode())

    def _existing(self, folder: str, name: str, pattern: re.Pattern[str]) -> Path | None:
        path = self.root / folder / name
        return path if pattern.fullmatch(name) and path.is_file() else None


class AssetSink:
    """A file on its way in: hashed while it is written, renamed to its hash at the end.

    Used as a context manager; after an exception inside the block nothing is kept.

    Attributes:
        asset: the asset's name, `<sha256>.<suffix>`, once the block has ended.
        size_bytes: bytes written so far.
    """

    def __init__(self, root: Path, suffix: str) -> None:
        self.asset = ""
        self.size_bytes = 0
        self._folder = root / "assets"
        self._suffix = suffix
        self._hash = hashlib.sha256()
        handle, draft = tempfile.mkstemp(dir=root / "parts")
        self._file = os.fdopen(handle, "wb")
        self._draft = Path(draft)

    def write(self, chunk: bytes) -> None:
        """Append some bytes."""
        self._hash.update(chunk)
        self._file.write(chunk)
        self.size_bytes += len(chunk)

    def __enter__(self) -> Self:
        """Return the sink itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Keep the file under its hash, or drop it after an error."""
        self._file.close()
        if error is not None:
            self._draft.unlink()
            return
        self.asset = f"{self._hash.hexdigest()}.{self._suffix}"
        self._draft.replace(self._folder / self.asset)
