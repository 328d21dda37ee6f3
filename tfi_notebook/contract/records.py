"""What the API answers, parsed tolerantly: both generations of its documentation.

The reference page documents `{jobId, status, message?}` with lower-case status words; the later
pages document job rows with `uuid` and upper-case `job_status`. Every parser here takes either,
ignores keys it does not know, and keeps the raw words that it could not place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from tfi_notebook.contract.places import SignedUrl, signed_place, stored_at, to_sign
from tfi_notebook.contract.projects import MappingField, MappingFields, Project
from tfi_notebook.contract.reading import (
    bad_answer,
    decimal_or_none,
    error_text,
    first,
    fraction,
    mapping,
    moment,
    seconds_or_none,
    text,
    unusable,
    whole_or_none,
)
from tfi_notebook.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from decimal import Decimal

__all__ = [
    "JOB_ID_PATTERN",
    "JobRecord",
    "JobStatus",
    "MappingField",
    "MappingFields",
    "Project",
    "SignedUrl",
    "SubmitReceipt",
    "decimal_or_none",
    "error_text",
    "parse_credits",
    "parse_triggered",
]

JOB_ID_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""A job id goes into URLs and file names, so nothing else is taken for one."""


class JobStatus(StrEnum):
    """Where a job stands: the API's four words, and the words of the ledger around them."""

    INTENT = "intent"
    """Written down, not yet known to be sent."""
    ACCEPTED = "accepted"
    """The service gave an id; no status has been seen yet."""
    QUEUED = "queued"
    PROCESSING = "processing"
    DONE = "done"
    FAILED = "failed"
    REJECTED = "rejected"
    """Refused, or never sent: nothing was made and nothing was charged."""
    UNKNOWN = "unknown"
    """Sent, but the answer was lost: a person has to decide."""
    WRITTEN_OFF = "written_off"
    """Was unknown; a person has decided to leave it at that."""
    OTHER = "other"
    """A word of the API that this version does not know; watching goes on."""

    @property
    def is_final(self) -> bool:
        """True when no further change is to be expected from the API."""
        return self in _FINAL

    @classmethod
    def parse(cls, word: object) -> JobStatus:
        """Map a status word of either generation, in any case, to a `JobStatus`.

        Example:
            >>> [str(JobStatus.parse(word)) for word in ("IN_PROGRESS", "done", "PAUSED")]
            ['processing', 'done', 'other']
        """
        return _WORDS.get(str(word).strip().lower(), cls.OTHER)


_FINAL = {
    JobStatus.DONE, JobStatus.FAILED, JobStatus.REJECTED, JobStatus.UNKNOWN, JobStatus.WRITTEN_OFF,
}  # fmt: skip
_WORDS = {
    "queued": JobStatus.QUEUED,
    "processing": JobStatus.PROCESSING,
    "started": JobStatus.PROCESSING,
    "in_progress": JobStatus.PROCESSING,
    "done": JobStatus.DONE,
    "success": JobStatus.DONE,
    "failed": JobStatus.FAILED,
}


@dataclass(frozen=True, slots=True)
class SubmitReceipt:
    """The answer to a submit: the job's id, its first status and the server's remark.

    Attributes:
        job_id: the job's id.
        status: its status; `ACCEPTED` if the answer names none.
        raw_status: the API's own word for it, "" if the answer names none.
        message: the server's remark; foreign text, and nothing to branch on.
        project_id: the project or template as the API resolved it, "" if it does not say.
    """

    job_id: str
    status: JobStatus
    raw_status: str
    message: str = ""
    project_id: str = ""

    @classmethod
    def parse(cls, body: object) -> SubmitReceipt:
        """Read the answer of `POST /jobs/v2` in either generation.

        Raises:
            BadResponseError: no usable job id is in the answer; with what it says instead.
                Whether a job was made is then not known.
        """
        fields = mapping(body)
        job = mapping(fields.get("job"))
        job_id = first(
            fields.get("jobId"), job.get("uuid"), fields.get("uuid"), job.get("id"),
            fields.get("id"), fields.get("job.uuid"),
        )  # fmt: skip
        word = first(
            fields.get("status"), job.get("job_status"), fields.get("job_status"),
            fields.get("job.job_status"),
        )  # fmt: skip
        return cls(
            job_id=_job_id(job_id, body),
            status=JobStatus.ACCEPTED if word is None else JobStatus.parse(word),
            raw_status=_word(word),
            message=text(fields.get("message")),
            project_id=_project_id(job) or _project_id(fields),
        )


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One job row as `GET /jobs/:id` answers it."""

    job_id: str
    status: JobStatus
    raw_status: str
    message: str = ""
    """The server's remark, or whatever else it says about a failure; foreign text."""
    output: str | None = None
    """Storage key or public URL of the video, once there is one: never a signed URL."""
    credit_used: Decimal | None = None
    progress: float | None = None
    """0..1 where the service tells it (TFI's documentation knows no progress)."""
    queue_position: int | None = None
    """How many jobs wait before it (0: it is next), where the service tells it; TFI's does not."""
    left_s: float | None = None
    """What is left of it in s, where the service tells it; TFI's does not."""
    left_from_jobs: int | None = None
    """From how many earlier jobs the service knows what is left."""
    project_id: str = ""
    """The row's `template_id` or `project_id`: one thing under two names."""
    job_type: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    signed_output: SignedUrl | None = None
    """The signed URL that the service gave in place of a storage key, if it did."""

    @classmethod
    def parse(cls, body: object) -> JobRecord:
        """Read a job row in either generation.

        Raises:
            NotFoundError: the answer says that there is no such job (with whatever HTTP status).
            BadResponseError: it is no job row.
        """
        fields = mapping(body)
        job_id = first(fields.get("uuid"), fields.get("jobId"), fields.get("id"))
        word = first(fields.get("job_status"), fields.get("status"))
        if job_id is None or word is None:
            raise unusable(body, "is no job row")
        place = stored_at(fields)
        return cls(
            job_id=_job_id(job_id, body),
            status=JobStatus.parse(word),
            raw_status=_word(word),
            message=error_text(fields) or error_text(fields.get("output")),
            output=to_sign(place),
            credit_used=decimal_or_none(fields.get("credit_used")),
            progress=fraction(fields.get("progress")),
            queue_position=whole_or_none(fields.get("queue_position")),
            left_s=seconds_or_none(fields.get("eta_s")),
            left_from_jobs=whole_or_none(fields.get("eta_from_jobs")),
            project_id=_project_id(fields),
            job_type=text(fields.get("job_type")),
            created_at=moment(fields.get("created_at")),
            updated_at=moment(fields.get("updated_at")),
            signed_output=signed_place(place),
        )


def parse_credits(body: object) -> Decimal:
    """Read the answer of `GET /auth/credits`: a number, or a number as text.

    Raises:
        BadResponseError: it holds no finite number.
    """
    amount = decimal_or_none(mapping(body).get("credits"))
    if amount is None:
        raise unusable(body, "holds no credits")
    return amount


def parse_triggered(body: object) -> str:
    """Read the answer of `POST /jobs/trigger-job` and return the service's remark.

    Raises:
        NotFoundError: the answer says that one of the jobs does not exist. Whether the jobs
            named before it were queued again is not documented.
        BadResponseError: it holds no remark.
    """
    problem = unusable(body, "is no confirmation")
    remark = text(mapping(body).get("message"))
    if isinstance(problem, NotFoundError) or not remark:
        raise problem
    return remark


def _job_id(value: object, body: object) -> str:
    if not isinstance(value, (str, int)) or not JOB_ID_PATTERN.fullmatch(str(value)):
        raise bad_answer(body, "holds no usable job id")
    return str(value)


def _word(value: object) -> str:
    return "" if value is None else text(str(value))


def _project_id(fields: Mapping[str, Any]) -> str:
    return text(first(fields.get("template_id"), fields.get("project_id")))
