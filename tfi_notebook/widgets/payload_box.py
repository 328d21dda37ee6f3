"""The payload as text: JSON, a call in Python, a cURL command; to copy, and to paste back."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, Final

import traitlets

from tfi_notebook.contract.code import as_curl, as_json, as_python, body_of
from tfi_notebook.contract.links import displayed, replaced
from tfi_notebook.contract.pasted import read_back
from tfi_notebook.display import html
from tfi_notebook.errors import TfiError
from tfi_notebook.http import redact
from tfi_notebook.keys import mask
from tfi_notebook.settings import LIVE_BASE_URL, LOCAL_BASE_URL
from tfi_notebook.widgets.front import css, esm
from tfi_notebook.widgets.part import Drawn, in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from tfi_notebook.contract.model import Payload

_log = logging.getLogger(__name__)
_IN_PROCESS: Final = (
    "The local service of this kernel has no address of its own: tfi-notebook serve gives it one."
)


class PayloadBox(Drawn):
    """Shows a payload as one copies it, right or not yet, and takes one that is pasted.

    What is on display, and so in a saved notebook, holds no signature of a URL and no key; what
    is copied comes from the kernel then, and is what would be sent.

    Args:
        lock: held while state is written; shared with the other parts of a panel.
        base_url: address of the API, for the cURL command.

    Attributes:
        json_text, python_text, curl_text: what is on display.
        is_cut: whether what is on display lacks something that a copy has.
        curl_note: a remark on the cURL command.

    Example:
        >>> box = PayloadBox()
        >>> box.show({"version": 5}, None)
        >>> box
        {
          "version": 5
        }
    """

    _esm = esm("payload_box.js")
    _css = css("payload_box.css")
    json_text = traitlets.Unicode().tag(sync=True)
    python_text = traitlets.Unicode().tag(sync=True)
    curl_text = traitlets.Unicode().tag(sync=True)
    is_cut = traitlets.Bool().tag(sync=True)
    curl_note = traitlets.Unicode().tag(sync=True)

    def __init__(
        self, *, lock: AbstractContextManager[Any] | None = None, base_url: str = LIVE_BASE_URL
    ) -> None:
        self._lock = lock or threading.RLock()
        self._base_url = base_url
        self._body: dict[str, Any] = {}
        self._takers: list[Callable[[dict[str, Any]], object]] = []
        shown = self._texts({})
        super().__init__(curl_note=_IN_PROCESS if base_url == LOCAL_BASE_URL else "", **shown)
        self.on_msg(self._received)

    def show(self, values: Mapping[str, Any], payload: Payload | None = None) -> None:
        """Show what is entered.

        Args:
            values: the fields as they are entered, right or not.
            payload: the checked payload, once they are right.
        """
        body = body_of(values if payload is None else payload)
        shown = replaced(body, lambda text: mask(displayed(text)))
        with self._lock, self.hold_sync():
            self._body = body
            self.is_cut = shown != body
            for name, text in self._texts(shown).items():
                setattr(self, name, text)

    def on_paste(self, take: Callable[[dict[str, Any]], object]) -> Callable[[], None]:
        """Call `take` with the fields of what a person pastes; return what ends it.

        It is called on the thread of the page's message, while the lock is held. A `TfiError` that
        it raises is shown beside the text.
        """
        self._takers.append(take)
        return lambda: self._takers.remove(take)

    def snapshot_html(self) -> str:
        """Return the JSON as HTML without script and style block, for saved notebooks."""
        return html.heading("Payload") + html.code_block(self.json_text)

    def __repr__(self) -> str:
        """Return the JSON."""
        return str(self.json_text)

    def _texts(self, body: Mapping[str, Any]) -> dict[str, str]:
        return {
            "json_text": as_json(body),
            "python_text": as_python(body),
            "curl_text": as_curl(body, self._base_url),
        }

    def _received(self, _: object, asked: object, __: object) -> None:
        if not isinstance(asked, dict):
            return
        if asked.get("type") == "copy":
            self._copy(str(asked.get("name")))
        elif asked.get("type") == "paste":
            self.send({"type": "pasted", "problem": self._pasted(asked.get("text"))})

    def _copy(self, name: str) -> None:
        """Answer with the text as it would be sent: an answer is nobody's saved state."""
        with self._lock:
            texts = self._texts(self._body)
        self.send({"type": "copy", "name": name, "text": texts.get(f"{name}_text", "")})

    def _pasted(self, text: object) -> str:
        """Hand on what was pasted; return what is wrong with it, empty if nothing."""
        try:
            fields = read_back(text)  # type: ignore[arg-type] # it says what it takes
            with self._lock:
                for take in self._takers:
                    take(fields)
        except TfiError as error:
            return redact(in_words(error))
        except Exception as error:  # noqa: BLE001 - the last guard of a callback
            _log.exception("what was pasted could not be loaded")
            return redact(f"{type(error).__name__}: {error}; see the log")
        return ""
