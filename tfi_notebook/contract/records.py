"""What the API answers, parsed tolerantly: both generations of its documentation.

The reference page documents `{jobId, status, message?}` with lower-case status words; the later
pages document job rows with `uuid` and upper-case `job_status`. Every parser here takes either,
ignores keys it does not know, and keeps the raw words that it could not place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tfi_notebook.errors import BadResponseError, NotFoundError

JOB_ID_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""A job id goes into URLs and file names, so nothing else is taken for one."""

_NOT_FOUND = re.compile(r"not found|no job found", re.IGNORECASE)


class JobStatus(StrEnum):
    """Where a job stands: the API's four words, and the words of the ledger around them."""

    INTENT = "intent"
    """Written down, not yet known to be sent."""
    QUEUED = "queued"
    PROCESSING = "processing"
    DONE = "done"
    FAILED = "failed"
    REJECTED = "rejected"
    """Refused, or never sent: nothing was made and nothing was charged."""
    UNKNOWN = "unknown"
    """Sent, but the answer was lost: a person has to decide."""
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


_FINAL = {JobStatus.DONE, JobStatus.FAILED, JobStatus.REJECTED, JobStatus.UNKNOWN}
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
    """The answer to a submit: the job's id, its first status and the server's remark."""

    job_id: str
    status: JobStatus
    raw_status: str
    message: str = ""

    @classmethod
    def parse(cls, body: object) -> SubmitReceipt:
        """Read the answer of `POST /jobs/v2` in either generation.

        Raises:
            BadResponseError: no usable job id is in the answer.
        """
        fields = _mapping(body)
        job = _mapping(fields.get("job"))
        job_id = _first(
            fields.get("jobId"), job.get("uuid"), fields.get("uuid"), job.get("id"),
            fields.get("id"), fields.get("job.uuid"),
        )  # fmt: skip
        word = _first(
            fields.get("status"), job.get("job_status"), fields.get("job_status"),
            fields.get("job.job_status"), "queued",
        )  # fmt: skip
        return cls(_job_id(job_id), JobStatus.parse(word), str(word), _text(fields.get("message")))


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One job row as `GET /jobs/:id` answers it."""

    job_id: str
    status: JobStatus
    raw_status: str
    message: str = ""
    output: str | None = None
    """Storage key or absolute URL of the video, once there is one."""
    credit_used: Decimal | None = None
    progress: float | None = None
    """0..1 where the service tells it (TFI's documentation knows no progress)."""

    @classmethod
    def parse(cls, body: object) -> JobRecord:
        """Read a job row in either generation.

        Raises:
            NotFoundError: the answer says that there is no such job (with whatever HTTP status).
            BadResponseError: it is no job row.
        """
        fields = _mapping(body)
        job_id = _first(fields.get("uuid"), fields.get("jobId"), fields.get("id"))
        word = _first(fields.get("job_status"), fields.get("status"))
        if job_id is None or word is None:
            raise _not_a_row(fields)
        return cls(
            job_id=_job_id(job_id),
            status=JobStatus.parse(word),
            raw_status=str(word),
            message=_text(fields.get("message")),
            output=_output(fields),
            credit_used=decimal_or_none(fields.get("credit_used")),
            progress=_fraction(fields.get("progress")),
        )


@dataclass(frozen=True, slots=True)
class SignedUrl:
    """A temporary URL of a stored file. Its repr hides the URL: it is a bearer credential."""

    url: str
    expires_at: datetime | None = None

    def __repr__(self) -> str:
        """Show the expiry and nothing of the URL."""
        return f"SignedUrl(expires_at={self.expires_at})"

    @classmethod
    def parse(cls, body: object) -> SignedUrl:
        """Read the answer of `GET /storage/generate-signed-path`.

        Raises:
            BadResponseError: it holds no http(s) URL.
        """
        fields = _mapping(body)
        url = _first(fields.get("signedUrl"), fields.get("signed_url"))
        if not isinstance(url, str) or urlsplit(url).scheme not in {"http", "https"}:
            raise BadResponseError("the service gave no signed URL for the file")
        return cls(url, _expiry(fields.get("expiresAt"), url))


@dataclass(frozen=True, slots=True)
class Project:
    """An active project of the account."""

    project_id: str
    name: str
    project_type: str

    @classmethod
    def parse_all(cls, body: object) -> list[Project]:
        """Read `GET /api/provider/projects/active`; rows without an id are left out."""
        fields = _mapping(body)
        rows = fields.get("data")
        mappings = [_mapping(row) for row in rows] if isinstance(rows, list) else []
        return [
            cls(str(row["projectId"]), _text(row.get("projectName")), _text(row.get("projectType")))
            for row in mappings
            if row.get("projectId")
        ]


def parse_credits(body: object) -> Decimal:
    """Read the answer of `GET /auth/credits`: a number, or a number as text.

    Raises:
        BadResponseError: it holds no finite number.
    """
    amount = decimal_or_none(_mapping(body).get("credits"))
    if amount is None:
        raise BadResponseError("the service gave no credits")
    return amount


def error_text(body: object) -> str:
    """Return the human text of an error body, wherever the API put it; empty if there is none."""
    fields = _mapping(body)
    nested = _mapping(fields.get("error")).get("message")
    for candidate in (fields.get("message"), nested, fields.get("error"), fields.get("detail")):
        text = _text(candidate)
        if text:
            return text
    return ""


def decimal_or_none(value: object) -> Decimal | None:
    """Return a finite Decimal from a number or numeric text, else None.

    Example:
        >>> decimal_or_none("12.5"), decimal_or_none(1250), decimal_or_none("many")
        (Decimal('12.5'), Decimal('1250'), None)
    """
    if value is None or isinstance(value, bool):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _first(*candidates: object) -> object:
    return next((candidate for candidate in candidates if candidate not in (None, "")), None)


def _job_id(value: object) -> str:
    if not JOB_ID_PATTERN.fullmatch(str(value)) or value is None:
        raise BadResponseError("the service's answer holds no usable job id")
    return str(value)


def _text(value: object) -> str:
    if isinstance(value, list):
        return "; ".join(_text(item) for item in value)
    return value if isinstance(value, str) else ""


def _not_a_row(fields: Mapping[str, Any]) -> Exception:
    text = error_text(fields)
    if _NOT_FOUND.search(text):
        return NotFoundError("the service knows no such job", status_code=200)
    return BadResponseError("the service's answer is no job row")


def _output(fields: Mapping[str, Any]) -> str | None:
    output = fields.get("output")
    nested = _mapping(output)
    found = _first(
        nested.get("output"), nested.get("output_url"), nested.get("url"),
        output if isinstance(output, str) else None, fields.get("output_url"),
    )  # fmt: skip
    return found.lstrip("/") if isinstance(found, str) else None


def _fraction(value: object) -> float | None:
    number = decimal_or_none(value)
    return min(max(float(number), 0.0), 1.0) if number is not None else None


def _expiry(stated: object, url: str) -> datetime | None:
    """The stated time, else the epoch seconds in the URL's `expires` parameter, else unknown."""
    if isinstance(stated, str):
        try:
            return datetime.fromisoformat(stated)
        except ValueError:
            pass
    seconds = decimal_or_none(parse_qs(urlsplit(url).query).get("expires", [None])[0])
    return datetime.fromtimestamp(float(seconds), UTC) if seconds is not None else None
