"""What a search is after: columns of the results, or whatever a function makes of a job."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import TYPE_CHECKING

from tfi_notebook import arguments
from tfi_notebook.contract.fields import plain as plain_value
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
        several = objective if isinstance(objective, Iterable) else ()
        names = (objective,) if isinstance(objective, str) else tuple(several)
        if not names or not all(isinstance(name, str) for name in names):
            raise ArgumentError(
                "must be a column, several, or a function",
                field="objective",
                hint='such as "lip_sync", ("lip_sync", "credits"), or a function of the Job',
            )
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
            SweepError: one of them cannot be told of this video, or the function has failed.
        """
        row = cell.snapshot
        assert row is not None
        if self.make is not None:
            return (_made(self.make, self.names[0], Job(workspace, row)),)
        point = _Point((cell,), workspace)
        frame = points_frame(columns_of(point))
        if not set(self.names) <= set(frame.columns):
            frame = with_scores(frame, (cell,), workspace.settings)
        found = [plain(frame[name])[0] if name in frame else None for name in self.names]
        values = [_goal(*pair) for pair in zip(self.names, found, strict=True)]
        return _finite(self.names, values, "" if row.path else row.message)


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


def _made(make: Callable[[Job], float], name: str, job: Job) -> float:
    try:
        return arguments.number(name, plain_value(make(job)), least=-inf)
    except TfiError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a person's own function raises
        reason = f"{type(error).__name__}: {error}"
    raise SweepError(reason, field=name)


def _finite(names: tuple[str, ...], values: Sequence[float | None], why: str) -> tuple[float, ...]:
    for name, value in zip(names, values, strict=True):
        if value is None or not isfinite(value):
            raise SweepError(f"{name} cannot be told of this video{why and f': {why}'}")
    return tuple(float(value) for value in values if value is not None)


def reason_of(error: TfiError) -> str:
    """Return what went wrong in one line."""
    return f"{error.field}: {error.message}" if error.field else error.message
