"""The interactive panel: fill in, see why not, submit, watch, play."""

from __future__ import annotations

import json
import logging
import threading
import time
from typing import TYPE_CHECKING, Any

import ipywidgets

from tfi_notebook.contract.records import JobStatus
from tfi_notebook.display import html, words
from tfi_notebook.errors import ArgumentError, TfiError
from tfi_notebook.http import redact
from tfi_notebook.widgets.form import Form
from tfi_notebook.widgets.look import Look, close_all
from tfi_notebook.widgets.opening import badge_html, badge_words, first_values
from tfi_notebook.widgets.results import Results
from tfi_notebook.widgets.tabs import Tabs

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from concurrent.futures import Future

    from tfi_notebook.contract.payloads import TalkingVideoPayload
    from tfi_notebook.lifecycle.workspace import Workspace
    from tfi_notebook.widgets.source import SourceControl
    from tfi_notebook.widgets.sweep_tab import SweepTab

_log = logging.getLogger(__name__)


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
    from tfi_notebook.lifecycle.default import default_workspace  # noqa: PLC0415 - opens a ledger
    from tfi_notebook.lifecycle.workspace import Workspace  # noqa: PLC0415 - the same

    known = default_workspace() if workspace is None else workspace
    if not isinstance(known, Workspace):
        raise ArgumentError("must be a Workspace", field="workspace", hint="tfi.panel() needs none")
    known.check_open()
    return Panel(known)


class Panel(ipywidgets.VBox):  # type: ignore[misc] # ipywidgets publishes no types
    """A form for one payload, its JSON, a Submit button, the newest video and a board of jobs.

    With the tab "Sweep" the payload becomes the start of a sweep.

    Callbacks arrive on different threads in different kernel versions, and answers on the
    background loop's thread. So every callback takes one re-entrant lock, and does no more than
    to read the form and to hand a coroutine to the loop.

    Args:
        workspace: the connection.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._guard = threading.RLock()
        self._look = Look()
        self._sending = False
        self._pending: set[Future[Any]] = set()
        self._error_text = ""
        self._done_text = ""
        uploads = workspace.settings.takes_files
        self.form = Form(self._look, first_values(workspace), uploads=uploads)
        self.results = Results(workspace, self._look, self._guard)
        self._make_lines()
        super().__init__(self._arranged(), layout=self._look.block, _dom_classes=("tfi-panel",))
        self.form.observe(self._changed)
        for source in self.form.sources:
            source.on_upload(self.upload)
        self.button.on_click(self._clicked)
        self.tabs.turn(self, self._right, self.error_line)
        self._loading = self._in_background(self._load_account())

    # -- what a person or a test does ------------------------------------------------------

    @property
    def payload(self) -> TalkingVideoPayload | None:
        """The payload as it is entered; None while a field is wrong."""
        with self._guard:
            return self.form.check()

    @property
    def error(self) -> str:
        """The error on display as plain text; empty when there is none."""
        return self._error_text

    def submit(self) -> Future[None] | None:
        """Submit what is entered; return at once.

        Returns:
            The future of the submit (it never raises: errors go to the error line), or None if
            the form is not valid or a submit is under way.
        """
        with self._guard:
            payload = self.form.check()
            if payload is None or self._sending:
                self._check()
                return None
            self._sending = True
            self._say_error("")
            self._check()
        return self._in_background(self._submit(payload))

    def upload(self, source: SourceControl, file_name: str, data: bytes) -> Future[None]:
        """Hand a file to the service and put its URL into the form; return at once.

        Args:
            source: the control whose URL it becomes.
            file_name: the file's name, for its type.
            data: the file's bytes.
        """
        return self._in_background(self._upload(source, file_name, data))

    def close(self) -> None:
        """Take the panel off the page and listen no more. Jobs go on."""
        self._loading.cancel()  # a submit that is under way is left to end
        self.results.close()
        self.tabs.close()
        close_all(self.children)
        super().close()

    # -- building --------------------------------------------------------------------------

    def _make_lines(self) -> None:
        valid = not self.form.problems()
        self._badge_text = badge_words(self._workspace, None)
        self.badge = self._html("tfi-badge", badge_html(self._badge_text))
        self.json = self._html("tfi-json", self._json_html(), self._look.group)
        self.reason = self._html("tfi-reason", html.quiet_line(self._reason(valid=valid)))
        self.error_line = self._html("tfi-error", "")
        self.button = ipywidgets.Button(
            description="Submit",
            button_style="primary",
            icon="play",
            disabled=not valid,
            tooltip="Submit this payload as a job",
            layout=self._look.fixed,
            style=self._look.button_style,
            _dom_classes=("tfi-submit",),
        )
        self.tabs = Tabs(self._look, self._guard, self._sweep_tab)

    def _html(self, name: str, text: str, layout: Any = None) -> ipywidgets.HTML:  # noqa: ANN401 - ipywidgets publishes no types
        look = self._look
        return ipywidgets.HTML(
            text, layout=layout or look.block, style=look.html_style, _dom_classes=(name,)
        )

    def _arranged(self) -> list[Any]:
        look = self._look
        action = ipywidgets.HBox([self.button, self.reason], layout=look.row)
        right = [self.json, action, self.error_line, self.results.screen]
        left, self._right = (
            ipywidgets.VBox(part, layout=look.column) for part in (self.form.boxes, right)
        )
        columns = ipywidgets.HBox([left, self._right], layout=look.columns)
        return [self.badge, self.tabs.switch, columns, self.results.board]

    # -- callbacks: any thread -------------------------------------------------------------

    def _changed(self, _: object) -> None:
        with self._guard:
            self._done_text = ""
            self._check()
            self.tabs.changed()

    def _clicked(self, _: object) -> None:
        self.submit()

    def _sweep_tab(self) -> SweepTab:
        from tfi_notebook.widgets.sweep_tab import SweepTab  # noqa: PLC0415 - made when opened

        start = self._in_background
        return SweepTab(self._workspace, self._look, self._guard, self.form.check, start)

    def _check(self) -> None:
        """Bring messages, JSON, button and reason in line with what is entered."""
        valid = self.form.check() is not None
        self.json.value = self._json_html()
        self.button.disabled = self._sending or not valid
        self.reason.value = html.quiet_line(self._reason(valid=valid))

    def _json_html(self) -> str:
        text = json.dumps(self.form.values(), indent=2, ensure_ascii=False)
        return html.heading("Payload") + html.code_block(text)

    def _reason(self, *, valid: bool) -> str:
        if self._sending:
            return "submitting …"
        if not valid:
            return f"cannot be submitted yet: see {', '.join(self.form.problems())}"
        return self._done_text

    # -- coroutines: the loop's thread -----------------------------------------------------

    def _in_background(self, work: Coroutine[Any, Any, None]) -> Future[None]:
        future = self._workspace.start(self._guarded(work))
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)
        return future

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        """Nothing that fails in the background is lost: it goes to the error line."""
        try:
            await work
        except TfiError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001 - the last guard of a callback
            _log.exception("the panel failed")
            self._fail(TfiError(redact(f"{type(error).__name__}: {error}"), hint="see the log"))

    async def _submit(self, payload: TalkingVideoPayload) -> None:
        begun = time.time()
        try:
            job = await self._workspace.submit_async(payload)
        finally:
            with self._guard:
                self._sending = False
                self._check()
        with self._guard:
            name = words.readable(job.id or job.key, 128)
            self._done_text = f"submitted as job {name}"
            if job.snapshot.created_at < begun:
                self._done_text = f"job {name} has this payload already; no second one was made"
            self._check()
        if job.status is JobStatus.DONE and job.path is None:
            await self._workspace.download_async(job.snapshot)
        self.results.feature(job.snapshot)

    async def _upload(self, source: SourceControl, file_name: str, data: bytes) -> None:
        with self._guard:
            self._say_error("")
            self.form.blame(source.name, f"uploading {words.readable(file_name, 60)} …")
        try:
            url = await self._workspace.asset_async(data, file_name)
        except TfiError as error:
            with self._guard:
                source.fill("")  # what stood there before is not what was meant
                self.form.blame(source.name, error.message)
            raise
        with self._guard:
            source.remember(url, file_name, data)
            source.fill(url)
            self._check()

    async def _load_account(self) -> None:
        projects = await self._workspace.projects_async()
        with self._guard:
            self.form.offer_projects(projects)
        if not self._workspace.settings.local:
            amount = await self._workspace.credits_async()
            with self._guard:
                self._badge_text = badge_words(self._workspace, amount)
                self.badge.value = badge_html(self._badge_text)

    # -- lines -----------------------------------------------------------------------------

    def _fail(self, error: TfiError) -> None:
        with self._guard:
            self._say_error(f"{error.field}: {error.message}" if error.field else error.message)
            self.error_line.value = html.error_line(self._error_text, error.hint)
            self.form.blame(error.field, error.message)

    def _say_error(self, text: str) -> None:
        self._error_text = text
        if not text:
            self.error_line.value = ""

    # -- the saved notebook ----------------------------------------------------------------

    def __repr__(self) -> str:
        """Return badge, entered fields and board as text."""
        fields = ", ".join(f"{name}={value!r}" for name, value in self.form.values().items())
        return f"<Panel · {self._badge_text}>\n{fields}\n{self.results.drawing().plain}"

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:  # noqa: ANN401 - IPython's
        """Return the live view and, for readers without a kernel, form and board as HTML."""
        bundle: dict[str, Any] = dict(super()._repr_mimebundle_(**options) or {})
        static = self.badge.value + self.form.snapshot_html() + self.results.drawing().html
        return bundle | {"text/html": static, "text/plain": repr(self)}
