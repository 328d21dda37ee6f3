from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.faulty_server import RECEIPT, FaultyServer, reply
from tests.helpers.payloads import good_payload
from tfi_notebook import http, settings
from tfi_notebook.api.client import AsyncClient
from tfi_notebook.api.lanes import LaneTransport
from tfi_notebook.errors import NotSentError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

WORKERS = 8
LIMITS = settings.Limits(
    parallel_first=WORKERS, parallel_requests=WORKERS, submit_retry_s=0.2, read_retry_s=0.2,
    retry_first_s=0.05, connect_timeout_s=0.3,
)  # fmt: skip


@asynccontextmanager
async def open_client(url: str) -> AsyncIterator[tuple[AsyncClient, LaneTransport]]:
    client = AsyncClient(settings.resolve("key", url, limits=LIMITS))
    lanes: Any = client._transport._api._transport
    assert isinstance(lanes, LaneTransport)
    try:
        yield client, lanes
    finally:
        await client.aclose()
        assert lanes.alive == 0


def test_600_cancelled_posts_cost_no_lane_and_no_place() -> None:
    draw = random.Random(1)

    async def storm() -> tuple[int, int]:
        async with open_client(server.url) as (client, lanes):
            for _ in range(600 // WORKERS):
                posts = [
                    asyncio.create_task(client.create_job(good_payload())) for _ in range(WORKERS)
                ]
                await asyncio.sleep(draw.random() * 0.03)
                for post in posts:
                    post.cancel()
                await asyncio.gather(*posts, return_exceptions=True)
            after = [await client.create_job(good_payload()) for _ in range(20)]
            return len(after), lanes.alive

    with FaultyServer(lambda *_: reply(202, RECEIPT), delay_s=0.015) as server:
        served, alive = asyncio.run(storm())
    assert served == 20
    assert 1 <= alive <= WORKERS


def test_a_lane_is_used_again_and_there_are_no_more_than_requests_at_a_time() -> None:
    async def many() -> int:
        async with open_client(server.url) as (client, lanes):
            for _ in range(10):
                await client.credits()
            assert (lanes.alive, server.connections) == (1, 1)
            await asyncio.gather(*(client.credits() for _ in range(100)))
            return lanes.alive

    with FaultyServer(lambda *_: reply(200, {"credits": 1}), delay_s=0.005) as server:
        assert asyncio.run(many()) <= WORKERS
        assert server.connections <= WORKERS


def test_a_second_answer_in_the_same_breath_is_not_taken_for_the_next_one() -> None:
    """A confused or hostile server, or proxy: without care the next call would get its bytes."""
    stray = reply(200, {"credits": 666})

    async def ask_twice() -> list[Any]:
        async with open_client(server.url) as (client, _):
            return [await client.credits() for _ in range(4)]

    with FaultyServer(lambda *_: reply(200, {"credits": 1}) + stray) as server:
        assert [int(amount) for amount in asyncio.run(ask_twice())] == [1, 1, 1, 1]
    assert server.connections == 4


@pytest.mark.parametrize("answer", ["reset", reply(200, b" " * 2_000_000)])
def test_a_lane_is_dropped_after_an_error_or_an_unread_body(answer: bytes | str) -> None:
    async def fail() -> int:
        async with open_client(server.url) as (client, lanes):
            with pytest.raises(Exception, match=r"refused|connection"):
                await client.credits()
            return lanes.alive

    with FaultyServer(lambda *_: answer) as server:
        assert asyncio.run(fail()) == 0


def test_connections_that_the_server_has_closed_meanwhile_do_no_harm() -> None:
    """Keep-alive, and the server hangs up after each answer all the same."""

    async def ask(behind: Callable[[], None]) -> int:
        async with open_client(server.url) as (client, _):
            for _ in range(30):
                await client.create_job(good_payload())
                behind()
            return server.made

    with FaultyServer(lambda *_: reply(202, RECEIPT)) as server:

        def hang_up() -> None:
            server.stop_listening()
            server.listen_again()

        assert asyncio.run(ask(hang_up)) == 30


def test_lanes_left_by_a_burst_are_closed_when_they_are_stale() -> None:
    now = 0.0

    async def burst() -> tuple[int, int]:
        nonlocal now
        lanes = LaneTransport(keepalive_s=4.0, clock=lambda: now)
        async with http.open_client(timeout_s=5, transport=lanes) as client:
            await asyncio.gather(*(client.get(server.url) for _ in range(16)))
            before = lanes.alive
            now = 5.0
            await client.get(server.url)
            return before, lanes.alive

    with FaultyServer(lambda *_: reply(200, {}), delay_s=0.05) as server:
        assert asyncio.run(burst()) == (16, 1)


def test_each_host_has_lanes_of_its_own() -> None:
    async def ask() -> None:
        lanes = LaneTransport(keepalive_s=4.0)
        async with http.open_client(timeout_s=5, transport=lanes) as client:
            for _ in range(5):
                for server in (first, second):
                    await client.get(server.url)

    with FaultyServer(lambda *_: reply(200, {})) as first:
        with FaultyServer(lambda *_: reply(200, {})) as second:
            asyncio.run(ask())
        assert (first.connections, second.connections) == (1, 1)


def test_certificates_are_loaded_once_and_only_for_https() -> None:
    async def ask() -> None:
        async with open_client(server.url) as (client, _):
            await client.credits()
        assert http._trusted.cache_info().misses == 0
        for _ in range(2):
            async with open_client(server.url.replace("http:", "https:")) as (client, _):
                with pytest.raises(NotSentError):  # it speaks no TLS: the key never leaves
                    await client.credits()
        assert http._trusted.cache_info().misses == 1

    http._trusted.cache_clear()
    with FaultyServer(lambda *_: reply(200, {"credits": 1})) as server:
        asyncio.run(ask())
    assert len(server.requests) == 1


def test_no_cookie_is_kept() -> None:
    async def ask() -> None:
        async with open_client(server.url) as (client, _):
            await client.credits()
            await client.credits()

    answer = reply(200, {"credits": 1}, "set-cookie: session=abc; path=/")
    with FaultyServer(lambda *_: answer) as server:
        asyncio.run(ask())
    assert len(server.requests) == 2
    assert "cookie" not in server.requests[-1].lower()
