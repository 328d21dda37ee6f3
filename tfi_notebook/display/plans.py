"""The plan of a sweep as a table: what is new, what it takes and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tfi_notebook.display import words
from tfi_notebook.display.html import escape, problem_line, quiet_line, root

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

NO_HISTORY = "no history yet"
KINDS_MAX = 50
"""Kinds of jobs in one table; all others are summed up."""
_MEANING = {
    "new": "to be made",
    "done": "already done, not paid for again",
    "running": "already running, joined",
    "unknown": "unresolved: sent before, answer lost; see tfi.unresolved()",
    "failed": "failed in this run; run.retry_failed(confirm=True) submits them again",
    "rejected": "refused in this run; run.retry_failed() submits them again",
    "written_off": "written off; run.retry_failed(confirm=True) submits them again",
    "invalid": "invalid, left out",
    "folded": "the same as another, made once",
}


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan, to be shown.

    Attributes:
        counts: points by the words of `_MEANING`.
        kinds: for each kind of new job its axes, how many, seconds and credits of each.
        problems: what is wrong with the first of the invalid points; foreign text.
        failed_before: how many of the new ones have failed in an earlier try.
        minutes: expected duration, or None.
        untimed: how many new jobs are not in it.
        max_in_flight: jobs at once.
        cost: expected credits, or None.
        unpriced: how many new jobs are not in it.
        credits_left: what the account has, or None.
        free: whether jobs cost nothing.
    """

    counts: Mapping[str, int]
    kinds: Sequence[tuple[Mapping[str, Any], int, float | None, Decimal | None]]
    problems: Sequence[str]
    failed_before: int
    minutes: float | None
    untimed: int
    max_in_flight: int
    cost: Decimal | None
    unpriced: int
    credits_left: Decimal | None
    free: bool


def plan_table(view: PlanView) -> str:
    """Return the plan as HTML, without script or style block."""
    facts = "".join(
        f"<tr><th>{escape(title)}</th><td>{escape(text)}</td></tr>" for title, text in _facts(view)
    )
    parts = [f"<table><tbody>{facts}</tbody></table>", _kinds_table(view)]
    parts += [problem_line(text) for text in view.problems]
    hidden = view.counts.get("invalid", 0) - len(view.problems)
    parts += [quiet_line(f"… and {hidden:,} more invalid points")] if hidden > 0 else []
    return root("".join(parts))


def plan_text(view: PlanView) -> str:
    """Return the plan as text."""
    lines = [f"{title}: {words.readable(text)}" for title, text in _facts(view)]
    return "\n".join([*lines, *(f"  {words.readable(text)}" for text in view.problems)])


def cost_words(view: PlanView) -> str:
    """Return the expected cost in words; what has no history is said, never guessed."""
    if view.free:
        return "free: rendered on this machine"
    if view.cost is None:
        return NO_HISTORY if view.unpriced else "0 credits"
    more = f", and {view.unpriced:,} jobs of which there is {NO_HISTORY}" if view.unpriced else ""
    return f"about {view.cost:,} credits{more}"


def _facts(view: PlanView) -> list[tuple[str, str]]:
    total = sum(view.counts.values())
    told = [(f"{view.counts[word]:,} {word}", text) for word, text in _MEANING.items()
            if view.counts.get(word)]  # fmt: skip
    again = f"{view.failed_before:,} of the new ones have failed before and are tried again"
    facts = [("Points", f"{total:,}"), *told]
    facts += [("Again", again)] if view.failed_before else []
    facts += [("Time", _time_words(view)), ("Cost", cost_words(view))]
    if not view.free:
        left = "not known" if view.credits_left is None else f"{view.credits_left:,}"
        facts.append(("Credits left", left))
    return facts


def _time_words(view: PlanView) -> str:
    if view.minutes is None:
        return NO_HISTORY if view.untimed else "none: nothing new"
    more = f", and {view.untimed:,} jobs of which there is {NO_HISTORY}" if view.untimed else ""
    return f"about {words.duration(60 * view.minutes)}, {view.max_in_flight} at once{more}"


def _kinds_table(view: PlanView) -> str:
    if not view.kinds or not view.kinds[0][0]:
        return ""
    names = list(view.kinds[0][0])
    titles = "".join(f"<th>{escape(name)}</th>" for name in [*names, "new", "each takes", "costs"])
    rows = "".join(_kind_row(*kind) for kind in view.kinds[:KINDS_MAX])
    hidden = len(view.kinds) - KINDS_MAX
    rest = quiet_line(f"… and {hidden:,} more kinds of jobs") if hidden > 0 else ""
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{rows}</tbody></table>{rest}"


def _kind_row(
    values: Mapping[str, Any], new: int, usual_s: float | None, price: Decimal | None
) -> str:
    takes = NO_HISTORY if usual_s is None else words.duration(usual_s)
    costs = NO_HISTORY if price is None else f"{price:,}"
    cells = [*(escape(value, 60) for value in values.values()), f"{new:,}", takes, costs]
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
