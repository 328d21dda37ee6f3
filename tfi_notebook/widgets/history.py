"""The history: everything in the ledger, whatever kernel and service it was submitted to."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

from tfi_notebook.lifecycle.finder import Finder
from tfi_notebook.widgets.job_rows import PAGE_ROWS, Found
from tfi_notebook.widgets.job_table import JobTable

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.errors import TfiError
    from tfi_notebook.lifecycle.workspace import Workspace

LOOK_AGAIN_S = 2.0
"""The ledger is read anew this often at most while jobs change: counting them reads all of it."""


class History(JobTable):
    """All jobs of a ledger, newest first, page by page; searched as `Finder` does.

    What another service has cannot be watched here; its rows say whose they are.

    Args:
        workspace: whose ledger is shown.
        lock: held while a message is sent.
        on_error: is told what went wrong; without it the history shows it.
        on_action: called with `open` or `load` and the job, on the loop's thread.
    """

    label = "History"
    columns = (
        "status", "created", "elapsed", "progress", "version", "iterations", "size", "credits",
        "job", "message",
    )  # fmt: skip
    sortable = ("created",)

    def __init__(
        self,
        workspace: Workspace,
        *,
        lock: AbstractContextManager[Any] | None = None,
        on_error: Callable[[TfiError], object] | None = None,
        on_action: Callable[[str, JobSnapshot], object] | None = None,
    ) -> None:
        self._finder = Finder(workspace.settings.ledger_path)
        self._page: dict[str, JobSnapshot] = {}
        self._counts: dict[str, int] = {}
        self._counted = ""
        self._looking = False
        super().__init__(workspace, lock=lock, on_error=on_error, on_action=on_action)

    def close(self) -> None:
        """Take it off the page, and close its connection to the ledger."""
        super().close()
        self._finder.close()

    def _found(self) -> Found:
        return Found(list(self._page.values()), self._counts)

    def _known(self, key: str) -> JobSnapshot | None:
        return self._page.get(key)

    async def _look(self) -> None:
        """Read the page; what there is in all is counted after it is shown, if it is more."""
        view, projects = self.view, self._projects()
        rows = await asyncio.to_thread(
            self._finder.page, view.text, view.status, projects=projects,
            offset=PAGE_ROWS * view.page, limit=PAGE_ROWS, oldest_first=not view.down,
        )  # fmt: skip
        if view is not self.view:
            return  # something else is asked for by now
        feed = self._workspace.engine.feed
        self._page = {row.key: feed.newest(row) for row in rows}
        if view.text != self._counted:
            self._counts = {}
        if len(rows) < PAGE_ROWS and not view.page and not view.status:
            counted = Counter(row.status.value for row in rows)  # these are all that there are
            self._counts, self._counted = dict(counted), view.text
        else:
            self._in_background(self._count(view.text))

    async def _count(self, text: str) -> None:
        counts = await asyncio.to_thread(self._finder.counts, text, self._projects())
        if text == self.view.text:
            self._counts, self._counted = counts, text
            self._wake()

    def _take(self, row: JobSnapshot) -> bool:
        before = self._page.get(row.key)
        if before is not None:
            self._page[row.key] = row
        moved = before is None or before.status is not row.status
        if moved and self._sent is not None and not self._looking:
            self._in_background(self._look_again())
        return False  # the board has told it

    async def _look_again(self) -> None:
        """Read the page anew after a while, for all jobs together that come or go on in it."""
        self._looking = True
        await asyncio.sleep(LOOK_AGAIN_S)
        self._looking = False
        await self._look()
        self._wake()

    def _is_live(self) -> bool:
        return any(not row.status.is_final for row in tuple(self._page.values()))

    def _shown(self) -> list[JobSnapshot]:
        return list(self._page.values()) or self._workspace.engine.feed.snapshots(PAGE_ROWS)
