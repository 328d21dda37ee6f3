"""A run of many jobs as a board: counters, and one page of its points. Small at any size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tfi_notebook.contract.records import JobStatus
from tfi_notebook.display import words
from tfi_notebook.display.html import badge, escape, quiet_line, root

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from tfi_notebook.contract.snapshot import JobSnapshot

PAGE_ROWS = 20
"""Points on one page of a board; all others are counted."""
_VALUE_MAX_CHARS = 40
_ORDER = ("new", "invalid", *map(str, JobStatus))
_COLOURS = {
    "processing": "#2f81f7",
    "done": "#2ea043",
    "failed": "#e5534b",
    "rejected": "#e5534b",
    "invalid": "#e5534b",
    "unknown": "#d29922",
}


@dataclass(frozen=True, slots=True)
class RunRow:
    """One point on the page.

    Attributes:
        index: its place in the run, from 0.
        values: one for each axis; foreign text.
        word: where it stands.
        elapsed_s: since its submit, in s; None before it.
        remark: what is said about it; foreign text.
        job_id: the API's id; empty before there is one.
    """

    index: int
    values: Sequence[Any]
    word: str
    elapsed_s: float | None
    remark: str
    job_id: str


@dataclass(frozen=True, slots=True)
class RunView:
    """A run at one moment.

    Attributes:
        name: its name.
        badge_words: words of `words.service_badge`.
        state: `running`, `paused`, `stopped` or `done`.
        reason: why nothing is submitted just now; foreign text, empty while all goes on.
        counts: points by where they stand.
        spent: credits that the run has spent.
        budget: the most that it may spend; None for no limit.
        axes: the names of the fields that vary.
        rows: the points of the page.
    """

    name: str
    badge_words: str
    state: str
    reason: str
    counts: Mapping[str, int]
    spent: Decimal
    budget: Decimal | None
    axes: Sequence[str]
    rows: Sequence[RunRow]


def run_board(view: RunView) -> str:
    """Return the board as HTML, without script or style block."""
    label = f"{badge(view.badge_words)} " if view.badge_words else ""
    head = f"<div>{label}{escape(run_line(view))}</div>"
    reason = quiet_line(view.reason) if view.reason else ""
    return root(head + reason + (_table(view) if view.rows else "") + _rest(view))


def run_text(view: RunView) -> str:
    """Return the board as text."""
    rows = ["  ".join(_plain(row)) for row in view.rows]
    rest = _left_out(view)
    more = [words.readable(view.reason)] if view.reason else []
    return "\n".join([run_line(view), *more, *rows, *([rest] if rest else [])])


def run_line(view: RunView) -> str:
    """Return how far a run is, in one line.

    Example:
        >>> from decimal import Decimal
        >>> counts = {"done": 3, "processing": 1}
        >>> run_line(RunView("night", "", "running", "", counts, Decimal(12), None, (), ()))
        'run night, running: 3 of 4 done, 1 processing · 12 credits'
    """
    total = sum(view.counts.values())
    words_ = [word for word in _ORDER if view.counts.get(word) and word != "done"]
    done = f"{view.counts.get('done', 0):,} of {total:,} done"
    told = ", ".join([done, *(f"{view.counts[word]:,} {word}" for word in words_)])
    budget = "" if view.budget is None else f" of {view.budget:,}"
    money = f" · {view.spent:,}{budget} credits" if view.spent or budget else ""
    return f"run {words.readable(view.name, 80)}, {view.state}: {told}{money}"


def _table(view: RunView) -> str:
    # no style on any cell: a page of a run is sent again with every change
    titles = ["", *(escape(name, _VALUE_MAX_CHARS) for name in view.axes), "Status", "Elapsed"]
    titles += ["Message", "Job"]
    head = "".join(f"<th>{title}</th>" for title in titles)
    body = "".join(_row(row) for row in view.rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _row(row: RunRow) -> str:
    index, *values, word, elapsed, remark, job_id = map(escape, _plain(row))
    colour = _COLOURS.get(row.word)
    status = f'<b style="color:{colour}">{word}</b>' if colour else word
    cells = (index, *values, status, elapsed, remark, job_id)
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _plain(row: RunRow) -> list[str]:
    values = [words.readable(value, _VALUE_MAX_CHARS) for value in row.values]
    elapsed = "" if row.elapsed_s is None else words.duration(row.elapsed_s)
    remark = words.readable(row.remark, 120)
    return [str(row.index), *values, row.word, elapsed, remark, words.readable(row.job_id, 128)]


def _left_out(view: RunView) -> str:
    hidden = sum(view.counts.values()) - len(view.rows)
    return f"… and {hidden:,} more points" if hidden > 0 else ""


def _rest(view: RunView) -> str:
    text = _left_out(view)
    return quiet_line(text) if text else ""


def row_of(
    index: int, values: Sequence[Any], job: JobSnapshot | None, problem: str, now: float
) -> RunRow:
    """Return one point of a page.

    Args:
        index: its place in the run, from 0.
        values: one for each axis.
        job: its job, if it has one.
        problem: why it is not submitted; empty if nothing is wrong.
        now: Unix time in s.
    """
    if job is None:
        return RunRow(index, values, "invalid" if problem else "new", None, problem, "")
    remark = problem or words.remark(job, now)
    word, elapsed_s = words.status_word(job), job.elapsed_s(now)
    return RunRow(index, values, word, elapsed_s, remark, job.job_id or "")
