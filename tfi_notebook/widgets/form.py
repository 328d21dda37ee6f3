"""The form: generated from the payload's fields, checked by the payload's own rules.

The browser draws it (`front/form.js`) and says what is entered; every rule is applied here. What
is entered travels in messages and is no widget state: a notebook would keep that when it is
saved, and a URL may be a credential.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import traitlets

from tfi_notebook.contract.local import sample_fields
from tfi_notebook.contract.payloads import TalkingVideoPayload
from tfi_notebook.display import html, words
from tfi_notebook.errors import TfiError
from tfi_notebook.widgets.entries import Entries, is_filled_template
from tfi_notebook.widgets.errands import Errands
from tfi_notebook.widgets.form_page import Page
from tfi_notebook.widgets.form_requests import Requests
from tfi_notebook.widgets.front import css, esm
from tfi_notebook.widgets.opening import opened
from tfi_notebook.widgets.part import Part, hint_in_words
from tfi_notebook.widgets.previews import Previews

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping
    from concurrent.futures import Future
    from contextlib import AbstractContextManager

    from tfi_notebook.contract.model import Payload
    from tfi_notebook.contract.records import MappingFields, Project
    from tfi_notebook.lifecycle.workspace import Workspace
    from tfi_notebook.widgets.sources import Picture, Sound

_log = logging.getLogger(__name__)


def form(workspace: Workspace | None = None) -> Form:
    """Return the form of a payload alone, to be shown as the last expression of a cell.

    Args:
        workspace: the connection; without it the default one, made at its first use.

    Returns:
        The form: `.payload` is what is entered, `.fill({...})` enters something.

    Raises:
        SettingsError: there is no workspace yet and its settings cannot be used.
        MissingExtraError: the local service is meant, and its packages are not installed.

    Example:
        >>> form = tfi.form()                             # doctest: +SKIP
        >>> tfi.submit(form.payload)                      # doctest: +SKIP
    """
    made = Form(opened(workspace, "form"))
    made.load_projects()
    return made


class Form(Part):
    """One control for each field of the payload, with help, messages, warnings and previews.

    Callbacks of the browser come on any thread, and answers on the background loop's. Each takes
    the lock, and hands what takes time to the loop.

    Args:
        workspace: the connection; takes uploads and knows the samples.
        lock: held while something is written to the page; one of its own if there is none.
        model: the model of form A, `TalkingVideoPayload` or a class made from it.
        values: what is entered at first; by default the local service's samples.
        on_error: is called with what goes wrong in the background, besides the message that
            the form shows itself.
    """

    _esm = esm("alive.js", "form_parts.js", "form_sources.js", "form.js")
    _css = css("base.css", "form.css")
    spec = traitlets.Dict().tag(sync=True)
    """What the browser draws: the fields and what the service takes. Nothing that is entered."""

    def __init__(
        self,
        workspace: Workspace,
        *,
        lock: AbstractContextManager[Any] | None = None,
        model: type[Payload] = TalkingVideoPayload,
        values: Mapping[str, Any] | None = None,
        on_error: Callable[[TfiError], None] | None = None,
    ) -> None:
        settings = workspace.settings
        first = sample_fields(settings.base_url) if settings.local else {}
        self._entries = Entries(
            model, first if values is None else values, needs_all=settings.local
        )
        self._previews = Previews(settings)
        self._page = Page(self.send, self._entries, self._previews, settings)
        super().__init__(workspace, lock=lock, on_error=on_error)
        self._errands = Errands(self, workspace, self._page, self._previews)
        self._requests = Requests(
            self, self._entries, self._page, self._previews, self._errands, settings
        )
        self._listeners: list[Callable[[], object]] = []

    @traitlets.default("spec")
    def _first_spec(self) -> dict[str, Any]:
        return self._page.spec()

    # -- what a person or the panel does ---------------------------------------------------

    def values(self) -> dict[str, Any]:
        """Return what is entered, by field; fields without an entry are left out."""
        with self._lock:
            return self._entries.values()

    @property
    def payload(self) -> Payload | None:
        """The checked payload; None while a field is wrong. Form B while a template is filled."""
        return self.check()

    def check(self) -> Payload | None:
        """Return the checked payload, or None; `problems` says why."""
        with self._lock:
            return self._entries.check()[0]

    def problems(self) -> dict[str, str]:
        """Return what is wrong, by control, and what the service has said."""
        with self._lock:
            return self._entries.check()[1] | self._entries.blamed

    def problem_titles(self) -> list[str]:
        """Return the titles of the controls that have a problem, in their order."""
        problems = self.problems()
        return [field["title"] for field in self._entries.fields if field["name"] in problems]

    def advice(self) -> dict[str, str]:
        """Return the warnings, by control; see `tfi_notebook.widgets.advice`."""
        with self._lock:
            return self._page.advice()

    @property
    def sources(self) -> dict[str, Picture | Sound]:
        """What is known of pictures and sounds, by control."""
        with self._lock:
            return self._page.sources()

    def fill(self, values: Mapping[str, Any]) -> None:
        """Enter a payload's fields, of either form; fields that are not named stay as they are.

        Raises:
            ArgumentError: naming a field that there is not.
        """
        with self._lock:
            self._entries.fill(values)
            is_flat = "image_url" in values or "audio_url" in values
            if self._entries.mapping is not None and is_flat:
                self._ask(None)
        self._changed()
        if is_filled_template(values):
            self.load_template()

    def reset(self) -> None:
        """Go back to the defaults, and to the samples where the service has them."""
        with self._lock:
            self._entries.reset()
            self._ask(None)
        self._changed()

    def blame(self, field: str | None, message: str) -> None:
        """Show what the service said of a field, until that field changes."""
        with self._lock:
            self._entries.blame(field, words.readable(message))
            self._page.show()

    def failed(self, error: TfiError) -> None:
        """Show an error beside the control of its field, and hand it up."""
        self._show_error(error)
        if self._on_error is not None:
            self._on_error(error)

    def begin(self, work: Coroutine[Any, Any, None]) -> Future[None] | None:
        """Start work on the background loop; its failure goes up."""
        return self._in_background(work)

    def note(self, field: str, text: str) -> None:
        """Show below a field what is under way for it; an empty text ends that."""
        with self._lock:
            self._page.notes[field] = text
            self._page.show()

    def offer_projects(self, projects: Iterable[Project]) -> None:
        """Offer the account's projects in the project's control."""
        with self._lock:
            self._entries.offer(projects)
            self._page.show_projects()
            self._page.show()

    def offer_mapping(self, mapping: MappingFields | None) -> None:
        """Ask for a template's fields, which builds form B; None goes back to form A."""
        with self._lock:
            self._ask(mapping)
        self._changed()

    def load_projects(self) -> Future[None] | None:
        """Ask the service for the account's projects, then offer them."""
        return self._errands.load_projects()

    def load_template(self) -> Future[None] | None:
        """Ask the service for the template of the entered project, then offer its fields."""
        return self._errands.load_template(self._entries.project())

    def remember(self, field: str, file_name: str, data: bytes) -> None:
        """Preview a file's bytes for as long as the URL stays that stands in a field now."""
        with self._lock:
            url, _ = self._page.urls().get(field, ("", ""))
        if url:
            self._previews.remember(url, file_name, data)
            self._errands.look()
            self.show()

    def on_change(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Call `callback()` after each change of what is entered; return what ends that."""
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback) if callback in self._listeners else None

    def enter(self, changes: Mapping[str, Any]) -> None:
        """Put entries into controls, by the controls' names, as the browser does."""
        with self._lock:
            self._entries.take(changes)
        self._changed()

    def show(self) -> None:
        """Tell the page what has become known."""
        with self._lock:
            self._page.show()

    def show_all(self) -> None:
        """Tell a page that has just been opened everything."""
        with self._lock:
            self._page.show_all()

    def close(self) -> None:
        """Take the form off the page and stop what it has begun."""
        self._listeners.clear()
        self._errands.close()
        super().close()

    # -- the saved notebook ----------------------------------------------------------------

    def snapshot_html(self) -> str:
        """Return the form as a static table, without what opens a URL that is a credential."""
        with self._lock:
            return html.form_table(self._page.rows().values())

    def __repr__(self) -> str:
        """Return what is entered as text, without what opens a URL that is a credential."""
        with self._lock:
            rows = self._page.rows()
        return f"<Form {', '.join(f'{name}={text!r}' for name, (_, text, _) in rows.items())}>"

    # -- within ----------------------------------------------------------------------------

    def _received(self, _: object, content: object, buffers: object) -> None:
        """Answer a message of the page, on any thread."""
        try:
            self._requests.answer(content, buffers)
        except TfiError as error:
            self.failed(error)

    def _show_error(self, error: TfiError) -> None:
        """Show an error beside its control; one that is about none, beside the first."""
        hint = hint_in_words(error)
        told = f"{error.message} ({hint})" if hint else error.message
        self.blame(error.field or self._entries.names()[0], told)

    def _ask(self, mapping: MappingFields | None) -> None:
        """Ask for the fields of form B or A; the page draws them anew where they are others."""
        if self._entries.ask(mapping):
            self.spec = self._page.spec()
            self._page.show_all()

    def _changed(self) -> None:
        """Show what follows from a change, and tell who listens."""
        self._errands.look()
        self.show()
        for callback in tuple(self._listeners):
            try:
                callback()
            except Exception:  # noqa: BLE001 - one listener's defect is not the form's
                _log.exception("a listener of the form failed")
