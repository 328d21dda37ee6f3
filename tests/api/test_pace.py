"""How fast requests go when a service refuses what is too much. Hours of it, in virtual time."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.helpers.virtual_time import run_virtually
from tfi_notebook.api.limiter import Limiter, Priority
from tfi_notebook.api.pace import AdaptiveLimit
from tfi_notebook.api.retry import backoff_s

if TYPE_CHECKING:
    from collections.abc import Callable

BEGIN = 1_000.0  # of virtual time
UNLIMITED = float("inf")
ROUND_TRIP_S = 0.02


def clock() -> float:
    return asyncio.get_running_loop().time() - BEGIN


@dataclass
class ThrottledService:
    """A token bucket: serves `rate` requests/s, with bursts of up to `burst`; refuses the rest."""

    rate: Callable[[float], float]
    burst: float
    retry_after_s: float = 0.0
    answers: list[tuple[float, bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tokens, self.since = self.burst, 0.0
        self.draw = random.Random(5)

    async def serve(self) -> bool:
        await asyncio.sleep(ROUND_TRIP_S * self.draw.uniform(0.75, 1.25))
        now = clock()
        self.tokens += (now - self.since) * self.rate(now)
        self.tokens, self.since = min(self.tokens, self.burst), now
        served = self.tokens >= 1 or self.rate(now) == UNLIMITED
        self.tokens -= served
        self.answers.append((now, served))
        return served

    def count(self, begin: float, end: float) -> tuple[int, int]:
        """Return how many were served and refused in a span of time."""
        within = [served for at, served in self.answers if begin <= at < end]
        return sum(within), len(within) - sum(within)


async def flood(service: ThrottledService, end: float, workers: int = 64) -> None:
    """Send as much as the limiter lets through until `end`; what is refused is sent again."""
    limit = AdaptiveLimit(8, 64, clock=clock)
    limiter = Limiter(limit, clock=clock)
    draw = random.Random(3)

    async def once(priority: Priority) -> bool:
        async with limiter.slot(priority):
            sent_at = clock()
            if await service.serve():
                limit.succeeded(sent_at)
                return True
        limit.throttled(sent_at, service.retry_after_s)
        limiter.hold(service.retry_after_s)
        pause_s = backoff_s(1, first_s=0.5, max_s=20, draw=draw.random)
        await asyncio.sleep(max(pause_s, service.retry_after_s))
        return False

    async def worker() -> None:
        priority = Priority.SUBMIT
        while clock() < end:
            priority = Priority.SUBMIT if await once(priority) else Priority.REPEAT

    await asyncio.gather(*(worker() for _ in range(workers)))


@pytest.mark.parametrize("retry_after_s", [0.0, 1.0])
@pytest.mark.parametrize(("rate", "burst"), [(5, 5), (10, 10), (50, 20), (100, 50), (200, 50)])
def test_the_pace_settles_at_what_the_service_allows(
    rate: float, burst: float, retry_after_s: float
) -> None:
    async def measure() -> tuple[int, int]:
        service = ThrottledService(lambda _: rate, burst, retry_after_s)
        await flood(service, 60.0)
        return service.count(20.0, 60.0)

    served, refused = run_virtually(measure())
    assert served >= 0.85 * rate * 40
    assert refused <= 0.05 * (served + refused)


@pytest.mark.parametrize("lifted_at", [25.0, 31.0])
@pytest.mark.parametrize("retry_after_s", [0.0, 1.0])
def test_a_limit_that_is_lifted_is_left_behind_within_ten_seconds(
    lifted_at: float, retry_after_s: float
) -> None:
    async def measure() -> list[int]:
        rate = lambda now: 50 if now < lifted_at else UNLIMITED  # noqa: E731 - a curve
        service = ThrottledService(rate, 20, retry_after_s)
        await flood(service, lifted_at + 12.0)
        return [service.count(begin, begin + 1)[0] for begin in (lifted_at - 1, lifted_at + 10)]

    limited, lifted = run_virtually(measure())
    assert limited <= 80
    assert lifted >= 0.85 * 64 / ROUND_TRIP_S


def test_a_limit_that_falls_is_found_again() -> None:
    async def measure() -> tuple[int, int]:
        service = ThrottledService(lambda now: 200 if now < 30 else 20, 20)
        await flood(service, 70.0)
        return service.count(40.0, 70.0)

    served, refused = run_virtually(measure())
    assert served >= 0.85 * 20 * 30
    assert refused <= 0.05 * (served + refused)


def test_of_requests_that_were_under_way_together_only_the_first_refusal_counts() -> None:
    now = 1.0
    limit = AdaptiveLimit(64, 64, clock=lambda: now)
    for _ in range(30):
        limit.throttled(sent_at=0.5)
    assert limit.gap_s == pytest.approx(2 * 0.5 / 64), "half as fast as 64 in a round trip of 0.5 s"
    limit.throttled(sent_at=1.5)
    assert limit.gap_s > 3 * 0.5 / 64


def test_without_a_refusal_there_is_no_pace_and_the_number_grows() -> None:
    limit = AdaptiveLimit(8, 64, clock=lambda: 1.0)
    for _ in range(20):
        limit.succeeded(sent_at=0.9)
    assert (limit.slots, limit.gap_s) == (28, 0.0)
