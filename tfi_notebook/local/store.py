"""The durable queue: jobs, who renders them, and what is known about their files.

One SQLite file is shared by every process that works on the same folder. A job is taken by a
*claim*: a token and a lease that the holder keeps renewing. Whoever loses the lease (its
process died, its machine slept) also loses the token, and what it then still reports is ignored.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from tfi_notebook.errors import ServiceError
from tfi_notebook.local.files import FileRoom, output_key
from tfi_notebook.local.statements import (
    CLAIM,
    END_LOST,
    LOST_MESSAGE,
    REQUEUE,
    SCHEMA,
    TRIES_MAX,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

LEASE_S: Final = 10.0
BUSY_TIMEOUT_S: Final = 5.0

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
        self._lock = threading.RLock()
        self._db = sqlite3.connect(
            root / "queue.sqlite",
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
        )
        self._db.row_factory = sqlite3.Row
        with self._access() as db:
            # NORMAL survives a killed process; a power cut may lose the last free renderings
            db.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {SCHEMA}")

    def close(self) -> None:
        """Close the queue's file; a second call does nothing."""
        with self._lock:
            self._db.close()

    # -- the service's side ----------------------------------------------------------------

    def enqueue(self, body: Mapping[str, Any], image: str, audio: str) -> str:
        """Put a job in the queue and return its id (a UUID).

        Args:
            body: the checked request body.
            image: asset name of the picture.
            audio: asset name of the narration.
        """
        job_id = str(uuid.uuid4())
        self._run(
            "INSERT INTO jobs (id, body, image, audio, status, created_at, updated_at)"
            " VALUES (:id, :body, :image, :audio, 'QUEUED', :now, :now)",
            {"id": job_id, "body": json.dumps(body), "image": image, "audio": audio},
        )
        return job_id

    def job(self, job_id: str) -> dict[str, Any] | None:
        """Return a job's columns, `body` parsed, or None if there is no such job."""
        found = self._run("SELECT * FROM jobs WHERE id = :id", {"id": job_id})
        return {**found[0], "body": json.loads(found[0]["body"])} if found else None

    def position(self, job_id: str) -> int:
        """Return how many jobs wait before a queued one (0: it is next)."""
        counted = self._run(
            "SELECT count(*) AS n FROM jobs WHERE status = 'QUEUED'"
            " AND seq < (SELECT seq FROM jobs WHERE id = :id)",
            {"id": job_id},
        )
        return int(counted[0]["n"])

    def has_work(self) -> bool:
        """Tell whether a job waits to be claimed, or was left by a holder that is gone."""
        return bool(
            self._run(
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
        if self._run(unknown, {"ids": ids}):  # jobs are never removed, so this stays true
            return None
        return len(self._run(REQUEUE, {"ids": ids}))

    def verdict(self, asset: str, kind: str) -> dict[str, Any] | None:
        """Return what a check of an asset found: the error's fields, {} for none; None if new."""
        found = self._run(
            "SELECT error FROM verdicts WHERE asset = :asset AND kind = :kind",
            {"asset": asset, "kind": kind},
        )
        return dict(json.loads(found[0]["error"])) if found else None

    def keep_verdict(self, asset: str, kind: str, error: Mapping[str, Any]) -> None:
        """Remember what a check of an asset found."""
        self._run(
            "INSERT OR REPLACE INTO verdicts VALUES (:asset, :kind, :error)",
            {"asset": asset, "kind": kind, "error": json.dumps(error)},
        )

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
        self._run(END_LOST, {"most": TRIES_MAX, "message": LOST_MESSAGE})
        until, token = time.time() + lease_s, uuid.uuid4().hex
        rows = self._run(
            CLAIM, {"worker": worker, "token": token, "until": until, "most": TRIES_MAX}
        )
        if not rows:
            return None
        row = rows[0]
        body = json.loads(row["body"])
        return Claim(row["id"], row["token"], body, row["image"], row["audio"], row["tries"])

    def renew(self, worker: str, *, lease_s: float = LEASE_S) -> None:
        """Prolong the leases of everything a worker holds."""
        self._run(
            "UPDATE jobs SET lease_until = :until WHERE worker = :worker AND status = 'STARTED'",
            {"worker": worker, "until": time.time() + lease_s},
        )

    def release(self, worker: str) -> None:
        """End the leases of a worker that is known to be gone; its tries count."""
        self.renew(worker, lease_s=-1.0)

    def holds(self, token: str) -> bool:
        """Tell whether a claim is still good."""
        sql = "SELECT 1 FROM jobs WHERE token = :token AND status = 'STARTED'"
        return bool(self._run(sql, {"token": token}))

    def report_progress(self, token: str, progress: float, stage: str) -> bool:
        """Write down how far a try is (0..1) and at what; False if the claim is lost."""
        done = self._run(
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
        done = self._run(
            "UPDATE jobs SET status = 'SUCCESS', progress = 1, output = :output,"
            " message = :message, updated_at = :now"
            " WHERE token = :token AND status = 'STARTED' RETURNING id",
            {"token": token, "output": output, "message": message},
        )
        return bool(done)

    def fail(self, token: str, message: str) -> bool:
        """End a job as failed with its reason; False if the claim is lost."""
        done = self._run(
            "UPDATE jobs SET status = 'FAILED', message = :message, updated_at = :now"
            " WHERE token = :token AND status = 'STARTED' RETURNING id",
            {"token": token, "message": message},
        )
        return bool(done)

    def give_back(self, token: str) -> bool:
        """Put a job back in its place in the queue; the try does not count."""
        done = self._run(
            "UPDATE jobs SET status = 'QUEUED', tries = tries - 1, progress = 0, message = '',"
            " updated_at = :now WHERE token = :token AND status = 'STARTED' RETURNING id",
            {"token": token},
        )
        return bool(done)

    # -- SQLite ----------------------------------------------------------------------------

    def _run(
        self, sql: str, values: Mapping[str, str | float] = MappingProxyType({})
    ) -> list[dict[str, Any]]:
        """Run one statement, which is one transaction; `:now` is the Unix time in s."""
        with self._access() as db:
            cursor = db.execute(sql, {"now": time.time(), **values})
            return [dict(row) for row in cursor.fetchall()]

    @contextmanager
    def _access(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._lock:
                yield self._db
        except sqlite3.Error as error:
            raise ServiceError(
                f"the local queue cannot be used ({error})",
                status_code=503,
                hint="check that the disk is writable and not full",
            ) from error
