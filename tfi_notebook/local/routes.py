"""The routes of the local service: the API's own, and a few that only this service has."""

from __future__ import annotations

import hmac
import json
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse

from tfi_notebook.contract.local import LOCAL_PROJECT_ID
from tfi_notebook.contract.payloads import TalkingVideoPayload
from tfi_notebook.errors import (
    ApiError,
    AuthError,
    NotFoundError,
    PayloadError,
    RejectedError,
    ServiceError,
    SourceError,
    TfiError,
)
from tfi_notebook.local.sources import SAMPLES, Admission, wire_error
from tfi_notebook.local.store import QUEUED, STARTED
from tfi_notebook.settings import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tfi_notebook.local.store import Store

JOB_TYPE: Final = "ai_talking_video"
SIGNED_FOR_S: Final = 3600
BODY_MAX_BYTES: Final = Limits().json_max_bytes
UPLOAD_MAX_BYTES: Final = Limits().upload_max_bytes

_PROJECT = {
    "projectId": LOCAL_PROJECT_ID,
    "projectName": "Local project",
    "projectType": JOB_TYPE,
    "startDate": None,
    "endDate": None,
}
_FIELDS = {
    "image_url": {"label": "Picture", "instructionType": "image"},
    "audio_url": {"label": "Narration", "instructionType": "audio"},
}
_NOT_FOUND, _TOO_LARGE = 404, 413
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Desk:
    """Answers the requests.

    Attributes:
        store: queue and files.
        admission: checks what a payload names.
        api_key: the key that `x-api-key` must equal.
        base_url: the service's own address, for the URLs it gives out.
        on_enqueued: called when there is work for the worker.
    """

    store: Store
    admission: Admission
    api_key: str
    base_url: str
    on_enqueued: Callable[[], None]

    async def check_key(self, request: Request) -> None:
        """Refuse a request without the key."""
        given = request.headers.get("x-api-key", "")
        if not hmac.compare_digest(given.encode(), self.api_key.encode()):
            raise AuthError("the key is missing or wrong", status_code=401)

    async def create_job(self, request: Request) -> JSONResponse:
        """POST /jobs/v2."""
        payload = _payload(_json(await _read(request, BODY_MAX_BYTES)))
        image, audio = await self.admission.admit(payload)
        job_id = self.store.enqueue(payload.body(), image, audio)
        self._ring()
        message = "queued for the local renderer (not TFI's model)"
        receipt = {"jobId": job_id, "status": "queued", "message": message}
        return JSONResponse(receipt, status_code=202)

    async def job(self, job_id: str) -> dict[str, Any]:
        """GET /jobs/{id}; an unknown id is answered with 200, as the API does."""
        row = self.store.job(job_id)
        if row is None:
            return {"message": "Job not found"}
        if row["status"] == STARTED and row["lease_until"] < time.time():
            self._ring()  # whoever rendered it is gone; the worker takes it over
        return self._job_row(row)

    async def sign(self, path: str = "") -> JSONResponse:
        """GET /storage/generate-signed-path."""
        if not path:
            return JSONResponse({"error": "Path query parameter is required"}, status_code=400)
        if self.store.files.output_path(path) is None:
            raise NotFoundError("File not found", status_code=_NOT_FOUND)
        expires = int(time.time()) + SIGNED_FOR_S
        query = urlencode({"token": self.store.files.sign(path, expires), "expires": expires})
        url = f"{self.base_url}/files/{quote(path)}?{query}"
        return JSONResponse({"signedUrl": url, "expiresAt": _iso(expires)})

    async def file(self, key: str, token: str = "", expires: str = "") -> FileResponse:
        """GET /files/{key}: no key needed, the URL is the credential."""
        until = int(expires) if expires.isascii() and expires.isdecimal() else 0
        if not self.store.files.token_is_valid(key, until, token):
            raise AuthError("the link is not valid", status_code=403, hint="sign the path again")
        if until < time.time():
            raise AuthError("the link has expired", status_code=403, hint="sign the path again")
        return _file_response(self.store.files.output_path(key))

    async def credits(self) -> dict[str, int]:
        """GET /auth/credits: local rendering costs nothing."""
        return {"credits": 0}

    async def projects(self) -> dict[str, Any]:
        """GET /api/provider/projects/active."""
        return {"message": "Success", "data": [_PROJECT]}

    async def mapping_fields(self, project_id: str) -> dict[str, Any]:
        """GET /api/provider/projects/{id}/mapping-fields."""
        if project_id != LOCAL_PROJECT_ID:
            raise NotFoundError("Project not found", status_code=_NOT_FOUND)
        named = {key: _PROJECT[key] for key in ("projectId", "projectName", "projectType")}
        return {
            "message": "Success",
            "data": named | {"fields": _FIELDS, "fetchedAt": _iso(time.time())},
        }

    async def add_asset(self, request: Request, name: str = "") -> JSONResponse:
        """POST /local/assets: the raw body becomes a file with a URL."""
        with self.store.files.receive(name) as sink:
            async for chunk in request.stream():
                sink.write(chunk)
                _check_size(sink.size_bytes, UPLOAD_MAX_BYTES)
            if not sink.size_bytes:
                raise RejectedError("the file is empty", status_code=400)
        answer = {"url": f"{self.base_url}/assets/{sink.asset}", "size_bytes": sink.size_bytes}
        return JSONResponse(answer, status_code=201)

    async def asset(self, name: str) -> FileResponse:
        """GET /assets/{name}: no key needed, like any URL a payload may name."""
        return _file_response(self.store.files.asset_path(name))

    async def sample(self, name: str) -> FileResponse:
        """GET /samples/{name}."""
        return _file_response(SAMPLES.get(f"/samples/{name}"))

    async def health(self) -> dict[str, str]:
        """GET /local/health: tells a served local service from anything else."""
        return {"status": "ok", "service": "tfi-notebook local service"}

    def _ring(self) -> None:
        """Call for the worker. The job is queued: a worker that does not start undoes nothing."""
        try:
            self.on_enqueued()
        except ServiceError:
            _log.exception("the job waits in the queue")

    def _job_row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        body, message = row["body"], row["message"]
        if row["status"] == QUEUED:
            ahead = self.store.position(row["id"])
            message = f"queued locally, {ahead} before it" if ahead else "queued locally, next"
        return {
            "uuid": row["id"],
            "user_id": "local",
            "template_id": body["project_id"],
            "input": body,
            "output": {"output": row["output"]} if row["output"] else None,
            "values": body["values"],
            "job_status": row["status"],
            "job_type": body["job_type"],
            "credit_used": "0",
            "created_at": _iso(row["created_at"]),
            "updated_at": _iso(row["updated_at"]),
            "message": message,
            "progress": row["progress"],
        }


def build_app(desk: Desk) -> FastAPI:
    """Return the app whose requests `desk` answers."""
    keyed = APIRouter(dependencies=[Depends(desk.check_key)], default_response_class=JSONResponse)
    with_key: list[tuple[str, str, Callable[..., Any]]] = [
        ("POST", "/jobs/v2", desk.create_job),
        ("GET", "/jobs/{job_id}", desk.job),
        ("GET", "/storage/generate-signed-path", desk.sign),
        ("GET", "/auth/credits", desk.credits),
        ("GET", "/api/provider/projects/active", desk.projects),
        ("GET", "/api/provider/projects/{project_id}/mapping-fields", desk.mapping_fields),
        ("POST", "/local/assets", desk.add_asset),
    ]
    for method, path, handler in with_key:
        keyed.add_api_route(path, handler, methods=[method], response_model=None)
    keyless = APIRouter()
    without_key: list[tuple[str, Callable[..., Any]]] = [
        ("/files/{key:path}", desk.file),
        ("/assets/{name}", desk.asset),
        ("/samples/{name}", desk.sample),
        ("/local/health", desk.health),
    ]
    for path, handler in without_key:
        keyless.add_api_route(path, handler, methods=["GET", "HEAD"], response_model=None)
    app = FastAPI(title="tfi-notebook local service", openapi_url=None)
    app.include_router(keyed)
    app.include_router(keyless)
    app.add_exception_handler(TfiError, _answer_error)
    app.add_exception_handler(Exception, _answer_defect)
    return app


async def _answer_error(_request: Request, error: Exception) -> JSONResponse:
    """Answer a typed error in the API's form, with the fields that bring the class back."""
    assert isinstance(error, TfiError), "registered for no other class"
    fields = wire_error(error)
    status, name = _status(error)
    problems: dict[str, str] = fields.get("problems", {})
    messages = [f"{field}: {text}" for field, text in problems.items()] or [error.message]
    # 503: the queue could not be written, so nothing was made and asking again is safe
    headers = {"retry-after": "2"} if status == 503 else None  # noqa: PLR2004 - an HTTP status
    answer = fields | {"message": messages, "error": name, "statusCode": status}
    return JSONResponse(answer, status_code=status, headers=headers)


async def _answer_defect(_request: Request, error: Exception) -> JSONResponse:
    _log.error("the local service has a defect", exc_info=error)
    answer = {"message": "the local service failed", "error": type(error).__name__}
    return JSONResponse(answer, status_code=500)


def _status(error: TfiError) -> tuple[int, str]:
    if isinstance(error, (SourceError, PayloadError)):
        return 400, "Bad Request"
    status = error.status_code if isinstance(error, ApiError) else 500
    return status, type(error).__name__.removesuffix("Error")


def _payload(fields: object) -> TalkingVideoPayload:
    if not isinstance(fields, dict) or "self" in fields:
        raise PayloadError({"payload": "must be a JSON object with the API's fields"})
    payload = TalkingVideoPayload(**fields)
    if payload.job_type != JOB_TYPE:
        raise PayloadError({"job_type": f"the local service renders {JOB_TYPE} only"})
    return payload


def _json(raw: bytes) -> object:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise PayloadError({"payload": "the body is no JSON"}) from None


async def _read(request: Request, max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        _check_size(len(body), max_bytes)
    return bytes(body)


def _check_size(size_bytes: int, max_bytes: int) -> None:
    if size_bytes > max_bytes:
        raise RejectedError(f"the body is larger than {max_bytes:,} bytes", status_code=_TOO_LARGE)


def _file_response(path: Path | None) -> FileResponse:
    if path is None:
        raise NotFoundError("File not found", status_code=_NOT_FOUND)
    return FileResponse(path)


def _iso(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
