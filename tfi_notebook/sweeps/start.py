"""How a run comes about: from a sweep, or by the name of one that was begun before."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from tfi_notebook import arguments
from tfi_notebook.errors import SweepError
from tfi_notebook.lifecycle.default import default_workspace
from tfi_notebook.sweeps.asked import require_confirmation
from tfi_notebook.sweeps.run import Run
from tfi_notebook.sweeps.runner import Runner
from tfi_notebook.sweeps.space import checked_name
from tfi_notebook.sweeps.store import Store, opened
from tfi_notebook.sweeps.tables import State

if TYPE_CHECKING:
    from tfi_notebook.lifecycle.workspace import Workspace
    from tfi_notebook.sweeps.sweep import Sweep

_runners: WeakValueDictionary[tuple[int, int], Runner] = WeakValueDictionary()
"""One runner for each run of a workspace, however many handles there are of it."""


def run(name: str, *, workspace: Workspace | None = None) -> Run:
    """Take up a run by its name, in any kernel: where it was killed, it goes on.

    While another kernel works on it, this one looks on, and takes over when that one has died.

    Args:
        name: as of `Run.name`.
        workspace: the connection; default the one of `tfi.submit`.

    Raises:
        ArgumentError: it is no name.
        SweepError: there is no such run of this service; with the names of the latest.
        LedgerError: the ledger cannot be read.
    """
    where = workspace or default_workspace()
    return where.run(_taken_up(where, checked_name(name)))


async def _taken_up(workspace: Workspace, name: str) -> Run:
    store = Store(workspace.engine.ledger, workspace.settings.service_name, name)
    runner = _runner(workspace, store)
    async with runner.attached():
        return Run(runner)


def started(
    sweep: Sweep, *, budget_credits: float | Decimal | None, max_in_flight: int, confirm: bool
) -> Run:
    """Start the run of a sweep; see `Sweep.run`."""
    most = arguments.whole("max_in_flight", max_in_flight, least=1)
    budget = None
    if budget_credits is not None:
        number = arguments.number("budget_credits", budget_credits)
        budget = Decimal(f"{Decimal(str(number)).normalize():f}")
    if not sweep.workspace.settings.local and confirm is not True:
        require_confirmation(sweep, most)
    workspace = sweep.workspace
    sure = workspace.settings.local or confirm is True
    return workspace.run(_started(workspace, sweep, budget, most, sure=sure))


async def _started(
    workspace: Workspace, sweep: Sweep, budget: Decimal | None, max_in_flight: int, *, sure: bool
) -> Run:
    store = await opened(workspace.engine.ledger, workspace.settings.service_name, sweep.name)
    runner = _runner(workspace, store)
    async with runner.attached():
        leads = runner.leads
        if leads:
            if not sure and runner.state in {State.PAUSED, State.STOPPED}:
                raise SweepError(
                    f"the run {sweep.name!r} is {runner.state}; all that is left of it would go on",
                    hint="run(confirm=True) says that it is meant; another name= is another run",
                )
            runner.set_limits(max_in_flight, budget)
            await runner.take_in(sweep)
            await runner.enter(State.RUNNING)
    return Run(runner, took_in=leads)


def _runner(workspace: Workspace, store: Store) -> Runner:
    key = (id(workspace), store.record.run)
    runner = _runners.get(key) or Runner(workspace, store)
    _runners[key] = runner
    return runner
