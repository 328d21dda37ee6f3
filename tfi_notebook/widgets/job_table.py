"""One table of jobs that is alive on the page: what Board and History share.

The page asks for what it wants to see, and draws the clock itself. After that it is told only
what has changed on the page that is shown, seldom enough that a thousand jobs at work are no
more traffic than one. All state belongs to the background loop's thread; nothing of it is widget
state, so that nothing of it is saved in a notebook.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar

from tfi_notebook.display import html, words
from tfi_notebook.display.painter import Drawing
from tfi_notebook.widgets.front import css, esm
from tfi_notebook.widgets.job_actions import LABELS, JobActions
from tfi_notebook.widgets.job_rows import (
    COLUMNS,
    PAGE_ROWS,
    Found,
    View,
    asked_view,
    changes,
    endings,
    last_page,
    row_of,
)
from tfi_notebook.widgets.part import Part

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from contextlib import AbstractContextManager

    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.errors import TfiError
    from tfi_notebook.lifecycle.workspace import Workspace

BYTES_PER_S = 8_000
"""What a table tells by itself; after much news it is silent for as long as that takes."""


class JobTable(Part):
    """A table of jobs, sorted, filtered and paged by the kernel.

    Args:
        workspace: the connection.
        lock: held while a message is sent; shared with the other parts of a panel.
        on_error: is told what went wrong; without it the table shows it.
        on_action: called with `open` or `load` and the job, on the loop's thread.

    Attributes:
        view: what is asked for.
        error: what went wrong last, as plain text.
    """

    _esm = esm("alive.js", "board.js")
    _css = css("base.css", "board.css")
    label: ClassVar[str]
    columns: ClassVar[tuple[str, ...]]
    sortable: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        workspace: Workspace,
        *,
        lock: AbstractContextManager[Any] | None = None,
        on_error: Callable[[TfiError], object] | None = None,
        on_action: Callable[[str, JobSnapshot], object] | None = None,
    ) -> None:
        super().__init__(workspace, lock=lock, on_error=on_error)
        self.view = View()
        self.error = ""
        self._actions = JobActions(workspace, on_action)
        self._busy: set[tuple[str, str]] = set()
        self._ended: list[JobSnapshot] = []
        self._sent: dict[str, Any] | None = None
        self._news = False
        self._silent_until = 0.0
        self._unsubscribe = workspace.subscribe(self._heard)
        self._follower = workspace.painter.follow(self._draw, self._write)

    # -- what a person or a test does ------------------------------------------------------

    def show(self, **asked: Any) -> Future[None] | None:  # noqa: ANN401 - the fields of a `View`
        """Sort, filter or turn the page; return at once.

        Args:
            **asked: fields of `View`; what there is not is left as it is.
        """
        return self._in_background(self._show(asked))

    def act(
        self, name: str, key: str, *, sure: bool = False, job_id: str = ""
    ) -> Future[None] | None:
        """Do something about a job; return at once.

        Args:
            name: `open`, `load`, `watch`, `stop`, `retry`, `resubmit`, `adopt` or `write_off`.
            key: the job's key.
            sure: whether the question of an action that may cost was answered.
            job_id: for `adopt`, the id that was found.
        """
        return self._in_background(self._act(name, key, sure=sure, job_id=job_id))

    def close(self) -> None:
        """Take the table off the page and listen no more. Jobs go on."""
        self._unsubscribe()
        self._follower.close()
        super().close()

    # -- what the two tables do each in its way --------------------------------------------

    def _found(self) -> Found:
        """Return the page that is to be shown, from what is known."""
        raise NotImplementedError

    async def _look(self) -> None:
        """Bring what is known in line with the view."""

    def _known(self, key: str) -> JobSnapshot | None:
        """Return a job that may be on the page."""
        raise NotImplementedError

    def _take(self, row: JobSnapshot) -> bool:
        """Take a changed job; return whether its end is to be told."""
        raise NotImplementedError

    def _is_live(self) -> bool:
        """Tell whether something may still change."""
        raise NotImplementedError

    def _shown(self) -> list[JobSnapshot]:
        """Return the jobs for the saved notebook, newest first."""
        raise NotImplementedError

    # -- coroutines and callbacks: the loop's thread ---------------------------------------

    def _asked(self, name: str, content: dict[str, Any]) -> None:
        if name == "show":
            self.show(**{field: content.get(field) for field in asdict(self.view)})
        elif name == "open":
            self._in_background(self._open())
        elif name == "act":
            sure, job_id = content.get("sure") is True, str(content.get("id") or "")
            self.act(str(content.get("name")), str(content.get("key")), sure=sure, job_id=job_id)

    async def _open(self) -> None:
        await self._look()
        self._sent = {}
        labels = {"label": self.label, "titles": {name: COLUMNS[name] for name in self.columns}}
        questions = {"labels": LABELS, "questions": self._actions.questions}
        self._tell(labels | questions | {"sortable": self.sortable})

    async def _show(self, asked: dict[str, Any]) -> None:
        self.view = asked_view(self.view, asked, self.sortable)
        await self._look()
        self._tell()

    async def _act(self, name: str, key: str, *, sure: bool, job_id: str) -> None:
        row = self._known(key)
        unasked = name in self._actions.questions and not sure
        if row is None or unasked or (name, key) in self._busy:
            return
        row = self._workspace.latest(row)
        if name not in self._actions.of(row, self._watched()):
            return  # it has changed since the page was drawn
        self._busy.add((name, key))
        self.error = ""
        try:
            remark = await self._actions.do(name, row, job_id)
        finally:
            self._busy.discard((name, key))
            self._wake()
        self._say({"type": "note", "text": remark})

    def _show_error(self, error: TfiError) -> None:
        self.error = f"{error.field}: {error.message}" if error.field else error.message
        self._say({"type": "error", "text": self.error, "hint": error.hint})

    def _heard(self, row: JobSnapshot) -> None:
        if self._take(row):
            self._ended.append(row)
        self._wake()

    def _wake(self) -> None:
        """Say that there is something new to tell."""
        self._news = True
        if self._follower.active:
            self._follower.wake()
        elif self.comm is not None:
            self._follower = self._workspace.painter.follow(self._draw, self._write)

    def _draw(self) -> Drawing:
        """Look whether it is time to tell what is new; the painter asks twice a second at most."""
        left_s = self._silent_until - time.monotonic()
        due = self._news and left_s <= 0
        if self._news and not due:
            asyncio.get_running_loop().call_later(left_s, self._follower.wake)
        return Drawing(str(time.monotonic()) if due else "", "", self._news or self._is_live())

    def _write(self, drawing: Drawing) -> None:
        if drawing.html:
            self._tell()

    def _tell(self, opening: dict[str, Any] | None = None) -> None:
        """Send what has changed since the last time; nothing while nobody has opened the table."""
        self._news = False
        if self._sent is None:
            return
        state, before = self._state(), self._sent
        said, self._ended = endings(self._ended), []
        rows = {key: changes(before.get("rows", {}).get(key), row)
                for key, row in state["rows"].items()}  # fmt: skip
        new = {name: value for name, value in state.items() if before.get(name) != value}
        new |= {"rows": {key: row for key, row in rows.items() if row}, "said": said}
        self._sent = state
        told = (opening or {}) | {name: value for name, value in new.items() if value or opening}
        told |= {name: new[name] for name in ("counts", "order", "total") if name in new}
        if told:
            told = {"type": "page", "now": time.time()} | told
            self._silent_until = time.monotonic() + len(json.dumps(told)) / BYTES_PER_S
            self._say(told)

    def _say(self, content: dict[str, Any]) -> None:
        with self._lock:
            self.send(content)

    def _state(self) -> dict[str, Any]:
        found, watched = self._found(), self._watched()
        name = self._workspace.settings.service_name
        total = found.counts.get(self.view.status, 0) if self.view.status else None
        if total is None:
            total = sum(found.counts.values())
        counted = total if found.counts else PAGE_ROWS * self.view.page + len(found.rows)
        return {
            "rows": {row.key: row_of(row, name, self._actions.of(row, watched))
                     for row in found.rows},
            "order": [row.key for row in found.rows],
            "counts": found.counts,
            "view": asdict(self.view) | {"page": last_page(self.view, counted)},
            "total": counted,
            "size": PAGE_ROWS,
        }  # fmt: skip

    def _projects(self) -> list[str]:
        """Return the ids of the projects whose name holds the text that is asked for."""
        text, known = self.view.text.casefold(), self._workspace.known_projects
        return [each.project_id for each in known if text and text in each.name.casefold()]

    def _watched(self) -> frozenset[str]:
        return self._workspace.engine.tracker.watched()

    # -- the saved notebook ----------------------------------------------------------------

    def snapshot_html(self) -> str:
        """Return the newest jobs as HTML without script and style block."""
        return html.board(self._shown(), now=time.time())

    def __repr__(self) -> str:
        """Return the newest jobs as text."""
        return words.board_text(self._shown(), now=time.time())
