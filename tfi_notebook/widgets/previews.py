"""The pictures and sounds that a form has bytes of, by the URL that stands in it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tfi_notebook.contract.local import sample_fields
from tfi_notebook.errors import MissingExtraError
from tfi_notebook.samples import PORTRAIT, VOICE
from tfi_notebook.widgets.fields import PICTURE, SOUND
from tfi_notebook.widgets.sources import Picture, look

if TYPE_CHECKING:
    from tfi_notebook.settings import Settings
    from tfi_notebook.widgets.sources import Sound


class Previews:
    """What was measured of the files behind URLs. A file is looked at once.

    Args:
        settings: of the connection; the local service's samples are files of this package.

    Attributes:
        samples: media → URL of the sample that the service has; empty on the live API.
    """

    def __init__(self, settings: Settings) -> None:
        known = sample_fields(settings.base_url) if settings.local else {}
        self._files = {known[key]: path for key, path in _SAMPLES.items() if key in known}
        self.samples = {_MEDIA[key]: known[key] for key in _SAMPLES if key in known}
        self._data: dict[str, tuple[str, bytes]] = {}
        self._found: dict[str, Picture | Sound] = {}
        self._drawing: set[str] = set()
        self._why_not: dict[str, str] = {"": "nothing is entered"}
        self._taken: set[str] = set()
        self._played_max_bytes = settings.limits.inline_video_max_bytes

    def remember(
        self, url: str, file_name: str, data: bytes, found: Picture | Sound | None = None
    ) -> None:
        """Keep the bytes behind a URL: to be looked at, unless what is found is known."""
        self._data[url] = (file_name, data)
        self._taken.discard(url)
        if found is not None:
            self._taken.add(url)
            self._keep(url, found)

    def take_new(self, url: str, *, samples: bool) -> bool:
        """Tell whether a file behind a URL is to be looked at now; true once for each file.

        Args:
            url: the URL.
            samples: the samples count, too.
        """
        is_here = url in self._data or (samples and url in self._files)
        if not is_here or url in self._taken:
            return False
        self._taken.add(url)
        self._drawing.add(url)
        return True

    def found(self, url: object) -> Picture | Sound | None:
        """Return what is known of the file behind a URL."""
        return self._found.get(url) if isinstance(url, str) else None

    def blank(self, url: str) -> str:
        """Say what stands in the place of a preview: that it comes, or why there is none."""
        if url in self._drawing:
            return "drawing the preview …"
        return f"no preview: {self._why_not.get(url, 'a typed address is not fetched')}"

    async def look(self, url: str, media: str) -> None:
        """Look at the file behind a URL, in a thread.

        Raises:
            SourceError: it is no such file.
        """
        name, data = self._bytes_of(url)
        self._why_not[url] = "the file cannot be read here"
        try:
            self._keep(url, await asyncio.to_thread(look, media, name, data))
        except MissingExtraError:
            self._why_not[url] = "its packages are not installed"
        finally:
            self._drawing.discard(url)

    def sound(self, url: object) -> bytes | None:
        """Return a sound to be played; None if it is not here, or too large to be sent."""
        known = self._data.get(url) if isinstance(url, str) else None
        if known is not None:
            return known[1]
        return self._files[url].read_bytes() if url in self._files else None

    def _keep(self, url: str, found: Picture | Sound) -> None:
        self._found[url] = found
        if isinstance(found, Picture) or len(self._bytes_of(url)[1]) > self._played_max_bytes:
            self._data.pop(url, None)  # a picture has its small version now

    def _bytes_of(self, url: str) -> tuple[str, bytes]:
        if url in self._data:
            return self._data[url]
        path = self._files[url]
        return path.name, path.read_bytes()


_SAMPLES = {"image_url": PORTRAIT, "audio_url": VOICE}
_MEDIA = {"image_url": PICTURE, "audio_url": SOUND}
