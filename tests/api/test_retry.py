from __future__ import annotations

import asyncio
import random
from email.utils import formatdate
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.virtual_time import run_virtually
from tfi_notebook.api.limiter import Limiter, Priority
from tfi_notebook.api.pace import AdaptiveLimit
from tfi_notebook.api.retry import (
    Circuit,
    Outage,
    RetryBudget,
    backoff_s,
    retry_after_s,
)

DAY_S = 86_400
BEGIN = 1_000.0  # of virtual time


@given(tries=st.integers(1, 10_000), draw=st.floats(0, 1))
def test_backoff_stays_within_its_bounds(tries: int, draw: float) -> None:
    pause_s = backoff_s(tries, first_s=0.5, max_s=20, draw=lambda: draw)
    assert 0 <= pause_s <= min(20, 0.5 * 2.0 ** min(tries - 1, 64))


def test_callers_that_failed_together_do_not_come_back_together() -> None:
    draw = random.Random(7).random
    pauses = sorted(backoff_s(4, first_s=1, max_s=60, draw=draw) for _ in range(1000))
    assert max(b - a for a, b in pairwise(pauses)) < 0.2
    assert (pauses[0] < 0.1, pauses[-1] > 7.9) == (True, True)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("0", 0), ("12", 12), (" 3 ", 3), ("31536000", 60), ("9" * 5000, 60),
        (formatdate(1_000_030, usegmt=True), 30), (formatdate(999_000, usegmt=True), 0),
        (formatdate(1_000_000 + 40 * DAY_S, usegmt=True), 60),
        ("-5", None), ("1.5", None), ("soon", None), ("", None), (None, None), ("٣", None),
        ("Thu, 99 Foo 2026 00:00:00 GMT", None),
    ],
)  # fmt: skip
def test_retry_after_is_read_in_both_forms_and_capped(
    header: str | None, expected: float | None
) -> None:
    assert retry_after_s(header, now=1_000_000, max_s=60) == expected


@given(st.text(max_size=60))
def test_no_retry_after_breaks_anything(header: str) -> None:
    pause_s = retry_after_s(header, now=1e9, max_s=60)
    assert pause_s is None or 0 <= pause_s <= 60


@given(st.lists(st.booleans(), max_size=3000))
def test_repeats_are_bounded_by_the_budget_and_a_tenth_of_the_successes(
    answers: list[bool],
) -> None:
    """Each answer is one fresh call; a failed one is repeated, in vain, while the budget allows."""
    budget = RetryBudget(40)
    repeats = 0
    for served in answers:
        if served:
            budget.succeeded()
        else:
            budget.failed()
            while budget.allows():
                repeats += 1
                budget.failed()
    assert repeats <= 20 + 0.1 * sum(answers)


def test_failures_with_successes_between_open_no_circuit() -> None:
    circuit = Circuit(3)
    for _ in range(5):
        circuit.failed("HTTP 500")
        circuit.failed("HTTP 500")
        circuit.succeeded()
    assert circuit.outage is None


def test_a_circuit_opens_after_failures_in_a_row() -> None:
    circuit = Circuit(3, clock=iter([5.0, 6.0, 7.0]).__next__)
    for reason in ("HTTP 500", "HTTP 502", "HTTP 503"):
        assert circuit.outage is None
        circuit.failed(reason)
    assert circuit.outage == Outage(since=5.0, failures=3, reason="HTTP 503")


def clock() -> float:
    return asyncio.get_running_loop().time() - BEGIN


def test_a_hold_stops_everybody_and_reads_go_first_after_it() -> None:
    async def order() -> list[tuple[str, float]]:
        limiter = Limiter(AdaptiveLimit(1, 1, clock=clock), clock=clock)
        seen: list[tuple[str, float]] = []

        async def go(priority: Priority) -> None:
            async with limiter.slot(priority):
                seen.append((priority.name, clock()))
                await asyncio.sleep(0.5)

        limiter.hold(10.0)
        kinds = (Priority.SUBMIT, Priority.REPEAT, Priority.READ, Priority.READ)
        await asyncio.gather(*map(go, kinds))
        return seen

    assert run_virtually(order()) == [
        ("READ", 10.0),
        ("READ", 10.5),
        ("REPEAT", 11.0),
        ("SUBMIT", 11.5),
    ]


def test_places_of_cancelled_and_late_callers_are_not_lost() -> None:
    async def storm() -> int:
        limiter = Limiter(AdaptiveLimit(4, 4, clock=clock), clock=clock)
        draw = random.Random(1)

        async def go() -> None:
            async with limiter.slot(Priority.READ, timeout_s=draw.random() * 3):
                await asyncio.sleep(draw.random())

        for _ in range(50):
            tasks = [asyncio.create_task(go()) for _ in range(20)]
            await asyncio.sleep(draw.random())
            for task in draw.sample(tasks, 10):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        peak = under_way = 0

        async def count() -> None:
            nonlocal peak, under_way
            async with limiter.slot(Priority.READ):
                under_way += 1
                peak = max(peak, under_way)
                await asyncio.sleep(1)
                under_way -= 1

        await asyncio.gather(*(count() for _ in range(8)))
        return peak

    assert run_virtually(storm()) == 4


def test_a_place_that_is_given_in_the_moment_of_a_cancel_is_not_lost() -> None:
    async def race() -> bool:
        limiter = Limiter(AdaptiveLimit(1, 1, clock=clock), clock=clock)

        async def go() -> None:
            async with limiter.slot(Priority.READ):
                pass

        async with limiter.slot(Priority.READ):
            waiter = asyncio.create_task(go())
            await asyncio.sleep(0)
        waiter.cancel()  # its place was given at the end of the block, and it does not know yet
        await asyncio.gather(waiter, return_exceptions=True)
        async with limiter.slot(Priority.READ, timeout_s=1.0):
            return waiter.cancelled()

    assert run_virtually(race())
