"""One control for each field of the payload, chosen by what the field's metadata says of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import ipywidgets

from tfi_notebook.display import html

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pydantic.fields import FieldInfo

    from tfi_notebook.contract.records import Project
    from tfi_notebook.widgets.look import Look

LANGUAGES = ("en", "de", "es", "fr", "hi", "it", "ja", "ko", "nl", "pl", "pt-BR", "tr", "zh")
"""Suggestions only: any language tag can be typed."""

_UUID_AT_END = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\s*$", re.IGNORECASE)


class Control:
    """A widget that holds one field, and below it the field's message while there is one.

    Attributes:
        name: the field, by the API's own name.
        title: its label.
        widget: the ipywidget with the value.
        problem: what is wrong with the value; empty when nothing is.
    """

    def __init__(self, name: str, title: str, widget: Any, look: Look) -> None:  # noqa: ANN401 - ipywidgets publishes no types
        self.name = name
        self.title = title
        self.widget = widget
        self.problem = ""
        self._look = look
        self._message: Any = None

    @property
    def value(self) -> Any:  # noqa: ANN401 - as many types as fields
        """What goes into the payload; None while nothing is entered."""
        return None if self.widget.value == "" else self.widget.value

    def fill(self, value: Any) -> None:  # noqa: ANN401 - the same
        """Put a value into the widget."""
        self.widget.value = value

    def say(self, problem: str) -> None:
        """Take what is wrong with the value; `parts` shows it."""
        self.problem = problem
        if not problem:
            return
        if self._message is None:
            look, name = self._look, f"tfi-message-{self.name}"
            self._message = ipywidgets.HTML(
                layout=look.line, style=look.html_style, _dom_classes=(name,)
            )
        self._message.value = html.problem_line(problem)

    def observe(self, changed: Callable[[Any], None]) -> None:
        """Call `changed` after every change of the value."""
        self.widget.observe(changed, names="value")

    def parts(self) -> list[Any]:
        """Return what is placed in the form now, from top to bottom."""
        return [self.row(), *([self._message] if self.problem else [])]

    def row(self) -> Any:  # noqa: ANN401 - ipywidgets publishes no types
        """Return the widget with its label and buttons."""
        return self.widget


class ProjectControl(Control):
    """A project: its UUID typed in, or one of the account's projects."""

    @property
    def value(self) -> str | None:
        """The UUID, also where the project's name stands before it."""
        text = str(self.widget.value)
        found = _UUID_AT_END.search(text)
        return (found.group() if found else text).strip() or None

    def offer(self, projects: Iterable[Project]) -> None:
        """Offer projects by name; their ids stay what is sent."""
        self.widget.options = tuple(
            f"{item.name} · {item.project_id}" if item.name else item.project_id
            for item in projects
        )


class ListControl(Control):
    """A list of strings as tags, with a label, which the tags widget lacks."""

    def __init__(self, name: str, title: str, widget: Any, look: Look) -> None:  # noqa: ANN401 - ipywidgets publishes no types
        super().__init__(name, title, widget, look)
        label = ipywidgets.Label(title, style=look.label_style, layout=look.label)
        self._row = ipywidgets.HBox([label, widget], layout=look.row)

    @property
    def value(self) -> list[str]:
        """The tags in their order."""
        return list(self.widget.value)

    def fill(self, value: Iterable[str]) -> None:
        """Put the strings in as tags."""
        self.widget.value = list(value)

    def row(self) -> Any:  # noqa: ANN401 - ipywidgets publishes no types
        """Return the labelled tags."""
        return self._row


def make_control(name: str, field: FieldInfo, look: Look, value: Any) -> Control:  # noqa: ANN401 - as many types as fields
    """Make the control of a field from its type and metadata.

    Args:
        name: the field's name.
        field: pydantic's description of it: title, description, type and `json_schema_extra`.
        look: the panel's shared layouts and styles.
        value: what stands in it at first; None for nothing.
    """
    title = field.title or name
    common: dict[str, Any] = {
        "description": title,
        "tooltip": f"{name}: {field.description}",
        "layout": look.block,
        "_dom_classes": (f"tfi-field-{name}",),
    }
    if value is not None:
        common["value"] = value
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    if field.annotation == tuple[str, ...]:
        return ListControl(name, title, _tags(common, look), look)
    if extra.get("format") == "uuid":
        return ProjectControl(name, title, _combobox((), common, look), look)
    return Control(name, title, _widget(field.annotation, extra, common, look), look)


def _widget(
    annotation: object, extra: dict[str, Any], common: dict[str, Any], look: Look
) -> ipywidgets.DOMWidget:
    if get_origin(annotation) is Literal:
        return _toggles(get_args(annotation), common, look)
    if annotation is bool:
        return ipywidgets.Checkbox(style=look.checkbox_style, **common)
    if "enum" in extra:
        return ipywidgets.Dropdown(options=extra["enum"], style=look.choice_style, **common)
    if "minimum" in extra:
        return _slider(annotation, extra, common, look)
    return _combobox(LANGUAGES, common, look)


def _toggles(options: tuple[Any, ...], common: dict[str, Any], look: Look) -> ipywidgets.DOMWidget:
    """Buttons in one line with their label: the class gives them the layout of other controls."""
    classes = (*common["_dom_classes"], "widget-inline-hbox")
    return ipywidgets.ToggleButtons(
        options=[(str(option), option) for option in options],
        style=look.toggle_style,
        **common | {"_dom_classes": classes},
    )


def _slider(
    annotation: object, extra: dict[str, Any], common: dict[str, Any], look: Look
) -> ipywidgets.DOMWidget:
    """A slider; its readout takes typed numbers."""
    bounds = {"min": extra["minimum"], "max": extra["maximum"], "step": extra["multipleOf"]}
    if annotation is int:
        return ipywidgets.IntSlider(**bounds, style=look.slider_style, **common)
    return ipywidgets.FloatSlider(**bounds, readout_format=".2f", style=look.slider_style, **common)


def _combobox(options: tuple[str, ...], common: dict[str, Any], look: Look) -> ipywidgets.DOMWidget:
    return ipywidgets.Combobox(
        options=options, ensure_option=False, style=look.text_style, **common
    )


def _tags(common: dict[str, Any], look: Look) -> ipywidgets.DOMWidget:
    given = {key: value for key, value in common.items() if key not in {"description", "value"}}
    return ipywidgets.TagsInput(
        value=list(common.get("value", ())),
        allow_duplicates=True,
        placeholder="type and press Enter",
        **given | {"layout": look.grow},
    )
