"""A service that makes jobs, and holds each until it is told to let it end; it counts all of it."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tests.helpers.fake_api import MP4
from tests.helpers.faulty_server import FaultyServer, Refusal, reply
from tfi_notebook import settings
from tfi_notebook.lifecycle.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WAIT_S = 30.0
FAST = settings.Limits(
    request_timeout_s=2.0, submit_timeout_s=2.0, poll_first_s=0.01, poll_max_s=0.02,
    soft_errors_max=4, read_tries=1, submit_retry_s=0.5, retry_first_s=0.05, probe_first_s=0.1,
    poll_budget_per_s=1000.0, board_interval_s=0.05, poll_floor_s=0.01,
)  # fmt: skip


class HeldApi:
    """Makes a job of each submit, and finishes `allowed` of them in the order of their numbers.

    Args:
        allowed: jobs up to this number end; the others are processing.
        credit: what each costs.
    """

    def __init__(self, allowed: int = 0, credit: str = "12.5") -> None:
        self.allowed = allowed
        self.credit: str | None = credit
        self.prices: dict[int, str] = {}  # by version, where it is not `credit`
        self.bodies: list[dict[str, Any]] = []
        self.polls: list[str] = []
        self.failing: set[str] = set()
        self.extra: dict[str, dict[str, object]] = {}  # by job id, what else its row says
        self.refuse: Callable[[dict[str, Any]], bytes | str | None] = lambda _body: None
        self.base_url = ""
        self.most_live = 0
        self._numbers = count(1)
        self._changed = threading.Condition()
        self._ended: set[str] = set()

    @property
    def made(self) -> int:
        """How many jobs there are."""
        return len(self.bodies)

    def finish(self, number: int) -> None:
        """Let the jobs up to this number end."""
        self.allowed = number

    def wait_until(self, condition: Callable[[HeldApi], bool]) -> None:
        """Wait until a condition holds; it is looked at with every request."""
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self), WAIT_S)

    def __call__(self, method: str, path: str, body: bytes) -> bytes | str:
        """Answer one request."""
        with self._changed:
            answer = self._answer(method, path, body)
            self._changed.notify_all()
            return answer

    def _answer(self, method: str, path: str, body: bytes) -> bytes | str:
        if method == "POST":
            return self._create(json.loads(body))
        if path.startswith("/jobs/"):
            return self._row(path.removeprefix("/jobs/"))
        if path.startswith("/auth/credits"):
            return reply(200, {"credits": 250})
        if path.startswith("/storage/"):
            key = parse_qs(urlsplit(path).query)["path"][0]
            return reply(200, {"signedUrl": f"{self.base_url}/cdn/{key}?token=canary-signature"})
        return reply(200, MP4) if path.startswith("/cdn/") else reply(404, {"message": "not found"})

    def _create(self, body: dict[str, Any]) -> bytes | str:
        if (answer := self.refuse(body)) is not None:
            return Refusal(answer) if isinstance(answer, bytes) else answer
        self.bodies.append(body)
        self.most_live = max(self.most_live, len(self.bodies) - len(self._ended))
        return reply(202, {"jobId": f"job-{next(self._numbers)}", "status": "queued"})

    def _row(self, job_id: str) -> bytes:
        self.polls.append(job_id)
        number = int(job_id.removeprefix("job-"))
        ended = number <= self.allowed
        word = "STARTED"
        if ended:
            self._ended.add(job_id)
            word = "FAILED" if job_id in self.failing else "SUCCESS"
        row: dict[str, object] = {"uuid": job_id, "job_status": word} | self.extra.get(job_id, {})
        credit = self.prices.get(self.bodies[number - 1]["version"], self.credit)
        if ended and credit is not None:
            row["credit_used"] = credit
        if word == "SUCCESS":
            row["output"] = {"output": f"ai-talking-videos/p/outputs/{job_id}.mp4"}
        return reply(200, row)


@contextmanager
def served(api: HeldApi) -> Iterator[FaultyServer]:
    """Serve it on loopback."""
    with FaultyServer(api) as server:
        api.base_url = server.url
        yield server


@contextmanager
def connected(url: str, folder: Path, **changes: Any) -> Iterator[Workspace]:
    """Connect to it as to the live API."""
    known = settings.resolve(
        "key", url, local=False, outputs=folder / "outputs", ledger=folder / "ledger.sqlite",
        limits=FAST, **changes,
    )  # fmt: skip
    with Workspace(known) as workspace:
        yield workspace
