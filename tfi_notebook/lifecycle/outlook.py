"""What a job would cost and take, as far as earlier jobs tell, and whether it was made already."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tfi_notebook.display.words import duration
from tfi_notebook.lifecycle.prices import Prices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tfi_notebook.contract.model import Payload
    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.lifecycle.durations import Durations
    from tfi_notebook.lifecycle.feed import Feed
    from tfi_notebook.lifecycle.ledger import Ledger
    from tfi_notebook.settings import Settings

PRICES_FOR_S: Final = 10.0
"""For how long prices are not read again: whoever moves a slider asks many times."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known of a job before it is submitted; nothing in it is guessed.

    Attributes:
        credits: the usual price; None where no finished job of its class tells one.
        credits_jobs: from how many jobs; 0 also for the local service, which costs nothing.
        duration_s: the usual time from the submit to the end, in s; None without any experience.
        duration_jobs: from how many jobs.
        duration_is_alike: whether those were jobs like this one, and not just any.
        earlier: the job that a submit of this payload would give back, or None.
    """

    credits: Decimal | None = None
    credits_jobs: int = 0
    duration_s: float | None = None
    duration_jobs: int = 0
    duration_is_alike: bool = False
    earlier: JobSnapshot | None = None

    def words(self) -> str:
        """Say it in one line.

        Example:
            >>> Outlook(Decimal("2.50"), 4, 31.2, 12, True).words()
            'costs about 2.5 credits (from 4 earlier jobs) · takes about 31 s (from 12 like it)'
            >>> Outlook().words()
            'cost not known · time not known'
        """
        price = self.price_words()
        cost = f"costs {price}" if price else "cost not known"
        return f"{cost} · {self._time_words()}"

    def price_words(self) -> str:
        """Say what it costs; empty where that is not known."""
        if self.credits is None:
            return ""
        if not self.credits_jobs:
            return "nothing"
        jobs = f"{self.credits_jobs:,} earlier {'job' if self.credits_jobs == 1 else 'jobs'}"
        return f"about {self.credits.normalize():f} credits (from {jobs})"

    def _time_words(self) -> str:
        if self.duration_s is None:
            return "time not known"
        about = f"about {duration(self.duration_s)}"
        if self.duration_is_alike:
            return f"takes {about} (from {self.duration_jobs:,} like it)"
        jobs = f"{self.duration_jobs:,} {'job' if self.duration_jobs == 1 else 'jobs'}"
        return f"time not known yet for this kind (all kinds so far: {about}, from {jobs})"


class Outlooks:
    """Tells what to expect of payloads. Belongs to the loop.

    Args:
        settings: the connection.
        ledger: where earlier jobs are; nothing but it is asked.
        feed: knows the newest of a job.
        durations: how long jobs of this service take.
    """

    def __init__(
        self, settings: Settings, ledger: Ledger, feed: Feed, durations: Durations
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._feed = feed
        self._durations = durations
        self._prices: Prices | None = None
        self._read_at = 0.0

    async def of(self, payload: Payload) -> Outlook:
        """Return what is known of a job with this payload.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        body = payload.body()
        spread, any_job = self._durations.spread(body), self._durations.spread({})
        credits_, jobs = (Decimal(0), 0) if self._settings.local else await self._price(body)
        return Outlook(
            credits=credits_,
            credits_jobs=jobs,
            duration_s=spread.median_s if spread.jobs else None,
            duration_jobs=spread.jobs,
            duration_is_alike=spread != any_job,
            earlier=self._earlier(payload),
        )

    async def _price(self, body: Mapping[str, Any]) -> tuple[Decimal | None, int]:
        now = time.monotonic()
        if self._prices is None or now - self._read_at > PRICES_FOR_S:
            name = self._settings.service_name
            self._prices = await asyncio.to_thread(Prices, self._ledger, name)
            self._read_at = now
        return self._prices.of(body), self._prices.jobs(body)

    def _earlier(self, payload: Payload) -> JobSnapshot | None:
        found = self._ledger.submitted(self._settings.service_name, payload.fingerprint)
        return self._feed.newest(found) if found is not None else None
