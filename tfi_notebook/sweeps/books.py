"""How many points of a run stand where: counters for all of them, an entry only for live ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tfi_notebook.contract.records import JobStatus
from tfi_notebook.sweeps.purse import NOTHING
from tfi_notebook.sweeps.table import INVALID, NEW

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.sweeps.purse import Purse
    from tfi_notebook.sweeps.tables import Standing

    Body = Callable[[Standing], Mapping[str, Any]]

UNRESOLVED = JobStatus.UNKNOWN
_CHARGED = {JobStatus.DONE, JobStatus.FAILED}


@dataclass(slots=True)
class Live:
    """A point whose job has not ended, or of which nobody knows what became of it.

    Attributes:
        index: the point's place in the run.
        status: where its job stands.
        body: the part of its body that its price depends on, and more.
        expected: what it is expected to cost the run, in credits; None if nobody knows, or asked.
        carried: whether the run is submitting it, or writing down why it cannot.
    """

    index: int
    status: JobStatus
    body: Mapping[str, Any]
    expected: Decimal | None
    carried: bool = False

    @property
    def in_flight(self) -> bool:
        """Whether the service may be at work on it."""
        return not self.status.is_final

    @property
    def stays(self) -> bool:
        """Whether a new count leaves it to its entry, not to the ledger."""
        return self.in_flight or (self.carried and self.status is JobStatus.REJECTED)

    @property
    def may_cost(self) -> bool:
        """Whether it may cost what it has not told yet."""
        return self.in_flight or self.status is UNRESOLVED


class Books:
    """The counters of one run.

    Args:
        purse: what its jobs cost.
        since: Unix time in s of the run's beginning: what was paid before is not its expense.

    Attributes:
        counts: points by where they stand: `new`, `invalid`, or the word of a `JobStatus`.
        live: by fingerprint.
    """

    def __init__(self, purse: Purse, since: float) -> None:
        self.purse = purse
        self.counts: Counter[str] = Counter()
        self.live: dict[str, Live] = {}
        self._since = since
        self._fresh: Counter[str] = Counter()
        self._fresh_spent = NOTHING
        self._counted = 0

    def in_flight(self) -> list[Live]:
        """Return the points at whose jobs the service may be at work."""
        return [live for live in self.live.values() if live.in_flight]

    def at_risk(self) -> list[Decimal | None]:
        """Return what each job that has not told its cost is expected to cost.

        What nobody could tell when a job came up may have been learned since.
        """
        risky = [live for live in self.live.values() if live.may_cost]
        for live in risky:
            if live.expected is None:
                live.expected = self.purse.expected(live.body)
        return [live.expected for live in risky]

    def words(self) -> dict[str, int]:
        """Return the counters that are not 0, by their words."""
        return {str(word): count for word, count in self.counts.items() if count}

    def tally(self) -> dict[str, Any]:
        """Return the counters as JSON, for whoever looks on from another kernel."""
        return {"counts": self.words(), "spent": str(self.purse.spent)}

    def load(self, tally: Mapping[str, Any]) -> None:
        """Take over the counters that `tally` has given."""
        self.counts = Counter(tally.get("counts", {}))
        self.purse.spent = Decimal(tally.get("spent", "0"))

    @property
    def unfinished(self) -> int:
        """How many jobs have not ended, also where another kernel follows them."""
        return sum(self.counts[status] for status in JobStatus if not status.is_final)

    # -- counting all of them --------------------------------------------------------------

    def restart(self) -> None:
        """Begin to count anew; the old counters are shown until `finish`.

        Only what the service may be at work on keeps its entry, and what was refused just now:
        as long as the ledger does not tell why, it would be taken for a point to be submitted.
        """
        self._fresh, self._fresh_spent, self._counted = Counter(), NOTHING, 0
        self.live = {each: live for each, live in self.live.items() if live.stays}

    def finish(self, unreached: int, spent_before: Decimal) -> None:
        """Show what was counted.

        Args:
            unreached: points that are not written down yet.
            spent_before: what jobs have cost that no point stands for any more.
        """
        self.counts, self._fresh = self._fresh, Counter()
        self.counts[NEW] += unreached
        self.purse.spent = self._fresh_spent + spent_before
        self._counted = 0

    def count(self, row: Standing, body: Mapping[str, Any]) -> bool:
        """Count a point as it stands in the ledger; return whether it is to be submitted."""
        pending = self.is_pending(row)
        live = self.live.get(row.fingerprint)
        self._fresh[NEW if pending else live.status if live else row.status or INVALID] += 1
        self._counted = row.index + 1
        if row.status in _CHARGED and not live and (row.created_at or 0.0) >= self._since:
            self._fresh_spent += self.purse.cost(body, row.credit_used)
        return pending

    def count_more(
        self, reached: int, rows: list[Standing], body: Callable[[Standing], Any]
    ) -> int:
        """Count points that were written down just now; return how many are to be submitted."""
        self.counts[NEW] -= reached
        shown, spent, counted = self.counts, self.purse.spent, self._counted
        self._fresh, self._fresh_spent = shown, spent
        pending = sum(self.count(row, body(row)) for row in rows)
        self.purse.spent, self._fresh, self._counted = self._fresh_spent, Counter(), counted
        return pending

    def is_pending(self, row: Standing) -> bool:
        """Tell whether a point is to be submitted: no job, or one that was never sent.

        A job that was `rejected` while nothing is wrong with the point was held back by an
        outage or a closing kernel.
        """
        if not row.fingerprint or row.problem or row.fingerprint in self.live:
            return False
        return row.status is None or row.status == JobStatus.REJECTED

    # -- changes ---------------------------------------------------------------------------

    def enter(self, row: Standing, status: JobStatus, body: Mapping[str, Any]) -> Live:
        """Make an entry for a point whose job is live; it has been counted as it stands."""
        is_ours = (row.created_at or 0.0) >= self._since
        live = Live(row.index, status, body, None if is_ours else NOTHING)
        self.live[row.fingerprint] = live
        return live

    def begin(self, row: Standing, body: Mapping[str, Any]) -> None:
        """Make an entry for a new point that is about to be submitted."""
        live = self.enter(row, JobStatus.INTENT, body)
        live.expected, live.carried = None, True
        self._shift(live, NEW, JobStatus.INTENT)

    def hear(self, job: JobSnapshot) -> bool:
        """Take note of a job's change; return whether it is one of the run's."""
        live = self.live.get(job.fingerprint)
        if live is None or (job.status is JobStatus.WRITTEN_OFF and live.status is not UNRESOLVED):
            return False  # the one in whose place another one was submitted is not the point's job
        if job.status is not live.status:
            if job.status in _CHARGED and job.created_at >= self._since:
                self._pay(live, job)
            self._shift(live, live.status, job.status)
            live.status = job.status
        if job.status is JobStatus.WRITTEN_OFF:
            self.leave(job.fingerprint)
        return True

    def leave(self, fingerprint: str, word: str = "") -> None:
        """Drop an entry; its point stands where it stood last, or where `word` says.

        A job that is `unknown` keeps its entry: a person will decide about it.
        """
        live = self.live.get(fingerprint)
        if live is None:
            return
        live.carried = False
        if live.status is UNRESOLVED and not word:
            return
        del self.live[fingerprint]
        if word:
            self._shift(live, live.status, word)

    def _pay(self, live: Live, job: JobSnapshot) -> None:
        before = self.purse.spent
        self.purse.pay(live.body, job.credit_used, done=job.status is JobStatus.DONE)
        if live.index < self._counted:
            self._fresh_spent += self.purse.spent - before

    def _shift(self, live: Live, old: str, new: str) -> None:
        """Move a point from one counter to another, also in the count that is under way."""
        counters = [self.counts, self._fresh] if live.index < self._counted else [self.counts]
        for counter in counters:
            counter[old] -= 1
            counter[new] += 1
