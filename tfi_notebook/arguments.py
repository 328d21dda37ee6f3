"""What the arguments of a call may be: one check for each kind, with an error that names them."""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Iterable, Mapping
from decimal import Decimal
from numbers import Real
from pathlib import Path
from typing import Any

from tfi_notebook.errors import ArgumentError

PATH_MAX_CHARS = 4096
WHOLE_MAX = 2**53
"""Larger whole numbers are typing errors here, and too large for SQLite from 2**63 on."""


def number(name: str, value: Any, *, least: float = 0.0, hint: str = "") -> float:  # noqa: ANN401 - whatever was given
    """Return a finite number, a `Decimal` among them; neither a text nor True is one.

    Raises:
        ArgumentError: it is none, or less than `least`.

    Example:
        >>> number("timeout_s", 5)
        5.0
    """
    if not isinstance(value, bool) and isinstance(value, Real | Decimal):
        real = _real(value)
        if math.isfinite(real) and real >= least:
            return real
    bound = f", {least:g} or more" if least > -math.inf else ""
    raise ArgumentError(f"must be a number{bound}, not {told(value)}", field=name, hint=hint)


def whole(name: str, value: Any, *, least: int = 0, hint: str = "") -> int:  # noqa: ANN401 - whatever was given
    """Return a whole number; neither 2.0 nor True is one.

    Raises:
        ArgumentError: it is none, less than `least`, or larger than is ever meant.
    """
    try:
        index = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        index = None
    if index is not None and least <= index <= WHOLE_MAX:
        return index
    bound = f", {least} or more" if least > -WHOLE_MAX else ""
    raise ArgumentError(f"must be a whole number{bound}, not {told(value)}", field=name, hint=hint)


def flag(name: str, value: Any, *, hint: str = "") -> bool:  # noqa: ANN401 - whatever was given
    """Return True or False; the text "no", which counts as true in Python, is neither.

    Raises:
        ArgumentError: it is neither.
    """
    if isinstance(value, bool):
        return value
    raise ArgumentError(f"must be True or False, not {told(value)}", field=name, hint=hint)


def names(name: str, value: Any, *, hint: str = "") -> tuple[Any, ...]:  # noqa: ANN401 - whatever was given
    """Return several names as a tuple; a single text is one name.

    Raises:
        ArgumentError: it is neither.

    Example:
        >>> names("show", "lip_sync"), names("show", ["lip_sync", "credits"])
        (('lip_sync',), ('lip_sync', 'credits'))
    """
    if isinstance(value, str):
        return (value,)
    if isinstance(value, Iterable):
        return tuple(value)
    raise ArgumentError(f"must be names, not {told(value)}", field=name, hint=hint)


def mapping(name: str, value: Any, *, hint: str = "") -> Mapping[Any, Any]:  # noqa: ANN401 - whatever was given
    """Return a mapping; None is an empty one.

    Raises:
        ArgumentError: it is neither.
    """
    if value is None or isinstance(value, Mapping):
        return value or {}
    raise ArgumentError(f"must be a mapping, not {told(value)}", field=name, hint=hint)


def path(name: str, value: Any, *, hint: str = "") -> Path:  # noqa: ANN401 - whatever was given
    """Return a path of this machine, absolute, with `~` filled in. It need not exist.

    Raises:
        ArgumentError: it is no path, or relative to a folder that is gone.
    """
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else ""
    is_text = isinstance(text, str) and 0 < len(text.strip()) <= PATH_MAX_CHARS
    if is_text and "\0" not in text and "://" not in text:
        try:
            return Path(text).expanduser().resolve()
        except FileNotFoundError:  # of the working folder: what is named need not exist
            gone = "is relative to the working folder, which has been deleted"
            raise ArgumentError(
                gone, field=name, hint="os.chdir(...) to one that is there"
            ) from None
        except (OSError, ValueError, RuntimeError):  # half a character, no such user
            pass
    raise ArgumentError(f"must be a path of this machine, not {told(value)}", field=name, hint=hint)


def folder(name: str, value: Any, *, hint: str = "") -> Path:  # noqa: ANN401 - whatever was given
    """Return the path of a folder that is there, or can be made as far as one can see.

    Raises:
        ArgumentError: it is no path, or a file stands in the way.
    """
    wanted = path(name, value, hint=hint)
    # Path.exists raises where a folder above may not be looked into
    there = next((each for each in (wanted, *wanted.parents) if os.path.exists(each)), None)  # noqa: PTH110 - see above
    if there is None or there.is_dir():
        return wanted
    what = "is" if there == wanted else "lies below"
    raise ArgumentError(f"{what} a file, not a folder", field=name, hint=hint or "name a folder")


def told(value: Any) -> str:  # noqa: ANN401 - whatever was given
    """Say what was given without repeating it: it may be long, or a secret; numbers are neither.

    Example:
        >>> told(2.5), told("secret"), told("")
        ('2.5', 'a text', 'an empty text')
    """
    if isinstance(value, float) or (isinstance(value, Real) and abs(_real(value)) < WHOLE_MAX):
        return str(value)
    if isinstance(value, str):
        return "a text" if value.strip() else "an empty text"
    return "None" if value is None else f"{type(value).__name__}"


def _real(value: Real | Decimal) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number beyond 1e308
        return math.inf
    except ValueError:  # a decimal that signals that it is none
        return math.nan
