"""Snapshots in plain words: the texts that the HTML fragments and the plain outputs share."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING

from tfi_notebook.contract.records import JobStatus

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from tfi_notebook.contract.snapshot import Eta, JobSnapshot

NOTHING = "\N{EN DASH}"
ROWS_MAX = 50
"""Rows of one board; older jobs are counted, not drawn."""
TEXT_MAX_CHARS = 300
"""Longest foreign text that is drawn; the rest is cut."""

# C0 and C1 controls, zero-width and bidirectional marks: they could hide or reorder what is read
_UNREADABLE = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2069\\ufeff]+"
)


def readable(value: object, limit_chars: int = TEXT_MAX_CHARS) -> str:
    r"""Return a value as one line of bounded text, without characters that hide or reorder it.

    Example:
        >>> readable("a\nb\u202ec")
        'a b c'
        >>> readable("abcdef", limit_chars=4)
        'abc…'
    """
    text = _UNREADABLE.sub(" ", str(value)[: 4 * limit_chars]).strip()
    return text if len(text) <= limit_chars else text[: limit_chars - 1] + "…"


def duration(seconds: float) -> str:
    """Return a duration in the words of a person.

    Example:
        >>> duration(4.2), duration(65), duration(7380)
        ('4 s', '1 min 05 s', '2 h 03 min')
    """
    whole = int(seconds)
    if whole < 60:  # noqa: PLR2004 - seconds of a minute
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:  # noqa: PLR2004 - minutes of an hour
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def size(size_bytes: int) -> str:
    """Return a file size in decimal units.

    Example:
        >>> size(812), size(46_300), size(1_250_000)
        ('812 B', '46 kB', '1.2 MB')
    """
    if size_bytes < 1000:  # noqa: PLR2004 - the step of decimal units
        return f"{size_bytes} B"
    if size_bytes < 1_000_000:  # noqa: PLR2004 - the same
        return f"{size_bytes / 1000:.0f} kB"
    return f"{size_bytes / 1_000_000:.1f} MB"


def service_badge(*, local: bool, host: str = "", credit: Decimal | None = None) -> str:
    """Say which service has the jobs, and that the local one is not TFI's model.

    Args:
        local: whether it is the local service.
        host: host of the service; empty for the one in this process.
        credit: credits of the account, once they are known.

    Example:
        >>> service_badge(local=True)
        "LOCAL · renders on this machine, free; not TFI's model"
        >>> service_badge(local=False, host="api.example.com")
        'LIVE · api.example.com · credits …'
    """
    if local:
        where = f"renders at {host}" if host else "renders on this machine"
        return f"LOCAL · {where}, free; not TFI's model"
    amount = "…" if credit is None else f"{credit:,}"
    return f"LIVE · {readable(host)} · credits {amount}"


def status_word(snapshot: JobSnapshot) -> str:
    """Return the status as one reads it, with the share done where the service tells it."""
    if snapshot.status is JobStatus.OTHER:
        return readable(snapshot.raw_status, 40) or "other"
    if snapshot.status is JobStatus.PROCESSING and snapshot.progress is not None:
        return f"processing {snapshot.progress:.0%}"
    return str(snapshot.status)


def remark(snapshot: JobSnapshot, now: float) -> str:
    """Return the job's message, preceded by the silence of the service if there is one."""
    if snapshot.stale_since is None or snapshot.status.is_final:
        return readable(snapshot.message)
    silence = f"no answer for {duration(max(0.0, now - snapshot.stale_since))}"
    return readable(f"{silence} · {snapshot.message}" if snapshot.message else silence)


def rough(seconds: float) -> str:
    """Return a duration in steps that do not change with every look.

    Example:
        >>> rough(0.2), rough(12), rough(170), rough(9000)
        ('1 s', '15 s', '3 min', '2.5 h')
    """
    if seconds < 10:  # noqa: PLR2004 - below it each second counts
        return f"{max(1, math.ceil(seconds))} s"
    if seconds <= 90:  # noqa: PLR2004 - s
        return f"{5 * math.ceil(seconds / 5)} s"
    if seconds <= 5400:  # noqa: PLR2004 - 90 min
        return f"{math.ceil(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def eta_source(eta: Eta) -> str:
    """Say from what it is known when a job will have ended.

    Example:
        >>> from tfi_notebook.contract.snapshot import Eta
        >>> eta_source(Eta(0.0)), eta_source(Eta(0.0, 0)), eta_source(Eta(0.0, 12))
        ('the service says', 'by its pace', 'from 12 earlier jobs')
    """
    if eta.jobs is None:
        return "the service says"
    if not eta.jobs:
        return "by its pace"
    return f"from {eta.jobs:,} earlier {'job' if eta.jobs == 1 else 'jobs'}"


def outlook(snapshot: JobSnapshot, now: float) -> str:
    """Say how many jobs wait before a job and what is left of it; nothing once it has ended."""
    if snapshot.status.is_final:
        return ""
    ahead, eta = snapshot.queue_position, snapshot.eta
    parts = [] if ahead is None else [f"{ahead:,} before it" if ahead else "next"]
    if eta is not None:
        left = f"about {rough(eta.at - now)} left" if eta.at > now else "longer than expected"
        parts.append(f"{left} ({eta_source(eta)})")
    return ", ".join(parts)


def credit_text(snapshot: JobSnapshot) -> str:
    """Return what the service says the job has cost; a dash where it says nothing."""
    used = snapshot.credit_used
    return NOTHING if used is None else f"{used.normalize():f}"


def parameters(snapshot: JobSnapshot) -> list[str]:
    """Return version, iterations and size of the payload; a dash where it has none."""
    names = ("version", "iteration_count", "output_size")
    return [readable(snapshot.body.get(name, NOTHING), 20) for name in names]


def counters(rows: Sequence[JobSnapshot]) -> str:
    """Count the jobs by status, in the order of `JobStatus`.

    Example:
        >>> counters([])
        'no jobs yet'
    """
    if not rows:
        return "no jobs yet"
    numbers = Counter(row.status for row in rows)
    words = [f"{numbers[status]} {status}" for status in JobStatus if numbers[status]]
    return f"{counted(f'{len(rows):,}', 'job')}: {', '.join(words)}"


def counted(number: str, noun: str) -> str:
    """Return a number with what it counts.

    Example:
        >>> counted("1", "iteration"), counted("20", "iteration")
        ('1 iteration', '20 iterations')
    """
    return f"{number} {noun}" if number == "1" else f"{number} {noun}s"


def job_text(snapshot: JobSnapshot, now: float) -> str:
    """Return one job as one line of text.

    Args:
        snapshot: the job.
        now: Unix time in s, for the elapsed time of a job that is not finished.
    """
    version, iterations, edge = parameters(snapshot)
    place = "LOCAL " if snapshot.local else ""
    line = (
        f"{place}job {readable(snapshot.job_id or NOTHING, 128)}: {status_word(snapshot)}"
        f" after {duration(snapshot.elapsed_s(now))}"
        f" (version {version}, {counted(iterations, 'iteration')}, {edge} px)"
    )
    said = "; ".join(filter(None, (remark(snapshot, now), outlook(snapshot, now))))
    return f"{line}: {said}" if said else line


def board_text(rows: Sequence[JobSnapshot], *, now: float, badge_words: str = "") -> str:
    """Return the board as text: counters, then a line for each of the newest jobs.

    Args:
        rows: jobs, newest first.
        now: Unix time in s.
        badge_words: words of `service_badge`.
    """
    head = [readable(badge_words)] if badge_words else []
    lines = [job_text(row, now) for row in rows[:ROWS_MAX]]
    return "\n".join([*head, counters(rows), *lines, *older(rows)])


def older(rows: Sequence[JobSnapshot]) -> list[str]:
    """Say in one line how many jobs a board leaves out; nothing if it shows all."""
    hidden = len(rows) - ROWS_MAX
    return [f"… and {hidden:,} older"] if hidden > 0 else []
