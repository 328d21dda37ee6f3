"""One video or a sweep of it: what stands beside and below the form, by the tab that is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets

from tfi_notebook.widgets.look import close_all

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tfi_notebook.widgets.look import Look
    from tfi_notebook.widgets.sweep_tab import SweepTab

NAMES = ("Video", "Sweep")


class Tabs:
    """The switch between the tabs. The sweep's tab is made when it is first opened.

    Args:
        look: the panel's shared layouts and styles.
        lock: held while a widget is written.
        make: makes the sweep's tab.

    Attributes:
        switch: the buttons that choose a tab.
        sweep: the sweep's tab; None until it is opened.
    """

    def __init__(
        self, look: Look, lock: AbstractContextManager[Any], make: Callable[[], SweepTab]
    ) -> None:
        self._lock = lock
        self._make = make
        self.sweep: SweepTab | None = None
        self.switch = ipywidgets.ToggleButtons(
            options=NAMES, layout=look.block, style=look.toggle_style, _dom_classes=("tfi-tabs",)
        )

    def turn(self, whole: Any, beside: Any, shared: Any) -> None:  # noqa: ANN401 - ipywidgets publishes no types
        """Turn these boxes over whenever the switch is used.

        Args:
            whole: the box of everything; its last child changes.
            beside: the box beside the form; its children change.
            shared: the child of `beside` that both tabs have.
        """
        self._whole, self._beside, self._shared = whole, beside, shared
        self._single = (beside.children, whole.children[-1])
        self.switch.observe(self._turned, names="value")

    def changed(self) -> None:
        """Tell the sweep that its payload has changed."""
        if self.sweep is not None:
            self.sweep.changed()

    def close(self) -> None:
        """Take the tab that is not shown off the page, too."""
        if self.sweep is not None:
            self.sweep.close()
        close_all((*self._single[0], self._single[1]))

    def _turned(self, _: object) -> None:
        with self._lock:
            beside, below = self._single
            if self.switch.value != NAMES[0]:
                self.sweep = self.sweep or self._make()
                beside, below = (self.sweep.box, self._shared), self.sweep.below
            self._beside.children = tuple(beside)
            self._whole.children = (*self._whole.children[:-1], below)
