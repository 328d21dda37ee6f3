"""Every fault at every endpoint, over real sockets: what is made, how it is told, what it costs.

The whole grid runs once; the tests then look at its cells.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from tests.helpers.faulty_server import ID, FaultyServer, Refusal, reply
from tests.helpers.payloads import good_payload
from tfi_notebook import http, settings
from tfi_notebook.api.client import AsyncClient

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

CANARY = "canary-key-77ab"
LIMITS = settings.Limits(
    request_timeout_s=10.0, submit_timeout_s=10.0, submit_retry_s=0.5, retry_first_s=0.1
)
"""Time enough on a busy machine: most faults end a call by themselves."""
SHORT_RETRY = replace(LIMITS, read_retry_s=0.5)
SHORT = replace(SHORT_RETRY, request_timeout_s=1.5, submit_timeout_s=1.5)
SLACK_S = 3.0
RSS_GROWTH_MAX = 20_000_000
OTHER_ID = "0b7e1f62-0000-4f0c-9a43-0c6fd6f2a222"
FIELDS = {"avatar": {"label": "Avatar", "instructionType": "image"}}
VALID: dict[str, dict[str, Any]] = {
    "create": {"jobId": ID, "status": "queued"},
    "trigger": {"message": "Job triggered"},
    "job": {"uuid": ID, "job_status": "STARTED"},
    "sign": {"signedUrl": "https://cdn.example.com/a.mp4?token=x"},
    "credits": {"credits": "12.5"},
    "projects": {"data": [{"projectId": ID}]},
    "fields": {"data": {"projectId": ID, "projectName": "", "projectType": "", "fields": FIELDS}},
    "file": {"some": "bytes"},
}
WRONG_ID: dict[str, dict[str, Any]] = {
    "create": {"jobId": "../../etc"},
    "job": {"uuid": OTHER_ID, "job_status": "SUCCESS"},
}
PATHS = {
    "/jobs/v2": "create",
    "/jobs/trigger-job": "trigger",
    f"/jobs/{ID}": "job",
    "/storage/generate-signed-path": "sign",
    "/auth/credits": "credits",
    "/api/provider/projects/active": "projects",
    f"/api/provider/projects/{ID}/mapping-fields": "fields",
    "/file": "file",
}
PAID = {"create", "trigger"}


async def read_file(client: AsyncClient, base_url: str) -> bytes:
    fault = list(GRID)[int(base_url.rpartition("/")[2])]
    # the time of a stream is its reader's business; the answer's head has its own
    limit_s = limits_of(fault).request_timeout_s + 0.5
    url = f"{base_url}/file?token=x"
    async with asyncio.timeout(limit_s), client.open_file(url) as answer:
        return await http.read_capped(answer, 1_000_000)


CALLS: dict[str, Callable[[AsyncClient, str], Awaitable[Any]]] = {
    "create": lambda client, _: client.create_job(good_payload()),
    "trigger": lambda client, _: client.trigger_job([ID], confirm=True),
    "job": lambda client, _: client.get_job(ID),
    "sign": lambda client, _: client.sign("a/b.mp4"),
    "credits": lambda client, _: client.credits(),
    "projects": lambda client, _: client.projects(),
    "fields": lambda client, _: client.mapping_fields(ID),
    "file": read_file,
}


def bomb() -> bytes:
    """Return 100 MB of spaces as some 100 kB of gzip."""
    packer = zlib.compressobj(wbits=31)
    return b"".join(packer.compress(b" " * 1_000_000) for _ in range(100)) + packer.flush()


def with_extra(endpoint: str, extra: str) -> bytes:
    """Return the endpoint's good answer with raw JSON text put in front."""
    return b"{" + extra.encode() + b"," + json.dumps(VALID[endpoint]).encode()[1:]


def longer(endpoint: str, by: int) -> bytes:
    body = json.dumps(VALID[endpoint]).encode()
    return f"HTTP/1.1 200 X\r\ncontent-length: {len(body) + by}\r\n\r\n".encode() + body


Maker = Any
"""Bytes, a word of the server, or a function of the endpoint that returns bytes."""
LOST = ("SubmitUnknownError", "ServiceError", "ServiceError")
UNREADABLE = ("SubmitUnknownError", "BadResponseError", "ok")
FINE = ("ok", "ok", "ok")
DEEP = "[" * 100_000 + "]" * 100_000
LOGIN = b"<!doctype html><html><form action=/login><input type=password></form></html>"

# fault → (what the server does, (error of a paid call, of a reading call, of a file))
GRID: dict[str, tuple[Maker, tuple[str, str, str]]] = {
    "none": (lambda e: reply(200, VALID[e]), FINE),
    # the connection
    "early reset": ("reset", LOST),
    "early close": ("close", LOST),
    "early half-close": ("half-close", LOST),
    "early hang": ("hang", LOST),
    "reset": ("reset", LOST),
    "close": ("close", LOST),
    "half-close": ("half-close", LOST),
    "hang": ("hang", LOST),
    "drip": ("drip", ("SubmitUnknownError", "ServiceError", "TimeoutError")),
    "drip head": ("drip head", ("SubmitUnknownError", "ServiceError", "TimeoutError")),
    "only 100 Continue": (
        "only 100 Continue", ("SubmitUnknownError", "ServiceError", "TimeoutError")),
    # the frame
    "garbage": (b"\x16\x03\x01 not http at all\r\n\r\n", LOST),
    "truncated": (lambda e: longer(e, 500), LOST),
    "length too small": (lambda e: longer(e, -3), UNREADABLE),
    "length negative": (b"HTTP/1.1 200 X\r\ncontent-length: -5\r\n\r\n{}", LOST),
    "bad chunks": (b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n", LOST),
    "endless": ("endless", ("SubmitUnknownError", "BadResponseError", "BodyTooLargeError")),
    "endless head": ("endless head", LOST),
    "huge body": (
        reply(200, b" " * 1_100_000),
        ("SubmitUnknownError", "BadResponseError", "BodyTooLargeError")),
    "gzip bomb": (
        reply(200, bomb(), "content-encoding: gzip", "content-type: application/json"),
        ("SubmitUnknownError", "BadResponseError", "BodyTooLargeError")),
    "gzip bomb unannounced": (reply(200, bomb()), UNREADABLE),
    "JSON called HTML": (lambda e: reply(200, VALID[e], "content-type: text/html"), FINE),
    "HTML called JSON": (reply(200, LOGIN, "content-type: application/json"), UNREADABLE),
    "HTML login page": (reply(200, LOGIN, "content-type: text/html"), UNREADABLE),
    "empty 204": (b"HTTP/1.1 204 X\r\n\r\n", ("SubmitUnknownError", "BadResponseError", "ok")),
    # the status
    "302 elsewhere": ("elsewhere 302", ("SubmitUnknownError", "RedirectError", "RedirectError")),
    "303 elsewhere": ("elsewhere 303", ("SubmitUnknownError", "RedirectError", "RedirectError")),
    "307 elsewhere": ("elsewhere 307", ("RedirectError", "RedirectError", "RedirectError")),
    "308 elsewhere": ("elsewhere 308", ("RedirectError", "RedirectError", "RedirectError")),
    "400": (Refusal(reply(400, {"message": ["wrong"]})), ("RejectedError",) * 3),
    "401": (Refusal(reply(401, {})), ("AuthError",) * 3),
    "402": (Refusal(reply(402, {})), ("RejectedError",) * 3),
    "404": (Refusal(reply(404, LOGIN)), ("NotFoundError",) * 3),
    "429": (Refusal(reply(429, {})), ("RateLimitedError",) * 3),
    "429 in a second": (Refusal(reply(429, {}, "retry-after: 1")), ("RateLimitedError",) * 3),
    "429 in a year": (Refusal(reply(429, {}, "retry-after: 31536000")), ("RateLimitedError",) * 3),
    "503 with Retry-After": (
        Refusal(reply(503, {}, "retry-after: 0")),
        ("RateLimitedError", "ServiceError", "ServiceError")),
    "500 made": (reply(500, {"jobId": ID}), LOST),
    "500 not made": (Refusal(reply(500, {})), LOST),
    "502 made": (reply(502, LOGIN), LOST),
    "502 not made": (Refusal(reply(502, LOGIN)), LOST),
    "503 made": (reply(503, {}), LOST),
    "503 not made": (Refusal(reply(503, {})), LOST),
    "status 999": (reply(999, {}), LOST),
    # the JSON
    "BOM": (lambda e: reply(200, b"\xef\xbb\xbf" + json.dumps(VALID[e]).encode()), FINE),
    "NaN beside": (lambda e: reply(200, with_extra(e, '"progress": NaN, "x": -Infinity')), FINE),
    "huge int beside": (lambda e: reply(200, with_extra(e, f'"progress": {"9" * 9000}')), FINE),
    "deep nesting": (lambda e: reply(200, with_extra(e, f'"message": {DEEP}')), UNREADABLE),
    "nesting in a text": (
        lambda e: reply(200, with_extra(e, f'"message": {"[" * 700}{"]" * 700}')), FINE),
    "not UTF-8": (reply(200, b'{"jobId": "\xff\xfe"}'), UNREADABLE),
    "a list": (reply(200, [1, 2]), UNREADABLE),
    "null": (reply(200, b"null"), UNREADABLE),
    "an error with 200": (reply(200, {"error": "Path query parameter is required"}), UNREADABLE),
    "wrong id": (lambda e: reply(200, WRONG_ID.get(e, VALID[e])), FINE),
}  # fmt: skip
ENDED_BY_A_DEADLINE = {"early hang", "hang", "drip", "drip head", "only 100 Continue", "truncated"}
REPEATED_UNTIL_A_DEADLINE = {"429", "429 in a second", "503 with Retry-After"}
EXCEPTIONS = {
    # nothing in these bodies is wrong for these endpoints
    ("a list", "projects"): "ok",
    ("deep nesting", "file"): "ok",
    ("wrong id", "create"): "SubmitUnknownError",
    ("wrong id", "job"): "BadResponseError",
}


@dataclass
class Cell:
    """What one logical call came to."""

    outcome: str
    text: str
    took_s: float
    made: int = 0
    sent: int = 0


@dataclass
class Result:
    cells: dict[tuple[str, str], Cell]
    sink: list[str]
    rss_growth: int


class RssWatch:
    """The highest memory use of this process while it is open, against the beginning."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.before = self.peak = rss_bytes()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.005):
            self.peak = max(self.peak, rss_bytes())


def rss_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def endpoint_of(path: str) -> tuple[str, str]:
    """Split `/<number of the fault>/<the API's path>` into fault and endpoint."""
    _, number, rest = path.split("?", maxsplit=1)[0].split("/", 2)
    return list(GRID)[int(number)], PATHS["/" + rest]


async def cell(client: AsyncClient, base_url: str, endpoint: str) -> Cell:
    started = time.monotonic()
    try:
        await CALLS[endpoint](client, base_url)
        outcome, text = "ok", ""
    except Exception as error:  # noqa: BLE001 - whatever it is, it is compared with the table
        outcome, text = type(error).__name__, f"{error!s}{error!r}"
    return Cell(outcome, text, time.monotonic() - started)


def limits_of(fault: str) -> settings.Limits:
    if fault in ENDED_BY_A_DEADLINE:
        return SHORT
    return SHORT_RETRY if fault in REPEATED_UNTIL_A_DEADLINE else LIMITS


async def run_fault(fault: str, url: str) -> dict[tuple[str, str], Cell]:
    base_url = f"{url}/{list(GRID).index(fault)}"
    cells = {}
    for endpoint in CALLS:
        client = AsyncClient(settings.resolve(CANARY, base_url, limits=limits_of(fault)))
        cells[fault, endpoint] = await cell(client, base_url, endpoint)
        await client.aclose()
    return cells


async def run_grid(url: str) -> dict[tuple[str, str], Cell]:
    await run_fault("none", url)  # loads what is loaded lazily
    slots = asyncio.Semaphore(12)

    async def one(fault: str) -> dict[tuple[str, str], Cell]:
        async with slots:
            return await run_fault(fault, url)

    parts = await asyncio.gather(*(one(fault) for fault in GRID))
    return {key: value for part in parts for key, value in part.items()}


@pytest.fixture(scope="module")
def grid() -> Iterator[Result]:
    answers = {
        (fault, endpoint): maker(endpoint) if callable(maker) else maker
        for fault, (maker, _) in GRID.items()
        for endpoint in CALLS
    }

    def behave(_method: str, path: str, _body: bytes) -> bytes | str:
        answer: bytes | str = answers[endpoint_of(path)]
        if isinstance(answer, str) and answer.startswith("elsewhere"):
            where = f"location: http://localhost:{sink.port}/jobs/v2"
            return reply(int(answer[-3:]), {"jobId": ID}, where)
        return answer

    def early(path: str) -> str:
        fault, _ = endpoint_of(path)
        return str(GRID[fault][0]) if fault.startswith("early") else ""

    with (
        FaultyServer(lambda *_: reply(200, VALID["create"])) as sink,
        FaultyServer(behave, early) as server,
        RssWatch() as memory,
    ):
        asyncio.run(run_fault("none", server.url))
        memory.before = memory.peak = rss_bytes()
        server.requests.clear()
        server.made_at.clear()
        cells = asyncio.run(run_grid(server.url))
        for head in server.requests:
            cells[endpoint_of(head.split(" ", 2)[1])].sent += 1
        for path, made in server.made_at.items():
            cells[endpoint_of(path)].made += made
        yield Result(cells, sink.requests, memory.peak - memory.before)


def expected(fault: str, endpoint: str) -> str:
    paid, reading, file = GRID[fault][1]
    usual = paid if endpoint in PAID else file if endpoint == "file" else reading
    return EXCEPTIONS.get((fault, endpoint), usual)


@pytest.mark.parametrize("fault", GRID)
def test_each_outcome_is_what_the_table_says(grid: Result, fault: str) -> None:
    outcomes = {endpoint: grid.cells[fault, endpoint].outcome for endpoint in CALLS}
    assert outcomes == {endpoint: expected(fault, endpoint) for endpoint in CALLS}


def test_no_submit_is_made_twice_and_what_may_be_made_is_not_sent_again(grid: Result) -> None:
    paid = {key: cell for key, cell in grid.cells.items() if key[1] in PAID and key[0] != "none"}
    assert {key: cell.made for key, cell in paid.items() if cell.made > 1} == {}
    sent_again = {fault for (fault, _), cell in paid.items() if cell.sent > 1}
    assert sent_again <= {"429", "503 with Retry-After"}
    assert "429" in sent_again
    assert all(cell.sent >= 1 for cell in paid.values())


def test_every_lost_job_is_told_as_unknown(grid: Result) -> None:
    """A job that was made, and whose id did not come back, must never be told as refused."""
    made = {key: cell for key, cell in grid.cells.items() if key[1] == "create" and cell.made}
    told = {cell.outcome for (fault, _), cell in made.items() if not fault.startswith("30")}
    assert told == {"ok", "SubmitUnknownError"}


def test_reads_are_repeated_where_that_may_help_and_only_there(grid: Result) -> None:
    sent = {fault: grid.cells[fault, "job"].sent for fault in GRID if fault != "none"}
    assert sent["500 made"] == sent["reset"] == LIMITS.read_tries
    assert sent["429"] > 1
    assert {sent[name] for name in ("400", "401", "404", "HTML login page", "307 elsewhere")} == {1}
    assert max(sent.values()) <= 12


def test_no_call_outlasts_its_deadline(grid: Result) -> None:
    slow = {
        (fault, endpoint): cell.took_s
        for (fault, endpoint), cell in grid.cells.items()
        if cell.took_s > limits_of(fault).request_timeout_s + SLACK_S
    }
    assert slow == {}


def test_the_other_host_of_a_redirect_hears_nothing(grid: Result) -> None:
    assert grid.sink == []


def test_no_error_names_the_key_or_the_other_host(grid: Result) -> None:
    texts = " ".join(cell.text for cell in grid.cells.values())
    assert CANARY not in texts
    assert "location" not in texts.lower()


def test_the_whole_grid_needs_little_memory(grid: Result) -> None:
    assert grid.rss_growth < RSS_GROWTH_MAX, f"{grid.rss_growth:,} bytes"
