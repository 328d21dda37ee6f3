"""What the browser is told of a form, in messages that are nobody's widget state."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from tfi_notebook.contract.links import displayed, replaced
from tfi_notebook.widgets.advice import advice
from tfi_notebook.widgets.sources import Picture
from tfi_notebook.widgets.uploads import PART_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from tfi_notebook.settings import Settings
    from tfi_notebook.widgets.entries import Entries
    from tfi_notebook.widgets.previews import Previews
    from tfi_notebook.widgets.sources import Sound


class Page:
    """Tells the browser what is entered, what is wrong, and what is seen and heard.

    Args:
        send: sends a message with its buffers to every view of the form.
        entries: what is entered.
        previews: what is known of pictures and sounds.
        settings: of the connection.

    Attributes:
        is_open: there is a page that shows the form.
        notes: what is under way, by control.
        seen: the view that spoke last, and its count of messages: what it has changed since
            then is newer than what is told here.
    """

    def __init__(
        self,
        send: Callable[[dict[str, Any], list[bytes]], None],
        entries: Entries,
        previews: Previews,
        settings: Settings,
    ) -> None:
        self._send, self._entries, self._previews = send, entries, previews
        self._settings = settings
        self._shown: dict[str, Picture | Sound | str] = {}
        self._told: dict[str, Any] = {}
        self.is_open = False
        self.notes: dict[str, str] = {}
        self.seen: tuple[str, int] = ("", 0)

    def spec(self) -> dict[str, Any]:
        """Return what is drawn once: the fields, and what the service takes."""
        return {
            "fields": self._entries.fields,
            "samples": list(self._previews.samples),
            "takes_files": self._settings.takes_files,
            "file_max": self._settings.limits.upload_max_bytes,
            "part": PART_BYTES,
        }

    def show(self) -> None:
        """Tell what is new in the controls and below them, and previews that are new.

        Nothing is told while no page is open: the first thing that a page asks for is everything.
        """
        if not self.is_open:
            return
        problems = self._entries.check()[1]
        state = {
            "type": "state",
            "seen": self.seen,
            "entered": self._entries.entered(),
            "problems": problems | self._entries.blamed,
            "advice": self.advice(),
            "notes": self.notes,
            "template": self._entries.mapping is not None,
        }
        if state != self._told:
            self._told = deepcopy(state)
            self._send(state, [])
        self._show_previews()

    def show_projects(self) -> None:
        """Tell which projects are offered."""
        if self.is_open:
            self._send({"type": "projects", "offered": list(self._entries.projects)}, [])

    def show_all(self) -> None:
        """Tell everything: a view has been opened, or its fields are others now."""
        self._shown.clear()
        self._told = {}
        self.show_projects()
        self.show()

    def advice(self) -> dict[str, str]:
        """Return the warnings about what is entered and right."""
        right = self._entries.right(self._entries.check()[1])
        return advice(right, self.sources(), local=self._settings.local)

    def sources(self) -> dict[str, Picture | Sound]:
        """Return what is known of pictures and sounds, by control."""
        found = {name: self._previews.found(url) for name, (url, _) in self.urls().items()}
        return {name: item for name, item in found.items() if item is not None}

    def rows(self) -> dict[str, tuple[str, str, str]]:
        """Return title, entry and message of each field, by control, for a saved notebook.

        Of a URL that is a credential, what opens it is left out.
        """
        told = self.advice() | self._entries.check()[1] | self._entries.blamed
        entered = replaced(self._entries.entered(), displayed)
        fields = [(field["name"], field["title"]) for field in self._entries.fields]
        return {name: (title, _text(entered.get(name, "")), told.get(name, ""))
                for name, title in fields}  # fmt: skip

    def urls(self) -> dict[str, tuple[str, str]]:
        """Return the URL that is entered and what it should be of, by control."""
        entered = self._entries.entered()
        fields = [field for field in self._entries.fields if field["kind"] == "url"]
        return {f["name"]: (str(entered.get(f["name"], "")), f["media"]) for f in fields}

    def _show_previews(self) -> None:
        known = self.sources()
        for name, (url, _) in self.urls().items():
            item = known.get(name) or self._previews.blank(url)
            if self._shown.get(name) == item:
                continue
            self._shown[name] = item
            facts = {"kind": "", "blank": item} if isinstance(item, str) else item.facts()
            jpeg = [item.jpeg] if isinstance(item, Picture) else []
            self._send({"type": "preview", "field": name} | facts, jpeg)


def _text(entry: Any) -> str:  # noqa: ANN401 - as many types as fields
    return ", ".join(entry) if isinstance(entry, list) else str(entry)
