"""The space that a sweep walks through: a payload, and the fields of it that vary."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Self

from tfi_notebook.contract.links import kept_body
from tfi_notebook.contract.templates import payload_from_body
from tfi_notebook.errors import ArgumentError
from tfi_notebook.lifecycle.default import default_workspace
from tfi_notebook.sweeps.axes import Axes, check_names
from tfi_notebook.sweeps.points import changed, maker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tfi_notebook.contract.model import Payload
    from tfi_notebook.lifecycle.workspace import Workspace
    from tfi_notebook.sweeps.points import Point

_DIGITS = 8
_NAME_MAX_CHARS = 80


class Space:
    """The points of a sweep, made when they are asked for."""

    _base: Payload
    _axes: Axes
    _workspace: Workspace | None
    _name: str | None

    @property
    def axes(self) -> tuple[str, ...]:
        """The names of the fields that vary, in the order in which they were given."""
        return self._axes.names

    @property
    def base(self) -> Payload:
        """The payload that the points start from."""
        return self._base

    @property
    def name(self) -> str:
        """The name of the sweep's run."""
        return self._name or f"sweep-{self.digest[:_DIGITS]}"

    @property
    def workspace(self) -> Workspace:
        """The connection that the jobs are to go to."""
        return self._workspace or default_workspace()

    @property
    def digest(self) -> str:
        """A hash of all that the points are made from, in hexadecimal digits."""
        return hashlib.sha256(self.definition().encode()).hexdigest()

    @property
    def is_distinct(self) -> bool:
        """Whether no two points can be the same, so that nobody has to remember them all."""
        return self._axes.crossed and self._axes.is_distinct

    def __len__(self) -> int:
        """Return how many points there are, those among them that are the same twice."""
        return len(self._axes)

    def __repr__(self) -> str:
        """Tell the size and the axes."""
        return f"<Sweep of {len(self):,} points over {', '.join(self.axes) or 'nothing'}>"

    def points(self, start: int = 0) -> Iterator[Point]:
        """Give the points lazily, in order, checked; two that are the same are both given.

        Args:
            start: place of the first one.
        """
        make = maker(self._base, self.axes)
        rows = self._axes.rows(list(self._axes.columns.values()), start)
        return (make.point(place, given) for place, given in enumerate(rows, start))

    def payload(self, place: int) -> Payload:
        """Return the payload of one point.

        Raises:
            PayloadError: a value of the point is wrong.
        """
        given = self._axes.row(list(self._axes.columns.values()), place)
        return changed(self._base, self.axes, given)

    def definition(self) -> str:
        """Return all that the points are made from, as JSON that holds no signature."""
        made_of = {"base": kept_body(self._base.body())} | self._axes.as_json()
        return json.dumps(made_of, separators=(",", ":"))

    @classmethod
    def defined(cls, definition: str, workspace: Workspace, name: str) -> Self:
        """Make the sweep again that has this definition."""
        made_of = json.loads(definition)
        base = payload_from_body(made_of["base"])
        return cls._made(base, Axes.from_json(made_of), workspace, name)

    def _set(
        self, base: Payload, axes: Axes, workspace: Workspace | None, name: str | None
    ) -> None:
        check_names(axes.names, base)
        self._base = base
        self._axes = axes
        self._workspace = workspace
        self._name = None if name is None else checked_name(name)

    @classmethod
    def _made(
        cls, base: Payload, axes: Axes, workspace: Workspace | None, name: str | None
    ) -> Self:
        self = cls.__new__(cls)
        self._set(base, axes, workspace, name)
        return self


def checked_name(name: str) -> str:
    """Return the name of a run without blanks around it.

    Raises:
        ArgumentError: it is none.
    """
    if isinstance(name, str) and name.isprintable() and 0 < len(name.strip()) <= _NAME_MAX_CHARS:
        return name.strip()
    raise ArgumentError(f"must be text of 1 to {_NAME_MAX_CHARS} characters", field="name")
