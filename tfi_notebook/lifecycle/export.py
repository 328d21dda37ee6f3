r"""Jobs as a table for other programs, safe to open in a spreadsheet.

A text that begins with `=`, `+`, `-` or `@` is a formula to a spreadsheet, and a formula can start
programs. Messages, ids and names come from a service, so no text of theirs may become one:

- CSV has no types. A text that would be read as a formula gets an apostrophe in front, as OWASP
  advises ("CSV Injection"); numbers stay numbers.
- XLSX has types. Every text is written as text, and none is changed.

The frame itself is lossless, and so are pandas' own `to_json` and `to_parquet`.
"""

from __future__ import annotations

import csv
import importlib
import importlib.util
import json
import re
import time
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from tfi_notebook import arguments
from tfi_notebook.display.player import shown_path
from tfi_notebook.errors import MissingExtraError, SettingsError
from tfi_notebook.http import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import pandas as pd  # type: ignore[import-untyped] # it publishes no types

    from tfi_notebook.contract.snapshot import JobSnapshot

BEFORE = ("job_id", "status", "service", "local")
AFTER = (
    "credit_used", "created_at", "started_at", "finished_at", "elapsed_s", "message", "video",
    "key", "fingerprint",
)  # fmt: skip

# at the start, or where a spreadsheet with another separator than ours would start a cell; the
# last four are the full-width forms, which some turn into the plain ones
_FORMULA = re.compile("(^|[;\\t\\r\\n])(?=[\\s\"']*[=+\\-@\uff1d\uff0b\uff0d\uff20]|[\\t\\r])")


class HasSnapshot(Protocol):
    """What a list must hold to be exported: jobs."""

    @property
    def snapshot(self) -> JobSnapshot:
        """The job as it stands now."""


class Exports:
    """Gives a list of jobs its tables."""

    def to_frame(self: Iterable[HasSnapshot]) -> pd.DataFrame:
        """Return the jobs as a pandas frame, one line for each; see `job_frame`.

        Raises:
            MissingExtraError: pandas is not installed (extra `data`).
        """
        return job_frame([job.snapshot for job in self], now=time.time())

    def to_csv(self: Iterable[HasSnapshot], path: str | Path) -> None:
        """Write the jobs as CSV in which no text is a formula.

        Raises:
            MissingExtraError: pandas is not installed (extra `data`).
            SettingsError: the file cannot be written.
        """
        write_csv(job_frame([job.snapshot for job in self], now=time.time()), path)

    def to_excel(self: Iterable[HasSnapshot], path: str | Path) -> None:
        """Write the jobs as XLSX in which every text is text.

        Raises:
            MissingExtraError: pandas or XlsxWriter is not installed (extra `data`).
            SettingsError: the file cannot be written.
        """
        write_excel(job_frame([job.snapshot for job in self], now=time.time()), path)


def job_frame(rows: Iterable[JobSnapshot], *, now: float) -> pd.DataFrame:
    """Return one line for each job: its id and status, its payload's fields, its outcome.

    Times are UTC, `elapsed_s` is in s and `credit_used` a number of credits. URLs have no query
    and `video` is a path below the working folder or a bare name, as everywhere else.

    Args:
        rows: jobs, in the order in which they shall stand.
        now: Unix time in s, for the elapsed time of jobs that have not ended.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    pandas = load_pandas()
    clean = cache(redact)  # most texts of many jobs are the same
    lines = [_line(row, now, clean) for row in rows]
    fields = dict.fromkeys(name for line in lines for name in line)
    middle = [name for name in fields if name not in {*BEFORE, *AFTER}]
    frame = pandas.DataFrame(lines, columns=[*BEFORE, *middle, *AFTER])
    for name in ("created_at", "started_at", "finished_at"):
        frame[name] = pandas.to_datetime(frame[name], unit="s", utc=True).dt.floor("ms")
    return frame


def write_csv(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a frame as CSV (UTF-8) in which no text is a formula.

    Args:
        frame: any frame; its column names are treated like its texts.
        path: the file; it is replaced.

    Raises:
        SettingsError: it cannot be written.
    """
    place = arguments.path("path", path)  # pandas would also take a URL, and write there
    safe = frame.map(defused).rename(columns=defused)
    _written(lambda: safe.to_csv(place, index=False, quoting=csv.QUOTE_NONNUMERIC))


def write_excel(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a frame as XLSX in which every text is text: neither a formula nor a link.

    Args:
        frame: any frame; times lose their zone, which XLSX does not know, and are UTC.
        path: the file; it is replaced.

    Raises:
        MissingExtraError: XlsxWriter is not installed.
        SettingsError: it cannot be written.
    """
    pandas = load_pandas()
    if importlib.util.find_spec("xlsxwriter") is None:
        raise MissingExtraError("an XLSX file", extra="data")
    place = arguments.path("path", path)
    plain = frame.copy()
    for name in plain.select_dtypes("datetimetz"):
        plain[name] = plain[name].dt.tz_convert("UTC").dt.tz_localize(None)
    options = {"strings_to_formulas": False, "strings_to_urls": False}

    def write() -> None:
        with pandas.ExcelWriter(
            place, engine="xlsxwriter", engine_kwargs={"options": options}
        ) as book:
            plain.to_excel(book, index=False, sheet_name="jobs", freeze_panes=(1, 1))

    _written(write)


def write_parquet(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a frame as Parquet, which has types: nothing in it can be taken for a formula.

    Args:
        frame: any frame.
        path: the file; it is replaced.

    Raises:
        MissingExtraError: pyarrow is not installed.
        SettingsError: it cannot be written.
    """
    if importlib.util.find_spec("pyarrow") is None:
        raise MissingExtraError("a Parquet file", extra="data")
    place = arguments.path("path", path)
    _written(lambda: frame.to_parquet(place, index=False, engine="pyarrow"))


def defused(value: Any) -> Any:  # noqa: ANN401 - any cell; only texts are changed
    """Return a cell's value so that no spreadsheet takes it for a formula.

    Example:
        >>> defused("=1+1"), defused("a; =1+1"), defused("fine - really"), defused(-5)
        ("'=1+1", "a;' =1+1", 'fine - really', -5)
    """
    return _FORMULA.sub(r"\1'", value) if isinstance(value, str) else value


def _line(row: JobSnapshot, now: float, clean: Callable[..., str]) -> dict[str, Any]:
    body = {name: cell_of(value, clean) for name, value in row.body.items()}
    spent = None if row.credit_used is None else float(row.credit_used)
    return body | {
        "job_id": row.job_id,
        "status": str(row.status),
        "service": row.service,
        "local": row.local,
        "credit_used": spent,
        "created_at": row.created_at,
        "started_at": row.started_at,
        "finished_at": row.finished_at,
        "elapsed_s": round(row.elapsed_s(now), 3),
        "message": clean(row.message),
        "video": shown_path(row.path) if row.path else None,
        "key": row.key,
        "fingerprint": row.fingerprint,
    }


def cell_of(value: object, clean: Callable[..., str] = redact) -> object:
    """Return a payload's field as one cell: lists and objects as JSON, URLs without their query."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return clean(text, 4000)


def load_pandas() -> Any:  # noqa: ANN401 - an optional package
    """Return pandas.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return importlib.import_module("pandas")
    except ImportError:
        pass
    raise MissingExtraError("a table of jobs", extra="data")


def _written(write: Callable[[], object]) -> None:
    try:
        write()
    except OSError as error:
        reason = error.strerror or type(error).__name__
    else:
        return
    raise SettingsError(f"the table cannot be written: {reason}", hint="name another file")
