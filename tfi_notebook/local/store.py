"""The durable queue: jobs, who renders them, and what is known about their files.

One SQLite file is shared by every process that works on the same folder. A job is taken by a
*claim*: a token and a lease that the holder keeps renewing. Whoever loses the lease (its
process died, its machine slept) also loses the token, and what it then still reports is ignored.
"""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tfi_notebook.contract.links import kept_body
from tfi_notebook.local.database import Database
from tfi_notebook.local.files import FileRoom, output_key
from tfi_notebook.local.forms import render_fields
from tfi_notebook.local.history import History
from tfi_notebook.local.statements import (
    CLAIM,
    END_LOST,
    LOST_MESSAGE,
    REQUEUE,
    SCHEMA,
    TRIES_MAX,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

LEASE_S: Final = 10.0
QUEUE_FILE: Final = "queue.sqlite"

QUEUED, STARTED, SUCCESS, FAILED = "QUEUED", "STARTED", "SUCCESS", "FAILED"


@dataclass(frozen=True, slots=True)
class Claim:
    """One try of one job, as its holder sees it.

    Attributes:
        job_id: the job.
        token: proof of this very try.
        body: the request body.
        image: asset name of the picture.
        audio: asset name of the narration.
        tries: 1 for the first try.
    """

    job_id: str
    token: str
    body: Mapping[str, Any]
    image: str
    audio: str
    tries: int

    @property
    def part(self) -> str:
        """Name of the file this try renders to."""
        return f"{self.job_id}-{self.token}"

    @property
    def output(self) -> str:
        """Storage key of the video."""
        return output_key(self.body.get("template_id") or self.body["project_id"], self.job_id)


class Store:
    """Queue and files under one root folder; safe for several threads and processes.

    Args:
        root: the folder; created if need be.

    Raises:
        ServiceError: from every method, when the queue's file cannot be read or written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files = FileRoom(root)
        self.database = Database(root / QUEUE_FILE, SCHEMA)
        self.history = History(self.database)

    def close(self) -> None:
        """Close the queue's file; a second call does nothing."""
        self.database.close()

    # -- the service's side ----------------------------------------------------------------

    def enqueue(self, body: Mapping[str, Any], image: str, audio: str, voice_s: float = 0.0) -> str:
        """Put a job in the queue and return its id (a UUID).

        Args:
            body: the checked request body.
            image: asset name of the picture.
            audio: asset name of the narration.
            voice_s: its length, for the outlook; 0 if it is not known.
        """
        job_id = str(uuid.uuid4())
        if voice_s:
            self.history.expect(job_id, render_fields(body), voice_s)
        self.database.run(
            "INSERT INTO jobs (id, body, image, audio, status, created_at, updated_at)"
            " VALUES (:id, :body, :image, :audio, 'QUEUED', :now, :now)",
            {"id": job_id, "body": json.dumps(kept_body(body)), "image": image, "audio": audio},
        )
        return job_id

    def job(self, job_id: str) -> dict[str, Any] | None:
        """Return a job's columns, `body` parsed, or None if there is no such job."""
        found = self.database.run("SELECT * FROM jobs WHERE id = :id", {"id": job_id})
        return {**found[0], "body": json.loads(found[0]["body"])} if found else None

    def position(self, job_id: str) -> int:
        """Return how many jobs wait before a queued one (0: it is next)."""
        counted = self.database.run(
            "SELECT count(*) AS n FROM jobs WHERE status = 'QUEUED'"
            " AND seq < (SELECT seq FROM jobs WHERE id = :id)",
            {"id": job_id},
        )
        return int(counted[0]["n"])

    def has_work(self) -> bool:
        """Tell whether a job waits to be claimed, or was left by a holder that is gone."""
        return bool(
            self.database.run(
                "SELECT 1 FROM jobs WHERE status = 'QUEUED'"
                " OR (status = 'STARTED' AND lease_until < :now) LIMIT 1"
            )
        )

    def requeue(self, job_ids: Sequence[str]) -> int | None:
        """Put failed jobs back at their places in the queue, with all their tries.

        Args:
            job_ids: the jobs; those that have not failed are left as they are.

        Returns:
            How many were put back; None, and nothing done, if one of the ids is no job.
        """
        ids = json.dumps(sorted(set(job_ids)))
        unknown = "SELECT 1 FROM json_each(:ids) WHERE value NOT IN (SELECT id FROM jobs) LIMIT 1"
        if self.database.run(unknown, {"ids": ids}):  # jobs are never removed, so this stays true
            return None
        return len(self.database.run(REQUEUE, {"ids": ids}))

    def verdict(self, asset: str, kind: str) -> dict[str, Any] | None:
        """Return what a check of an asset found: the error's fields, {} for none; None if new."""
        found = self.database.run(
            "SELECT error FROM verdicts WHERE asset = :asset AND kind = :kind",
            {"asset": asset, "kind": kind},
        )
        return dict(json.loads(found[0]["error"])) if found else None

    def keep_verdict(self, asset: str, kind: str, error: Mapping[str, Any]) -> None:
        """Remember what a check of an asset found."""
        self.database.run(
            "INSERT OR REPLACE INTO verdicts VALUES (:asset, :kind, :error)",
            {"asset": asset, "kind": kind, "error": json.dumps(error)},
        )

    def note_removal(self, output: str, reason: str) -> None:
        """Remember why a finished video is no longer here."""
        sql = "INSERT OR REPLACE INTO removals VALUES (:output, :reason)"
        self.database.run(sql, {"output": output, "reason": reason})

    def removal(self, output: str) -> str | None:
        """Return why a finished video is no longer here; None if it was not removed."""
        sql = "SELECT reason FROM removals WHERE output = :output"
        found = self.database.run(sql, {"output": output})
        return str(found[0]["reason"]) if found else None

    # -- the worker's side -----------------------------------------------------------------

    def claim(self, worker: str, *, lease_s: float = LEASE_S) -> Claim | None:
        """Take the oldest job that waits, or whose holder let its lease run out.

        A lost job whose tries are used up is ended as failed here instead of being taken again.

        Args:
            worker: name of the process that takes it.
            lease_s: for how long, unless `renew` is called.

        Returns:
            The claim, or None when there is nothing to do.
        """
        if not self.has_work():  # a read, so that idle workers take no write lock
            return None
        self.database.run(END_LOST, {"most": TRIES_MAX, "message": LOST_MESSAGE})
        until, token = time.time() + lease_s, uuid.uuid4().hex
        rows = self.database.run(
            CLAIM, {"worker": worker, "token": token, "until": until, "most": TRIES_MAX}
        )
        if not rows:
            return None
        row = rows[0]
        body = json.loads(row["body"])
        return Claim(row["id"], row["token"], body, row["image"], row["audio"], row["tries"])

    def renew(self, worker: str, *, lease_s: float = LEASE_S) -> None:
        """Prolong the leases of everything a worker holds."""
        self.database.run(
            "UPDATE jobs SET lease_until = :until WHERE worker = :worker AND status = 'STARTED'",
            {"worker": worker, "until": time.time() + lease_s},
        )

    def release(self, worker: str) -> None:
        """End the leases of a worker that is known to be gone; its tries count."""
        self.renew(worker, lease_s=-1.0)

    def holds(self, token: str) -> bool:
        """Tell whether a claim is still good."""
        sql = "SELECT 1 FROM jobs WHERE token = :token AND status = 'STARTED'"
        return bool(self.database.run(sql, {"token": token}))

    def last_told(self, worker: str) -> dict[str, float]:
        """Return when each try of a worker last told its progress (Unix time, s), by token."""
        sql = "SELECT token, updated_at FROM jobs WHERE worker = :worker AND status = 'STARTED'"
        rows = self.database.run(sql, {"worker": worker})
        return {row["token"]: row["updated_at"] for row in rows}

    def report_progress(self, token: str, progress: float, stage: str) -> bool:
        """Write down how far a try is (0..1) and at what; False if the claim is lost."""
        done = self.database.run(
            "UPDATE jobs SET progress = :progress, message = :message, updated_at = :now"
            " WHERE token = :token AND status = 'STARTED' RETURNING id",
            {
                "token": token,
                "progress": min(max(progress, 0.0), 1.0),
                "message": f"rendering locally: {stage}",
            },
        )
        return bool(done)

    def finish(self, token: str, output: str, message: str) -> bool:
        """End a job as done with its storage key; False if the claim is lost."""
        done = self.database.run(
            "UPDATE jobs SET status = 'SUCCESS', progress = 1, output = :output,"
            " message = :message, updated_at = :now"
            " WHERE token = :token AND status = 'STARTED' RETURNING id",
            {"token": token, "output": output, "message": message},
        )
        return bool(done)

    def fail(self, token: str, message: str) -> bool:
        """End a job as failed with its reason; False if the claim is lost."""
        done = self.database.run(
            "UPDATE jobs SET status = 'FAILED', message = :message, updated_at = :now"
            " WHERE token = :token AND status = 'STARTED' RETURNING id",
            {"token": token, "message": message},
        )
        return bool(done)

    def give_back(self, token: str) -> bool:
        """Put a job back in its place in the queue; the try does not count."""
        done = self.database.run(
            "UPDATE jobs SET status = 'QUEUED', tries = tries - 1, progress = 0, message = '',"
            " updated_at = :now WHERE token = :token AND status = 'STARTED' RETURNING id",
            {"token": token},
        )
        return bool(done)
