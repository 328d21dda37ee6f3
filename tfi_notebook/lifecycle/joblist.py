"""Several jobs as one list: a live board in a notebook, and tables for other programs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tfi_notebook.display import html
from tfi_notebook.display.painter import Drawing
from tfi_notebook.lifecycle.export import Exports
from tfi_notebook.lifecycle.job import Job

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tfi_notebook.lifecycle.job import Keeper


class JobList(Exports, list[Job]):
    """Jobs, newest first; shown in a notebook as one live board."""

    def __init__(self, keeper: Keeper, jobs: Iterable[Job]) -> None:
        super().__init__(jobs)
        self._keeper = keeper

    def _draw(self) -> Drawing:
        rows, now = [job.snapshot for job in self], time.time()
        live = any(not row.status.is_final for row in rows)
        return Drawing(html.board(rows, now=now), html.board_text(rows, now=now), live)

    def __repr__(self) -> str:
        """Return the board as text."""
        return self._draw().plain

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return self._draw().bundle()

    def _ipython_display_(self) -> None:
        if not self._keeper.painter.show(self._draw):
            raise NotImplementedError  # IPython falls back to the MIME bundle
