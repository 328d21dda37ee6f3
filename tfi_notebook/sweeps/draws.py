"""Where the values of a sampled sweep are drawn from, and how the draws fill the space."""

from __future__ import annotations

import importlib
import math
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from tfi_notebook import arguments
from tfi_notebook.contract.fields import plain
from tfi_notebook.errors import ArgumentError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Sequence

Method = Literal["random", "lhs", "sobol"]
METHODS: tuple[Method, ...] = ("random", "lhs", "sobol")


class Draw(Protocol):
    """A range of values; a number from 0 to 1 picks one."""

    def at(self, share: float) -> Any:  # noqa: ANN401 - any value of a field
        """Return the value below which lies this share (0 to 1) of all draws."""


@dataclass(frozen=True, slots=True)
class Uniform:
    """Numbers from `low` to `high`; made by `uniform` and `log_uniform`.

    Attributes:
        low: the least number.
        high: the largest.
        log: whether each factor is as likely as the other, instead of each difference.
    """

    low: float
    high: float
    log: bool = False

    def at(self, share: float) -> float:
        """Return the value below which lies this share (0 to 1) of all draws."""
        if self.log:
            return math.exp(math.log(self.low) + share * math.log(self.high / self.low))
        return self.low + share * (self.high - self.low)


@dataclass(frozen=True, slots=True)
class UniformInt:
    """Whole numbers from `low` to `high`, both among them; made by `uniform_int`."""

    low: int
    high: int

    def at(self, share: float) -> int:
        """Return the value below which lies this share (0 to 1) of all draws."""
        return min(self.low + int(share * (self.high - self.low + 1)), self.high)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several values, each as likely as the others; made by `choice`."""

    options: tuple[Any, ...]

    def at(self, share: float) -> Any:  # noqa: ANN401 - any value of a field
        """Return the option at this share (0 to 1) of the line of all of them."""
        return self.options[min(int(share * len(self.options)), len(self.options) - 1)]


DRAWS = (Uniform, UniformInt, Choice)
"""The kinds of ranges that there are."""


def uniform(low: float, high: float) -> Uniform:
    """Draw numbers between two bounds, each difference as likely as the other.

    Raises:
        ArgumentError: a bound is no number, or they are in the wrong order.

    Example:
        >>> uniform(0.5, 1.5).at(0.25)
        0.75
    """
    least = arguments.number("low", low, least=-arguments.WHOLE_MAX)
    return Uniform(least, arguments.number("high", high, least=least))


def log_uniform(low: float, high: float) -> Uniform:
    """Draw numbers above 0 between two bounds, each factor as likely as the other.

    Raises:
        ArgumentError: a bound is no number above 0, or they are in the wrong order.

    Example:
        >>> round(log_uniform(0.01, 1).at(0.5), 6)
        0.1
    """
    drawn = uniform(low, high)
    if drawn.low <= 0:
        raise ArgumentError("must be above 0", field="low")
    return Uniform(drawn.low, drawn.high, log=True)


def uniform_int(low: int, high: int) -> UniformInt:
    """Draw whole numbers from `low` to `high`, both among them.

    Raises:
        ArgumentError: a bound is no whole number, or they are in the wrong order.

    Example:
        >>> [uniform_int(5, 8).at(share) for share in (0, 0.5, 1)]
        [5, 7, 8]
    """
    least = arguments.whole("low", low, least=-arguments.WHOLE_MAX)
    return UniformInt(least, arguments.whole("high", high, least=least))


def choice(options: Iterable[Any]) -> Choice:
    """Draw one of several values, each as likely as the others.

    Raises:
        ArgumentError: there are none, or they are no list.

    Example:
        >>> choice([5, 6]).at(0.9)
        6
    """
    given = plain(options)
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise ArgumentError(
            f"must be a list of values, not {arguments.told(given)}",
            field="options",
            hint="choice([5, 6])",
        )
    among = tuple(map(plain, given))
    if not among:
        raise ArgumentError("must hold one value at least", field="options", hint="choice([5, 6])")
    return Choice(among)


def drawn(draws: Sequence[Draw], count: int, seed: int, method: str) -> list[tuple[Any, ...]]:
    """Return values that fill the space of several draws.

    Args:
        draws: one for each axis.
        count: how many points.
        seed: the same seed gives the same points.
        method: `random`; `lhs`, a Latin hypercube, in which each axis is spread evenly; or
            `sobol`, a scrambled Sobol sequence, which fills the whole space evenly.

    Raises:
        ArgumentError: no such method.
        MissingExtraError: `lhs` and `sobol` need SciPy (extra `search`).
    """
    if method not in METHODS:
        raise ArgumentError(f"must be one of {', '.join(METHODS)}", field="method")
    shares = _random(len(draws), count, seed) if method == "random" else None
    shares = shares or _even(len(draws), count, seed, method)
    return [tuple(draw.at(at) for draw, at in zip(draws, row, strict=True)) for row in shares]


def _random(axes: int, count: int, seed: int) -> list[list[float]]:
    source = random.Random(seed)  # noqa: S311 - reproducible draws, no secret
    return [[source.random() for _ in range(axes)] for _ in range(count)]


def _even(axes: int, count: int, seed: int, method: str) -> list[list[float]]:
    try:
        qmc: Any = importlib.import_module("scipy.stats.qmc")
        numpy: Any = importlib.import_module("numpy")
    except ImportError:
        qmc = None
    if qmc is None:
        raise MissingExtraError(f"drawing by {method!r}", extra="search")
    source = numpy.random.default_rng(seed)
    if method == "lhs":
        shares = qmc.LatinHypercube(axes, rng=source).random(count)
    else:  # the sequence is even by powers of two: draw the next one, and take the first of them
        power = (count - 1).bit_length()
        shares = qmc.Sobol(axes, rng=source).random_base2(power)[:count]
    rows: list[list[float]] = shares.tolist()
    return rows
