from __future__ import annotations

import asyncio
import gzip
import logging
import socket
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.faulty_server import ID, RECEIPT, FaultyServer, reply
from tests.helpers.payloads import good_payload
from tfi_notebook import settings
from tfi_notebook.api.client import AsyncClient
from tfi_notebook.api.loop import BackgroundLoop
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.errors import (
    ApiError,
    AuthError,
    BadResponseError,
    NoFaceError,
    NotFoundError,
    NotSentError,
    RateLimitedError,
    RedirectError,
    RejectedError,
    ServiceError,
    SubmitUnknownError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

CANARY = "canary-key-5f1c"
FAST = settings.Limits(
    request_timeout_s=1.0, submit_timeout_s=1.0, read_retry_s=0.3, submit_retry_s=0.3,
    retry_first_s=0.05,
)  # fmt: skip


def call(url: str, ask: Callable[[AsyncClient], Awaitable[Any]]) -> Any:
    """Run one call of a client against a server, and close the client."""

    async def run() -> Any:
        client = AsyncClient(settings.resolve(CANARY, url, limits=FAST))
        try:
            return await ask(client)
        finally:
            await client.aclose()

    return asyncio.run(run())


def submit(url: str) -> Any:
    return call(url, lambda client: client.create_job(good_payload()))


def test_a_submit_is_one_post_with_the_key_and_the_whole_body() -> None:
    seen: list[bytes] = []

    def behave(_method: str, _path: str, body: bytes) -> bytes:
        seen.append(body)
        return reply(202, RECEIPT)

    with FaultyServer(behave) as server:
        receipt = submit(server.url)
    assert (receipt.job_id, receipt.status) == (ID, JobStatus.QUEUED)
    assert server.made == 1
    assert server.requests[0].startswith("POST /jobs/v2 ")
    assert f"x-api-key: {CANARY}" in server.requests[0]
    assert b'"iteration_count":10' in seen[-1].replace(b" ", b"")


UNKNOWN: dict[str, bytes | str] = {
    "reset after reading": "reset",
    "closed after reading": "close",
    "no answer": "hang",
    "answer byte by byte": "drip",
    "500": reply(500, {"message": "oops"}),
    "502": reply(502, b"<html>bad gateway</html>"),
    "503 without Retry-After": reply(503, {}),
    "2xx that is no JSON": reply(202, b"<html>login</html>"),
    "2xx without an id": reply(202, {"message": "Job update accepted"}),
    "2xx with an id that is none": reply(202, {"jobId": "../../etc"}),
    "truncated": b"HTTP/1.1 202 X\r\ncontent-length: 500\r\n\r\n{",
    "gzip bomb": reply(202, gzip.compress(b" " * 10_000_000), "content-encoding: gzip"),
    "huge body": reply(202, b" " * 1_100_000),
}


@pytest.mark.parametrize("fault", UNKNOWN)
def test_a_lost_answer_is_unknown_and_sent_once(fault: str) -> None:
    answer = UNKNOWN[fault]
    started = time.monotonic()
    with FaultyServer(lambda *_: answer) as server:
        with pytest.raises(SubmitUnknownError) as caught:
            submit(server.url)
        assert server.made == 1
    assert time.monotonic() - started < 10
    assert CANARY not in str(caught.value)


REFUSED: dict[str, tuple[bytes, type[ApiError]]] = {
    "400": (reply(400, {"message": ["image_url must be a URL"]}), RejectedError),
    "401": (reply(401, {"message": "Unauthorized"}), AuthError),
    "402": (reply(402, {"message": "no credits"}), RejectedError),
    "404": (reply(404, {"message": "no such project"}), NotFoundError),
    "429 for longer than it is worth": (reply(429, {}, "retry-after: 5"), RateLimitedError),
    "503 with Retry-After": (reply(503, {}, "retry-after: 5"), RateLimitedError),
    "redirect": (reply(307, {}, "location: http://127.0.0.2:1/jobs/v2"), RedirectError),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_a_refusal_is_typed_and_sent_once(fault: str) -> None:
    answer, error = REFUSED[fault]
    with FaultyServer(lambda *_: answer) as server:
        with pytest.raises(error):
            submit(server.url)
        assert server.made == 1


def test_nothing_sent_is_told_apart() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(NotSentError, match="nothing was charged"):
        submit(f"http://127.0.0.1:{port}")


def test_a_connection_reset_while_sending_counts_as_sent() -> None:
    with (
        FaultyServer(lambda *_: "close", before_reading="reset") as server,
        pytest.raises(SubmitUnknownError),
    ):
        submit(server.url)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_key_never_reaches_the_other_host_of_a_redirect(status: int) -> None:
    with FaultyServer(lambda *_: reply(200, {"credits": 1})) as other:
        elsewhere = f"location: http://localhost:{other.port}/auth/credits"
        with FaultyServer(lambda *_: reply(status, {}, elsewhere)) as server:
            with pytest.raises(RedirectError) as caught:
                call(server.url, lambda client: client.credits())
            assert str(other.port) not in str(caught.value)
    assert other.requests == []


def test_a_typed_error_of_the_local_service_comes_back_as_itself() -> None:
    body = {
        "message": "no face found", "code": "no_face", "field": "image_url",
        "hint": "closer", "score": 0.26,
    }  # fmt: skip
    with FaultyServer(lambda *_: reply(400, body)) as server, pytest.raises(NoFaceError) as caught:
        submit(server.url)
    assert (caught.value.field, caught.value.score) == ("image_url", 0.26)


def test_reading_calls_speak_their_paths() -> None:
    answers = {
        f"/jobs/{ID}": {"uuid": ID, "job_status": "STARTED"},
        "/storage/generate-signed-path?path=a%2Fb.mp4": {"signedUrl": "https://cdn.example.com/x"},
        "/auth/credits": {"credits": "12.5"},
        "/api/provider/projects/active": {"data": [{"projectId": ID}]},
    }
    with FaultyServer(lambda _method, path, _body: reply(200, answers[path])) as server:
        assert call(server.url, lambda c: c.get_job(ID)).status is JobStatus.PROCESSING
        assert call(server.url, lambda c: c.sign("a/b.mp4")).url == "https://cdn.example.com/x"
        assert call(server.url, lambda c: c.credits()) == Decimal("12.5")
        assert call(server.url, lambda c: c.projects())[0].project_id == ID


def test_a_job_that_is_not_there_is_not_found_with_either_status() -> None:
    for status in (200, 404):
        answer = reply(status, {"message": "Job not found"})
        with FaultyServer(lambda *_, answer=answer: answer) as server, pytest.raises(NotFoundError):
            call(server.url, lambda client: client.get_job(ID))


def test_an_id_that_is_none_is_not_asked_for() -> None:
    with FaultyServer(lambda *_: reply(200, {})) as server:
        with pytest.raises(NotFoundError):
            call(server.url, lambda client: client.get_job("../auth/credits"))
        assert server.requests == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reply(200, b"<html>"), BadResponseError),
        (reply(500, {}), ServiceError),
        (b"HTTP/1.1 200 X\r\ncontent-length: 9\r\n\r\n{", ServiceError),
    ],
)
def test_a_broken_answer_to_a_reading_call_is_typed(answer: bytes, error: type[ApiError]) -> None:
    with FaultyServer(lambda *_: answer) as server, pytest.raises(error):
        call(server.url, lambda client: client.credits())


def test_server_text_in_an_error_is_shortened_and_loses_signatures() -> None:
    text = "see https://cdn.example.com/a.mp4?token=canary-signature " + "x" * 5000
    with (
        FaultyServer(lambda *_: reply(400, {"message": text})) as server,
        pytest.raises(RejectedError) as caught,
    ):
        submit(server.url)
    assert "canary-signature" not in str(caught.value)
    assert len(str(caught.value)) < 700


def test_a_file_is_fetched_without_the_key() -> None:
    async def fetch(client: AsyncClient) -> bytes:
        async with client.open_file(f"{server.url}/a.mp4?token=x") as response:
            return await response.aread()

    with FaultyServer(lambda *_: reply(200, b"video")) as server:
        assert call(server.url, fetch) == b"video"
    assert CANARY not in server.requests[0]


def test_the_library_logs_neither_key_nor_signature(caplog: pytest.LogCaptureFixture) -> None:
    async def fetch(client: AsyncClient) -> None:
        await client.credits()
        async with client.open_file(f"{server.url}/a.mp4?token=canary-signature") as response:
            await response.aread()

    caplog.set_level(logging.DEBUG)
    with FaultyServer(lambda *_: reply(200, {"credits": 1})) as server:
        call(server.url, fetch)
    assert "a.mp4" in caplog.text  # it does log the request
    assert "canary-signature" not in caplog.text
    assert CANARY not in caplog.text


def test_the_loop_gives_results_and_refuses_to_wait_for_itself() -> None:
    loop = BackgroundLoop()

    async def inner() -> str:
        with pytest.raises(RuntimeError, match="background loop"):
            loop.run(asyncio.sleep(0))
        return "done"

    assert loop.run(inner(), timeout_s=10) == "done"


def test_a_wait_on_the_loop_that_ends_early_leaves_the_work_going() -> None:
    loop = BackgroundLoop()
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def work() -> str:
        begun.set()
        await go_on.wait()
        return "finished"

    future = loop.start(work())
    with pytest.raises(TimeoutError):
        loop.run(go_on.wait(), timeout_s=0.05)
    loop.start(_set(go_on)).result(10)
    assert future.result(10) == "finished"


async def _set(event: asyncio.Event) -> None:
    event.set()
