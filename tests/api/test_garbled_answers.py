"""Answers with a few bytes changed at random: each outcome is typed, and made once."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest

from tests.helpers.faulty_server import ID, FaultyServer, reply
from tests.helpers.payloads import good_payload
from tfi_notebook import settings
from tfi_notebook.api.client import AsyncClient
from tfi_notebook.errors import ApiError, SourceError

TIMES = 400
LIMITS = settings.Limits(
    request_timeout_s=5.0, submit_timeout_s=5.0, submit_retry_s=0.0, read_retry_s=0.0,
    outage_failures=10**9,
)  # fmt: skip
GOOD = reply(
    202,
    {"jobId": ID, "status": "queued", "message": "Grüße", "job": {"uuid": ID}},
    "content-type: application/json",
    "date: Sun, 22 Nov 2026 13:00:00 GMT",
)


def garble(draw: random.Random) -> bytes:
    """Return the good answer with one to four pieces changed, cut out, doubled or put in."""
    answer = GOOD
    for _ in range(draw.randint(1, 4)):
        at, end = sorted(draw.randrange(len(answer) + 1) for _ in range(2))
        end = min(end, at + 12)
        piece = draw.choice(
            [b"", draw.randbytes(3), answer[at:end] * 2, b"\r\n", b"\x00", b"9" * 40]
        )
        answer = answer[:at] + piece + answer[end:]
    return answer


@pytest.mark.parametrize("seed", range(2))
def test_a_garbled_answer_to_a_submit_is_told_with_a_type_and_never_answered_by_a_second_post(
    seed: int,
) -> None:
    draw = random.Random(seed)
    outcomes: Counter[str] = Counter()

    async def submit_often() -> None:
        client = AsyncClient(settings.resolve("key", server.url, limits=LIMITS))
        for _ in range(TIMES):
            try:
                receipt = await client.create_job(good_payload())
                outcomes["ok" if receipt.job_id == ID else "another id"] += 1
            except (ApiError, SourceError) as error:
                outcomes[type(error).__name__] += 1
        await client.aclose()

    with FaultyServer(lambda *_: garble(draw), hang_up=True) as server:
        asyncio.run(submit_often())
    # a POST may meet a connection that the server has just closed: it is lost, and not repeated
    assert TIMES * 0.95 <= server.made <= TIMES
    assert outcomes.total() == TIMES
    assert outcomes["SubmitUnknownError"] > TIMES / 4
    assert outcomes["ok"] > TIMES / 20
