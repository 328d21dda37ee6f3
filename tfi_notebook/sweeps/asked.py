"""What must be said before credits are spent: that the cost is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfi_notebook.errors import ArgumentError, SweepError
from tfi_notebook.sweeps.space import Space

if TYPE_CHECKING:
    from tfi_notebook.lifecycle.workspace import Workspace
    from tfi_notebook.sweeps.sweep import Sweep


def require_confirmation(sweep: Sweep, max_in_flight: int | None = None) -> None:
    """Refuse to make paid jobs that were not asked for by `confirm=True`.

    Args:
        sweep: what is to be run.
        max_in_flight: how many jobs at once, for the words about time; None for the usual.

    Raises:
        SweepError: saying how many jobs, and what they cost as far as is known.
    """
    plan = sweep.plan() if max_in_flight is None else sweep.plan(max_in_flight=max_in_flight)
    if plan.new:
        raise SweepError(
            f"this makes {plan.new:,} paid jobs: {plan.cost_words}",
            hint="confirm=True says that it is meant; run(budget_credits=...) sets a limit",
        )


def check_addable(workspace: Workspace, sweep: Sweep, *, confirm: bool) -> None:
    """See to it that a sweep may be added to a run of this workspace.

    Raises:
        ArgumentError: it is no sweep.
        SweepError: it is another workspace's, or its cost was not confirmed.
    """
    if not isinstance(sweep, Space):
        raise ArgumentError("must be a sweep", field="sweep", hint="tfi.Sweep(...) makes one")
    if sweep.workspace is not workspace:
        raise SweepError(
            "the sweep belongs to another workspace than the run",
            hint="tfi.Sweep(..., workspace=run.workspace) makes it for this one",
        )
    if not workspace.settings.local and confirm is not True:
        require_confirmation(sweep)
