"""Jobs as the rows of a table on the page, and which of them are asked for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from tfi_notebook.contract.records import JobStatus
from tfi_notebook.display import words

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from tfi_notebook.contract.snapshot import JobSnapshot

PAGE_ROWS: Final = 25
TEXT_MAX_CHARS: Final = 200
PAGES_MAX: Final = 10**6
COLUMNS: Final = {
    "status": "Status",
    "job": "Job",
    "created": "Submitted",
    "elapsed": "Elapsed",
    "queue": "Queue",
    "progress": "Progress",
    "eta": "Left",
    "version": "Version",
    "iterations": "Iterations",
    "size": "Size",
    "credits": "Credits",
    "message": "Message",
}
_FIRST: Final = {status: place for place, status in enumerate(JobStatus)}
_FIELDS: Final = {"version": "version", "iterations": "iteration_count", "size": "output_size"}
_ORDERS: Final[dict[str, Callable[[JobSnapshot], Any]]] = {
    "status": lambda row: _FIRST[row.status],
    "job": lambda row: row.job_id,
    "created": lambda row: row.created_at,
    # of jobs that have not ended the one that was submitted first has taken longest
    "elapsed": lambda row: (
        (row.finished_at - row.created_at) if row.finished_at else 1e12 - row.created_at
    ),
    "queue": lambda row: row.queue_position,
    "progress": lambda row: row.progress,
    "eta": lambda row: row.eta.at if row.eta else None,
    "credits": lambda row: row.credit_used,
} | {name: (lambda row, of=of: _number(row.body.get(of))) for name, of in _FIELDS.items()}
SORTABLE: Final = tuple(_ORDERS)


@dataclass(frozen=True, slots=True)
class View:
    """What a person has asked a table for.

    Attributes:
        sort: the column by which it is sorted.
        down: largest, or newest, first.
        status: only jobs with this status; empty for all.
        text: only jobs in which this text is found.
        page: number of the page, from 0.
    """

    sort: str = "created"
    down: bool = True
    status: str = ""
    text: str = ""
    page: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """One page of jobs.

    Attributes:
        rows: the jobs on it.
        counts: how many jobs with the text there are of each status; empty while not counted.
    """

    rows: Sequence[JobSnapshot] = ()
    counts: dict[str, int] = field(default_factory=dict)


def asked_view(view: View, asked: Mapping[str, Any], sortable: Collection[str]) -> View:
    """Return a view with what the page asks for; what cannot be is left as it is.

    Args:
        view: as it was.
        asked: fields of a view, from the page.
        sortable: names of the columns by which can be sorted.

    Example:
        >>> asked_view(View(), {"page": 2, "sort": "no column"}, SORTABLE).page
        2
    """
    given = {name: asked.get(name) for name in ("sort", "down", "status", "text", "page")}
    able = {
        "sort": given["sort"] in sortable,
        "down": isinstance(given["down"], bool),
        "status": given["status"] in ["", *JobStatus],
        "text": isinstance(given["text"], str) and len(given["text"]) <= TEXT_MAX_CHARS,
        "page": type(given["page"]) is int and 0 <= given["page"] <= PAGES_MAX,
    }
    fitting: dict[str, Any] = {name: given[name] for name, fits in able.items() if fits}
    return replace(view, **fitting)


def find(rows: Collection[JobSnapshot], view: View, projects: Collection[str] = ()) -> Found:
    """Return the page of some jobs that a view asks for; the last one if there are not so many.

    Args:
        rows: all jobs.
        view: what is asked for.
        projects: ids of projects whose name holds the text: their jobs are found as well.
    """
    text = view.text.casefold()
    named = [row for row in rows if not text or text in searched(row) or _project(row) in projects]
    counts: dict[str, int] = {}
    for row in named:
        counts[row.status] = counts.get(row.status, 0) + 1
    wanted = [row for row in named if row.status == view.status] if view.status else named
    first = PAGE_ROWS * last_page(view, len(wanted))
    return Found(_ordered(wanted, view)[first : first + PAGE_ROWS], counts)


def last_page(view: View, total: int) -> int:
    """Return the number of the page that is shown, of so many jobs."""
    return min(view.page, max(0, (total - 1) // PAGE_ROWS))


def searched(row: JobSnapshot) -> str:
    """Return the text of a job in which is searched: texts and numbers, as `Finder` does."""
    status = row.status.replace("_", " ")
    parts = (row.job_id or "", row.key, row.message, row.status, status, row.service)
    return "\n".join((*parts, *_values(row.body))).casefold()


def row_of(row: JobSnapshot, service: str, actions: Sequence[str]) -> dict[str, Any]:
    """Return a job as the page draws it; what is empty is left out.

    Args:
        row: the job.
        service: name of the service of this connection.
        actions: what can be done about it.
    """
    version, iterations, edge = words.parameters(row)
    eta = row.eta if not row.status.is_final else None
    cells = {
        "kind": row.status.value,
        "status": words.readable(row.raw_status, 40) if row.status is JobStatus.OTHER else None,
        "local": row.local,
        "elsewhere": "" if row.service == service else words.readable(row.service, 80),
        "job": words.readable(row.job_id or words.NOTHING, 128),
        "created": round(row.created_at, 2),
        "ended": row.finished_at and round(row.finished_at, 2),
        "queue": row.queue_position,
        "progress": row.progress,
        "eta": eta and round(eta.at),
        "source": eta and words.eta_source(eta),
        "version": version,
        "iterations": iterations,
        "size": edge,
        "credits": words.credit_text(row) if row.credit_used is not None else None,
        "message": words.readable(row.message, TEXT_MAX_CHARS),
        "stale": row.stale_since and round(row.stale_since),
        "actions": list(actions),
    }
    return {name: value for name, value in cells.items() if value not in (None, "", False)}


def changes(before: dict[str, Any] | None, now: dict[str, Any]) -> dict[str, Any]:
    """Return what of a row is different; None for what is no longer there.

    Example:
        >>> changes({"a": 1, "b": 2}, {"a": 1, "c": 3})
        {'c': 3, 'b': None}
    """
    if before is None:
        return now
    new = {name: value for name, value in now.items() if before.get(name) != value}
    return new | dict.fromkeys(before.keys() - now.keys())


def endings(jobs: Sequence[JobSnapshot]) -> str:
    """Say which jobs have ended, for who cannot see it; one sentence however many they are."""
    if not jobs:
        return ""
    if len(jobs) == 1:
        return f"job {words.readable(jobs[0].job_id or jobs[0].key, 128)} {jobs[0].status}"
    return words.counters(jobs)


def _values(of: object) -> Iterator[str]:
    """Give what somebody can have entered: no name of a field, no bracket, no `true`."""
    if isinstance(of, Mapping):
        of = list(of.values())
    if isinstance(of, list):
        for value in of:
            yield from _values(value)
    elif isinstance(of, (str, int, float)) and not isinstance(of, bool):
        yield str(of)


def _project(row: JobSnapshot) -> object:
    return row.body.get("template_id") or row.body.get("project_id")


def _ordered(rows: list[JobSnapshot], view: View) -> list[JobSnapshot]:
    """Sort; what has no value stands last either way, and equals stand newest first."""
    value = _ORDERS[view.sort]
    newest = sorted(rows, key=lambda row: -row.created_at)
    known = sorted((row for row in newest if value(row) is not None), key=value, reverse=view.down)
    return known + [row for row in newest if value(row) is None]


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None
