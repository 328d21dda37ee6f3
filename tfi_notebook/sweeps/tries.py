"""Settings and the tries of each: points that differ in picture or voice alone try one setting.

How sure a comparison is comes from the bootstrap (Efron and Tibshirani, "An Introduction to the
Bootstrap", 1993): tries are drawn again and again with replacement, and one looks how often each
setting comes out best. Few tries also know little of their own spread, so every deviation is
widened by what a chi-squared variable of one degree of freedom less than there are tries says of
it, as Student's t does; without it two tries would look as sure as twenty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tfi_notebook.errors import SweepError
from tfi_notebook.sweeps.columns import REPLICATES
from tfi_notebook.sweeps.shown import plain, short

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd  # type: ignore[import-untyped] # it publishes no types
    from numpy.typing import NDArray

    Matrix = NDArray[Any]

DRAWS: Final = 4000
_SEED: Final = 0
_COUNTLESS: Final = 10**9
_PAIRS_MIN: Final = 2
_HALF_90: Final = 1.645  # standard deviations of a normal on either side of a 90 % interval


@dataclass(frozen=True, slots=True, eq=False)
class Settings:
    """A run's settings, and the means of some columns over the tries of each.

    Attributes:
        names: the axes that make a setting.
        table: one line for each setting: the axes, `tries` (points that have ended well), and the
            mean of each column.
        points: the points behind it, with their setting's number in `setting`.
    """

    names: tuple[str, ...]
    table: pd.DataFrame
    points: pd.DataFrame

    def words(self, number: int) -> str:
        """Return a setting as one reads it: `version 6, iteration_count 20`."""
        return ", ".join(f"{name} {short(value)}" for name, value in self.values(number).items())

    def values(self, number: int) -> dict[str, Any]:
        """Return a setting as plain Python values by field, ready for `payload.replace`."""
        row = self.table.iloc[[number]]
        return {name: plain(row[name])[0] for name in self.names}

    def take(self, numbers: Sequence[int]) -> Settings:
        """Return some of the settings, in this order and numbered anew."""
        new = {old: at for at, old in enumerate(numbers)}
        points = self.points[self.points["setting"].isin(new)]
        points = points.assign(setting=points["setting"].map(new))
        return Settings(self.names, self.table.loc[list(numbers)].reset_index(drop=True), points)


@dataclass(frozen=True, slots=True, eq=False)
class Tries:
    """The values of one column by setting and try.

    Attributes:
        table: (S, B); NaN where a try is missing.
        own: (S,) standard deviation of one value by its own interval; NaN where it has none.
        paired: every setting was tried with the same pictures and voices, and one column is one of
            these: what is hard about a voice then counts for or against no setting.
    """

    table: Matrix
    own: Matrix
    paired: bool


def settings_of(frame: pd.DataFrame, axes: Sequence[str], columns: Sequence[str]) -> Settings:
    """Gather a run's points by setting.

    Args:
        frame: the run's results.
        axes: the fields that vary.
        columns: columns of numbers, of which the means are wanted; points without the first one
            are left out.

    Raises:
        SweepError: the points differ in picture and voice alone, or have no values yet.
    """
    names = tuple(name for name in axes if name not in REPLICATES)
    if not names:
        raise SweepError(
            "all points have the same setting: nothing but picture and voice varies",
            hint="vary another field, such as version=[5, 6]",
        )
    points = frame.dropna(subset=[columns[0]]).copy()
    if points.empty:
        raise SweepError(f"no point has {columns[0]!r} yet", hint="run.wait() first")
    wanted = [name for name in dict.fromkeys(columns) if name not in names]
    groups = points.groupby(list(names), dropna=False, observed=True)
    points["setting"] = groups.ngroup()
    table = groups[wanted].mean()
    table.insert(0, "tries", groups.size())
    return Settings(names, table.reset_index(), points)


def fair(settings: Settings, name: str) -> Settings:
    """Leave out pictures and voices that not every setting has a value with, if two others stay.

    A setting must not look better because its hard voice is missing. The means and the `tries`
    of the table are those of what stays.
    """
    points = settings.points
    shared = [field for field in REPLICATES if field in points.columns]
    if not shared:
        return settings
    by_try = points.groupby(shared, dropna=False, observed=True)
    whole = by_try["setting"].transform("nunique") == len(settings.table)
    left = points[whole]
    if by_try.ngroup()[whole].nunique() < _PAIRS_MIN:
        return settings
    groups = left.groupby("setting")
    table = settings.table.assign(tries=groups.size(), **{name: groups[name].mean()})
    return Settings(settings.names, table, left)


def tries_of(settings: Settings, name: str) -> Tries:
    """Return the values of a column by setting and try."""
    import numpy as np  # noqa: PLC0415 - comes with pandas, an optional extra

    points = settings.points
    shared = [field for field in REPLICATES if field in points.columns]
    own = _own_spread(settings, name)
    if shared:
        by_try = points.groupby(shared, dropna=False, observed=True)
        found = _matrix(points, name, by_try.ngroup())
        if np.isfinite(found).all():
            return Tries(found, own, paired=True)
    return Tries(_matrix(points, name, points.groupby("setting").cumcount()), own, paired=False)


def resampled(tries: Tries) -> Matrix | None:
    """Draw the settings' means as they might have come out.

    Returns:
        (S, DRAWS), or None if nothing tells how much a value would differ when done again.
    """
    import numpy as np  # noqa: PLC0415 - comes with pandas, an optional extra

    random = np.random.default_rng(_SEED)
    counts = np.isfinite(tries.table).sum(axis=1)
    spread = _spread_of_one(tries, counts)
    if np.isnan(spread).any():
        return None
    wider, picks, rows = _student(random, counts), {}, []
    for row, noise_of_one in zip(tries.table, spread, strict=True):
        values = row[np.isfinite(row)]
        count = len(values)
        if not tries.paired or count not in picks:  # the same pictures and voices for all
            picks[count] = random.integers(0, count, (DRAWS, count))
        noise = noise_of_one * random.standard_normal(DRAWS)
        off = values[picks[count]].mean(axis=1) - values.mean()
        rows.append(values.mean() + wider * (off + noise))
    drawn: Matrix = np.stack(rows)
    return drawn


def _matrix(points: pd.DataFrame, name: str, tries: pd.Series) -> Matrix:
    """Return (S, B): settings by tries, NaN where there is none."""
    table = points.assign(_try=tries.to_numpy()).pivot_table(
        index="setting", columns="_try", values=name, aggfunc="mean"
    )
    found: Matrix = table.to_numpy("float64", na_value=float("nan"))
    return found


def _own_spread(settings: Settings, name: str) -> Matrix:
    """Read the standard deviation of one value from `<name>_low` and `<name>_high`, (S,)."""
    ends = settings.points.reindex(columns=[f"{name}_low", f"{name}_high"]).astype("Float64")
    wide = (ends.iloc[:, 1] - ends.iloc[:, 0]) / (2 * _HALF_90)
    mean = wide.groupby(settings.points["setting"]).mean()
    found: Matrix = mean.to_numpy("float64", na_value=float("nan"))
    return found


def _spread_of_one(tries: Tries, counts: Matrix) -> Matrix:
    """Return (S,): how far one value scatters, for settings tried once; 0 for all others.

    It is the value's own interval; where it has none, the scatter of the settings tried again.
    """
    import numpy as np  # noqa: PLC0415 - comes with pandas, an optional extra

    several = tries.table[counts > 1]
    variance = np.nanmean(np.nanvar(several, axis=1, ddof=1)) if len(several) else np.nan
    pooled = float(variance) ** 0.5
    alone = np.where(np.isfinite(tries.own), tries.own, pooled)
    found: Matrix = np.where(counts == 1, alone, 0.0)
    return found


def _student(random: Any, counts: Matrix) -> Matrix:  # noqa: ANN401 - numpy's generator
    """Return (DRAWS,): how much wider the deviations may be, as the least count of tries knows."""
    import numpy as np  # noqa: PLC0415 - comes with pandas, an optional extra

    least = counts[counts > 1].min(initial=_COUNTLESS)
    found: Matrix = np.sqrt(least / random.chisquare(least - 1, DRAWS))
    return found
