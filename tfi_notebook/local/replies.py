"""How the local service puts JSON and errors on the wire."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from tfi_notebook.errors import ApiError, PayloadError, ServiceError, SourceError, TfiError
from tfi_notebook.local.database import BUSY, NO_STORAGE
from tfi_notebook.local.wire import wire_error

if TYPE_CHECKING:
    from fastapi import Request

_log = logging.getLogger(__name__)


class AsciiJson(JSONResponse):
    """JSON in ASCII: foreign text may hold half characters, which UTF-8 cannot carry."""

    def render(self, content: Any) -> bytes:  # noqa: ANN401 - any JSON value
        """Return the body."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


async def answer_error(_request: Request, error: Exception) -> JSONResponse:
    """Answer a typed error in the API's form, with the fields that bring the class back."""
    assert isinstance(error, TfiError), "registered for no other class"
    fields = wire_error(error)
    status, name = _status(error)
    problems: dict[str, str] = fields.get("problems", {})
    messages = [f"{field}: {text}" for field, text in problems.items()] or [error.message]
    # the queue could not be written now, so nothing was made and asking again is safe
    headers = {"retry-after": "2"} if status == BUSY else None
    answer = fields | {"message": messages, "error": name, "statusCode": status}
    return AsciiJson(answer, status_code=status, headers=headers)


async def answer_storage(request: Request, error: Exception) -> JSONResponse:
    """Answer a file that cannot be used. It happens before a job is made, never after."""
    reason = getattr(error, "strerror", None) or type(error).__name__
    told = ServiceError(
        f"the local service cannot use its folder ({reason})",
        status_code=NO_STORAGE,
        hint="check that the folder is there, writable and not full, then tfi.connect() again",
    )
    return await answer_error(request, told)


async def answer_no_route(request: Request, error: Exception) -> JSONResponse:
    """Answer a path or method that there is not in the API's form, too; FastAPI has its own."""
    assert isinstance(error, HTTPException), "registered for no other class"
    told = ApiError(str(error.detail), status_code=error.status_code)
    answer = await answer_error(request, told)
    answer.headers.update(error.headers or {})
    return answer


async def answer_defect(_request: Request, error: Exception) -> JSONResponse:
    """Answer 500, and log what happened; the caller is told the class of the error only."""
    _log.error("the local service has a defect", exc_info=error)
    answer = {"message": "the local service failed", "error": type(error).__name__}
    return AsciiJson(answer, status_code=500)


def _status(error: TfiError) -> tuple[int, str]:
    if isinstance(error, (SourceError, PayloadError)):
        return 400, "Bad Request"
    status = error.status_code if isinstance(error, ApiError) else 500
    return status, type(error).__name__.removesuffix("Error")
