"""What a widget tells its page, kept for a test to read; the page's side of the walk."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

from tests.helpers.held_api import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    import pytest

    from tfi_notebook.widgets.job_table import JobTable


def done(started: Future[None] | None) -> None:
    """Wait for what a widget has started."""
    assert started is not None, "the workspace is closed"
    started.result(WAIT_S)


class Listener:
    """Plays the page of one table: asks, and puts together what it is told."""

    def __init__(self, table: JobTable, monkeypatch: pytest.MonkeyPatch) -> None:
        self.table = table
        self.messages: list[dict[str, Any]] = []
        self.jobs: dict[str, dict[str, Any]] = {}
        self.state: dict[str, Any] = {}
        self.handed: list[tuple[str, str | None]] = []
        self._news = threading.Condition()
        monkeypatch.setattr(table, "send", self.hear)

    def hear(self, content: dict[str, Any]) -> None:
        """Take a message as the page does."""
        content = json.loads(json.dumps(content))
        with self._news:
            self._take(content)
            self._news.notify_all()

    def wait_for(self, wanted: Callable[[], object]) -> None:
        """Wait until something is true of what was told; it is looked at with every message."""
        with self._news:
            assert self._news.wait_for(wanted, WAIT_S), self.messages[-5:]

    def _take(self, content: dict[str, Any]) -> None:
        self.messages.append(content)
        for key, cells in content.get("rows", {}).items():
            job = self.jobs.get(key, {}) | cells
            self.jobs[key] = {name: value for name, value in job.items() if value is not None}
        self.state |= content

    def ask(self, **content: Any) -> None:
        """Send a message of the page."""
        self.table._handle_custom_msg(content, [])

    @property
    def shown(self) -> list[dict[str, Any]]:
        """The rows of the page in their order."""
        return [self.jobs[key] for key in self.state["order"]]

    def told(self, kind: str) -> list[str]:
        """The texts of the notes or errors."""
        return [message["text"] for message in self.messages if message["type"] == kind]
