"""What the parts of the panel share: a connection, a lock, and that no error is lost."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets
from ipywidgets import Layout

from tfi_notebook.errors import TfiError
from tfi_notebook.http import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Future
    from contextlib import AbstractContextManager

    from tfi_notebook.lifecycle.workspace import Workspace

_log = logging.getLogger(__name__)


class Background:
    """Starts what takes time on the workspace's loop; what fails there goes to `_fail`."""

    _workspace: Workspace

    def _fail(self, error: TfiError) -> None:
        """Tell what went wrong."""
        raise NotImplementedError

    def _in_background(self, work: Coroutine[Any, Any, None]) -> Future[None] | None:
        """Start something on the loop; None, with the error told, where the workspace is closed."""
        try:
            return self._workspace.start(self._guarded(work))
        except TfiError as error:
            work.close()
            self._fail(error)
            return None

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        """Nothing that fails in the background is lost."""
        try:
            await work
        except TfiError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001 - the last guard of a callback
            _log.exception("%s failed", type(self).__name__)
            self._fail(TfiError(redact(f"{type(error).__name__}: {error}"), hint="see the log"))


def hint_in_words(error: TfiError) -> str:
    """Return an error's hint for who looks at a form: `help(...)` is for a Python prompt."""
    return "" if error.hint.startswith("help(") else error.hint


def in_words(error: TfiError) -> str:
    """Return field, message and hint of an error as one line for a form."""
    hint = hint_in_words(error)
    where = f"{error.field}: " if error.field else ""
    return f"{where}{error.message} → {hint}" if hint else where + error.message


_plain: list[Layout] = []


def plain_layout() -> Layout:
    """Return the layout that says nothing, shared by all; a new one if somebody closed it."""
    if not _plain or _plain[0].comm is None:
        _plain[:] = [Layout()]
    return _plain[0]


class Drawn(anywidget.AnyWidget):
    """A widget that one ES module draws, with twins for readers without a kernel.

    Its layout is shared with all others: it says nothing, and would cost a message for each.
    """

    @traitlets.default("layout")
    def _shared_layout(self) -> Layout:
        return plain_layout()

    def snapshot_html(self) -> str:
        """Return what is shown as HTML without script and style block, for saved notebooks."""
        return ""

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:  # noqa: ANN401 - IPython's
        """Return the live view and, for readers without a kernel, its twins."""
        live, told = super()._repr_mimebundle_(**options) or ({}, {})
        twins = {"text/html": self.snapshot_html(), "text/plain": repr(self)}
        return live | twins, told


class Part(Background, Drawn):
    """One widget over one workspace; what it does takes place on the background loop.

    Messages of the page come as `{"type": name, ...}` on any thread, and are handed to `_asked`.

    Args:
        workspace: the connection.
        lock: held while state is written; shared with the other parts of a panel.
        on_error: is told what went wrong in the background; without it the part shows it.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        lock: AbstractContextManager[Any] | None = None,
        on_error: Callable[[TfiError], object] | None = None,
    ) -> None:
        super().__init__()
        self._workspace = workspace
        self._lock = lock or threading.RLock()
        self._on_error = on_error
        self.on_msg(self._received)

    def _asked(self, name: str, content: dict[str, Any]) -> None:
        """Answer a message of the page: start what there is to do, and return."""
        raise NotImplementedError

    def _show_error(self, error: TfiError) -> None:
        """Show what went wrong, where nobody else does."""
        raise NotImplementedError

    def _received(self, _: object, content: object, __: object) -> None:
        if isinstance(content, dict):
            self._asked(str(content.get("type")), content)

    def _fail(self, error: TfiError) -> None:
        (self._on_error or self._show_error)(error)
