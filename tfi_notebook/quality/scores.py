"""The scores of one video as a table that can be shown, kept and sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from math import isnan, nan
from typing import TYPE_CHECKING

from tfi_notebook.quality.table import NAMES, SCORES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tfi_notebook.quality.table import ScoreInfo

_CELL = 'style="text-align:left;padding:2px 10px"'


@dataclass(frozen=True, slots=True, repr=False)
class Scores(Mapping[str, float]):
    """The scores of one video: a mapping from the names in `SCORES`, in their order.

    Attributes:
        values_in_order: one number for each of `SCORES`; NaN where the video does not tell.
        notes: why some are NaN.

    Example:
        >>> scores = Scores.of({"lip_sync": 0.5})
        >>> scores["lip_sync"], next(iter(scores))
        (0.5, 'lip_sync')
    """

    values_in_order: tuple[float, ...]
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, numbers: Mapping[str, float], notes: Iterable[str] = ()) -> Scores:
        """Put numbers into the order of `SCORES`; those that are missing become NaN."""
        return cls(tuple(float(numbers.get(name, nan)) for name in NAMES), tuple(notes))

    def __getitem__(self, name: str) -> float:
        """Return one score."""
        if name not in NAMES:
            raise KeyError(name)
        return self.values_in_order[NAMES.index(name)]

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        return iter(NAMES)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(NAMES)

    def rows(self) -> list[tuple[str, str, str]]:
        """Return name, value with its unit (`-` for none) and meaning of each score, as text."""
        return [(info.name, _shown(self, info), info.meaning + _anchor(info)) for info in SCORES]

    def __repr__(self) -> str:
        """Return one line of text for each score."""
        lines = [f"{name:22} {shown:>22}  {meaning}" for name, shown, meaning in self.rows()]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr>{''.join(f'<td {_CELL}>{escape(text)}</td>' for text in row)}</tr>"
            for row in self.rows()
        )
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        return f"<table>{rows}</table>{notes}"


def _shown(scores: Scores, info: ScoreInfo) -> str:
    value = scores[info.name]
    if isnan(value):
        return "-"
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"  # noqa: PLR2004 - 3 digits
    return f"{text} {info.unit}".rstrip()


def _anchor(info: ScoreInfo) -> str:
    return "" if info.anchor is None else f" (real video: {info.anchor:g})"
