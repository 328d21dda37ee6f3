"""The routes of the local service: the API's own, and a few that only this service has."""

from __future__ import annotations

import hmac
import json
import logging
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, FastAPI, Request, Security
from fastapi.responses import FileResponse, JSONResponse
from fastapi.security import APIKeyHeader
from starlette.exceptions import HTTPException

from tfi_notebook.contract.local import LOCAL_PROJECT_ID
from tfi_notebook.errors import (
    AuthError,
    NotFoundError,
    PayloadError,
    RejectedError,
    ServiceError,
    SourceError,
    TfiError,
)
from tfi_notebook.local.dialect import PROJECT, Dialect
from tfi_notebook.local.forms import name_in, talking_video
from tfi_notebook.local.history import Standing
from tfi_notebook.local.openapi import UNLISTED, Pages, document
from tfi_notebook.local.replies import (
    AsciiJson,
    answer_defect,
    answer_error,
    answer_no_route,
    answer_storage,
)
from tfi_notebook.local.sources import SAMPLES, Admission
from tfi_notebook.local.store import QUEUED, STARTED
from tfi_notebook.settings import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tfi_notebook.local.store import Store

SIGNED_FOR_S: Final = 3600
BODY_MAX_BYTES: Final = Limits().json_max_bytes
UPLOAD_MAX_BYTES: Final = Limits().upload_max_bytes
PATH_MAX_CHARS: Final = 1024

_NOT_FOUND, _TOO_LARGE = 404, 413
_OWN_KEY: Final = (
    "this local service has a key of its own: the one that `tfi-notebook serve` printed, or the "
    "TFI_API_KEY of its shell; give it as tfi.connect(api_key=..., base_url=..., local=True)"
)
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
        dialect: how requests and answers are worded.
    """

    store: Store
    admission: Admission
    api_key: str
    base_url: str
    on_enqueued: Callable[[], None]
    dialect: Dialect

    async def check_key(self, request: Request) -> None:
        """Refuse a request without the key."""
        given = request.headers.get("x-api-key", "")
        if not hmac.compare_digest(given.encode(), self.api_key.encode()):
            raise AuthError("the key is missing or wrong", status_code=401, hint=_OWN_KEY)

    async def create_job(self, request: Request) -> JSONResponse:
        """POST /jobs/v2."""
        payload = self.dialect.payload(_object(await _read(request, BODY_MAX_BYTES)))
        try:
            admitted = await self.admission.admit(talking_video(payload))
        except SourceError as error:
            error.field = name_in(payload, error.field)
            raise
        with self.store.database.alone():  # no file goes between the look and the job that needs it
            self.admission.check_still_here(admitted)
            job_id = self.store.enqueue(payload.body(), *admitted)
        self._ring()
        return _json(*self.dialect.receipt(job_id, payload))

    async def job(self, job_id: str) -> JSONResponse:
        """GET /jobs/{id}."""
        row = self.store.job(job_id)
        if row is None:
            return _json(*self.dialect.no_job())
        if row["status"] == STARTED and row["lease_until"] < time.time():
            self._ring()  # whoever rendered it is gone; the worker takes it over
        return _json(200, self.dialect.row(row, self._standing(row)))

    async def trigger(self, request: Request) -> JSONResponse:
        """POST /jobs/trigger-job: failed jobs are queued once more, all others left as they are."""
        ids = _ids(_object(await _read(request, BODY_MAX_BYTES)))
        requeued = self.store.requeue(ids)
        if requeued is None:
            return _json(*self.dialect.nothing_triggered())
        if requeued:
            self._ring()
        return _json(201, {"message": f"Job triggered (failed jobs queued once more: {requeued})"})

    async def sign(self, path: str = "") -> JSONResponse:
        """GET /storage/generate-signed-path."""
        if not path:
            return _json(*self.dialect.no_path())
        is_there = self._output(path) is not None
        if not is_there and (len(path) > PATH_MAX_CHARS or not self.dialect.signs_any_path):
            raise NotFoundError("File not found", status_code=_NOT_FOUND)
        expires = int(time.time()) + SIGNED_FOR_S
        query = urlencode({"token": self.store.files.sign(path, expires), "expires": expires})
        url = f"{self.base_url}/files/{quote(path)}?{query}"
        return _json(200, self.dialect.signed(url, expires))

    async def file(self, key: str, token: str = "", expires: str = "") -> FileResponse:
        """GET /files/{key}: no key needed, the URL is the credential."""
        until = int(expires) if re.fullmatch(r"[0-9]{1,12}", expires) else 0
        if not self.store.files.token_is_valid(key, until, token):
            raise AuthError("the link is not valid", status_code=403, hint="sign the path again")
        if until < time.time():
            raise AuthError("the link has expired", status_code=403, hint="sign the path again")
        return _file_response(self._output(key))

    async def credits(self) -> dict[str, int]:
        """GET /auth/credits: local rendering costs nothing."""
        return {"credits": 0}

    async def projects(self) -> dict[str, Any]:
        """GET /api/provider/projects/active."""
        return {"message": "Success", "data": [dict(PROJECT)]}

    async def mapping_fields(self, project_id: str) -> dict[str, Any]:
        """GET /api/provider/projects/{id}/mapping-fields."""
        if project_id != LOCAL_PROJECT_ID:
            raise NotFoundError("Project not found", status_code=_NOT_FOUND)
        return self.dialect.mapping_fields(time.time())

    async def add_asset(self, request: Request, name: str = "") -> JSONResponse:
        """POST /local/assets: the raw body becomes a file with a URL."""
        with self.store.files.receive(name) as sink:
            async for chunk in request.stream():
                sink.write(chunk)
                _check_size(sink.size_bytes, UPLOAD_MAX_BYTES)
            if not sink.size_bytes:
                raise RejectedError("the file is empty", status_code=400)
        answer = {"url": f"{self.base_url}/assets/{sink.asset}", "size_bytes": sink.size_bytes}
        return _json(201, answer)

    async def asset(self, name: str) -> FileResponse:
        """GET /assets/{name}: no key needed, like any URL a payload may name."""
        return _file_response(self.store.files.asset_path(name))

    async def sample(self, name: str) -> FileResponse:
        """GET /samples/{name}."""
        return _file_response(SAMPLES.get(f"/samples/{name}"))

    async def health(self) -> dict[str, str]:
        """GET /local/health: tells a served local service from anything else."""
        return {"status": "ok", "service": "tfi-notebook local service"}

    def _output(self, key: str) -> Path | None:
        """Find a finished video or its report, and keep it from being removed just now."""
        path = self.store.files.output_path(key)
        if path is not None:
            self.store.files.touch(path)
        elif reason := self.store.removal(key):
            raise NotFoundError(
                f"the video was {reason}; submit again with force=True", status_code=_NOT_FOUND
            )
        return path

    def _ring(self) -> None:
        """Call for the worker. The job is queued: a worker that does not start undoes nothing."""
        try:
            self.on_enqueued()
        except (ServiceError, OSError):
            _log.exception("the job waits in the queue")

    def _standing(self, row: Mapping[str, Any]) -> Standing:
        if row["status"] not in {QUEUED, STARTED}:
            return Standing(str(row["message"]))
        outlook = self.store.history.outlook(row)
        if row["status"] == STARTED:
            return Standing(str(row["message"]), None, outlook)
        return Standing("queued locally", self.store.position(row["id"]), outlook)


def build_app(desk: Desk) -> FastAPI:
    """Return the app whose requests `desk` answers; it documents itself at /openapi.json."""
    pages = Pages(desk.dialect)
    header = APIKeyHeader(name="x-api-key", auto_error=False)
    keyed = APIRouter(
        dependencies=[Security(header), Depends(desk.check_key)], default_response_class=AsciiJson
    )
    with_key: list[tuple[str, str, Callable[..., Any]]] = [
        ("POST", "/jobs/v2", desk.create_job),
        ("POST", "/jobs/trigger-job", desk.trigger),
        ("GET", "/jobs/{job_id}", desk.job),
        ("GET", "/storage/generate-signed-path", desk.sign),
        ("GET", "/auth/credits", desk.credits),
        ("GET", "/api/provider/projects/active", desk.projects),
        ("GET", "/api/provider/projects/{project_id}/mapping-fields", desk.mapping_fields),
        ("POST", "/local/assets", desk.add_asset),
    ]
    for method, path, handler in with_key:
        keyed.add_api_route(path, handler, methods=[method], **pages.of(handler))
    keyless = APIRouter(default_response_class=AsciiJson)
    without_key: list[tuple[str, Callable[..., Any]]] = [
        ("/files/{key:path}", desk.file),
        ("/assets/{name}", desk.asset),
        ("/samples/{name}", desk.sample),
        ("/local/health", desk.health),
    ]
    for path, handler in without_key:
        keyless.add_api_route(path, handler, methods=["GET"], **pages.of(handler))
        keyless.add_api_route(path, handler, methods=["HEAD"], **UNLISTED)
    app = document(FastAPI(title="tfi-notebook local service", docs_url=None, redoc_url=None))
    app.include_router(keyed)
    app.include_router(keyless)
    app.add_exception_handler(TfiError, answer_error)
    app.add_exception_handler(OSError, answer_storage)
    app.add_exception_handler(HTTPException, answer_no_route)
    app.add_exception_handler(Exception, answer_defect)
    return app


def _json(status_code: int, body: dict[str, Any]) -> JSONResponse:
    return AsciiJson(body, status_code=status_code)


def _object(raw: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError):
        raise PayloadError({"payload": "the body is no JSON"}) from None
    if not isinstance(fields, dict):
        raise PayloadError({"payload": "must be a JSON object with the API's fields"})
    return fields


def _ids(fields: dict[str, Any]) -> list[str]:
    ids = fields.get("ids")
    if not isinstance(ids, list) or not ids or not all(isinstance(item, str) for item in ids):
        raise PayloadError({"ids": "must be a list of job ids, one at least"})
    return ids


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
