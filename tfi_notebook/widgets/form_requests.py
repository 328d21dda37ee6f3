"""What the page of a form asks for, and who answers."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from tfi_notebook.display import words
from tfi_notebook.errors import SourceError, TfiError
from tfi_notebook.widgets.uploads import Uploads

if TYPE_CHECKING:
    from collections.abc import Callable

    from tfi_notebook.settings import Settings
    from tfi_notebook.widgets.entries import Entries
    from tfi_notebook.widgets.errands import Errands
    from tfi_notebook.widgets.form import Form
    from tfi_notebook.widgets.form_page import Page
    from tfi_notebook.widgets.previews import Previews

_log = logging.getLogger(__name__)


class Requests:
    """Answers the messages of one form's page; each is `{"type": name, ...}` with buffers.

    Args:
        form: the form.
        entries: what is entered in it.
        page: what is told to the browser.
        previews: what is known of pictures and sounds.
        errands: what takes time.
        settings: of the connection.
    """

    def __init__(
        self,
        form: Form,
        entries: Entries,
        page: Page,
        previews: Previews,
        errands: Errands,
        settings: Settings,
    ) -> None:
        self._form, self._entries, self._page = form, entries, page
        self._previews, self._errands = previews, errands
        self._uploads = Uploads(settings)
        self._answers: dict[str, Callable[[dict[str, Any], Any], object]] = {
            "open": lambda _told, _data: self._open(),
            "entered": lambda told, _data: self._entered(told),
            "reset": lambda _told, _data: form.reset(),
            "sample": lambda told, _data: self._sample(told["field"]),
            "template": lambda told, _data: self._template(on=bool(told["on"])),
            "upload": lambda told, _data: self._upload(told),
            "part": lambda told, data: self._part(told, data[0]),
            "play": lambda told, _data: self._play(told["field"]),
        }

    def answer(self, told: Any, data: Any) -> None:  # noqa: ANN401 - JSON and buffers
        """Answer one message; one that the form does not know is passed over.

        Raises:
            TfiError: what is asked for cannot be done; `field` names the control.
        """
        try:
            self._answers[told["type"]](told, data)
        except TfiError:
            raise
        except (LookupError, TypeError, ValueError):
            _log.exception("the page has sent what the form does not know")

    def _open(self) -> None:
        self._page.is_open = True
        self._errands.look()
        self._form.show_all()

    def _entered(self, told: dict[str, Any]) -> None:
        self._page.seen = (str(told["view"]), int(told["count"]))
        known = set(self._entries.names())
        self._form.enter({name: item for name, item in told["changes"].items() if name in known})
        self._follow_project()

    def _follow_project(self) -> None:
        """Another project has another template."""
        is_other = self._entries.mapping and self._entries.project() != self._entries.template_of
        if is_other and "project_id" not in self._form.problems():
            self._form.load_template()

    def _sample(self, field: str) -> None:
        _, media = self._page.urls()[field]
        self._form.enter({field: self._previews.samples[media]})

    def _template(self, *, on: bool) -> None:
        if not on:
            self._form.offer_mapping(None)
        elif "project_id" in self._entries.check()[1]:
            self._form.show()  # the project's own message says why the switch stays off
        else:
            self._form.load_template()

    def _upload(self, told: dict[str, Any]) -> None:
        try:
            upload = self._uploads.begin(told)
        except SourceError:
            self._clear(told["field"])
            raise
        self._clear(upload.field)
        self._form.note(upload.field, f"uploading {words.readable(upload.file_name, 60)} …")

    def _clear(self, field: str) -> None:
        """Take out what is not meant any more, lest it is submitted before the file is here."""
        if field in self._page.urls():
            self._form.enter({field: ""})

    def _part(self, told: dict[str, Any], data: memoryview) -> None:
        upload = self._uploads.add(told, data)
        if upload is not None:
            self._errands.upload(upload)

    def _play(self, field: str) -> None:
        url, _ = self._page.urls()[field]
        data = self._previews.sound(url)
        if data is not None:
            self._form.send({"type": "sound", "field": field}, [data])
