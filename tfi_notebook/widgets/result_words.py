"""What is told about a finished video: scores and report as tables, and how others differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfi_notebook.display import html, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tfi_notebook.contract.snapshot import JobSnapshot

_CELL = "padding:2px 10px 2px 0;text-align:left;vertical-align:top"
# name of the report's field, its title, and how its number is written
_REPORT = (
    ("renderer", "renderer", "{}"),
    ("driver", "the mouth is driven by", "{}"),
    ("face_score", "face score, 0..1", "{:.2f}"),
    ("face_share", "face, share of the long edge", "{:.0%}"),
    ("warp_residual_px", "mean error of the warp", "{:.3f} px"),
    ("warp_residual_max_px", "largest error of the warp", "{:.2f} px"),
    ("solver_residual", "residual of the motion solver", "{:.2g}"),
    ("realtime_factor", "rendering over length", "{:.2f}"),
)


def score_table(scores: Any) -> str:  # noqa: ANN401 - `Scores`, which this room may not import
    """Return scores with their meaning as HTML; nothing for None."""
    if scores is None:
        return ""
    heads = ("score", "value", "what it says")
    return table_html("Scores", heads, scores.rows(), scores.notes)


def report_table(report: Mapping[str, Any] | None) -> str:
    """Return what the local renderer told about a video as HTML; nothing for None."""
    return table_html("Report of the local renderer", ("what", "value"), report_rows(report))


def report_rows(report: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Return title and value of what a render report tells; nothing for what it does not.

    Example:
        >>> report_rows({"driver": "loudness", "timings_s": {"frames": 1.234}})
        [('the mouth is driven by', 'loudness'), ('time for frames', '1.23 s')]
    """
    told = report or {}
    rows = [(title, _written(form, told[name])) for name, title, form in _REPORT if name in told]
    times = told.get("timings_s")
    stages = times.items() if isinstance(times, dict) else ()
    return rows + [
        (words.readable(f"time for {name}", 60), _written("{:.2f} s", value))
        for name, value in stages
    ]


def _written(form: str, value: object) -> str:
    """Write a value; a foreign renderer may report anything."""
    try:
        return words.readable(form.format(value), 60)
    except (ValueError, TypeError):
        return words.readable(value, 60)


def difference(row: JobSnapshot, other: JobSnapshot) -> str:
    """Say in which fields of its payload another job differs.

    Args:
        row: the job that is looked at.
        other: one with another payload.
    """
    mine, its = row.body, other.body
    names = [name for name in {**mine, **its} if mine.get(name) != its.get(name)]
    told = (f"{name} {its.get(name, words.NOTHING)}" for name in names)
    return words.readable(", ".join(told), 80)


def table_html(
    title: str, heads: Sequence[str], rows: Iterable[Sequence[str]], notes: Iterable[str] = ()
) -> str:
    """Return rows of text as a table that can be folded away; nothing where there are none.

    Args:
        title: what is shown when it is folded.
        heads: the columns' names.
        rows: the cells; the first of a row names it.
        notes: lines below the table.
    """
    head = "".join(f'<th scope="col" style="{_CELL}">{html.escape(text)}</th>' for text in heads)
    body = "".join(_line(row) for row in rows)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    summary = f"<summary>{html.escape(title)}</summary>"
    lines = "".join(html.quiet_line(note) for note in notes)
    return html.root(f"<details>{summary}{table}{lines}</details>") if body else ""


def _line(row: Sequence[str]) -> str:
    name, *others = (html.escape(text) for text in row)
    tds = "".join(f'<td style="{_CELL}">{text}</td>' for text in others)
    return f'<tr><th scope="row" style="{_CELL};font-weight:normal">{name}</th>{tds}</tr>'
