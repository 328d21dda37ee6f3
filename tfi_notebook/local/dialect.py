"""How the local service words its requests and answers: the two generations of the API's pages.

`reference` is the page of `POST /jobs/v2`; `current` are the later pages. Where a generation
does not say something, this service answers as the other one does; the oddities of each (200 for
a job that is not there, a missing expiry, numbers as text) are kept, since a client meets them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, get_args

from tfi_notebook.contract.local import LOCAL_PROJECT_ID
from tfi_notebook.contract.payloads import TalkingVideoPayload
from tfi_notebook.contract.templates import payload_from_body
from tfi_notebook.errors import NotFoundError, RejectedError, SettingsError
from tfi_notebook.local.forms import FIELDS, JOB_TYPE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tfi_notebook.contract.model import Payload
    from tfi_notebook.local.history import Standing

DialectName = Literal["reference", "current"]

PROJECT: Final = MappingProxyType(
    {
        "projectId": LOCAL_PROJECT_ID,
        "projectName": "Local project",
        "projectType": JOB_TYPE,
        "startDate": None,
        "endDate": None,
    }
)
"""The local service's one project, as the list of active projects has it."""

QUEUED_MESSAGE: Final = "queued for the local renderer (not TFI's model)"
NO_PATH: Final = "Path query parameter is required"

Answer = tuple[int, dict[str, Any]]
"""HTTP status and JSON body."""


class Dialect(ABC):
    """One generation's way of saying things."""

    name: ClassVar[DialectName]
    signs_any_path: ClassVar[bool]
    """Whether a path is signed although there is no such file."""

    @abstractmethod
    def payload(self, fields: Mapping[str, Any]) -> Payload:
        """Read a request body.

        Raises:
            PayloadError: it is not in a form that this generation knows.
        """

    @abstractmethod
    def receipt(self, job_id: str, payload: Payload) -> Answer:
        """Answer a submit."""

    @abstractmethod
    def row(self, job: Mapping[str, Any], standing: Standing) -> dict[str, Any]:
        """Show a job of the queue, and how it stands."""

    @abstractmethod
    def no_job(self) -> Answer:
        """Answer a request for a job that is not there."""

    @abstractmethod
    def signed(self, url: str, expires: int) -> dict[str, Any]:
        """Answer with a signed URL that is good until `expires` (Unix time, s)."""

    @abstractmethod
    def no_path(self) -> Answer:
        """Answer a request to sign no path."""

    @abstractmethod
    def mapping_fields(self, now: float) -> dict[str, Any]:
        """Show what the local project's `values` may hold."""

    @abstractmethod
    def nothing_triggered(self) -> Answer:
        """Answer a request to queue again, among others, a job that is not there."""


class Reference(Dialect):
    """The reference page: flat requests, `{jobId, status}`, lower-case words, honest statuses."""

    name = "reference"
    signs_any_path = False
    _words: ClassVar = MappingProxyType(
        {"QUEUED": "queued", "STARTED": "processing", "SUCCESS": "done", "FAILED": "failed"}
    )

    def payload(self, fields: Mapping[str, Any]) -> Payload:
        """Read form A."""
        return TalkingVideoPayload(**fields)

    def receipt(self, job_id: str, payload: Payload) -> Answer:  # noqa: ARG002 - not told here
        """Answer 202 with the id at the top."""
        return 202, {"jobId": job_id, "status": "queued", "message": QUEUED_MESSAGE}

    def row(self, job: Mapping[str, Any], standing: Standing) -> dict[str, Any]:
        """Name the id, the status and the project as the submit does; credits are a number."""
        body = job["body"]
        named = {
            "jobId": job["id"],
            "status": self._words[job["status"]],
            "project_id": body.get("template_id") or body["project_id"],
            "credit_used": 0,
        }
        return named | _common(job, standing)

    def no_job(self) -> Answer:
        """Answer 404."""
        raise NotFoundError("Job not found", status_code=404)

    def signed(self, url: str, expires: int) -> dict[str, Any]:
        """Tell the expiry."""
        return {"signedUrl": url, "expiresAt": iso(expires)}

    def no_path(self) -> Answer:
        """Answer 400."""
        raise RejectedError(NO_PATH, status_code=400)

    def mapping_fields(self, now: float) -> dict[str, Any]:
        """Nest everything under `data`."""
        return {"message": "Success", "data": _named_project() | _fields(now)}

    def nothing_triggered(self) -> Answer:
        """Answer 404."""
        raise NotFoundError("No job found", status_code=404)


class Current(Dialect):
    """The later pages: either form, a nested job, upper-case words, 200 for what is not there."""

    name = "current"
    signs_any_path = True

    def payload(self, fields: Mapping[str, Any]) -> Payload:
        """Read form A or B, whichever it is written in."""
        return payload_from_body(fields)

    def receipt(self, job_id: str, payload: Payload) -> Answer:
        """Answer 201 with the job nested, its project called `template_id`."""
        body = payload.body()
        job = {
            "uuid": job_id,
            "job_status": "QUEUED",
            "job_type": payload.job_type,
            "template_id": body.get("template_id") or body["project_id"],
        }
        return 201, {"message": "Job update accepted and processing", "job": job}

    def row(self, job: Mapping[str, Any], standing: Standing) -> dict[str, Any]:
        """Show the raw row; credits are text."""
        body = job["body"]
        named = {
            "uuid": job["id"],
            "user_id": "local",
            "template_id": body.get("template_id") or body["project_id"],
            "job_status": job["status"],
            "credit_used": "0",
        }
        return named | _common(job, standing)

    def no_job(self) -> Answer:
        """Answer 200 with a message, as documented."""
        return 200, {"message": "Job not found"}

    def signed(self, url: str, expires: int) -> dict[str, Any]:  # noqa: ARG002 - not told here
        """Tell no expiry."""
        return {"signedUrl": url}

    def no_path(self) -> Answer:
        """Answer 200 with an error: the page knows no other status but 401."""
        return 200, {"error": NO_PATH}

    def mapping_fields(self, now: float) -> dict[str, Any]:
        """Put the project's id and name beside `data`, as that page's sample does."""
        return {"message": "Success"} | _named_project() | {"data": _fields(now)}

    def nothing_triggered(self) -> Answer:
        """Answer with the status of a success, as that page knows no other."""
        return 201, {"message": "No job found"}


def dialect_of(name: str) -> Dialect:
    """Return the dialect of a name.

    Args:
        name: `reference` or `current`.

    Raises:
        SettingsError: there is no such dialect.

    Example:
        >>> dialect_of("current").name
        'current'
    """
    for dialect in (Reference(), Current()):
        if dialect.name == name:
            return dialect
    raise SettingsError(f"a dialect is one of {', '.join(get_args(DialectName))}")


def iso(seconds: float) -> str:
    """Return a Unix time in s as the API writes times.

    Example:
        >>> iso(1775001600)
        '2026-04-01T00:00:00.000Z'
    """
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _common(job: Mapping[str, Any], standing: Standing) -> dict[str, Any]:
    body = job["body"]
    return {
        "input": body,
        "output": {"output": job["output"]} if job["output"] else None,
        "values": body["values"],
        "job_type": body["job_type"],
        "created_at": iso(job["created_at"]),
        "updated_at": iso(job["updated_at"]),
        "progress": job["progress"],
        **standing.fields(),
    }


def _named_project() -> dict[str, Any]:
    return {key: PROJECT[key] for key in ("projectId", "projectName", "projectType")}


def _fields(now: float) -> dict[str, Any]:
    return {"fields": FIELDS, "fetchedAt": iso(now)}
