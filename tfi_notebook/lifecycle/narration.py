"""How long the narrations last that this toolkit has handed to a service itself.

TFI's API tells no length of the audio, and its URLs are fetched by the service alone. Of a file
that went up from here the length is known, so that durations can be learned by it, and a video
that is too short for its audio is noticed.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tfi_notebook.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Narrations:
    """Lengths of narrations by their URL, without its query; kept in memory.

    Example:
        >>> narrations = Narrations()
        >>> narrations.remember("https://cdn.example.com/a.mp3?sign=1", 9.5)
        >>> narrations.seconds({"audio_url": "https://cdn.example.com/a.mp3"})
        9.5
        >>> narrations.seconds({"values": {"voice": {"audio_url": "https://other/b.mp3"}}})
    """

    def __init__(self) -> None:
        self._lengths: dict[str, float] = {}

    def remember(self, url: str, seconds: float) -> None:
        """Take note that the sound at a URL lasts so long."""
        self._lengths[_without_query(url)] = seconds

    async def measure(self, url: str, data: bytes) -> None:
        """Measure a sound that was put at a URL; silently nothing where that cannot be done.

        Args:
            url: where the service finds it.
            data: the file's bytes; pictures and the like are no sound and are passed over.
        """
        try:
            seconds = await asyncio.to_thread(audio_seconds, data)
        except RuntimeError:  # the interpreter is ending and starts no threads
            return
        if seconds is not None:
            self.remember(url, seconds)

    def seconds(self, body: Mapping[str, Any]) -> float | None:
        """Return how long the narration of a request body lasts; None if that is not known.

        Args:
            body: the request body, of either form; more than one sound are added up.
        """
        lengths = [self._lengths.get(_without_query(url)) for url in _audio_urls(body)]
        known = [length for length in lengths if length is not None]
        return sum(known) if known and len(known) == len(lengths) else None


def audio_seconds(data: bytes) -> float | None:
    """Return how long a sound lasts, by decoding it; None without the `local` extra.

    Args:
        data: the bytes of a sound file; None comes back for anything else, too.
    """
    try:
        from tfi_notebook.media.audio import ANALYSIS_RATE_HZ, decode  # noqa: PLC0415 - an extra
    except ImportError:
        return None
    try:
        return len(decode(data)) / ANALYSIS_RATE_HZ
    except SourceError:
        return None


def _audio_urls(body: Mapping[str, Any]) -> Iterator[str]:
    """Both forms: a field of the body, or assets among its `values`."""
    values = body.get("values")
    for part in (body, *(values.values() if isinstance(values, dict) else ())):
        url = part.get("audio_url") if isinstance(part, dict) else None
        if isinstance(url, str):
            yield url


def _without_query(url: str) -> str:
    return urlsplit(url)._replace(query="", fragment="").geturl()
