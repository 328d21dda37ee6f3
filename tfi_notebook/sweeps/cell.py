"""One point of a run, and what whoever compares points needs to know of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.lifecycle.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Cell:
    """One point of a run, as it stands at one moment.

    Attributes:
        index: its place in the run, from 0.
        axes: the value of each field that varies, by the field's name.
        snapshot: its job; None before it is submitted.
        problem: why it cannot be submitted, or was not; empty if nothing is wrong. It may hold
            foreign text: whoever shows it escapes it.
    """

    index: int
    axes: Mapping[str, Any]
    snapshot: JobSnapshot | None
    problem: str = ""


class HasCells(Protocol):
    """What results, plots and galleries need of a run."""

    @property
    def name(self) -> str:
        """The name by which the run is taken up again."""

    @property
    def axes(self) -> tuple[str, ...]:
        """The names of the fields that vary, in the order in which they were given."""

    @property
    def workspace(self) -> Workspace:
        """The connection that the run's jobs belong to."""

    def cells(self) -> Sequence[Cell]:
        """Return every point of the run, in order."""
