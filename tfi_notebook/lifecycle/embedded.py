"""The local service of this process: one for each folder, shared by the workspaces that use it.

Opening a workspace again and again, as a cell that is run again does, must not start a renderer
each time. And the previews, which need its folder and its renderer, but neither queue nor worker.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from tfi_notebook import arguments
from tfi_notebook.display.preview import PreviewView

if TYPE_CHECKING:
    from pathlib import Path

    from tfi_notebook.contract.local import SourceFile
    from tfi_notebook.contract.model import Payload
    from tfi_notebook.local.previewer import Previewer
    from tfi_notebook.local.service import LocalService
    from tfi_notebook.settings import Settings

_lock = threading.Lock()
_open: dict[Path, LocalService] = {}
_users: dict[Path, int] = {}


def borrow(settings: Settings) -> LocalService:
    """Return the local service of a connection's data folder, opened at its first use.

    Args:
        settings: a connection whose service runs in this process.

    Raises:
        MissingExtraError: its packages are not installed.
        SettingsError: its folder cannot be used.
    """
    from tfi_notebook.local.service import LocalService  # noqa: PLC0415 - an optional extra

    root = _root(settings)
    with _lock:
        if root not in _open:
            key = settings.api_key.reveal()
            _open[root] = LocalService(root, base_url=settings.base_url, api_key=key)
        _users[root] = _users.get(root, 0) + 1
        return _open[root]


def give_back(settings: Settings) -> None:
    """Say that a workspace needs the service no more; the last one closes it."""
    root = _root(settings)
    with _lock:
        _users[root] -= 1
        if _users[root]:
            return
        del _users[root]
        service = _open.pop(root)
    service.close()


class Previews:
    """Previews, and looks at a payload's files, for one connection; opened at the first.

    Belongs to the loop but for `close`.

    Args:
        settings: the resolved connection.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._previewer: Previewer | None = None

    async def make(self, payload: Payload, seconds: float, size_px: int) -> PreviewView:
        """Render the beginning of a payload's video; see `Account.preview`."""
        from tfi_notebook.local import require  # noqa: PLC0415 - not needed at first

        length_s = arguments.number("seconds", seconds)
        edge_px = arguments.whole("size_px", size_px)
        require("the preview")
        clip = await self._opened().clip(payload, length_s, edge_px)
        return PreviewView(clip.data, clip.duration_s, clip.wall_s)

    async def look_up(self, url: str, field: str) -> SourceFile:
        """Get the file behind a URL and look at it, by the rules of the local service.

        Files of the service itself are read, not fetched. Without its packages nothing is decoded.

        Args:
            url: where it is.
            field: `image_url` or `audio_url`: what it is looked at as.

        Raises:
            UnreachableSourceError: there is no file to look at.
            ServiceError: it cannot be looked at now.
        """
        return await self._opened().look_up(url, field)

    def close(self) -> None:
        """Give up what was opened."""
        previewer, self._previewer = self._previewer, None
        if previewer is not None:
            previewer.close()

    def _opened(self) -> Previewer:
        """Return what looks and renders, in the folder of the local service; for any connection.

        Raises:
            ServiceError: the folder cannot be used.
        """
        from tfi_notebook.local.previewer import Previewer  # noqa: PLC0415 - not needed at first

        if self._previewer is None:
            self._previewer = Previewer(_root(self._settings), self._settings.base_url)
        return self._previewer


def _root(settings: Settings) -> Path:
    return settings.data_dir / "local"


def _forget_after_fork() -> None:
    """A forked child shares neither the queue's connection nor the worker with its parent."""
    global _lock  # noqa: PLW0603 - another thread may have held it at the fork
    _lock = threading.Lock()
    _open.clear()
    _users.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
