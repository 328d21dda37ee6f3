"""The API's side of a job's life, for tests of the client: scripted statuses over real HTTP."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import parse_qs, urlsplit

from tests.helpers.faulty_server import reply

MP4 = b"\x00\x00\x00\x18ftypisom" + b"\x00" * 2000


@dataclass
class ScriptedApi:
    """Gives every job the same statuses, one a request; the last one stays.

    `answers` overrides the answer for a path prefix by bytes or a word of `FaultyServer`.
    """

    statuses: list[str] = field(default_factory=lambda: ["QUEUED", "STARTED", "SUCCESS"])
    answers: dict[str, bytes | str] = field(default_factory=dict)
    bodies: list[dict[str, object]] = field(default_factory=list)
    polls: dict[str, int] = field(default_factory=dict)
    base_url: str = ""
    video: bytes = MP4

    def __post_init__(self) -> None:
        """Number the jobs from one."""
        self._numbers = count(1)

    def __call__(self, method: str, path: str, body: bytes) -> bytes | str:
        """Answer one request."""
        for prefix, answer in self.answers.items():
            if f"{method} {path}".startswith(prefix):
                return answer
        if method == "POST":
            return self._create(body)
        if path.startswith("/jobs/"):
            return self._row(path.removeprefix("/jobs/"))
        if path.startswith("/storage/"):
            key = parse_qs(urlsplit(path).query)["path"][0]
            return reply(200, {"signedUrl": f"{self.base_url}/cdn/{key}?token=canary-signature"})
        if path.startswith("/cdn/"):
            return reply(200, self.video)
        return reply(404, {"message": "not found"})

    def _create(self, body: bytes) -> bytes:
        self.bodies.append(json.loads(body))
        return reply(202, {"jobId": f"job-{next(self._numbers)}", "status": "queued"})

    def _row(self, job_id: str) -> bytes:
        polled = self.polls.get(job_id, 0)
        self.polls[job_id] = polled + 1
        word = self.statuses[min(polled, len(self.statuses) - 1)]
        row: dict[str, object] = {"uuid": job_id, "job_status": word, "credit_used": "12.5"}
        if word == "SUCCESS":
            row["output"] = {"output": f"ai-talking-videos/p/outputs/{job_id}.mp4"}
        return reply(200, row)
