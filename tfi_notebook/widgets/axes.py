"""One control for each axis of a sweep: a box to tick, and the values that the field is to take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import ipywidgets

from tfi_notebook.contract.payloads import TalkingVideoPayload
from tfi_notebook.display import html, words
from tfi_notebook.widgets.numbers import Number

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipywidgets import Layout
    from pydantic.fields import FieldInfo

    from tfi_notebook.widgets.look import Look

FIELDS = (
    "version",
    "iteration_count",
    "dynamic_scale",
    "output_size",
    "expand_ratio",
    "crop",
    "image_url",
    "audio_url",
)
"""The fields that a panel sweeps over, in the order in which they are offered."""
RANGES = {"iteration_count": (5, 20, 5), "dynamic_scale": (0.5, 1.5, 0.5),
          "output_size": (200, 400, 200), "expand_ratio": (0.25, 0.75, 0.25)}  # fmt: skip
"""Lowest value, highest value and step that a range starts with."""
FLOAT_STEP_MIN = 0.01
VALUES_SHOWN = 12
_SLACK = 1e-9  # of a step: 0.5 + 2 * 0.05 may come out a little above 0.6


class Axis:
    """A field that may vary. The widgets for its values are made when it is first ticked.

    Attributes:
        name: the field, by the API's own name.
        title: what a person calls it.
        tick: whether it varies.
        row: what is placed in the tab.
    """

    def __init__(
        self, name: str, field: FieldInfo, look: Look, wraps: Layout, changed: Callable[[], None]
    ) -> None:
        self.name = name
        self.title = field.title or name
        self._field = field
        self._look = look
        self._changed = changed
        self.tick = ipywidgets.Checkbox(
            description=self.title,
            indent=False,
            tooltip=f"{name}: {field.description}",
            layout=look.fixed,
            style=look.checkbox_style,
            _dom_classes=(f"tfi-axis-{name}",),
        )
        self.row = ipywidgets.HBox([self.tick], layout=wraps)
        self._told: Any = None
        self.tick.observe(self._ticked, names="value")

    @property
    def varies(self) -> bool:
        """Whether the field is an axis now."""
        return bool(self.tick.value)

    def values(self) -> list[Any]:
        """Return the values that are chosen; none while one is wrong or nothing is ticked."""
        return self._values() if self.varies else []

    @property
    def problem(self) -> str:
        """What is wrong with what is entered; empty where nothing is."""
        return ""

    def start_from(self, value: Any) -> None:  # noqa: ANN401 - as many types as fields
        """Take the form's value for the first one, where one is typed rather than chosen."""

    def _make(self) -> list[Any]:
        """Return new widgets for the values."""
        raise NotImplementedError

    def _values(self) -> list[Any]:
        raise NotImplementedError

    def _ticked(self, _: object) -> None:
        if self._told is None:
            inputs = self._make()
            for widget in inputs:
                widget.observe(self._said, names="value")
            self._told = ipywidgets.HTML(layout=self._look.line, style=self._look.html_style)
            self._inputs = [*inputs, self._told]
        self.row.children = (self.tick, *self._inputs) if self.varies else (self.tick,)
        self._said()

    def _said(self, _: object = None) -> None:
        problem = self.varies and self.problem
        told = html.problem_line(problem) if problem else html.quiet_line(self._told_words())
        self._told.value = told
        self._changed()

    def _told_words(self) -> str:
        values = self.values()
        texts = [words.readable(value, 40) for value in values[:VALUES_SHOWN]]
        more = f" … {len(values):,} values" if len(values) > VALUES_SHOWN else ""
        return ", ".join(texts) + more


class ChoiceAxis(Axis):
    """A field with few values: a box to tick for each."""

    def _make(self) -> list[Any]:
        look = self._look
        self._boxes = {
            option: ipywidgets.Checkbox(
                value=True, description=str(option), indent=False,
                layout=look.fixed, style=look.checkbox_style,
                _dom_classes=(f"tfi-axis-{self.name}-{option}",),
            )
            for option in self._options()
        }  # fmt: skip
        return list(self._boxes.values())

    def _options(self) -> tuple[Any, ...]:
        kind = self._field.annotation
        return get_args(kind) if get_origin(kind) is Literal else (True, False)

    def _values(self) -> list[Any]:
        return [option for option, box in self._boxes.items() if box.value]

    @property
    def problem(self) -> str:
        """Say that no box is ticked."""
        return "" if self._values() else "tick at least one"

    def _told_words(self) -> str:
        return ""


class RangeAxis(Axis):
    """A number: from where to where, and in which steps."""

    def _make(self) -> list[Any]:
        bounds: Any = self._field.json_schema_extra
        low, high, step = RANGES[self.name]
        kind: Any = self._field.annotation
        ends = (kind(bounds["minimum"]), kind(bounds["maximum"]))
        least = 1 if kind is int else FLOAT_STEP_MIN
        self.low = self._number("from", low, ends)
        self.high = self._number("to", high, ends)
        self.step = self._number("step", step, (least, ends[1]))
        return [self.low.text, self.high.text, self.step.text]

    def _number(self, text: str, value: float, ends: tuple[float, float]) -> Number:
        """A range slider would be handier, but its handles have no name that is read aloud."""
        return Number(
            text, value, ends, tooltip=f"{self.name}: {text}",
            layout=ipywidgets.Layout(width="130px"), style={"description_width": "40px"},
        )  # fmt: skip

    @property
    def problem(self) -> str:
        """Say which of the three numbers is wrong, or that no value lies between them."""
        wrong = [one.problem for one in (self.low, self.high, self.step) if one.problem]
        is_turned = not wrong and not self._values()
        return "; ".join(wrong) or ('"from" is larger than "to"' if is_turned else "")

    def _values(self) -> list[Any]:
        low, high, step = self.low.value, self.high.value, self.step.value
        if low is None or high is None or step is None:
            return []
        count = max(int((high - low) / step + 1 + _SLACK), 0)
        return [low + n * step if isinstance(low, int) else round(low + n * step, 6)
                for n in range(count)]  # fmt: skip


class LinesAxis(Axis):
    """A URL: one to a line."""

    def start_from(self, value: Any) -> None:  # noqa: ANN401 - as many types as fields
        """Put the form's URL in as the first line."""
        self._first = str(value or "")

    def _make(self) -> list[Any]:
        self.lines = ipywidgets.Textarea(
            value=getattr(self, "_first", ""), placeholder="one URL to a line", rows=3,
            description="URLs",
            tooltip=f"each line is one {self.name}", layout=self._look.grow,
            style=self._look.text_style,
        )  # fmt: skip
        return [self.lines]

    def _values(self) -> list[Any]:
        return [line.strip() for line in self.lines.value.splitlines() if line.strip()]

    def _told_words(self) -> str:
        return f"{len(self.values())} URLs"


def make_axis(name: str, look: Look, wraps: Layout, changed: Callable[[], None]) -> Axis:
    """Make the control of an axis from its field's type.

    Args:
        name: one of `FIELDS`.
        look: the panel's shared layouts and styles.
        wraps: the layout of every axis: what finds no room stands below.
        changed: called after every change of what is chosen.
    """
    field = TalkingVideoPayload.model_fields[name]
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    kind = RangeAxis if "minimum" in extra else LinesAxis if "format" in extra else ChoiceAxis
    return kind(name, field, look, wraps, changed)
