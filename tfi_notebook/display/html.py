"""Snapshots as HTML that stays readable without styles, scripts or a kernel.

Every foreign text passes one gate, `escape`. There is no script and no style block, because
GitHub, nbviewer and untrusted notebooks drop them; colours are JupyterLab's own variables with
fallbacks, and translucent tints, which read on light and dark ground alike.
"""

from __future__ import annotations

import base64
import html
from typing import TYPE_CHECKING

from tfi_notebook.contract.records import JobStatus
from tfi_notebook.display import words
from tfi_notebook.display.words import board_text, job_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tfi_notebook.contract.snapshot import JobSnapshot

__all__ = [
    "badge",
    "board",
    "board_text",
    "code_block",
    "error_line",
    "escape",
    "escape_block",
    "form_table",
    "heading",
    "job_card",
    "job_text",
    "pill",
    "poster_card",
    "problem_line",
    "quiet_line",
    "root",
    "tag",
]

_JPEG = b"\xff\xd8\xff"
_THUMB_PX = 140
_TINTS = {
    JobStatus.PROCESSING: "47,129,247",
    JobStatus.DONE: "46,160,67",
    JobStatus.FAILED: "229,83,75",
    JobStatus.REJECTED: "229,83,75",
    JobStatus.UNKNOWN: "210,153,34",
}
_GREY = "128,136,144"
_LOCAL_TINT = "210,153,34"
_LIVE_TINT = "46,160,67"

_ROOT = (
    "font-family:var(--jp-ui-font-family,sans-serif);font-size:13px;line-height:1.5;"
    "color:var(--jp-ui-font-color1,inherit)"
)
_MUTED = "color:var(--jp-ui-font-color2,#768390)"
_CODE = "font-family:var(--jp-code-font-family,monospace);font-size:12px"
_CELL = "padding:3px 12px 3px 0;text-align:left;vertical-align:top"
_WORD = f"{_CELL};white-space:nowrap"
_NUMBER = "padding:3px 12px 3px 0;text-align:right;vertical-align:top;white-space:nowrap"
_CARD = (
    "display:inline-block;padding:8px 12px;border-radius:6px;"
    "border:1px solid var(--jp-border-color2,#c4c9ce)"
)
_COLUMNS = (
    ("Status", _WORD),
    ("Elapsed", _NUMBER),
    ("Outlook", f"{_CELL};min-width:5em"),
    ("Version", _NUMBER),
    ("Iterations", _NUMBER),
    ("Size", _NUMBER),
    ("Credits", _NUMBER),
    ("Message", f"{_CELL};min-width:12em"),
    ("Job", f"{_CELL};min-width:11em"),
)


def escape(value: object, limit_chars: int = words.TEXT_MAX_CHARS) -> str:
    """Make any value safe between tags and inside a quoted attribute.

    This is the only way for foreign text (messages, ids, URLs, names) into HTML. Line breaks and
    characters that hide or reorder text become blanks, and the text is cut at `limit_chars`.

    Example:
        >>> escape("<b onclick='x'>")
        '&lt;b onclick=&#x27;x&#x27;&gt;'
    """
    return html.escape(words.readable(value, limit_chars))


def escape_block(text: str) -> str:
    r"""Make a text of several lines safe, and keep its line breaks and indentation.

    Example:
        >>> print(escape_block("{\n  <b>"))
        {
          &lt;b&gt;
    """
    lines = text.splitlines()
    return "\n".join(
        " " * (len(line) - len(line.lstrip(" "))) + escape(line, 2200) for line in lines
    )


def root(content: str, style: str = "") -> str:
    """Wrap a fragment; the class names keep MathJax from reading `$` in foreign text as TeX."""
    joined = f"{_ROOT};{style}" if style else _ROOT
    return f'<div class="mathjax_ignore tex2jax_ignore" style="{joined}">{content}</div>'


def tag(text: str, tint: str) -> str:
    """Return a small rounded label with a translucent ground.

    Args:
        text: foreign or own text; it is escaped here.
        tint: red, green and blue as `"47,129,247"`, always this package's own.
    """
    style = (
        "display:inline-block;padding:0 8px;border-radius:9px;white-space:nowrap;"
        f"background:rgba({tint},.18);border:1px solid rgba({tint},.45)"
    )
    return f'<span style="{style}">{escape(text)}</span>'


def pill(snapshot: JobSnapshot) -> str:
    """Return the status as a coloured label, over a bar of the share done where that is told."""
    tint = _TINTS.get(snapshot.status, _GREY)
    label = tag(words.status_word(snapshot), tint)
    if snapshot.status is not JobStatus.PROCESSING or snapshot.progress is None:
        return label
    share = min(max(snapshot.progress, 0.0), 1.0)
    style = f"display:block;height:3px;border-radius:2px;background:rgb({tint});width:{share:.0%}"
    return f'<span style="display:inline-block">{label}<span style="{style}"></span></span>'


def badge(text: str) -> str:
    """Return the words of `words.service_badge` as a label: amber for LOCAL, green for LIVE."""
    return tag(text, _LOCAL_TINT if text.startswith("LOCAL") else _LIVE_TINT)


def board(rows: Sequence[JobSnapshot], *, now: float, badge_words: str = "") -> str:
    """Return the board of jobs: counters and a table of at most 50 rows.

    Args:
        rows: jobs, newest first.
        now: Unix time in s, for the elapsed time of jobs that are not finished.
        badge_words: words of `words.service_badge`.
    """
    label = f"{badge(badge_words)} " if badge_words else ""
    head = f"<div>{label}{escape(words.counters(rows))}</div>"
    more = "".join(f'<div style="{_MUTED}">{escape(line)}</div>' for line in words.older(rows))
    table = _table(rows[: words.ROWS_MAX], now) if rows else ""
    return root(head + table + more)


def _table(rows: Iterable[JobSnapshot], now: float) -> str:
    titles = "".join(f'<th style="{style};{_MUTED}">{title}</th>' for title, style in _COLUMNS)
    body = "".join(_row(row, now) for row in rows)
    style = "border-collapse:collapse;margin:6px 0;font-size:13px"
    return f'<table style="{style}"><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>'


def _row(snapshot: JobSnapshot, now: float) -> str:
    version, iterations, edge = words.parameters(snapshot)
    cells = (
        pill(snapshot) + _local_mark(snapshot),
        escape(words.duration(snapshot.elapsed_s(now))),
        escape(words.outlook(snapshot, now)),
        escape(version),
        escape(iterations),
        escape(edge),
        escape(words.credit_text(snapshot)),
        escape(words.remark(snapshot, now)),
        f'<span style="{_CODE}">{escape(snapshot.job_id or words.NOTHING, 128)}</span>',
    )
    columns = zip(cells, _COLUMNS, strict=True)
    tds = "".join(f'<td style="{style}">{cell}</td>' for cell, (_, style) in columns)
    return f"<tr>{tds}</tr>"


def _local_mark(snapshot: JobSnapshot) -> str:
    return " " + tag("LOCAL", _LOCAL_TINT) if snapshot.local else ""


def form_table(fields: Iterable[tuple[str, object, str]]) -> str:
    """Return a filled-in form as a table, for the saved notebook.

    Args:
        fields: title, value and problem (empty when fine) of each field.
    """
    rows = "".join(
        f'<tr><th style="{_CELL};{_MUTED}">{escape(title)}</th>'
        f'<td style="{_CELL}">{escape(value)}</td><td style="{_CELL}">{escape(problem)}</td></tr>'
        for title, value, problem in fields
    )
    return root(f'<table style="border-collapse:collapse;margin:6px 0">{rows}</table>')


def code_block(text: str) -> str:
    """Return a text of several lines in a fixed-width font; long lines are wrapped."""
    style = f"{_CODE};line-height:1.45;white-space:pre-wrap;overflow-wrap:anywhere;margin:0"
    return root(f'<pre style="{style}">{escape_block(text)}</pre>')


def problem_line(text: str) -> str:
    """Return a short validation message in the colour of errors."""
    return root(escape(text), "color:var(--jp-error-color0,#d1242f);font-size:12px")


def error_line(message: str, hint: str = "") -> str:
    """Return what went wrong, and what to do next."""
    advice = f'<div style="{_MUTED}">{escape(hint)}</div>' if hint else ""
    style = "padding:6px 10px;border-left:3px solid var(--jp-error-color1,#d1242f)"
    return root(f'<div role="alert">{escape(message)}</div>{advice}', style)


def quiet_line(text: str) -> str:
    """Return a remark in the muted colour."""
    return root(escape(text), _MUTED)


def heading(text: str) -> str:
    """Return the title of a group of controls."""
    style = "font-weight:600;letter-spacing:.02em"
    return root(escape(text), style)


def job_card(snapshot: JobSnapshot, now: float) -> str:
    """Return one job as a small card: status, id, parameters and message.

    Args:
        snapshot: the job.
        now: Unix time in s.
    """
    name = f'<span style="{_CODE}">{escape(snapshot.job_id or words.NOTHING, 128)}</span>'
    lines = (escape(words.remark(snapshot, now)), escape(words.outlook(snapshot, now)))
    message = "".join(f"<div>{line}</div>" for line in lines if line)
    head = f"<div>{pill(snapshot)}{_local_mark(snapshot)} {name}</div>"
    return root(head + _numbers([_facts(snapshot, now)]) + message, _CARD)


def poster_card(
    snapshot: JobSnapshot,
    *,
    now: float,
    poster: bytes | None = None,
    size_bytes: int | None = None,
    file_name: str = "",
    href: str = "",
) -> str:
    """Return a finished video as a card that reads in a saved notebook: a picture and numbers.

    Args:
        snapshot: the video's job.
        now: Unix time in s.
        poster: one frame as JPEG bytes; anything that is no JPEG is left out.
        size_bytes: size of the video's file.
        file_name: what to call the file; never a path of this machine.
        href: relative, percent-encoded link to the file; empty for no link.
    """
    weight = "" if size_bytes is None else words.size(size_bytes)
    name = escape(file_name, 128)
    link = f'<a href="{escape(href, 2048)}">{name}</a>' if href and name else name
    lines = _numbers([_facts(snapshot, now), weight])
    text = f"<div>{pill(snapshot)}{_local_mark(snapshot)}</div>{lines}<div>{link}</div>"
    return root(f'{_picture(poster)}<div style="display:inline-block">{text}</div>', _CARD)


def _picture(poster: bytes | None) -> str:
    if poster is None or not poster.startswith(_JPEG):
        return ""
    data = base64.b64encode(poster).decode("ascii")
    style = "vertical-align:top;margin:0 12px 0 0;border-radius:4px"
    source = f"data:image/jpeg;base64,{data}"
    return f'<img alt="one frame of the video" width="{_THUMB_PX}" src="{source}" style="{style}">'


def _facts(snapshot: JobSnapshot, now: float) -> str:
    version, iterations, edge = words.parameters(snapshot)
    elapsed = words.duration(snapshot.elapsed_s(now))
    verb = "took" if snapshot.status.is_final else "for"
    steps = words.counted(iterations, "iteration")
    return f"version {version} · {steps} · {edge} px · {verb} {elapsed}"


def _numbers(parts: Iterable[str]) -> str:
    return f'<div style="{_MUTED}">{escape(" · ".join(part for part in parts if part))}</div>'
