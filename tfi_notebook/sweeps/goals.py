"""What a search is after: columns of the results, or whatever a function makes of a job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from tfi_notebook.errors import ArgumentError, SweepError, TfiError
from tfi_notebook.lifecycle.job import Job
from tfi_notebook.sweeps.columns import judged
from tfi_notebook.sweeps.scored import with_scores
from tfi_notebook.sweeps.shown import plain
from tfi_notebook.sweeps.table import columns_of, points_frame

if TYPE_CHECKING:
    from tfi_notebook.lifecycle.workspace import Workspace
    from tfi_notebook.sweeps.cell import Cell

Objective = str | Sequence[str] | Callable[[Job], float]


@dataclass(frozen=True, slots=True)
class Goals:
    """The objectives of a search.

    Attributes:
        names: what they are called; one for each.
        make: the function, where it is one; its number is to be as large as possible.
    """

    names: tuple[str, ...]
    make: Callable[[Job], float] | None = None

    @classmethod
    def of(cls, objective: Objective) -> Goals:
        """Read an objective.

        Raises:
            SweepError: nothing says which value of a column is better.
            ArgumentError: it is neither a name, nor names, nor a function.
        """
        if callable(objective):
            return cls((getattr(objective, "__name__", "objective"),), objective)
        names = (objective,) if isinstance(objective, str) else tuple(objective)
        if not names or not all(isinstance(name, str) for name in names):
            raise ArgumentError("must be a column, several, or a function", field="objective")
        for name in names:
            judged(name)
        return cls(names)

    @property
    def directions(self) -> tuple[str, ...]:
        """`maximize` or `minimize` for each objective; what shall be near is a distance."""
        if self.make is not None:
            return ("maximize",)
        return tuple(
            "maximize" if judged(name).direction == "higher" else "minimize" for name in self.names
        )

    def measure(self, cell: Cell, workspace: Workspace) -> tuple[float, ...]:
        """Return the objectives of a point whose job is done.

        Raises:
            SweepError: one of them cannot be told of this video.
        """
        if self.make is not None:
            assert cell.snapshot is not None
            return _finite(self.names, [self.make(Job(workspace, cell.snapshot))])
        point = _Point((cell,), workspace)
        frame = points_frame(columns_of(point))
        if not set(self.names) <= set(frame.columns):
            frame = with_scores(frame, (cell,), workspace.settings)
        found = [plain(frame[name])[0] if name in frame else None for name in self.names]
        return _finite(self.names, [_goal(*pair) for pair in zip(self.names, found, strict=True)])


@dataclass(frozen=True, slots=True)
class _Point:
    """A single point, as a run of its own."""

    found: tuple[Cell, ...]
    workspace: Workspace
    name: str = ""
    axes: tuple[str, ...] = ()

    def cells(self) -> tuple[Cell, ...]:
        return self.found


def _goal(name: str, value: float | None) -> float | None:
    known = judged(name)
    if value is None or known.direction == "higher":
        return value
    return float(known.losses(value))


def _finite(names: tuple[str, ...], values: Sequence[float | None]) -> tuple[float, ...]:
    for name, value in zip(names, values, strict=True):
        if value is None or not isfinite(value):
            raise SweepError(f"{name} cannot be told of this video")
    return tuple(float(value) for value in values if value is not None)


def reason_of(error: TfiError) -> str:
    """Return what went wrong in one line."""
    return f"{error.field}: {error.message}" if error.field else error.message
