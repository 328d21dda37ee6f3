"""An adaptive search: each next point is chosen by what the earlier ones have given."""

from __future__ import annotations

import hashlib
import json
import math
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

from tfi_notebook import arguments
from tfi_notebook.contract.links import kept_body
from tfi_notebook.display import html
from tfi_notebook.display.painter import Drawing
from tfi_notebook.display.tables import value_table
from tfi_notebook.errors import SweepError, TfiError, WaitTimeoutError
from tfi_notebook.http import redact
from tfi_notebook.lifecycle.default import default_workspace
from tfi_notebook.lifecycle.export import cell_of, load_pandas
from tfi_notebook.lifecycle.given import checked_payload
from tfi_notebook.lifecycle.waiting import show_progress
from tfi_notebook.sweeps.axes import check_names, require_axes
from tfi_notebook.sweeps.goals import Goals
from tfi_notebook.sweeps.seeker import Limits, Seeker
from tfi_notebook.sweeps.shown import cells_of, text_of
from tfi_notebook.sweeps.space import checked_name
from tfi_notebook.sweeps.study import Study

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    import pandas as pd  # type: ignore[import-untyped] # it publishes no types

    from tfi_notebook.contract.model import Payload
    from tfi_notebook.lifecycle.workspace import Workspace
    from tfi_notebook.sweeps.goals import Objective
    from tfi_notebook.sweeps.run import Run
    from tfi_notebook.sweeps.study import Trial

_DIGITS: Final = 8
_SHOWN: Final = 10
_active: WeakValueDictionary[tuple[int, str], Seeker] = WeakValueDictionary()
"""One seeker for each search of a workspace, however many handles there are of it."""


class Search:
    """A search at work. Shown in a notebook it is a live table of its best trials.

    Made by `Sweep.search`, not by hand.

    Example:
        >>> search = tfi.Sweep.search(                           # doctest: +SKIP
        ...     payload, n_trials=30, iteration_count=tfi.uniform_int(5, 50), version=[5, 6]
        ... )
        >>> payload.replace(**search.wait().best)                # doctest: +SKIP
    """

    def __init__(self, seeker: Seeker) -> None:
        self._seeker = seeker

    @property
    def name(self) -> str:
        """The name by which the search goes on in another kernel."""
        return self._seeker.name

    @property
    def run(self) -> Run | None:
        """The run that has its jobs: board, results, gallery; None before the first job."""
        return self._seeker.run

    @property
    def reason(self) -> str:
        """Why it goes on no further, such as a spent budget; empty while it does."""
        return self._seeker.reason

    @property
    def best(self) -> dict[str, Any]:
        """The fields of the best trial so far, ready for `payload.replace(**search.best)`.

        Raises:
            SweepError: no trial has ended well yet, or there are several objectives.
        """
        if len(self._seeker.goals.names) > 1:
            raise SweepError(
                "with several objectives no trial is best in all", hint="search.front() has them"
            )
        return dict(self._best()[0].axes)

    def front(self) -> pd.DataFrame:
        """Return the trials that no other beats in every objective, as lines of `trials()`.

        Raises:
            SweepError: no trial has ended well yet.
            MissingExtraError: pandas is not installed (extra `data`).
        """
        return self._frame(self._best())

    def trials(self) -> pd.DataFrame:
        """Return every trial: number, axes, objectives, `state` and `problem`.

        The value of an objective that shall be near to something is its distance from it.

        Raises:
            MissingExtraError: pandas is not installed (extra `data`).
        """
        return self._frame(list(self._seeker.trials.values()))

    def wait(self, timeout_s: float | None = None) -> Search:
        """Wait until all trials have ended, or the search goes on no further: see `reason`.

        Says how far it is with each trial, unless `TFI_QUIET=1`. Ctrl-C ends the waiting, not the
        search.

        Args:
            timeout_s: longest wait in s; None waits until the end.

        Raises:
            WaitTimeoutError: it is not ended yet; it goes on.
            TfiError: what has ended it, such as a ledger that cannot be written.
        """
        limit_s = None if timeout_s is None else arguments.number("timeout_s", timeout_s)
        if not self._awaited(limit_s):
            hint = f"it goes on; Sweep.search(..., name={self.name!r}) takes it up in a new kernel"
            raise WaitTimeoutError(f"not done after {timeout_s:g} s", hint=hint)
        if self._seeker.error is not None:
            raise self._seeker.error
        return self

    def stop(self) -> Search:
        """Begin no more trials. Jobs that were submitted go on, and the same call takes them up."""
        self._seeker.stop()
        self._seeker.ended.wait()
        return self

    def _awaited(self, limit_s: float | None) -> bool:
        workspace = self._seeker.workspace
        line = show_progress(workspace.painter, line=self._line, step=self._step)
        try:
            return self._seeker.ended.wait(limit_s)
        finally:
            with suppress(TfiError):  # a workspace that was closed cannot
                workspace.run(workspace.painter.flush())
            if line is not None:
                line.close()

    def _best(self) -> list[Trial]:
        best = self._seeker.study.best(list(self._seeker.trials.values()))
        if not best:
            raise SweepError("no trial has ended well yet", hint="search.wait() first")
        return best

    def _frame(self, trials: Sequence[Trial]) -> pd.DataFrame:
        pandas, goals = load_pandas(), self._seeker.goals.names
        rows = [
            {"trial": trial.number}
            | {axis: cell_of(value) for axis, value in trial.axes.items()}
            | dict(zip(goals, trial.outcome or [None] * len(goals), strict=True))
            | {"state": _state(trial), "problem": redact(trial.problem)}
            for trial in trials
        ]
        frame = pandas.DataFrame(rows)
        kinds = {name: "Float64" for name in goals if name in frame}
        return frame.astype(kinds)

    # -- what is shown ---------------------------------------------------------------------

    def _head(self) -> str:
        seeker = self._seeker
        ended = len(seeker.trials) - seeker.under_way
        spent = f", {seeker.run.spent_credits:,} credits spent" if seeker.run else ""
        goals = " and ".join(seeker.goals.names)
        text = f"search {self.name} for {goals}: {ended} of {seeker.limits.n_trials} trials"
        text += f", {seeker.under_way} under way{spent}"
        return f"{text} ({seeker.reason})" if seeker.reason else text

    def _top(self) -> pd.DataFrame:
        frame, goal = self.trials(), self._seeker.goals
        if frame.empty:
            return frame
        upward = goal.directions[0] == "minimize"
        return frame.sort_values(goal.names[0], ascending=upward).head(_SHOWN)

    def _draw(self) -> Drawing:
        head, top = self._head(), self._top()
        table = value_table(*cells_of(top)) if len(top) else ""
        shown = html.root(f"<div>{html.escape(head, 1000)}</div>{table}")
        plain = f"{head}\n{text_of(top)}" if len(top) else head
        return Drawing(shown, plain, not self._seeker.ended.is_set())

    def _line(self) -> Drawing:
        head = self._head()
        return Drawing(html.quiet_line(head), head, not self._seeker.ended.is_set())

    def _step(self) -> Drawing:
        """Return the same for a log: it counts as changed with each trial that ends only."""
        ended = len(self._seeker.trials) - self._seeker.under_way
        return replace(self._line(), html=f"{ended} {self._seeker.reason}")

    def __repr__(self) -> str:
        """Return the state and the best trials as text."""
        return self._draw().plain

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return self._draw().bundle()

    def _ipython_display_(self) -> None:
        if not self._seeker.workspace.painter.show(self._draw):
            raise NotImplementedError  # IPython falls back to the MIME bundle


@dataclass(frozen=True, slots=True)
class Start:
    """Where a search starts.

    Attributes:
        base: the payload that the trials start from, or its fields.
        axes: where the values of each field that varies come from.
        name: its name, or None for one that is made from all this.
        workspace: the connection, or None for the default one.
        seed: makes the choice of trials repeatable.
    """

    base: Payload | Mapping[str, Any]
    axes: Mapping[str, Any]
    name: str | None
    workspace: Workspace | None
    seed: int


def begun(start: Start, objective: Objective, limits: Limits, *, confirm: bool) -> Search:
    """Start a search, or take it up again; see `Sweep.search`."""
    workspace = start.workspace or default_workspace()
    base, goals = checked_payload(start.base), Goals.of(objective)
    require_axes(start.axes)
    check_names(tuple(start.axes), base)
    definition = _definition(base, goals, start.axes)
    name = checked_name(start.name) if start.name is not None else None
    name = name or f"search-{hashlib.sha256(definition.encode()).hexdigest()[:_DIGITS]}"
    active = _active.get((id(workspace), name))
    if active is not None and not active.ended.is_set():
        return Search(active)
    _require_confirmation(workspace, limits, confirm=confirm)
    path = workspace.settings.ledger_path
    study = Study(
        path.with_name(f"{path.stem}-studies.sqlite"),
        f"{workspace.settings.service_name}/{name}",
        definition=definition,
        directions=goals.directions,
        ranges=start.axes,
        seed=start.seed,
    )
    seeker = Seeker(workspace, base, name, study, goals, limits)
    seeker.begin()
    _active[id(workspace), name] = seeker
    return Search(seeker)


def checked_limits(
    n_trials: int, budget_credits: float | Decimal | None, max_in_flight: int
) -> Limits:
    """Return the limits of a search.

    Raises:
        ArgumentError: one of them cannot be used.
    """
    budget = None if budget_credits is None else arguments.number("budget_credits", budget_credits)
    return Limits(
        arguments.whole("n_trials", n_trials, least=1),
        arguments.whole("max_in_flight", max_in_flight, least=1),
        budget,
    )


def _require_confirmation(workspace: Workspace, limits: Limits, *, confirm: bool) -> None:
    if workspace.settings.local or confirm is True:
        return
    raise SweepError(
        f"this makes up to {limits.n_trials:,} paid jobs",
        hint="search(confirm=True) says that it is meant; search(budget_credits=...) sets a limit",
    )


def _definition(base: Payload, goals: Goals, axes: Mapping[str, Any]) -> str:
    """What the trials are made from: the same again is the same search."""
    made_of = {"base": kept_body(base.body()), "goals": goals.names, "directions": goals.directions}
    ranges = {axis: repr(given) for axis, given in axes.items()}
    return json.dumps(made_of | {"ranges": ranges}, sort_keys=True)


def _state(trial: Trial) -> str:
    if trial.open:
        return "under way"
    return "done" if trial.outcome and all(map(math.isfinite, trial.outcome)) else "failed"
