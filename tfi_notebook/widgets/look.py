"""Layouts and styles of one panel, each made once, when it is first used, and shared.

Every layout and every style is a model of its own at the front end. Sharing them keeps a panel
at a few dozen messages instead of three for each control.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import ipywidgets
from ipywidgets import Layout

COLUMN_MIN = "400px"
"""Two columns of this width need about 900 px; below that the second one wraps."""


class Look:
    """The shared layouts and styles."""

    @cached_property
    def block(self) -> Layout:
        """A line of its own."""
        return Layout(width="auto", margin="2px 0")

    @cached_property
    def row(self) -> Layout:
        """Parts beside each other."""
        return Layout(width="100%", align_items="center")

    @cached_property
    def grow(self) -> Layout:
        """What takes the room that is left in its row."""
        return Layout(flex="1 1 auto", width="auto")

    @cached_property
    def fixed(self) -> Layout:
        """What takes no more room than it needs."""
        return Layout(flex="0 0 auto", width="auto", margin="2px 8px 2px 0")

    @cached_property
    def line(self) -> Layout:
        """A remark below a control."""
        return Layout(margin="0 0 4px 88px")

    @cached_property
    def group(self) -> Layout:
        """Controls that belong together, in a frame."""
        return Layout(
            border="1px solid var(--jp-border-color2, #c4c9ce)",
            padding="8px 12px",
            margin="0 0 10px 0",
        )

    @cached_property
    def column(self) -> Layout:
        """One of the columns."""
        return Layout(flex=f"1 1 {COLUMN_MIN}", min_width="0", margin="0 12px 0 0")

    @cached_property
    def columns(self) -> Layout:
        """Columns that stand below each other where there is no room."""
        return Layout(flex_flow="row wrap", align_items="flex-start")

    @cached_property
    def text_style(self) -> Any:  # noqa: ANN401 - ipywidgets publishes no types
        """The style of text fields."""
        return _style_of(ipywidgets.Text)

    @cached_property
    def checkbox_style(self) -> Any:  # noqa: ANN401 - the same
        """The style of boxes to tick."""
        return _style_of(ipywidgets.Checkbox)

    @cached_property
    def html_style(self) -> Any:  # noqa: ANN401 - the same
        """The style of HTML."""
        return _style_of(ipywidgets.HTML)

    @cached_property
    def button_style(self) -> Any:  # noqa: ANN401 - the same
        """The style of buttons."""
        return _style_of(ipywidgets.Button)


def _style_of(kind: Any) -> Any:  # noqa: ANN401 - ipywidgets publishes no types
    """Make a style for a kind of widget; the style classes themselves are not all public."""
    return kind.style.klass()


def close_all(widgets: tuple[Any, ...]) -> None:
    """Take widgets and everything inside them off the page."""
    for widget in widgets:
        close_all(getattr(widget, "children", ()))
        widget.close()
