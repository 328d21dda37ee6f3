"""What a benchmark hands over, and the arithmetic that all of them share.

A benchmark is a module with a docstring (what is measured, and how), a `TITLE`, and
`run(rounds, *, quick) -> Findings`; `quick` is for trying whether it runs at all.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")
OURS = "tfi_notebook"
"""What this project's own contenders are called, or begin with."""

Better = Literal["higher", "lower", "neither"]


@dataclass(frozen=True, slots=True)
class Table:
    """Figures of several contenders in several cases.

    Attributes:
        title: what is measured.
        unit: of every figure.
        better: which figures are good.
        rows: case → contender → figure; a contender that a case does not know is left out.
        reference: the contender that the others are given as multiples of; none where "".
        plot: how it is drawn; `lines` where the cases are numbers.
    """

    title: str
    unit: str
    better: Better
    rows: dict[str, dict[str, float]]
    reference: str = ""
    plot: Literal["bars", "lines", "none"] = "bars"

    @property
    def contenders(self) -> list[str]:
        """All contenders, in the order of their first figure."""
        return list(dict.fromkeys(name for row in self.rows.values() for name in row))

    def behind(self) -> list[tuple[str, str, float]]:
        """Return (case, peer, how many times better) wherever a peer beats ours.

        Ours is the contender of that very name; where there is none, the best of those that begin
        with it.
        """
        if self.better == "neither":
            return []
        found = []
        for case, row in self.rows.items():
            ours = [value for name, value in row.items() if name.startswith(OURS)]
            if ours:
                best = row.get(OURS, max(ours) if self.better == "higher" else min(ours))
                found += [
                    (case, name, ratio)
                    for name, value in row.items()
                    if not name.startswith(OURS) and (ratio := self._gain(value, best)) > 1
                ]
        return found

    def _gain(self, one: float, other: float) -> float:
        """How many times better one figure is than another; 1 where that cannot be said."""
        above, below = (one, other) if self.better == "higher" else (other, one)
        return above / below if below > 0 else 1.0


@dataclass(slots=True)
class Findings:
    """What a benchmark has found.

    Attributes:
        measures: name → figure; the goals go by these.
        tables: figures side by side.
        notes: what a reader must know to read them.
    """

    measures: dict[str, float] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Findings:
        """Read what `to_json` has given."""
        tables = [Table(**table) for table in kept["tables"]]
        return cls(dict(kept["measures"]), tables, list(kept["notes"]))


def interleaved(ways: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Let every way have its turn in each round, so that what else the machine does hits all."""
    found: dict[str, list[T]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            found[name].append(way())
    return found
