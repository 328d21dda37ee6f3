"""A finished video in the notebook: a card that stays, and a player that plays while it is live.

The bytes go through a widget, which plays in JupyterLab, Notebook 7, Voila and behind a hub alike
and leaves nothing large in the saved notebook. A video above the cap is played from its file.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tfi_notebook.display import html, words
from tfi_notebook.display.painter import in_kernel, publish

if TYPE_CHECKING:
    from tfi_notebook.contract.snapshot import JobSnapshot

INLINE_MAX_BYTES = 25_000_000
PLAYER_WIDTH_MAX_PX = 640


def show_video(
    path: str | Path,
    *,
    snapshot: JobSnapshot,
    poster: bytes | None = None,
    max_inline_bytes: int = INLINE_MAX_BYTES,
) -> VideoView:
    """Return a finished video as a notebook output.

    Args:
        path: the downloaded video.
        snapshot: its job, for the numbers on the card.
        poster: one frame as JPEG bytes, shown where the player cannot be.
        max_inline_bytes: larger videos are linked and played from their file.

    Returns:
        A view that displays itself as the last expression of a cell or through `display`.
    """
    return VideoView(Path(path), snapshot, poster, max_inline_bytes)


class VideoView:
    """A video that shows itself: first the card, then the player."""

    def __init__(
        self, path: Path, snapshot: JobSnapshot, poster: bytes | None, max_inline_bytes: int
    ) -> None:
        self.path = path
        self._snapshot = snapshot
        self._poster = poster
        self._max_inline_bytes = max_inline_bytes

    def __repr__(self) -> str:
        """Name the file (never a folder of this machine outside the working folder)."""
        return f"<video {shown_path(self.path)}, {words.size(self.path.stat().st_size)}>"

    def card(self) -> str:
        """Return the HTML card that stays readable in the saved notebook."""
        return html.poster_card(
            self._snapshot,
            now=time.time(),
            poster=self._poster,
            size_bytes=self.path.stat().st_size,
            file_name=shown_path(self.path),
            href=relative_link(self.path),
        )

    def _ipython_display_(self) -> None:
        """Display the card, then the player below it."""
        if not in_kernel():
            raise NotImplementedError  # IPython falls back to the repr
        publish({"text/html": self.card(), "text/plain": self._plain()})
        publish(self._player())

    def _plain(self) -> str:
        return f"{words.job_text(self._snapshot, time.time())}\n{self!r}"

    def _player(self) -> dict[str, Any]:
        if self.path.stat().st_size > self._max_inline_bytes:
            return {"text/html": _file_player(self.path), "text/plain": repr(self)}
        bundle: dict[str, Any] = dict(video_widget(self.path.read_bytes())._repr_mimebundle_())
        bundle.pop("text/plain", None)  # the card above says it; a saved notebook needs no more
        return bundle


def video_widget(data: bytes) -> Any:  # noqa: ANN401 - ipywidgets publishes no types
    """Return a player of MP4 bytes that waits for a click, with controls, and plays once."""
    import ipywidgets  # noqa: PLC0415 - only where something is played

    return ipywidgets.Video(
        value=data,
        format="mp4",
        autoplay=False,
        loop=False,
        controls=True,
        layout=ipywidgets.Layout(
            max_width="100%", width="auto", height="auto", align_self="flex-start"
        ),
        _dom_classes=("tfi-video",),
    )


def shown_path(path: Path) -> str:
    """Return the path below the working folder, else the bare file name.

    Example:
        >>> shown_path(Path("/somewhere/else/clip.mp4"))
        'clip.mp4'
    """
    relative = _relative(path)
    return relative.as_posix() if relative else path.name


def relative_link(path: Path) -> str:
    """Return the percent-encoded link to a file below the working folder, else nothing.

    Example:
        >>> relative_link(Path("tfi_outputs/a b.mp4"))
        'tfi_outputs/a%20b.mp4'
    """
    relative = _relative(path)
    return quote(relative.as_posix()) if relative else ""


def _relative(path: Path) -> Path | None:
    here = Path.cwd()
    resolved = path.expanduser().resolve()
    return resolved.relative_to(here) if resolved.is_relative_to(here) else None


def _file_player(path: Path) -> str:
    link = html.escape(relative_link(path), 2048)
    if not link:
        return html.root("too large to play here: open the file itself")
    style = f"max-width:min(100%,{PLAYER_WIDTH_MAX_PX}px)"
    return html.root(f'<video controls preload="metadata" src="{link}" style="{style}"></video>')
