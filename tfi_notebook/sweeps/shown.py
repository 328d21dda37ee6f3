"""Tables of results as one reads them: short numbers, a dash for what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tfi_notebook.display.words import NOTHING, readable

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped] # it publishes no types

LINES_MAX: Final = 50


def cells_of(
    frame: pd.DataFrame, limit: int = LINES_MAX
) -> tuple[list[str], list[list[str]], set[int]]:
    """Return titles, cells and the places of numeric columns, for `display.tables.value_table`.

    Args:
        frame: any table.
        limit: this many lines at most.
    """
    columns = [
        [short(value) for value in plain(frame[name].iloc[:limit])] for name in frame.columns
    ]
    numbers = {at for at, name in enumerate(frame.columns) if is_number(frame[name])}
    rows = [list(row) for row in zip(*columns, strict=True)]
    return [str(name) for name in frame.columns], rows, numbers


def text_of(frame: pd.DataFrame, limit: int = LINES_MAX) -> str:
    """Return a table as aligned text.

    Args:
        frame: any table.
        limit: this many lines at most; the rest is counted.

    Example:
        >>> import pandas
        >>> print(text_of(pandas.DataFrame({"version": [5, 6], "lip_sync": [0.5, 0.61234]})))
        version  lip_sync
              5       0.5
              6     0.612
    """
    titles, rows, numbers = cells_of(frame, limit)
    wide = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if at in numbers else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, wide, strict=True))
        ).rstrip()
        for row in (titles, *rows)
    ]
    rest = len(frame) - limit
    return "\n".join([*lines, f"… and {rest:,} more"] if rest > 0 else lines)


def short(value: object) -> str:
    """Return a value in few characters: three digits of a broken number, a dash for none.

    Example:
        >>> short(0.81234), short(1234), short("a b")
        ('0.812', '1234', 'a b')
    """
    if value is None:
        return NOTHING
    return f"{value:.3g}" if isinstance(value, float) else readable(value, 60)


def plain(values: pd.Series) -> list[Any]:
    """Return a column as plain Python values, as JSON has them; None where one is missing."""
    found: list[Any] = values.astype(object).where(values.notna(), None).tolist()
    return found


def is_number(values: pd.Series) -> bool:
    """Tell whether a column holds numbers; true and false are none."""
    return str(values.dtype).lower().rstrip("0123456789") in {"int", "float"}


def varies(values: pd.Series) -> bool:
    """Tell whether a column holds two values that differ; missing ones do not count."""
    return len(values.dropna().drop_duplicates()) > 1
