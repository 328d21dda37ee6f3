"""One finished video: it plays, is scored, and stands beside an earlier one of the same source."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

import traitlets

from tfi_notebook.contract.records import JobStatus
from tfi_notebook.display import html, words
from tfi_notebook.display.gallery import FPS, clock_script
from tfi_notebook.display.player import relative_link, shown_path
from tfi_notebook.errors import TfiError
from tfi_notebook.lifecycle.files import frames_per_s, is_whole_mp4, still
from tfi_notebook.lifecycle.finished import report_of
from tfi_notebook.lifecycle.job import Job
from tfi_notebook.lifecycle.judged import kept_scores_of
from tfi_notebook.widgets.front import css, esm, module
from tfi_notebook.widgets.part import Part
from tfi_notebook.widgets.result_words import difference, report_table, score_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future
    from pathlib import Path

    from tfi_notebook.contract.snapshot import JobSnapshot

EARLIER_MAX: Final = 20
"""So many earlier videos of the same source are offered for comparison."""


class Result(Part):
    """The newest video, or whichever is shown: `show` may be called from any thread.

    A video's bytes and its poster travel as binary buffers once a page is there to take them.
    They are nobody's state, so no saved notebook holds them.

    Args:
        workspace: whose jobs are shown.
        lock: see `Part`.
        on_error: see `Part`.

    Attributes:
        shown: what the page shows at once: `key`, `caption` (safe HTML), `file`, `fps`,
            `plays` (whether its bytes are sent) and a `note`.
        about: what is found out after that: `tables` of scores and report (safe HTML), whether
            it is `scored` or that is under way (`scoring`), and the `earlier` videos as pairs of
            key and label.
        problem: what went wrong, where no `on_error` takes it.
    """

    _esm = esm("result.js")
    _css = css("result.css")
    shown = traitlets.Dict().tag(sync=True)
    about = traitlets.Dict().tag(sync=True)
    problem = traitlets.Unicode().tag(sync=True)

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - as `Part` takes them
        self._row: JobSnapshot | None = None
        self._poster: bytes | None = None
        self._report: Mapping[str, Any] | None = None
        self._scores: Any = None
        self._earlier: dict[str, JobSnapshot] = {}
        self._turn = 0
        self._looked_at = False
        super().__init__(*arguments, **options)

    def show(self, row: JobSnapshot) -> Future[None] | None:
        """Show a job's video in place of the one before; return at once.

        A finished job whose video is not here is fetched first. One that has not ended well shows
        why there is nothing to play.

        Returns:
            The future of it, which never raises; None if it is shown already, or the workspace
            is closed.
        """
        with self._lock:
            self._turn += 1
            now = self._row
            if now is not None and row.path and (row.key, row.path) == (now.key, now.path):
                return None  # it goes on playing
            return self._in_background(self._prepare(row, self._turn))

    def score(self) -> Future[None] | None:
        """Score the video that is shown, in the background; what it finds goes to `about`."""
        with self._lock:
            if self._row is None or self.about.get("scoring"):
                return None
            self.problem = ""
            self._add(self._turn, scoring=True)
            return self._in_background(self._score(self._row, self._turn))

    def close(self) -> None:
        """Take it off the page; what is under way is dropped."""
        self._turn += 1
        super().close()

    def snapshot_html(self) -> str:
        """Return poster, numbers, scores and report, for saved notebooks."""
        row = self._row
        if row is None:
            return html.quiet_line("no video yet")
        return _card(row, self._poster) + self._tables()

    def __repr__(self) -> str:
        """Return the job as a line of text, and its scores below it."""
        if self._row is None:
            return "<Result: no video yet>"
        job = words.job_text(self._row, time.time())
        return job if self._scores is None else f"{job}\n{self._scores!r}"

    # -- what the page asks: any thread ----------------------------------------------------

    def _asked(self, name: str, content: dict[str, Any]) -> None:
        if name == "open":
            self._looked_at = True
            self._in_background(self._send_video(self._turn))
        elif name == "score":
            self.score()
        elif name == "compare":
            self._in_background(self._send_other(str(content.get("key")), self._turn))

    # -- coroutines: the loop's thread -----------------------------------------------------

    async def _prepare(self, row: JobSnapshot, turn: int) -> None:
        row, note = await self._fetched(row)
        poster = await asyncio.to_thread(_still, row)
        shown = await asyncio.to_thread(self._facts, row, note)
        with self._lock:
            if turn != self._turn:
                return
            self._row, self._poster, self._earlier = row, poster, {}
            self._report = self._scores = None
            self.shown, self.about, self.problem = shown, {}, ""
        if self._looked_at:
            await self._send_video(turn)
        await self._find_out(row, turn)

    async def _fetched(self, row: JobSnapshot) -> tuple[JobSnapshot, str]:
        """Return the row with its video here if that can be, and a remark if it cannot."""
        settings = self._workspace.settings
        if row.status is not JobStatus.DONE:
            return row, f"there is no video: the job is {words.status_word(row)}"
        if row.path is not None and await asyncio.to_thread(is_whole_mp4, row.path):
            return row, ""
        if row.service != settings.service_name:
            return row, f"the video is not here: connect to {words.readable(row.service)} for it"
        await self._workspace.download_async(row)
        return self._workspace.latest(row), ""

    async def _find_out(self, row: JobSnapshot, turn: int) -> None:
        """Look for what is kept beside the video and in the ledger; with 75,000 jobs 0.1 s."""
        if row.path is None:
            return
        settings, ledger = self._workspace.settings, self._workspace.engine.ledger
        report, scores, found = await asyncio.gather(
            asyncio.to_thread(report_of, row, settings),
            asyncio.to_thread(kept_scores_of, row.path, row.body, settings),
            asyncio.to_thread(ledger.same_source, row, EARLIER_MAX),
        )
        earlier = {other.key: other for other in found if other.path and other.path.is_file()}
        labels = [(key, difference(row, other)) for key, other in earlier.items()]
        with self._lock:
            if turn == self._turn:
                self._earlier, self._report, self._scores = earlier, report, scores
                self._add(turn, earlier=labels)

    async def _score(self, row: JobSnapshot, turn: int) -> None:
        try:
            scores = await asyncio.to_thread(Job(self._workspace, row).scores)
            if turn == self._turn:
                self._scores = scores
        finally:
            self._add(turn, scoring=False)

    async def _send_video(self, turn: int) -> None:
        row, poster = self._row, self._poster
        if row is None or turn != self._turn:
            return
        if poster:
            self._hand(turn, {"type": "poster", "key": row.key}, poster)
        if row.path and self.shown.get("plays"):
            data = await asyncio.to_thread(row.path.read_bytes)
            self._hand(turn, {"type": "video", "key": row.key}, data)

    async def _send_other(self, key: str, turn: int) -> None:
        """Send an earlier video, with the clock that keeps two in step."""
        other = self._earlier.get(key)
        if other is None or other.path is None:
            return
        text = clock_script() + module("result_pair.js")
        told = {"type": "other", "key": key, "module": text}
        if await asyncio.to_thread(self._fits, other.path):
            self._hand(turn, told, await asyncio.to_thread(other.path.read_bytes))
        else:
            name = shown_path(other.path)
            raise TfiError(f"{name} is too large to play here", hint="open the file itself")

    # -- inside ----------------------------------------------------------------------------

    def _facts(self, row: JobSnapshot, note: str) -> dict[str, Any]:
        path, plays, fps = row.path, False, FPS
        if path is not None and not note:
            plays, fps = self._fits(path), frames_per_s(path) or FPS
            note = "" if plays else f"too large to play here: open {shown_path(path)}"
        return {
            "key": row.key, "caption": _card(row, None), "file": path.name if path else "",
            "fps": fps, "plays": plays, "note": note,
        }  # fmt: skip

    def _fits(self, path: Path) -> bool:
        return path.stat().st_size <= self._workspace.settings.limits.inline_video_max_bytes

    def _add(self, turn: int, **parts: Any) -> None:  # noqa: ANN401 - JSON
        """Add to `about`, unless another video has taken the place of the one it is about."""
        with self._lock:
            if turn == self._turn:
                known = {"tables": self._tables(), "scored": self._scores is not None}
                self.about = self.about | known | parts

    def _tables(self) -> str:
        return score_table(self._scores) + report_table(self._report)

    def _hand(self, turn: int, told: dict[str, Any], data: bytes) -> None:
        with self._lock:
            if turn == self._turn:
                self.send(told, [data])

    def _show_error(self, error: TfiError) -> None:
        with self._lock:
            self.problem = f"{error.message} → {error.hint}" if error.hint else error.message


def _still(row: JobSnapshot) -> bytes | None:
    return still(row.path) if row.path is not None and row.path.is_file() else None


def _card(row: JobSnapshot, poster: bytes | None) -> str:
    path = row.path if row.path is not None and row.path.is_file() else None
    return html.poster_card(
        row,
        now=time.time(),
        poster=poster,
        size_bytes=path.stat().st_size if path else None,
        file_name=shown_path(path) if path else "",
        href=relative_link(path) if path else "",
    )
