"""What comes of the submits: the board of jobs, and the newest finished video, playing inline."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import ipywidgets

from tfi_notebook.contract.records import JobStatus
from tfi_notebook.display import html, words
from tfi_notebook.display.painter import Drawing
from tfi_notebook.display.player import shown_path, video_widget

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.lifecycle.workspace import Workspace
    from tfi_notebook.widgets.look import Look

RECENT_MAX = 500
"""Jobs of the ledger that a panel counts; its board draws the newest 50."""


class Results:
    """The board and the video of one panel. Only the background loop writes to its widgets.

    Args:
        workspace: whose jobs are shown.
        look: the panel's shared layouts and styles.
        lock: held while a widget is written.

    Attributes:
        board: the board of jobs, one HTML widget.
        screen: the box of the video; empty until one is finished.
    """

    def __init__(self, workspace: Workspace, look: Look, lock: AbstractContextManager[Any]) -> None:
        self._workspace = workspace
        self._look = look
        self._lock = lock
        self._rows = {row.key: row for row in workspace.snapshots(RECENT_MAX)}
        self._playing: JobSnapshot | None = None
        self._player: Any = None
        self.board = ipywidgets.HTML(
            self.drawing().html,
            layout=look.block,
            style=look.html_style,
            _dom_classes=("tfi-board",),
        )
        self.screen = ipywidgets.VBox(layout=look.block)
        self._unsubscribe = workspace.subscribe(self._heard)
        self._follower = workspace.painter.follow(self.drawing, self._write)

    def rows(self) -> list[JobSnapshot]:
        """Return the snapshots on the board, newest job first."""
        return sorted(self._rows.values(), key=lambda row: -row.created_at)

    def drawing(self) -> Drawing:
        """Return the board as it stands now."""
        rows, now = self.rows(), time.time()
        live = any(not row.status.is_final for row in rows)
        return Drawing(html.board(rows, now=now), html.board_text(rows, now=now), live)

    def feature(self, row: JobSnapshot) -> None:
        """Play the video of a job, if it is here. Called on the loop's thread."""
        if row.status is not JobStatus.DONE or row.path is None or not row.path.is_file():
            return
        if self._playing is not None and self._playing.path == row.path:
            return
        self._playing = row
        size_bytes = row.path.stat().st_size
        fits = size_bytes <= self._workspace.settings.limits.inline_video_max_bytes
        with self._lock:
            self._play(_caption(row, size_bytes, fits=fits), row.path.read_bytes() if fits else b"")

    def close(self) -> None:
        """Listen and draw no more."""
        self._unsubscribe()
        self._follower.close()

    def _heard(self, row: JobSnapshot) -> None:
        """Take a changed snapshot, on the loop's thread."""
        self._rows[row.key] = row
        if self._follower.active:
            self._follower.wake()
        else:
            self._follower = self._workspace.painter.follow(self.drawing, self._write)
        newest = self._playing is None or row.created_at >= self._playing.created_at
        if newest:
            self.feature(row)

    def _write(self, drawing: Drawing) -> None:
        with self._lock:
            self.board.value = drawing.html

    def _play(self, caption: str, data: bytes) -> None:
        """Put the bytes into the one player; those of the video before are freed with that."""
        if not self.screen.children:
            name = ("tfi-caption",)
            label = ipywidgets.HTML(
                layout=self._look.block, style=self._look.html_style, _dom_classes=name
            )
            self._player = video_widget(data)
            self.screen.children = (label, self._player)
        self.screen.children[0].value = caption
        self._player.value = data
        self._player.layout.display = None if data else "none"


def _caption(row: JobSnapshot, size_bytes: int, *, fits: bool) -> str:
    note = "" if fits else " (too large to play here: open the file)"
    return html.poster_card(
        row,
        now=time.time(),
        size_bytes=size_bytes,
        file_name=words.readable(shown_path(row.path), 128) + note if row.path else "",
    )
