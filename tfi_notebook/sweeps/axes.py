"""The axes of a sweep: which fields vary, over which values, crossed or side by side."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tfi_notebook.contract.fields import plain
from tfi_notebook.contract.links import kept, replaced
from tfi_notebook.contract.model import did_you_mean
from tfi_notebook.contract.values import thaw
from tfi_notebook.errors import SweepError
from tfi_notebook.sweeps.draws import DRAWS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tfi_notebook.contract.model import Payload

INSIDE = "values."
"""An axis `values.<id>` varies one value of a template, `values.<id>.<key>` a part of it."""


@dataclass(frozen=True, slots=True)
class Axes:
    """Fields with their values, and how these are put together.

    Attributes:
        columns: the values of each field, as they were given.
        crossed: every value with every other (a grid), or else the first with the first.
    """

    columns: dict[str, list[Any]]
    crossed: bool

    def __len__(self) -> int:
        """Return how many points there are, those that are the same twice."""
        lengths = [len(values) for values in self.columns.values()]
        return math.prod(lengths) if self.crossed else min(lengths, default=0)

    @property
    def is_distinct(self) -> bool:
        """Whether the values of each axis certainly ask for different things."""
        return all(_distinct(values) for values in self.columns.values())

    @property
    def names(self) -> tuple[str, ...]:
        """The fields that vary, in the order in which they were given."""
        return tuple(self.columns)

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON that holds no signature."""
        columns = self.columns.items()
        kept_columns = {name: [as_json(value) for value in values] for name, values in columns}
        return {"crossed": self.crossed, "columns": kept_columns}

    @classmethod
    def from_json(cls, made_of: Mapping[str, Any]) -> Axes:
        """Return what `as_json` kept."""
        columns = made_of["columns"].items()
        known = {name: [from_json(value) for value in values] for name, values in columns}
        return cls(known, crossed=made_of["crossed"])

    def row(self, columns: Sequence[Sequence[Any]], index: int) -> tuple[Any, ...]:
        """Return one point's entries of some columns as long as these."""
        if not self.crossed:
            return tuple(column[index] for column in columns)
        entries = []
        for column in reversed(columns):
            index, place = divmod(index, len(column))
            entries.append(column[place])
        return tuple(reversed(entries))

    def rows(self, columns: Sequence[Sequence[Any]], start: int = 0) -> Iterator[tuple[Any, ...]]:
        """Give each point's entries of some columns as long as these, lazily, the last fastest."""
        every = itertools.product(*columns) if self.crossed else zip(*columns, strict=True)
        return itertools.islice(every, start, None)


def crossed(given: Mapping[str, Any]) -> Axes:
    """Return the axes of a grid.

    Raises:
        SweepError: an axis has no values, or is a range to draw from.
    """
    return Axes({name: listed(name, values) for name, values in given.items()}, crossed=True)


def side_by_side(given: Mapping[str, Any]) -> Axes:
    """Return axes of one length that are walked together; a single value stands for all.

    Raises:
        SweepError: there is no axis, one has no values, or they differ in length.
    """
    require_axes(given)
    columns = {name: listed(name, values) for name, values in given.items()}
    most = max(map(len, columns.values()))
    for name, values in columns.items():
        if len(values) == 1:
            columns[name] = values * most
        elif len(values) != most:
            counts = ", ".join(f"{each}: {len(column)}" for each, column in columns.items())
            hint = "one value for each point; a single value stands for all of them"
            raise SweepError(f"the axes differ in length ({counts})", field=name, hint=hint)
    return Axes(columns, crossed=False)


def listed(name: str, values: Any) -> list[Any]:  # noqa: ANN401 - whatever was given
    """Return the values of an axis as a list; a single value is a list of one.

    Raises:
        SweepError: there are none, or it is a range to draw from.

    Example:
        >>> listed("language", "en"), listed("version", range(4, 7))
        (['en'], [4, 5, 6])
    """
    if isinstance(values, DRAWS):
        hint = "Sweep.sample(base, n, ...) draws values; a grid takes them, as in range(5, 30, 5)"
        raise SweepError("is a range to draw from, not values", field=name, hint=hint)
    given = plain(values)
    single = isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable)
    found = [given] if single else [plain(value) for value in given]
    if not found:
        hint = "give it one value at least, as in version=[5, 6]"
        raise SweepError("the axis has no values", field=name, hint=hint)
    return found


def require_axes(given: Mapping[str, Any]) -> None:
    """Check that there is an axis at all.

    Raises:
        SweepError: there is none.
    """
    if not given:
        hint = "name a field with its values, as in version=[5, 6]"
        raise SweepError("nothing varies: there is no axis", hint=hint)


def _distinct(values: list[Any]) -> bool:
    """Numbers are as they are; texts may be cleaned (`EN`, `en `), and then be the same."""
    numbers = all(isinstance(value, int | float) for value in values)
    return len(values) == 1 or (numbers and len(set(values)) == len(values))


def check_names(names: Iterable[str], base: Payload) -> None:
    """Check that every axis is a field of the payload.

    Raises:
        SweepError: naming the first that is none, and what may have been meant.
    """
    fields = type(base).model_fields
    for name in names:
        inside = name.startswith(INSIDE) and isinstance(getattr(base, "values", None), Mapping)
        if name not in fields and not inside:
            hint = "the fields are " + ", ".join(fields)
            said = "is not a field" + did_you_mean(name, fields)
            raise SweepError(said, field=whole_characters(name), hint=hint)


def whole_characters(text: str) -> str:
    """Return a text with half characters (lone surrogates), which no encoding has, written out."""
    return text.encode("utf-8", "backslashreplace").decode()


class Unsendable:
    """Stands for a value that cannot even be written as JSON: wrong for every field."""


def as_json(value: Any) -> list[Any]:  # noqa: ANN401 - whatever was given
    """Return a value in a list, as JSON that holds no signature; no list item if it is none."""
    try:
        return [json.loads(json.dumps(replaced(thaw(value), kept)))]
    except (TypeError, ValueError):
        return []


def from_json(kept_value: list[Any]) -> Any:  # noqa: ANN401 - any JSON
    """Return what `as_json` kept."""
    return kept_value[0] if kept_value else Unsendable()
