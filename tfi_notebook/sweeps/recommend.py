"""Which setting to use, why, and how sure that is: never surer than the videos are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any, Final

from tfi_notebook.display import html
from tfi_notebook.display.tables import value_table
from tfi_notebook.errors import SweepError
from tfi_notebook.sweeps.columns import column
from tfi_notebook.sweeps.shown import cells_of, plain, short, text_of, varies
from tfi_notebook.sweeps.tries import DRAWS, Settings, fair, resampled, settings_of, tries_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd  # type: ignore[import-untyped] # it publishes no types

    Bounds = tuple[float | None, float | None]

SURE: Final = 0.975
"""Share of the draws in which a setting must come out best to be called the winner. Of two settings
that do not differ, either wins with 2.5 %, so that one false winner in 20 is called."""
_COMPARED_MAX: Final = 100  # the best by their means; what lies behind them cannot win
_NAMED_MAX: Final = 3
_PRICES: Final = ("credits", "render_s")
_ALONE: Final = (
    " Each setting was tried once: how it does with another voice or picture is not known."
)
_ONCE: Final = (
    "No winner can be called: each setting was tried once, and nothing tells what another try "
    "would give; sweep over several voices or pictures (audio_url, image_url) to know more."
)


@dataclass(frozen=True, slots=True, eq=False)
class Recommendation:
    """A setting, with its reasons; shown as words with the table of what was compared.

    Attributes:
        setting: the fields to set, ready for `payload.replace(**setting)`.
        clear: True if it is the winner beyond chance; False if others may be as good.
        reason: all of it in words.
    """

    setting: dict[str, Any]
    clear: bool
    reason: str
    _table: pd.DataFrame

    def frame(self) -> pd.DataFrame:
        """Return what was compared, the best on top.

        For each setting that keeps the bounds: its axes, `tries` (videos), the means, the ends
        `low` and `high` of the objective's 95 % interval, and `chance` of being the best of all.
        Where some voice or picture was not tried with every setting, it is left out.
        """
        return self._table.copy()

    def __repr__(self) -> str:
        """Return the reason and the table as text."""
        return f"{self.reason}\n{text_of(self._table, 10)}"

    def _repr_html_(self) -> str:
        table = value_table(*cells_of(self._table, 10))
        return html.root(f"<div>{html.escape(self.reason, 2000)}</div>{table}")


def recommend(
    frame: pd.DataFrame,
    axes: Sequence[str],
    maximize: str | None,
    minimize: str | None,
    within: Mapping[str, float | Bounds],
) -> Recommendation:
    """Recommend a setting from a table of results; see `Results.recommend`.

    Args:
        frame: the results; it has the columns.
        axes: the fields that vary.
        maximize: the column to be as large as possible, or None.
        minimize: the column to be as small as possible, or None.
        within: bounds on the means of other columns.

    Raises:
        SweepError: not one objective, no setting keeps the bounds, or there are no values yet.
    """
    if (maximize is None) == (minimize is None):
        raise SweepError("name one column", hint='recommend(maximize="lip_sync")')
    name, sign = (maximize, 1.0) if maximize is not None else (str(minimize), -1.0)
    bounds = [Bound.of(key, value) for key, value in within.items()]
    prices = [key for key in _PRICES if key in frame.columns]
    every = settings_of(frame, axes, [name, *(bound.name for bound in bounds), *prices])
    kept = fair(every.take(_keeping(every, bounds)), name)
    order = kept.table[name].mul(-sign).sort_values(kind="stable").index[:_COMPARED_MAX]
    compared = kept.take(list(order))
    _add_standing(compared, name, sign)
    clear, text = _verdict(compared, name, "highest" if sign > 0 else "lowest")
    if bounds:
        rule = ", ".join(map(str, bounds))
        text += f" {len(kept.table)} of {len(every.table)} settings keep {rule}."
    missing = int(frame[name].isna().sum())
    if missing:
        text += f" {missing} of {len(frame)} points have no {name}."
    return Recommendation(compared.values(0), clear, text, compared.table)


@dataclass(frozen=True, slots=True)
class Bound:
    """What the mean of a column must keep to; None is open.

    Example:
        >>> print(Bound.of("credits", 20)), print(Bound.of("render_s", (5, 60)))
        credits at most 20
        render_s at least 5 and at most 60
        (None, None)
    """

    name: str
    low: float | None
    high: float | None

    @classmethod
    def of(cls, name: str, value: object) -> Bound:
        """Read a bound: a number, or a pair of which either may be None.

        Raises:
            SweepError: it is neither.
        """
        higher = column(name).direction == "higher"
        pair = value if isinstance(value, tuple) else (value, None) if higher else (None, value)
        ends = [end for end in pair if end is not None]
        if len(pair) != 2 or not ends or not all(map(_is_number, ends)):  # noqa: PLR2004 - low and high
            raise SweepError(
                f"within: the bound of {name!r} is no number", hint="a number, or (low, high)"
            )
        return cls(name, *(None if end is None else float(end) for end in pair))

    def kept_by(self, means: pd.Series) -> pd.Series:
        """Tell for each mean whether it is known and within the bound."""
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        return means.between(low, high).fillna(value=False).astype(bool)

    def __str__(self) -> str:
        """Return the bound in words."""
        ends = (("at least", self.low), ("at most", self.high))
        words = " and ".join(f"{word} {end:g}" for word, end in ends if end is not None)
        return f"{self.name} {words}"


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        return False
    return not math.isnan(value)


def _keeping(settings: Settings, bounds: Sequence[Bound]) -> list[int]:
    """Return the numbers of the settings that keep all bounds."""
    left = settings.table
    for bound in bounds:
        kept = left[bound.kept_by(left[bound.name])]
        if kept.empty:
            means = left[bound.name].dropna()
            known = f"they have {short(means.min())} to {short(means.max())}"
            raise SweepError(
                f"no setting keeps {bound}", hint=known if len(means) else "it is not known of any"
            )
        left = kept
    return list(left.index)


def _add_standing(settings: Settings, name: str, sign: float) -> None:
    """Add to the table what the draws say: the ends of the 95 % interval, and the chance."""
    draws = resampled(tries_of(settings, name))
    low = high = chance = [math.nan] * len(settings.table)
    if draws is not None:
        low, high = _percentiles(draws)
        best = draws * sign == (draws * sign).max(axis=0)
        chance = (best / best.sum(axis=0)).mean(axis=1)  # those that are equal share it
    settings.table["low"], settings.table["high"], settings.table["chance"] = low, high, chance


def _percentiles(draws: Any) -> Any:  # noqa: ANN401 - numpy arrays
    import numpy as np  # noqa: PLC0415 - comes with pandas, an optional extra

    return np.percentile(draws, (2.5, 97.5), axis=1)


def _verdict(settings: Settings, name: str, most: str) -> tuple[bool, str]:
    """Return whether the first setting is the winner, and the reason to take it."""
    chance = list(settings.table["chance"])
    first = f"{settings.words(0)} has the {most} {name}"
    if len(chance) == 1:
        return True, f"{settings.words(0)} is the only setting to choose from."
    if math.isnan(chance[0]):
        return False, f"{_ONCE} {first} seen, {_value(settings, 0, name)}."
    won = f"{first}, {_value(settings, 0, name)}, best in {chance[0]:.0%} of {DRAWS:,} draws."
    won += "" if settings.table["tries"].max() > 1 else _ALONE
    if chance[0] >= SURE:
        return True, won
    second = max(chance[1:])
    rivals = [at for at, share in enumerate(chance) if not at or share >= min(second, 1 - SURE)]
    names = " and ".join(settings.words(at) for at in rivals[:_NAMED_MAX])
    more = f" (and {len(rivals) - _NAMED_MAX} more)" if len(rivals) > _NAMED_MAX else ""
    price = _cheapest(settings, rivals)
    return False, f"No clear winner between {names}{more}. {won}{price}"


def _cheapest(settings: Settings, rivals: list[int]) -> str:
    """Say which of the rivals costs least credits, or else time."""
    for name in (name for name in _PRICES if name in settings.table):
        prices = settings.table[name].iloc[rivals].dropna()
        if varies(prices):
            at = int(prices.idxmin())
            return f" Of these, {settings.words(at)} has the lowest {name}, {short(prices[at])}."
    return ""


def _value(settings: Settings, at: int, name: str) -> str:
    mean, low, high = (plain(settings.table[of])[at] for of in (name, "low", "high"))
    return short(mean) + (f" (95 % interval {low:.3g} to {high:.3g})" if low is not None else "")
