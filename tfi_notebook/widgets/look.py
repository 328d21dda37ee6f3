"""Layouts and styles of one panel, each made once and shared by many controls.

Every layout and every style is a model of its own at the front end. Sharing them keeps a panel
at a few dozen messages instead of three for each control.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import ipywidgets
from ipywidgets import Layout

COLUMN_MIN = "400px"
"""Two columns of this width need about 900 px; below that the second one wraps."""


@dataclass(frozen=True)
class Look:
    """The shared layouts and styles."""

    block: Layout = field(default_factory=lambda: Layout(width="auto", margin="2px 0"))
    label: Layout = field(
        default_factory=lambda: Layout(
            display="flex", justify_content="flex-end", width="80px", margin="2px 8px 2px 0"
        )
    )
    row: Layout = field(default_factory=lambda: Layout(width="100%", align_items="center"))
    grow: Layout = field(default_factory=lambda: Layout(flex="1 1 auto", width="auto"))
    fixed: Layout = field(
        default_factory=lambda: Layout(flex="0 0 auto", width="auto", margin="2px 8px 2px 0")
    )
    line: Layout = field(default_factory=lambda: Layout(margin="0 0 4px 88px"))
    picture: Layout = field(
        default_factory=lambda: Layout(
            height="120px", width="auto", max_width="240px", margin="2px 0 6px 88px"
        )
    )
    group: Layout = field(
        default_factory=lambda: Layout(
            border="1px solid var(--jp-border-color2, #c4c9ce)",
            padding="8px 12px",
            margin="0 0 10px 0",
        )
    )
    column: Layout = field(
        default_factory=lambda: Layout(flex=f"1 1 {COLUMN_MIN}", min_width="0", margin="0 12px 0 0")
    )
    columns: Layout = field(
        default_factory=lambda: Layout(flex_flow="row wrap", align_items="flex-start")
    )
    text_style: Any = field(default_factory=lambda: style_of(ipywidgets.Text))
    slider_style: Any = field(default_factory=lambda: style_of(ipywidgets.IntSlider))
    checkbox_style: Any = field(default_factory=lambda: style_of(ipywidgets.Checkbox))
    choice_style: Any = field(default_factory=lambda: style_of(ipywidgets.Dropdown))
    label_style: Any = field(default_factory=lambda: style_of(ipywidgets.Label))
    html_style: Any = field(default_factory=lambda: style_of(ipywidgets.HTML))
    button_style: Any = field(default_factory=lambda: style_of(ipywidgets.Button))
    toggle_style: Any = field(
        default_factory=lambda: style_of(ipywidgets.ToggleButtons, button_width="64px")
    )


def style_of(kind: Any, **values: Any) -> Any:  # noqa: ANN401 - ipywidgets publishes no types
    """Make a style for a kind of widget; the style classes themselves are not all public."""
    return kind.style.klass(**values)


def close_all(widgets: tuple[Any, ...]) -> None:
    """Take widgets and everything inside them off the page."""
    for widget in widgets:
        close_all(getattr(widget, "children", ()))
        widget.close()
