"""What jobs have cost: the median of the ledger's own finished jobs of one class.

Never a guessed price: a class of which no finished job tells its credits has none.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tfi_notebook.lifecycle.ledger import Ledger

CLASS = ("job_type", "version", "output_size", "iteration_count")
"""Fields of a body that jobs of one price have in common, as far as is known."""
LEARN_FROM = 10_000
"""So many of the newest jobs that tell their credits are looked at."""
_LATEST = 100
_FIELDS = ", ".join(f"json_extract(body, '$.{name}')" for name in CLASS)
_PAID = (
    # the newest rows stand together; by the index on services all of them would be sorted first
    f"SELECT credit_used, {_FIELDS} FROM jobs NOT INDEXED WHERE service = ? AND status = 'done' "  # noqa: S608 - constants only
    "AND credit_used IS NOT NULL ORDER BY seq DESC LIMIT ?"
)


class Prices:
    """What the jobs of one service have cost, by class.

    Args:
        ledger: where finished jobs are; it is read once.
        service: name of the service, as the ledger has it.

    Raises:
        LedgerError: the ledger cannot be read.
    """

    def __init__(self, ledger: Ledger, service: str) -> None:
        self._seen: dict[tuple[Any, ...], deque[Decimal]] = {}
        for used, *job_class in reversed(ledger.query(_PAID, service, LEARN_FROM)):
            self._learn(tuple(job_class), Decimal(used))

    def of(self, body: Mapping[str, Any]) -> Decimal | None:
        """Return the usual price, in credits, of a job with this body; None if none is known."""
        seen = self._seen.get(class_of(body))
        return median(seen) if seen else None

    def jobs(self, body: Mapping[str, Any]) -> int:
        """Return from how many jobs, the newest of its class, that price is known."""
        return len(self._seen.get(class_of(body), ()))

    @property
    def highest(self) -> Decimal:
        """The most that a job of any class has cost, in credits; 0 if no cost is known."""
        return max((max(seen) for seen in self._seen.values()), default=Decimal(0))

    def learn(self, body: Mapping[str, Any], credits_used: Decimal) -> None:
        """Take note of what a job has cost."""
        self._learn(class_of(body), credits_used)

    def _learn(self, job_class: tuple[Any, ...], credits_used: Decimal) -> None:
        self._seen.setdefault(job_class, deque(maxlen=_LATEST)).append(credits_used)


def class_of(body: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what the price of a job depends on."""
    return tuple(body.get(name) for name in CLASS)
