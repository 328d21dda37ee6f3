"""The panel's buttons: submit, what it will cost, and the question before it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import traitlets

from tfi_notebook.widgets.front import css, esm
from tfi_notebook.widgets.part import Drawn

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

NOTHING: dict[str, Any] = {"buttons": [], "reason": "", "facts": "", "question": "", "report": ""}


class Actions(Drawn):
    """A row of buttons with the lines about them.

    Args:
        on_click: called with a button's name, on any thread.
        lock: held while the state is written.

    Attributes:
        state: what is shown: `buttons` (name, label, primary, disabled, title), and the lines
            `reason`, `facts` and `question`, and `report` (safe HTML).
    """

    _esm = esm("actions.js")
    _css = css("actions.css")
    state = traitlets.Dict(default_value=NOTHING).tag(sync=True)

    def __init__(
        self,
        on_click: Callable[[str], object],
        *,
        lock: AbstractContextManager[Any] | None = None,
    ) -> None:
        self._lock = lock or threading.RLock()
        super().__init__()
        self._on_click = on_click
        self.on_msg(self._clicked)

    def tell(self, **parts: Any) -> None:  # noqa: ANN401 - the parts of the state
        """Change some parts of what is shown; nothing is sent where nothing changes."""
        with self._lock:
            self.state = self.state | parts

    def _clicked(self, _: object, content: dict[str, Any], __: object) -> None:
        offered = {item["name"] for item in self.state["buttons"] if not item["disabled"]}
        if isinstance(content, dict) and content.get("type") in offered:
            self._on_click(content["type"])


def button(
    name: str, label: str, *, primary: bool = False, disabled: bool = False, title: str = ""
) -> dict[str, Any]:
    """Describe a button of `Actions`.

    Args:
        name: what `on_click` is called with; also its class, `tfi-<name>`.
        label: its text.
        primary: whether it is the one that most people want.
        disabled: whether it cannot be pressed.
        title: the text that appears on hovering.
    """
    return {"name": name, "label": label, "primary": primary, "disabled": disabled, "title": title}
