"""What stands in the ledger's tables of runs, and the statements that read and write it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from tfi_notebook.contract.records import JobStatus
from tfi_notebook.lifecycle.rows import UNDER_WAY

if TYPE_CHECKING:
    from decimal import Decimal

SUBMITTED = f"{UNDER_WAY}, 'done', 'unknown'"
"""A job in one of these counts for its payload, whenever it was submitted."""
OURS = "instr(?2, coalesce(account, '-')) = 0"
"""What was submitted with keys that are known to be others' (a text of all of them) is not ours."""

RUN = (
    "SELECT run, state, reason, tally, max_in_flight, budget_credits, created_at FROM runs "
    "WHERE service = ? AND name = ?"
)
PARTS = (
    "SELECT part, digest, axes, base, total, reached, created_at FROM run_parts "
    "WHERE run = ? ORDER BY part"
)
JOB = (
    "SELECT max(seq) FROM jobs WHERE service = ?1 AND fingerprint = p.fingerprint "  # noqa: S608 - constants only
    f"AND p.fingerprint <> '' AND (status IN ({SUBMITTED}) OR created_at >= p.since) "
    f"AND {OURS}"
)
STANDING = (
    "SELECT p.idx, p.part, p.place, p.axes, p.fingerprint, p.problem, "  # noqa: S608 - constants only
    "j.key, j.status, j.credit_used, j.created_at "
    f"FROM run_points AS p LEFT JOIN jobs AS j ON j.seq = ({JOB}) "
    "WHERE p.run = ?3 AND p.idx >= ?4 AND p.idx < ?5 ORDER BY p.idx"
)
SUPERSEDED = (
    "SELECT j.credit_used FROM run_points AS p "
    "JOIN run_parts AS r ON r.run = p.run AND r.part = p.part AND p.since > r.created_at "
    "JOIN jobs AS j ON j.service = ?2 AND j.fingerprint = p.fingerprint "
    "WHERE p.run = ?1 AND j.created_at >= ?3 AND j.created_at < p.since "
    "AND j.credit_used IS NOT NULL"
)
BULK_COLUMNS = (
    "p.part", "p.axes", "p.problem", "j.status", "j.created_at", "j.started_at", "j.finished_at",
    "j.credit_used", "j.job_id", "j.path", "j.message",
)  # fmt: skip
BULK = (
    f"SELECT {', '.join(BULK_COLUMNS)} FROM run_points AS p "  # noqa: S608 - constants only
    f"LEFT JOIN jobs AS j ON j.seq = ({JOB}) WHERE p.run = ?3 ORDER BY p.idx"
)
IN_RUN = (
    "SELECT p.fingerprint, j.status, p.problem "  # noqa: S608 - constants only
    f"FROM run_points AS p LEFT JOIN jobs AS j ON j.seq = ({JOB}) "
    "WHERE p.run = ?3 AND p.fingerprint IN (SELECT value FROM json_each(?4))"
)
FINGERPRINTS = (
    # the newest counts, and one that counts as submitted before all others
    "SELECT fingerprint, status FROM jobs INDEXED BY jobs_by_fingerprint "  # noqa: S608 - constants only
    f"WHERE service = ?1 AND {OURS} AND fingerprint IN (SELECT value FROM json_each(?3)) "
    f"ORDER BY status IN ({SUBMITTED}), seq"
)

SAVE = (
    "UPDATE runs SET state = ?, reason = ?, tally = ?, max_in_flight = ?, budget_credits = ? "
    "WHERE run = ?"
)
NEW_RUN = (
    "INSERT INTO runs (service, name, state, reason, tally, max_in_flight, created_at) "
    "VALUES (?, ?, 'paused', '', '{}', 1, ?) ON CONFLICT (service, name) DO NOTHING"
)
NEW_PART = "INSERT INTO run_parts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
NEW_POINT = "INSERT INTO run_points VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
NEXT = "SELECT coalesce(max(idx) + 1, 0) FROM run_points WHERE run = ?"
KNOWN = (
    "SELECT fingerprint FROM run_points WHERE run = ? AND fingerprint <> '' "
    "AND fingerprint IN (SELECT value FROM json_each(?))"
)
REACHED = "UPDATE run_parts SET reached = ? WHERE run = ? AND part = ?"
MARK = "UPDATE run_points SET problem = ? WHERE run = ? AND idx = ?"
UNMARK = (
    "UPDATE run_points AS p SET problem = '' WHERE p.run = ?3 AND p.part = ?4 "  # noqa: S608 - constants only
    f"AND p.problem <> '' AND p.fingerprint <> '' AND ({JOB}) IS NULL"
)
REOPEN = "UPDATE run_points SET problem = '', since = ? WHERE run = ? AND idx = ?"


class State(StrEnum):
    """Whether a run submits."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    DONE = "done"


@dataclass(slots=True)
class Part:
    """What one sweep has brought into a run.

    Attributes:
        number: its place in the run, from 0.
        digest: hash of the sweep.
        axes: the fields that vary in it.
        base: the body that its points start from, as it may be kept.
        total: how many points the sweep has.
        reached: how many of them are written down.
        created_at: Unix time in s at which it came in.
    """

    number: int
    digest: str
    axes: tuple[str, ...]
    base: dict[str, Any]
    total: int
    reached: int
    created_at: float


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a point of a run stands.

    Attributes:
        index: its place in the run, from 0.
        part: the part that it came with, by number.
        place: its place in that part's sweep.
        values: the value of each axis of its part.
        fingerprint: of its payload; empty where there is none.
        problem: why it is not submitted; empty where nothing is wrong.
        key: the ledger's key of its job, or None.
        status: its job's status, or None.
        credit_used: what its job has cost, as far as is known.
        created_at: Unix time in s of its job's submit, or None.
    """

    index: int
    part: int
    place: int
    values: tuple[Any, ...]
    fingerprint: str
    problem: str
    key: str | None
    status: str | None
    credit_used: Decimal | None
    created_at: float | None

    @property
    def was_charged(self) -> bool:
        """Whether its job may have been charged: it failed in rendering, or its answer was lost."""
        return self.status in {JobStatus.FAILED, JobStatus.WRITTEN_OFF}

    @property
    def has_failed(self) -> bool:
        """Whether it can be tried again: its job failed or was written off, or it was refused."""
        refused = bool(self.problem) and bool(self.fingerprint)
        return self.was_charged or refused or self.status == JobStatus.REJECTED


@dataclass(slots=True)
class Record:
    """What is kept of a run as a whole."""

    run: int
    state: State
    reason: str
    tally: dict[str, Any]
    max_in_flight: int
    budget_credits: Decimal | None
    created_at: float
