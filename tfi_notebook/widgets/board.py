"""The board: the jobs of one connection, as they go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfi_notebook.widgets.job_rows import SORTABLE, find
from tfi_notebook.widgets.job_table import JobTable
from tfi_notebook.widgets.opening import opened

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.errors import TfiError
    from tfi_notebook.lifecycle.workspace import Workspace
    from tfi_notebook.widgets.job_rows import Found

RECENT_MAX = 500
"""So many jobs of the ledger are on a new board, besides all that are under way."""
KEPT_MAX = 5_000
"""Above this the oldest jobs that have ended leave the board; the history has them."""


def board(workspace: Workspace | None = None) -> Board:
    """Return the board of a workspace's jobs, to be shown as the last expression of a cell.

    Args:
        workspace: the connection; without it the default one, made at its first use.

    Raises:
        SettingsError: there is no workspace yet and its settings cannot be used.
        MissingExtraError: the local service is meant, and its packages are not installed.

    Example:
        >>> tfi.board()                                   # doctest: +SKIP
    """
    return Board(opened(workspace, "board"))


class Board(JobTable):
    """The jobs of a connection: where each stands, what is left of it, and what can be done.

    Args:
        workspace: whose jobs are shown.
        lock: held while a message is sent.
        on_error: is told what went wrong; without it the board shows it.
        on_action: called with `open` or `load` and the job, on the loop's thread.
    """

    label = "Jobs"
    columns = (
        "status", "elapsed", "queue", "progress", "eta", "version", "iterations", "size",
        "credits", "job", "message",
    )  # fmt: skip
    sortable = SORTABLE

    def __init__(
        self,
        workspace: Workspace,
        *,
        lock: AbstractContextManager[Any] | None = None,
        on_error: Callable[[TfiError], object] | None = None,
        on_action: Callable[[str, JobSnapshot], object] | None = None,
    ) -> None:
        name, feed = workspace.settings.service_name, workspace.engine.feed
        rows = feed.snapshots(RECENT_MAX, service=name)
        rows += [feed.newest(row) for row in workspace.engine.ledger.unfinished(name)]
        self._rows = {row.key: row for row in rows}
        super().__init__(workspace, lock=lock, on_error=on_error, on_action=on_action)

    def _found(self) -> Found:
        return find(self._rows.values(), self.view, self._projects())

    def _known(self, key: str) -> JobSnapshot | None:
        return self._rows.get(key)

    def _take(self, row: JobSnapshot) -> bool:
        before = self._rows.get(row.key)
        self._rows[row.key] = row
        if len(self._rows) > KEPT_MAX:
            self._forget()
        return row.status.is_final and (before is None or not before.status.is_final)

    def _forget(self) -> None:
        """Drop the oldest jobs that have ended, a tenth of all at once."""
        over = [row.key for row in self._rows.values() if row.status.is_final]
        for key in sorted(over, key=lambda key: self._rows[key].created_at)[: KEPT_MAX // 10]:
            del self._rows[key]

    def _is_live(self) -> bool:
        return any(not row.status.is_final for row in tuple(self._rows.values()))

    def _shown(self) -> list[JobSnapshot]:
        return sorted(self._rows.values(), key=lambda row: -row.created_at)
