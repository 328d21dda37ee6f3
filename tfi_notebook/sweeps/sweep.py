"""A sweep: one payload, some of whose fields vary. It plans, and it starts runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from tfi_notebook import arguments
from tfi_notebook.lifecycle.given import checked_payload
from tfi_notebook.sweeps.axes import Axes, crossed, listed, require_axes, side_by_side
from tfi_notebook.sweeps.draws import DRAWS, Choice, drawn
from tfi_notebook.sweeps.frames import first_payload, frame_axes
from tfi_notebook.sweeps.space import Space

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    import pandas as pd  # type: ignore[import-untyped] # it publishes no types

    from tfi_notebook.contract.model import Payload
    from tfi_notebook.lifecycle.workspace import Workspace
    from tfi_notebook.sweeps.goals import Objective
    from tfi_notebook.sweeps.plan import Plan
    from tfi_notebook.sweeps.run import Run
    from tfi_notebook.sweeps.search import Search

MAX_IN_FLIGHT = 8


class Sweep(Space):
    """Many payloads that differ in some fields: each value of each axis with each other, a grid.

    Nothing is sent, and no payload is built, before `run`. A million points are fine.

    Args:
        base: the payload that the points start from, or its fields.
        workspace: the connection; default the one of `tfi.submit`.
        name: the name of the run, by which `tfi.run(name)` takes it up again; default one that
            is made from the points, so that the same sweep is the same run.
        **axes: values by the name of the field, `image_url` and `audio_url` among them. In the
            template form `**{"values.headline": [...]}` varies one value.

    Raises:
        PayloadError: the base is wrong.
        SweepError: an axis is no field, or has no values. A wrong value is no error here: the
            plan names it, and the other points go on.

    Example:
        >>> sweep = Sweep(
        ...     {
        ...         "image_url": "https://cdn.example.com/image.png",
        ...         "audio_url": "https://cdn.example.com/audio.mp3",
        ...         "project_id": "468ea7a0-66e1-4357-a760-236e54167f3e",
        ...     },
        ...     version=[4, 5, 6],
        ...     iteration_count=range(5, 30, 5),
        ... )
        >>> len(sweep), sweep.axes
        (15, ('version', 'iteration_count'))
    """

    def __init__(
        self,
        base: Payload | Mapping[str, Any],
        *,
        workspace: Workspace | None = None,
        name: str | None = None,
        **axes: Any,  # noqa: ANN401 - any values
    ) -> None:
        self._set(checked_payload(base), crossed(axes), workspace, name)

    @classmethod
    def zip(
        cls,
        base: Payload | Mapping[str, Any],
        *,
        workspace: Workspace | None = None,
        name: str | None = None,
        **axes: Any,  # noqa: ANN401 - any values
    ) -> Self:
        """Walk the axes side by side: the first value of each, then the second of each.

        Args:
            base: as of `Sweep`.
            workspace: as of `Sweep`.
            name: as of `Sweep`.
            **axes: values by the name of the field, of one length; a single one stands for all.

        Raises:
            PayloadError, SweepError: as of `Sweep`, and for axes that differ in length.
        """
        return cls._made(checked_payload(base), side_by_side(axes), workspace, name)

    @classmethod
    def sample(
        cls,
        base: Payload | Mapping[str, Any],
        n: int,
        *,
        seed: int = 0,
        method: str = "sobol",
        workspace: Workspace | None = None,
        name: str | None = None,
        **axes: Any,  # noqa: ANN401 - draws or values
    ) -> Self:
        """Draw points that fill the space of the axes with few.

        Args:
            base: as of `Sweep`.
            n: how many points.
            seed: the same seed gives the same points.
            method: `sobol`, `lhs` (both need SciPy) or `random`.
            workspace: as of `Sweep`.
            name: as of `Sweep`.
            **axes: for each field `uniform`, `uniform_int`, `log_uniform` or `choice`; a list
                is a choice.

        Raises:
            PayloadError, SweepError: as of `Sweep`.
            ArgumentError: `n`, `seed` or `method` cannot be used.
            MissingExtraError: SciPy is not installed (extra `search`).
        """
        draws = {
            field: given if isinstance(given, DRAWS) else Choice(tuple(listed(field, given)))
            for field, given in axes.items()
        }
        require_axes(draws)
        count = arguments.whole("n", n, least=1)
        rows = drawn(list(draws.values()), count, arguments.whole("seed", seed), method)
        columns = dict(zip(draws, map(list, zip(*rows, strict=True)), strict=True))
        return cls._made(checked_payload(base), Axes(columns, crossed=False), workspace, name)

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        base: Payload | Mapping[str, Any] | None = None,
        *,
        workspace: Workspace | None = None,
        name: str | None = None,
    ) -> Self:
        """Make one job of each row of a table: its columns are fields.

        In the template form a column `values.<id>` is one value of the template, such as the
        name of the person whom the video greets.

        Args:
            frame: a pandas frame; an empty cell is a wrong value.
            base: what the rows have in common; not needed where the columns hold every field
                that has no default.
            workspace: as of `Sweep`.
            name: as of `Sweep`.

        Raises:
            PayloadError, SweepError: as of `Sweep`, and for a table from which no payload
                can be built.
        """
        axes = frame_axes(frame)
        start = checked_payload(base) if base is not None else first_payload(axes, workspace)
        return cls._made(start, axes, workspace, name)

    @staticmethod
    def search(  # noqa: PLR0913 - each is a choice of its own
        base: Payload | Mapping[str, Any],
        objective: Objective = "lip_sync",
        *,
        n_trials: int = 20,
        budget_credits: float | Decimal | None = None,
        max_in_flight: int = MAX_IN_FLIGHT,
        seed: int = 0,
        confirm: bool = False,
        workspace: Workspace | None = None,
        name: str | None = None,
        **axes: Any,  # noqa: ANN401 - draws or values
    ) -> Search:
        """Look for the best point: each next trial is chosen by what the earlier ones gave.

        The same call in another kernel goes on where this one ended. A payload that is known
        costs nothing: its trial is told what the payload has given before.

        Args:
            base: as of `Sweep`.
            objective: a column of the results with a better direction, such as `lip_sync`; or
                several, such as `("lip_sync", "credits")`; or a function of the finished `Job`
                whose number is to be as large as possible; where it raises or gives none, the
                trial has failed. Once it is mended, another `name` judges anew at no cost.
            n_trials: trials in all, those of earlier kernels among them.
            budget_credits: the most that the search may spend; None for no limit.
            max_in_flight: the most trials side by side.
            seed: makes the choice of trials repeatable, as far as they end in the same order.
            confirm: must be True on the live API, as a sign that the cost is meant.
            workspace: as of `Sweep`.
            name: the name of the search and of its run; default one that is made from the call.
            **axes: for each field `uniform`, `uniform_int`, `log_uniform` or `choice`; a list
                is a choice.

        Returns:
            The search's handle, at once; shown in a notebook it is a live table.

        Raises:
            PayloadError: the base is wrong.
            ArgumentError: an axis or a limit cannot be used.
            SweepError: no axis; the live API without `confirm=True`; no better direction of the
                objective; another kernel works on this search; or the name is another one's.
            LedgerError: the ledger or the study cannot be written; nothing was sent.
            MissingExtraError: Optuna is not installed (extra `search`).
        """
        from tfi_notebook.sweeps import search  # noqa: PLC0415 - loaded when it is needed

        limits = search.checked_limits(n_trials, budget_credits, max_in_flight)
        start = search.Start(base, axes, name, workspace, arguments.whole("seed", seed))
        return search.begun(start, objective, limits, confirm=confirm)

    # -- what it does ----------------------------------------------------------------------

    def plan(self, *, max_in_flight: int = MAX_IN_FLIGHT) -> Plan:
        """Say what a run would do, take and cost, without sending a submit.

        Args:
            max_in_flight: how many jobs the run would have at once.

        Returns:
            The plan; shown in a notebook it is a table.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        from tfi_notebook.sweeps.plan import plan  # noqa: PLC0415 - loaded when it is needed

        return plan(self, arguments.whole("max_in_flight", max_in_flight, least=1))

    def run(
        self,
        *,
        budget_credits: float | Decimal | None = None,
        max_in_flight: int = MAX_IN_FLIGHT,
        confirm: bool = False,
    ) -> Run:
        """Submit every point that has no job yet, each once, and follow all of them.

        The same sweep run again takes up the same run; another sweep of the same name adds its
        points to it. Nothing that was submitted before is paid for again.

        Args:
            budget_credits: the most that the run may spend; None for no limit, or for the one
                that the run has already.
            max_in_flight: the most jobs at the service at once.
            confirm: must be True on the live API, as a sign that the cost is meant.

        Returns:
            The run's handle, at once; shown in a notebook it is a live board.

        Raises:
            SweepError: it is the live API, new jobs are to be made or a run that was paused or
                stopped would go on, and `confirm` is not True.
            ArgumentError: a limit cannot be used.
            LedgerError: the ledger cannot be written; nothing was sent.
        """
        from tfi_notebook.sweeps.start import started  # noqa: PLC0415 - loaded when it is needed

        return started(
            self, budget_credits=budget_credits, max_in_flight=max_in_flight, confirm=confirm
        )
