"""A number as core ipywidgets take it: nothing that is entered is changed in silence."""

from __future__ import annotations

from typing import Any

import ipywidgets


class Number:
    """A text field for a number.

    ipywidgets' own fields put another number in the place of a wrong one, and say nothing.

    Args:
        name: stands before the field, and in what is said of it.
        value: what it starts with.
        bounds: the lowest and the highest number that is taken; whole numbers where both are.
        **look: layout, style and tooltip of the field.

    Attributes:
        text: the field.
        name: what it is called.
    """

    def __init__(self, name: str, value: float, bounds: tuple[float, float], **look: Any) -> None:  # noqa: ANN401 - ipywidgets publishes no types
        self.name, self._bounds = name, bounds
        self._kind: type[int | float] = int if isinstance(bounds[0], int) else float
        self.text = ipywidgets.Text(
            value=f"{value:g}", description=name, continuous_update=False, **look
        )

    @property
    def value(self) -> float | None:
        """The number; None where what stands there is none, or out of bounds."""
        try:
            number = self._kind(self.text.value)
        except ValueError:
            return None
        low, high = self._bounds
        return number if low <= number <= high else None

    @property
    def problem(self) -> str:
        """What is wrong with the entry; empty where nothing is."""
        if self.value is not None:
            return ""
        low, high = self._bounds
        kind = "a whole number" if self._kind is int else "a number"
        return f'"{self.name}" must be {kind} from {low:,} to {high:,}'
