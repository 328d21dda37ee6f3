"""What is repeated, what is not, and what happens while the service is down."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import time
from collections import Counter
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.faulty_server import ID, RECEIPT, FaultyServer, Refusal, reply
from tests.helpers.payloads import good_payload
from tfi_notebook import settings
from tfi_notebook.api.client import AsyncClient
from tfi_notebook.errors import (
    NotFoundError,
    NotSentError,
    PayloadError,
    RateLimitedError,
    RejectedError,
    ServiceDownError,
    ServiceError,
    SubmitUnknownError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

FAST = settings.Limits(
    request_timeout_s=2.0, submit_timeout_s=2.0, read_retry_s=5.0, submit_retry_s=5.0,
    retry_first_s=0.02, retry_max_s=0.1, probe_first_s=0.02, probe_max_s=0.1, outage_failures=4,
)  # fmt: skip
PATIENT = dataclasses.replace(FAST, outage_failures=1_000_000)
CREDITS = reply(200, {"credits": 1})


def call(
    server: FaultyServer,
    ask: Callable[[AsyncClient], Awaitable[Any]],
    limits: settings.Limits = FAST,
) -> Any:
    async def run() -> Any:
        client = AsyncClient(settings.resolve("key", server.url, limits=limits))
        try:
            async with asyncio.timeout(20):
                return await ask(client)
        finally:
            await client.aclose()

    return asyncio.run(run())


def in_turn(answers: Iterable[bytes | str]) -> Callable[[str, str, bytes], bytes | str]:
    """Behave as told, one answer a request; the last one stays."""
    left = list(answers)
    return lambda *_: left.pop(0) if len(left) > 1 else left[0]


async def until_down(client: AsyncClient) -> None:
    """Ask until the service counts as down."""
    while not client.outage:
        with pytest.raises((ServiceError, NotSentError)):
            await client.get_job(ID)


TURNED_AWAY = {
    "429": reply(429, {}),
    "429, in 0 s": reply(429, {}, "retry-after: 0"),
    "429, at a time that is past": reply(429, {}, f"retry-after: {formatdate(0, usegmt=True)}"),
    "503, in 0 s": reply(503, {}, "retry-after: 0"),
}


@pytest.mark.parametrize("answer", TURNED_AWAY)
def test_a_submit_that_was_turned_away_is_sent_again_and_made_once(answer: str) -> None:
    refusal = Refusal(TURNED_AWAY[answer])
    with FaultyServer(in_turn([refusal, refusal, reply(202, RECEIPT)])) as server:
        assert call(server, lambda client: client.create_job(good_payload())).job_id == ID
    assert (server.made, len(server.requests)) == (1, 3)


def test_the_service_is_given_the_time_it_asks_for() -> None:
    refusal = Refusal(reply(429, {}, "retry-after: 1"))
    started = time.monotonic()
    with FaultyServer(in_turn([refusal, reply(202, RECEIPT)])) as server:
        call(server, lambda client: client.create_job(good_payload()))
    assert 1.0 <= time.monotonic() - started < 3.0


def test_nobody_waits_longer_than_it_is_worth() -> None:
    refusal = Refusal(reply(429, {}, "retry-after: 3600"))
    started = time.monotonic()
    with FaultyServer(in_turn([refusal])) as server, pytest.raises(RateLimitedError):
        call(server, lambda client: client.create_job(good_payload()))
    assert time.monotonic() - started < 1.0
    assert len(server.requests) == 1


def test_a_read_does_not_stand_in_line_for_longer_than_it_is_worth() -> None:
    limits = dataclasses.replace(FAST, read_retry_s=0.2)

    async def ask(client: AsyncClient) -> None:
        for _ in range(3):
            with pytest.raises(RateLimitedError):
                await client.credits()

    refusal = reply(429, {}, "retry-after: 30")
    started = time.monotonic()
    with FaultyServer(in_turn([refusal])) as server:
        call(server, ask, limits)
    assert time.monotonic() - started < 2.0
    assert len(server.requests) == 1  # the others were never sent


def test_refusals_slow_reads_and_submits_down_together() -> None:
    """One submit is refused three times; then reads go an eighth as fast as 8 at a time would."""
    limits = dataclasses.replace(FAST, parallel_first=8, parallel_requests=8)

    async def ask(client: AsyncClient) -> None:
        await client.create_job(good_payload())
        await asyncio.gather(*(client.credits() for _ in range(12)))

    refusal = Refusal(reply(429, {}))
    answers = in_turn([refusal, refusal, refusal, reply(202, RECEIPT), CREDITS])
    with FaultyServer(answers, delay_s=0.05) as server:
        call(server, ask, limits)
    assert server.connections <= 4  # one or two at a time, instead of eight


def test_a_submit_waits_out_a_short_time_without_connection() -> None:
    async def ask(client: AsyncClient) -> Any:
        submit = asyncio.create_task(client.create_job(good_payload()))
        await until_down(client)
        server.listen_again()
        return await submit

    limits = dataclasses.replace(FAST, outage_failures=2)
    with FaultyServer(lambda *_: reply(202, RECEIPT)) as server:
        server.stop_listening()
        assert call(server, ask, limits).job_id == ID
        assert server.made == 1


def test_a_read_survives_passing_faults_of_each_kind() -> None:
    for fault in ("reset", "close", reply(500, {}), reply(502, b"<html>"), reply(503, {})):
        with FaultyServer(in_turn([fault, fault, CREDITS])) as server:
            assert call(server, lambda client: client.credits()) == 1
        assert len(server.requests) == 3


def test_a_storm_of_failing_reads_stays_within_the_shared_budget() -> None:
    async def ask(client: AsyncClient) -> None:
        reads = [client.credits() for _ in range(300)]
        outcomes = await asyncio.gather(*reads, return_exceptions=True)
        assert all(isinstance(outcome, ServiceError) for outcome in outcomes)

    with FaultyServer(lambda *_: reply(500, {})) as server:
        call(server, ask, PATIENT)
    assert len(server.requests) <= 300 * 1.1 + PATIENT.retry_tokens / 2


def test_in_an_outage_nothing_is_sent_but_a_look_in_growing_pauses() -> None:
    async def ask(client: AsyncClient) -> tuple[int, int]:
        await until_down(client)
        before = len(server.requests)
        for _ in range(50):
            with pytest.raises(ServiceDownError, match="nothing was sent"):
                await client.credits()
        assert len(server.requests) == before
        await asyncio.sleep(1.0)
        assert getattr(client.outage, "failures", 0) > FAST.outage_failures
        assert "HTTP 503" in str(client.outage)
        return before, len(server.requests)

    with FaultyServer(lambda *_: reply(503, {})) as server:
        before, after = call(server, ask)
        looks = [head.split(" ")[1] for head in server.requests[before:]]
    assert 5 <= after - before <= 12  # at 0.02, 0.04, 0.08 s and then every 0.1 s
    assert set(looks) == {"/auth/credits", f"/jobs/{ID}"}  # what is small, and what has failed


def test_whoever_waits_is_told_when_the_outage_ends() -> None:
    broken = [True]

    async def ask(client: AsyncClient) -> None:
        await client.available()
        await until_down(client)
        with pytest.raises(ServiceDownError):
            await client.available(timeout_s=0.05)
        waiting = [asyncio.create_task(client.available()) for _ in range(312)]
        await asyncio.sleep(0.05)
        assert not any(task.done() for task in waiting)
        broken.clear()
        await asyncio.gather(*waiting)
        assert client.outage is None
        assert await client.credits() == 1

    with FaultyServer(lambda *_: reply(500, {}) if broken else CREDITS) as server:
        call(server, ask)


def test_an_outage_can_be_ended_by_hand() -> None:
    async def ask(client: AsyncClient) -> None:
        await until_down(client)
        waiting = asyncio.create_task(client.available())
        await asyncio.sleep(0)
        client.resume()
        await waiting
        assert client.outage is None
        with pytest.raises(ServiceError, match="500"):
            await client.credits()

    limits = dataclasses.replace(FAST, probe_first_s=600.0)
    with FaultyServer(lambda *_: reply(500, {})) as server:
        call(server, ask, limits)


def test_a_submit_in_an_outage_is_told_as_never_sent() -> None:
    async def ask(client: AsyncClient) -> None:
        await until_down(client)
        with pytest.raises(ServiceDownError, match="nothing was sent"):
            await client.create_job(good_payload())

    limits = dataclasses.replace(FAST, submit_retry_s=0.2)
    with FaultyServer(lambda *_: reply(500, {})) as server:
        call(server, ask, limits)
        assert server.made == 0


def test_before_a_submit_is_given_up_it_is_looked_once_more() -> None:
    """The service is back long before the time is over, and the next planned look long after."""

    async def ask(client: AsyncClient) -> list[Any]:
        submits = [asyncio.create_task(client.create_job(good_payload())) for _ in range(50)]
        await until_down(client)
        server.listen_again()
        return await asyncio.gather(*submits)

    limits = dataclasses.replace(FAST, submit_retry_s=1.0, probe_first_s=600.0, probe_max_s=600.0)
    with FaultyServer(lambda *_: reply(202, RECEIPT)) as server:
        server.stop_listening()
        assert len(call(server, ask, limits)) == 50
        assert server.made == 50


def test_a_lone_submit_is_tried_until_its_time_is_over() -> None:
    """The pauses grow beyond what is left: the last try comes at the end and not before."""

    async def ask(client: AsyncClient) -> Any:
        submit = asyncio.create_task(client.create_job(good_payload()))
        await asyncio.sleep(0.5 * limits.submit_retry_s)  # as long as the service is away
        server.listen_again()
        return await submit

    limits = dataclasses.replace(PATIENT, submit_retry_s=1.0, retry_first_s=60.0, retry_max_s=60.0)
    with FaultyServer(lambda *_: reply(202, RECEIPT)) as server:
        server.stop_listening()
        assert call(server, ask, limits).job_id == ID
        assert server.made == 1


class Doorkeeper:
    """A gate that notes what is asked of it, and holds the first byte back `holds` times."""

    def __init__(self, holds: int = 0) -> None:
        self.asked: list[str] = []
        self.holds = holds

    async def open(self) -> None:
        """Let a try begin."""
        self.asked.append("open")

    def may_send(self) -> bool:
        """Let the first byte leave, once it was held back often enough."""
        self.holds -= 1
        self.asked.append("send" if self.holds < 0 else "hold")
        return self.holds < 0

    def was_not_taken(self) -> None:
        """Note it."""
        self.asked.append("not taken")


def test_the_gate_is_asked_at_each_turn_and_right_before_the_first_byte() -> None:
    gate = Doorkeeper(holds=1)
    refusal = Refusal(reply(429, {}))
    with FaultyServer(in_turn([refusal, reply(202, RECEIPT)])) as server:
        assert call(server, lambda client: client.create_job(good_payload(), gate)).job_id == ID
        assert (server.made, len(server.requests)) == (1, 2)
    held = ["open", "hold", "not taken"]
    assert gate.asked == [*held, "open", "send", "not taken", "open", "send"]


def test_lost_submits_open_the_circuit_and_are_not_repeated() -> None:
    async def ask(client: AsyncClient) -> None:
        for _ in range(FAST.outage_failures):
            with pytest.raises(SubmitUnknownError):
                await client.create_job(good_payload())
        assert client.outage is not None

    with FaultyServer(lambda *_: reply(500, {})) as server:
        call(server, ask)
        assert server.made == FAST.outage_failures


def test_an_outage_costs_only_the_submits_that_are_under_way() -> None:
    """A hundred submits meet a service that makes jobs and loses the answers."""
    limits = dataclasses.replace(
        FAST, parallel_first=4, parallel_requests=4, submit_retry_s=0.2, probe_first_s=600.0
    )

    async def ask(client: AsyncClient) -> Counter[str]:
        submits = [client.create_job(good_payload()) for _ in range(100)]
        outcomes = await asyncio.gather(*submits, return_exceptions=True)
        return Counter(type(outcome).__name__ for outcome in outcomes)

    with FaultyServer(lambda *_: reply(500, {}), delay_s=0.01) as server:
        outcomes = call(server, ask, limits)
        assert server.made == outcomes["SubmitUnknownError"] <= FAST.outage_failures + 3
    assert outcomes["ServiceDownError"] == 100 - server.made


def test_refusals_are_no_outage() -> None:
    async def ask(client: AsyncClient) -> None:
        for _ in range(2 * FAST.outage_failures):
            with pytest.raises(RejectedError):
                await client.credits()
        assert client.outage is None

    with FaultyServer(lambda *_: reply(400, {})) as server:
        call(server, ask)


def test_jobs_are_run_again_only_with_a_confirmation() -> None:
    with FaultyServer(lambda *_: reply(201, {"message": "Job triggered"})) as server:
        for ids, confirm in (([ID], False), ([], True), (["../x"], True), (ID, True)):
            ask = functools.partial(AsyncClient.trigger_job, ids=ids, confirm=confirm)
            with pytest.raises(PayloadError):
                call(server, ask)
        assert server.requests == []
        remark = call(server, lambda client: client.trigger_job([ID], confirm=True))
        assert remark == "Job triggered"
        assert server.requests[0].startswith("POST /jobs/trigger-job ")


def test_jobs_that_are_not_there_cannot_be_run_again() -> None:
    with (
        FaultyServer(lambda *_: reply(201, {"message": "No job found"})) as server,
        pytest.raises(NotFoundError),
    ):
        call(server, lambda client: client.trigger_job([ID], confirm=True))


def test_mapping_fields_are_asked_for_by_a_safe_path() -> None:
    fields = {"avatar": {"label": "Avatar", "instructionType": "image"}}
    body = {"message": "Success", "data": {"projectId": ID, "fields": fields}}
    with FaultyServer(lambda *_: reply(200, body)) as server:
        found = call(server, lambda client: client.mapping_fields(ID))
        assert found.fields["avatar"].instruction_type == "image"
        with pytest.raises(NotFoundError):
            call(server, lambda client: client.mapping_fields("../../auth/credits"))
    paths = [head.split(" ")[1] for head in server.requests]
    assert paths == [f"/api/provider/projects/{ID}/mapping-fields"]


def test_the_key_goes_to_the_origin_of_base_url_only() -> None:
    async def ask(client: AsyncClient) -> None:
        await client._transport.request("GET", "//elsewhere.example.com/x")
        with pytest.raises(RejectedError, match="carries no key"):
            await client._transport.request("GET", f"http://localhost:{server.port}/x")

    with FaultyServer(lambda *_: reply(200, {})) as server:
        call(server, ask)
    assert [head.split(" ")[1] for head in server.requests] == ["/x"]


def test_the_servers_clock_is_known_from_its_answers() -> None:
    async def ask(client: AsyncClient) -> tuple[float, float]:
        before = client.clock_offset_s
        await client.credits()
        return before, client.clock_offset_s

    date = formatdate(time.time() + 3600, usegmt=True)
    with FaultyServer(lambda *_: reply(200, {"credits": 1}, f"date: {date}")) as server:
        before, after = call(server, ask)
    assert before == 0.0
    assert 3590 < after < 3610
    with FaultyServer(lambda *_: reply(200, {"credits": 1}, "date: nonsense")) as server:
        assert call(server, ask) == (0.0, 0.0)
