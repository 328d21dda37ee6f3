"""When to ask for a job's status again. Pure arithmetic: no clock, no sleep."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfi_notebook.settings import Settings


def next_poll_s(settings: Settings, polls: int) -> float:
    """Return the pause before the next status request.

    The pause grows geometrically from the first to the longest one; a service in this process
    costs nothing to ask, so there it is short.

    Args:
        settings: the connection, with its cadences.
        polls: how many status requests this job has had.

    Returns:
        The pause in s.
    """
    limits = settings.limits
    embedded = settings.embedded
    first = limits.local_poll_first_s if embedded else limits.poll_first_s
    longest = limits.local_poll_max_s if embedded else limits.poll_max_s
    return float(min(longest, first * limits.poll_growth ** min(polls, 64)))
