"""What a run has spent, what it may still cost, and whether the next job fits into its budget."""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tfi_notebook.lifecycle.prices import Prices

NOTHING = Decimal(0)
_UNTOLD = (
    "no history yet of such jobs as one that is under way or unresolved: nothing more goes ahead "
    "before it has told its price; see tfi.unresolved()"
)


class Purse:
    """The credits of one run.

    Args:
        prices: reads what jobs of a class have cost, once it is asked for.
        budget_credits: the most that the run may spend; None for no limit.

    Attributes:
        spent: what the run's jobs have cost so far, as the service tells it.
    """

    def __init__(self, prices: Callable[[], Prices], budget_credits: Decimal | None) -> None:
        self._prices = prices
        self.budget_credits = budget_credits
        self.spent = NOTHING
        self._silent = False

    @cached_property
    def _known(self) -> Prices:
        return self._prices()

    def expected(self, body: Mapping[str, Any]) -> Decimal | None:
        """Return what a job with this body is expected to cost; None if nobody knows, or asks."""
        return None if self.budget_credits is None else self._known.of(body)

    def pay(self, body: Mapping[str, Any], credit_used: Decimal | None, *, done: bool) -> None:
        """Take note of a job of this run that has ended.

        Args:
            body: its body.
            credit_used: what the service says; where it says nothing, the usual price counts.
            done: whether it has ended well.
        """
        if done and credit_used is None:
            self._silent = True
        if done and credit_used is not None and self.budget_credits is not None:
            self._known.learn(body, credit_used)
        self.spent += self.cost(body, credit_used)

    def cost(self, body: Mapping[str, Any], credit_used: Decimal | None) -> Decimal:
        """Return what a job has cost; where the service says nothing, the usual price counts."""
        return (self.expected(body) or NOTHING) if credit_used is None else credit_used

    def hindrance(
        self, body: Mapping[str, Any], at_risk: Sequence[Decimal | None], *, waits: bool
    ) -> str:
        """Say why a job may not be submitted now; empty if it may.

        Args:
            body: the job's body.
            at_risk: what each job that has not told its cost is expected to cost; None for one of
                which nobody knows: it may cost all that is left.
            waits: whether jobs are in flight, so that more will be known later.
        """
        if self.budget_credits is None:
            return ""
        told = [each for each in at_risk if each is not None]
        if len(told) < len(at_risk):
            return _UNTOLD
        price = self.expected(body)
        committed = self.spent + sum(told, NOTHING)
        if price is None:
            return self._probe_hindrance(self.budget_credits - committed, waits=waits)
        if committed + price <= self.budget_credits:
            return ""
        return (
            f"the budget of {self.budget_credits:,} credits does not cover the next job "
            f"({price:,} after {committed:,} spent or in flight)"
        )

    def _probe_hindrance(self, left: Decimal, *, waits: bool) -> str:
        """Without history one job at a time goes ahead, until its class has a price."""
        if self._silent:
            return "the service does not tell what jobs cost, so that no budget can be kept"
        if waits:
            return "no history yet of such jobs: one at a time goes ahead to learn the price"
        highest = self._known.highest
        if left > NOTHING and left >= highest:
            return ""
        return (
            f"the budget of {self.budget_credits:,} credits may not cover the next job: {left:,} "
            f"are left, its price is not known, and jobs have cost up to {highest:,}"
        )
