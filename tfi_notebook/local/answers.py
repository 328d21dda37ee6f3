"""What the local service answers, as schemas for its OpenAPI document, for both dialects."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

_UUID: dict[str, Any] = {"format": "uuid"}
_TIME: dict[str, Any] = {"format": "date-time"}


class _Answer(BaseModel):
    """Answers hold what is documented and nothing else."""

    model_config = ConfigDict(extra="forbid")


class Problem(_Answer):
    """Why a request was refused; `code` names the error class of the toolkit."""

    message: list[str]
    error: str
    status_code: int = Field(alias="statusCode")
    code: str
    field: str | None
    hint: str
    problems: dict[str, str] = {}
    score: float = 0.0


class Remark(_Answer):
    """A remark in place of what was asked for."""

    message: str


class PathMissing(_Answer):
    """No path was given."""

    error: str


class Output(_Answer):
    """Where the video is stored."""

    output: str


class _Row(_Answer):
    input: dict[str, Any]
    output: Output | None
    values: list[str] | dict[str, Any]
    job_type: str
    created_at: str = Field(json_schema_extra=_TIME)
    updated_at: str = Field(json_schema_extra=_TIME)
    message: str
    progress: float = Field(ge=0, le=1)
    queue_position: int | None = Field(ge=0)
    eta_s: float | None = Field(ge=0)
    eta_from_jobs: int | None = Field(ge=1)


class ReferenceReceipt(_Answer):
    """A submit was taken."""

    job_id: str = Field(alias="jobId", json_schema_extra=_UUID)
    status: Literal["queued"]
    message: str


class ReferenceRow(_Row):
    """One job."""

    job_id: str = Field(alias="jobId", json_schema_extra=_UUID)
    status: Literal["queued", "processing", "done", "failed"]
    project_id: str
    credit_used: float


class ReferenceSigned(_Answer):
    """A temporary URL and its expiry."""

    signed_url: str = Field(alias="signedUrl")
    expires_at: str = Field(alias="expiresAt", json_schema_extra=_TIME)


class CurrentJob(_Answer):
    """The job that was made."""

    uuid: str = Field(json_schema_extra=_UUID)
    job_status: Literal["QUEUED"]
    job_type: str
    template_id: str


class CurrentReceipt(_Answer):
    """A submit was taken."""

    message: str
    job: CurrentJob


class CurrentRow(_Row):
    """One job."""

    uuid: str = Field(json_schema_extra=_UUID)
    user_id: str
    template_id: str
    job_status: Literal["QUEUED", "STARTED", "SUCCESS", "FAILED"]
    credit_used: str


class CurrentSigned(_Answer):
    """A temporary URL."""

    signed_url: str = Field(alias="signedUrl")


class Credits(_Answer):
    """Credits left; local rendering costs none."""

    credits: float


class ProjectRow(_Answer):
    """One active project."""

    project_id: str = Field(alias="projectId")
    project_name: str = Field(alias="projectName")
    project_type: str = Field(alias="projectType")
    start_date: str | None = Field(alias="startDate")
    end_date: str | None = Field(alias="endDate")


class Projects(_Answer):
    """The active projects."""

    message: str
    data: list[ProjectRow]


class FieldRow(_Answer):
    """One field of a template."""

    label: str
    instruction_type: str = Field(alias="instructionType")


class CurrentFields(_Answer):
    """The fields of a template."""

    fields: dict[str, FieldRow]
    fetched_at: str = Field(alias="fetchedAt", json_schema_extra=_TIME)


class ReferenceFields(CurrentFields):
    """The fields of a template, with its project."""

    project_id: str = Field(alias="projectId")
    project_name: str = Field(alias="projectName")
    project_type: str = Field(alias="projectType")


class ReferenceMapping(_Answer):
    """The mapping fields, all under `data`."""

    message: str
    data: ReferenceFields


class CurrentMapping(_Answer):
    """The mapping fields, the project beside `data`."""

    message: str
    project_id: str = Field(alias="projectId")
    project_name: str = Field(alias="projectName")
    project_type: str = Field(alias="projectType")
    data: CurrentFields


class AssetMade(_Answer):
    """A file was kept."""

    url: str
    size_bytes: int


class Health(_Answer):
    """The service is there."""

    status: Literal["ok"]
    service: str
