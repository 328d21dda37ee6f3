"""What is known of the columns of a run's results: their titles, units and better direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tfi_notebook.contract.model import did_you_mean
from tfi_notebook.errors import SweepError
from tfi_notebook.quality.table import SCORES

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd  # type: ignore[import-untyped] # it publishes no types

    from tfi_notebook.quality.table import ScoreInfo

REPLICATES = ("image_url", "audio_url")
"""Fields that name another picture or voice: points that differ in them alone try one setting."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of results.

    Attributes:
        name: its name.
        title: what to call it, with its unit.
        direction: `higher`, `lower` or `near` (the nearer to `target`, the better); empty where
            none is better by itself.
        target: the value of real video, where `direction` is `near`.
    """

    name: str
    title: str
    direction: str = ""
    target: float | None = None

    def losses(self, values: Any) -> Any:  # noqa: ANN401 - one number or an array of them
        """Return numbers of which the least is the best, in the column's own unit."""
        if self.direction == "higher":
            return -values
        return values if self.target is None else abs(values - self.target)


_KNOWN = {
    column.name: column
    for column in (
        Column("queue_s", "time in the queue (s)", "lower"),
        Column("render_s", "time of rendering (s)", "lower"),
        Column("credits", "credits", "lower"),
        Column("output_size", "output_size (px)"),
    )
}


def column(name: str) -> Column:
    """Return what is known of a column; one that is unknown has no better direction.

    Example:
        >>> column("render_s").title, column("iteration_count").direction
        ('time of rendering (s)', '')
    """
    return _EVERY.get(name) or Column(name, name)


def judged(name: str) -> Column:
    """Return a column of which one value can be better than another.

    Raises:
        SweepError: nothing says which value of it is better.
    """
    found = column(name)
    if found.direction:
        return found
    known = ", ".join(item.name for item in _EVERY.values() if item.direction)
    raise SweepError(
        f"nothing says whether more or less of {name!r} is better",
        hint="name a column with a direction: " + known,
    )


def require(frame: pd.DataFrame, names: Iterable[str | None]) -> None:
    """Check that a table has the columns that were asked for.

    Raises:
        SweepError: naming the first one that it has not, and what may have been meant.
    """
    columns = {str(name): name for name in frame.columns}
    for name in names:
        if name is not None and not (isinstance(name, str) and name in columns):
            notes = "; ".join(frame.attrs.get("notes", ()))
            raise SweepError(
                f"the results have no column {name!r}" + did_you_mean(str(name), columns),
                hint=notes or f"there are {', '.join(frame.columns)}",
            )


def _of_score(info: ScoreInfo) -> Column:
    title = f"{info.name} ({info.unit})" if info.unit else info.name
    if info.direction == "near":
        return Column(info.name, title, "near" if info.anchor is not None else "", info.anchor)
    return Column(info.name, title, info.direction)


_EVERY = {info.name: _of_score(info) for info in SCORES} | _KNOWN
