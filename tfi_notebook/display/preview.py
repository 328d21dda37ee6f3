"""A short clip in the notebook: a line that tells what it is, and a player while it is live."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tfi_notebook.display import html, words
from tfi_notebook.display.painter import in_kernel, publish
from tfi_notebook.display.player import video_widget

if TYPE_CHECKING:
    import os


class PreviewView:
    """The beginning of a video that was never submitted; shows itself as a cell's last expression.

    Attributes:
        data: the MP4's bytes.
        duration_s: its length.
        wall_s: how long it took to render.
    """

    def __init__(self, data: bytes, duration_s: float, wall_s: float) -> None:
        self.data = data
        self.duration_s = duration_s
        self.wall_s = wall_s

    def __repr__(self) -> str:
        """Tell length, size and who rendered it."""
        return (
            f"<preview {self.duration_s:.1f} s, {words.size(len(self.data))}, rendered locally "
            f"in {self.wall_s:.2f} s; not TFI's model>"
        )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the clip to a file and return its path; otherwise it is kept in memory only."""
        target = Path(path).expanduser()
        target.write_bytes(self.data)
        return target

    def _ipython_display_(self) -> None:
        """Display the line, then the player below it."""
        if not in_kernel():
            raise NotImplementedError  # IPython falls back to the repr
        plain = repr(self)
        publish({"text/html": html.root(html.escape(plain.strip("<>"), 200)), "text/plain": plain})
        bundle = dict(video_widget(self.data)._repr_mimebundle_())
        bundle.pop("text/plain", None)  # the line above says it
        publish(bundle)
