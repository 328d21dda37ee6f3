"""The study of a search: an Optuna study in a file of its own, next to the ledger.

It stands in SQLite and not in Optuna's journal file: a kernel that is killed while it appends to
the journal leaves half a line there, and once another line follows, the file can be read no more.
SQLite rolls such a write back. What is tried next comes from Optuna's tree-structured Parzen
estimator, which also serves several objectives and counts trials under way as poor ones
(`constant_liar`), so that those that run side by side differ.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tfi_notebook.contract.fields import whole_text
from tfi_notebook.errors import ArgumentError, LedgerError, MissingExtraError, SweepError
from tfi_notebook.sweeps.axes import listed
from tfi_notebook.sweeps.draws import Choice, Uniform, UniformInt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_DEFINITION: Final = "tfi_definition"
_PATIENCE_S: Final = 30.0
_PLAIN = (str, int, float, bool)


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial of a search.

    Attributes:
        number: its place, from 0.
        axes: the value of each axis.
        open: whether it is under way.
        outcome: the objectives' values; empty while it is under way, and if it failed.
        problem: why it failed; foreign text.
    """

    number: int
    axes: Mapping[str, Any]
    open: bool = True
    outcome: tuple[float, ...] = ()
    problem: str = ""


class Study:
    """A study on disk; opened again by its name, it goes on.

    Args:
        path: the SQLite file.
        name: the study's name in it.
        definition: what the trials were made from; another one needs another name.
        directions: `maximize` or `minimize` for each objective.
        ranges: where the values of each axis come from: a draw, or a list.
        seed: makes the choice of trials repeatable.

    Raises:
        ArgumentError: an axis cannot be searched.
        SweepError: there is a study of this name with another definition.
        LedgerError: the file cannot be used.
        MissingExtraError: Optuna is not installed (extra `search`).
    """

    def __init__(
        self,
        path: Path,
        name: str,
        *,
        definition: str,
        directions: Sequence[str],
        ranges: Mapping[str, Any],
        seed: int,
    ) -> None:
        self._optuna = _load_optuna()
        self._ranges = {field: self._distribution(field, given) for field, given in ranges.items()}
        try:
            self._study = self._opened(path, name, directions, seed)
            known = self._study.user_attrs.get(_DEFINITION)
            if known is None:
                self._study.set_user_attr(_DEFINITION, definition)
        except self._optuna.exceptions.StorageInternalError as error:
            raise _unusable(path) from error.with_traceback(None)
        if known not in {None, definition}:
            raise SweepError(
                f"there is a search {name!r} with another payload, objective or range",
                hint="give this one another name=",
            )

    def ask(self) -> Trial:
        """Begin a trial, and write it down."""
        asked = self._study.ask(self._ranges)
        return Trial(asked.number, dict(asked.params))

    def tell(self, trial: Trial, outcome: Sequence[float], problem: str = "") -> Trial:
        """End a trial, and write it down.

        Args:
            trial: a trial under way.
            outcome: the objectives' values; empty if it failed.
            problem: why it failed.

        Returns:
            The trial, ended.
        """
        state = self._optuna.trial.TrialState
        if outcome:
            self._study.tell(trial.number, list(outcome), state=state.COMPLETE)
        else:
            self._study.tell(trial.number, state=state.FAIL)
        return Trial(trial.number, trial.axes, False, tuple(outcome), problem)  # noqa: FBT003 - as in the class

    def trials(self) -> list[Trial]:
        """Return every trial, in order.

        A kernel that was killed while it asked leaves a trial without a value for each axis:
        nothing was submitted for it, so it counts as not begun.
        """
        running = self._optuna.trial.TrialState.RUNNING
        return [
            Trial(each.number, dict(each.params), each.state == running, tuple(each.values or ()))
            for each in self._study.get_trials(deepcopy=False)
            if each.params.keys() == self._ranges.keys()
        ]

    def best(self, trials: Sequence[Trial]) -> list[Trial]:
        """Return the best trials: one for one objective, for several those that none beats."""
        if not any(trial.outcome for trial in trials):
            return []
        best = {each.number for each in self._study.best_trials}
        found = [trial for trial in trials if trial.number in best and trial.outcome]
        return found if len(self._study.directions) > 1 else found[:1]

    def _opened(self, path: Path, name: str, directions: Sequence[str], seed: int) -> Any:  # noqa: ANN401 - Optuna's study
        optuna = self._optuna
        path.touch(mode=0o600)  # like the ledger: nobody else's business
        storage = optuna.storages.RDBStorage(
            f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": _PATIENCE_S}}
        )
        level = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            study = optuna.create_study(
                storage=storage, study_name=name, directions=directions, load_if_exists=True
            )
        finally:
            optuna.logging.set_verbosity(level)
        # the same seed again would begin with the same trials again
        begun = len(study.get_trials(deepcopy=False))
        study.sampler = optuna.samplers.TPESampler(seed=seed + begun, constant_liar=True)
        return study

    def _distribution(self, field: str, given: Any) -> Any:  # noqa: ANN401 - a draw; Optuna's distribution
        kinds = self._optuna.distributions
        if isinstance(given, Uniform):
            return kinds.FloatDistribution(given.low, given.high, log=given.log)
        if isinstance(given, UniformInt):
            return kinds.IntDistribution(given.low, given.high)
        options = given.options if isinstance(given, Choice) else tuple(listed(field, given))
        if not all(isinstance(option, _PLAIN) for option in options):
            raise ArgumentError("must be texts, numbers or flags to be searched", field=field)
        try:
            for text in (option for option in options if isinstance(option, str)):
                whole_text(text)
        except ValueError as error:
            raise ArgumentError(str(error), field=field) from None
        return kinds.CategoricalDistribution(options)


def _load_optuna() -> Any:  # noqa: ANN401 - an optional package
    try:
        return importlib.import_module("optuna")
    except ImportError:
        pass
    raise MissingExtraError("a search", extra="search")


def _unusable(path: Path) -> LedgerError:
    return LedgerError(
        f"the study's file {path.name} cannot be used",
        hint="check space and rights of its folder, or move the file away to begin anew",
    )
