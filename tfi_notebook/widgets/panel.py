"""The interactive panel: fill in, see why not, submit, watch, play."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import ipywidgets

from tfi_notebook.contract.records import JobStatus
from tfi_notebook.display import html, words
from tfi_notebook.errors import PayloadError
from tfi_notebook.widgets.board import Board
from tfi_notebook.widgets.form import Form
from tfi_notebook.widgets.front import css
from tfi_notebook.widgets.instant_preview import InstantPreview
from tfi_notebook.widgets.look import close_all
from tfi_notebook.widgets.opening import badge_html, badge_words, opened
from tfi_notebook.widgets.part import Background, hint_in_words, plain_layout
from tfi_notebook.widgets.payload_box import PayloadBox
from tfi_notebook.widgets.result import Result
from tfi_notebook.widgets.sending import Sending
from tfi_notebook.widgets.tabs import NAMES, Tabs

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from concurrent.futures import Future

    from tfi_notebook.contract.model import Payload
    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.errors import TfiError
    from tfi_notebook.lifecycle.preflight import Preflight
    from tfi_notebook.lifecycle.workspace import Workspace
    from tfi_notebook.widgets.history import History
    from tfi_notebook.widgets.sweep_tab import SweepTab


def panel(workspace: Workspace | None = None) -> Panel:
    """Return the panel of a workspace, to be shown as the last expression of a cell.

    Args:
        workspace: the connection; without it the default one, made at its first use.

    Raises:
        SettingsError: there is no workspace yet and its settings cannot be used.
        MissingExtraError: the local service is meant, and its packages are not installed.

    Example:
        >>> tfi.panel()                                   # doctest: +SKIP
    """
    return Panel(opened(workspace, "panel"))


class _Below(Board):
    """The board below a form, which brings the shared style sheet."""

    _css = css("board.css")


class Panel(Background, ipywidgets.VBox):  # type: ignore[misc] # ipywidgets publishes no types
    """A form for one payload, what it looks like as code, Submit, a preview, results and a board.

    With the tab "Sweep" the payload becomes the start of a sweep; "History" shows the ledger.

    Callbacks arrive on different threads in different kernel versions, and answers on the
    background loop's thread. So every callback takes one re-entrant lock, and does no more than
    to read the form and to hand a coroutine to the loop.

    Args:
        workspace: the connection.

    Attributes:
        form: what is entered.
        code: the payload as JSON, Python and cURL.
        sending: Submit, the buttons beside it, and the lines about them.
        preview: the first seconds, rendered here.
        result: the newest finished video, or the one that is asked for.
        board: the jobs of this workspace; None until there is one.
        tabs: the switch between one video, a sweep and the history.
        sweep, history: the other tabs; None until they are opened, as result is until there is one.
        error: the error on display as plain text; empty when there is none.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._guard = threading.RLock()
        self._pending: set[Future[Any]] = set()
        self._newest_s = 0.0
        self.error = ""
        self.sweep: SweepTab | None = None
        self.history: History | None = None
        self.result: Result | None = None
        self.board: Board | None = None
        self._make_parts(workspace)
        super().__init__(self._arranged(), layout=plain_layout(), _dom_classes=("tfi-panel",))
        self._wire()
        self._changed()
        self._loading = self.in_background(self._load_account())

    # -- what a person or a test does ------------------------------------------------------

    @property
    def payload(self) -> Payload | None:
        """The payload as it is entered; None while a field is wrong."""
        with self._guard:
            return self.form.check()

    def submit(self) -> Future[None] | None:
        """Submit what is entered, as a click on Submit does; return at once.

        Returns:
            The future of the submit (it never raises: errors go to the error line), or None if
            the form is not valid or a submit is under way.
        """
        return self.sending.submit()

    def in_background(self, work: Coroutine[Any, Any, None]) -> Future[None] | None:
        """Start a coroutine on the loop; what fails there goes to the error line."""
        future = self._in_background(work)
        if future is not None:
            self._pending.add(future)
            future.add_done_callback(self._pending.discard)
        return future

    def close(self) -> None:
        """Take the panel off the page and listen no more. Jobs go on."""
        if self._loading is not None:
            self._loading.cancel()  # a submit that is under way is left to end
        self._unsubscribe()
        for part in (self.sweep, self.board, self.history):
            if part is not None:
                part.close()
        close_all((*self._beside, self._columns, *self.children))
        super().close()

    # -- building --------------------------------------------------------------------------

    def _make_parts(self, workspace: Workspace) -> None:
        self._shared: dict[str, Any] = {"lock": self._guard, "on_error": self._fail}
        self.form = Form(workspace, lock=self._guard, on_error=self._say)
        self.code = PayloadBox(lock=self._guard, base_url=workspace.settings.base_url)
        self.preview = InstantPreview(workspace, **self._shared)
        self._badge_text = badge_words(workspace, None)
        self.tabs = Tabs(title=badge_html(self._badge_text))
        self.error_line = ipywidgets.HTML(layout=plain_layout(), _dom_classes=("tfi-error",))
        self.sending = Sending(
            workspace, self.form, self._guard, start=self.in_background,
            forgive=self._forgive, looked_at=self._looked_at, ended=self._show,
        )  # fmt: skip

    def _arranged(self) -> list[Any]:
        plain = plain_layout()
        self._beside: tuple[Any, ...] = (
            self.code, self.sending.actions, self.error_line, self.preview)  # fmt: skip
        self._right = ipywidgets.VBox(self._beside, layout=plain)
        columns = [ipywidgets.VBox([self.form], layout=plain), self._right]
        self._columns = ipywidgets.HBox(columns, layout=plain, _dom_classes=("tfi-columns",))
        if self._workspace.engine.feed.snapshots(1, service=self._workspace.settings.service_name):
            self.board = self._make_board()
        return [self.tabs, *self._video()]

    def _video(self) -> list[Any]:
        """Return what stands below the tabs for one video."""
        return [self._columns, *filter(None, [self.board])]

    def _wire(self) -> None:
        self.form.on_change(self._changed)
        self.code.on_paste(self._load)
        self.tabs.observe(self._turned, names="value")
        self._unsubscribe = self._workspace.subscribe(self._heard)

    def _make_board(self) -> Board:
        return _Below(self._workspace, on_action=self._act, lock=self._guard, on_error=self._say)

    def _make_sweep(self) -> SweepTab:
        from tfi_notebook.widgets.sweep_tab import SweepTab  # noqa: PLC0415 - made when opened

        return SweepTab(self._workspace, self._guard, self.form.check, self.in_background)

    def _make_history(self) -> History:
        from tfi_notebook.widgets.history import History  # noqa: PLC0415 - made when opened

        return History(self._workspace, on_action=self._act, lock=self._guard, on_error=self._say)

    # -- callbacks: any thread -------------------------------------------------------------

    def _changed(self) -> None:
        with self._guard:
            self._forgive()
            payload = self.form.check()
            self.code.show(self.form.values(), payload)
            self.sending.changed(payload)
            self.preview.show(payload)
            if self.sweep is not None:
                self.sweep.changed()

    def _load(self, fields: dict[str, Any]) -> None:
        with self._guard:
            self.form.reset()
            self.form.fill(fields)

    def _act(self, name: str, row: JobSnapshot) -> None:
        """Do what a row of the board or of the history asks for."""
        if name == "load":
            self._load(dict(row.body))
        elif name == "open":
            self._show(row)
        self.tabs.value = NAMES[0]

    def _looked_at(self, payload: Payload, report: Preflight) -> None:
        """Preview what a person has asked to look at."""
        for field, (file_name, data) in report.found.items():
            self.form.remember(field, file_name, data)
        for field, message in report.problems().items():
            self.form.blame(field, message)
        self.preview.trust(*payload.urls().values())

    def _show(self, row: JobSnapshot) -> None:
        """Show a job's video; the player is made for the first one."""
        with self._guard:
            if self.result is None:
                self.result = Result(self._workspace, **self._shared)
                self._beside = (*self._beside, self.result)
                self._turned()
            self.result.show(row)

    def _turned(self, _: object = None) -> None:
        with self._guard:
            beside, below = self._beside, self._video()
            if self.tabs.value == "Sweep":
                self.sweep = self.sweep or self._make_sweep()
                beside = (self.sweep.box, self.error_line, self.sweep.below)
                below = [self._columns]
            elif self.tabs.value == "History":
                self.history = self.history or self._make_history()
                below = [self.history, self.error_line]
            self._right.children = beside
            self.children = (self.tabs, *below)

    # -- coroutines: the loop's thread -----------------------------------------------------

    async def _load_account(self) -> None:
        projects = await self._workspace.projects_async()
        with self._guard:
            self.form.offer_projects(projects)
        if not self._workspace.settings.local:
            amount = await self._workspace.credits_async()
            with self._guard:
                self._badge_text = badge_words(self._workspace, amount)
                self.tabs.title = badge_html(self._badge_text)

    async def _open_board(self) -> None:
        with self._guard:
            if self.board is None:
                self.board = self._make_board()
                self._turned()

    async def _play(self, row: JobSnapshot) -> None:
        if row.created_at >= self._newest_s:
            self._newest_s = row.created_at
            self._show(row)

    def _heard(self, row: JobSnapshot) -> None:
        """Put the first job on a board; play what has ended now, if it is the newest."""
        if self.board is None:
            self.in_background(self._open_board())
        self.sending.heard(row)
        if row.status is JobStatus.DONE and row.path is not None:
            self.in_background(self._play(row))

    def _fail(self, error: TfiError) -> None:
        with self._guard:
            self._say(error)
            problems = error.problems if isinstance(error, PayloadError) else {}
            for field, message in (problems or {error.field or "": error.message}).items():
                self.form.blame(field, message)

    def _say(self, error: TfiError) -> None:
        with self._guard:
            self.error = f"{error.field}: {error.message}" if error.field else error.message
            self.error_line.value = html.error_line(self.error, hint_in_words(error))

    def _forgive(self) -> None:
        with self._guard:
            self.error = self.error_line.value = ""

    # -- the saved notebook ----------------------------------------------------------------

    def __repr__(self) -> str:
        """Return badge, entered fields and board as text."""
        board = self.board or words.board_text([], now=0)
        return f"<Panel · {self._badge_text}>\n{self.form!r}\n{board}"

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:  # noqa: ANN401 - IPython's
        """Return the live view and, for readers without a kernel, its parts as HTML."""
        bundle: dict[str, Any] = dict(super()._repr_mimebundle_(**options) or {})
        parts = (self.form, self.code, self.result, self.board)
        shown = [self.tabs.title, *(part.snapshot_html() for part in parts if part)]
        static = "".join(shown) + ("" if self.board else html.board([], now=0))
        return bundle | {"text/html": static, "text/plain": repr(self)}
