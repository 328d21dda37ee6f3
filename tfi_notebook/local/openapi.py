"""The local service's OpenAPI document: what each route takes and answers, in its dialect."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from fastapi.openapi.utils import get_openapi
from fastapi.responses import FileResponse

from tfi_notebook import __version__
from tfi_notebook.contract.payloads import TalkingVideoPayload
from tfi_notebook.contract.templates import TemplatePayload
from tfi_notebook.local import answers
from tfi_notebook.local.forms import JOB_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastapi import FastAPI

    from tfi_notebook.contract.model import Payload
    from tfi_notebook.local.dialect import Dialect

UNLISTED: Final[dict[str, Any]] = {"include_in_schema": False, "response_model": None}
"""Arguments of a route that the document leaves out."""

_DESCRIPTION = (
    "TFI's public API as the tfi-notebook toolkit's own service speaks it, with a renderer on"
    " this machine's CPU. It is not TFI's, and nothing here is TFI's model."
)
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_PICTURES_AND_SOUNDS = {"image/*": _BINARY, "audio/*": _BINARY, "application/octet-stream": _BINARY}
_IDS = {
    "type": "object",
    "properties": {"ids": {"type": "array", "items": {"type": "string"}, "minItems": 1}},
    "required": ["ids"],
}


@dataclass(frozen=True, slots=True)
class Page:
    """What the document says about one route.

    Attributes:
        summary: what it does.
        answers: HTTP status → schema of the JSON body; the first is the one of success.
        body: media type → schema of the request's body.
        files: media types of a file that is answered in place of JSON, with 200.
        keyed: whether the key is needed.
    """

    summary: str
    answers: Mapping[int, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Any] = field(default_factory=dict)
    keyed: bool = True

    def arguments(self) -> dict[str, Any]:
        """Return it as FastAPI's arguments of a route."""
        models = dict(self.answers) | ({401: answers.Problem} if self.keyed else {})
        responses: dict[int | str, dict[str, Any]] = {
            status: {"model": model} for status, model in models.items()
        }
        told: dict[str, Any] = {"summary": self.summary, "response_model": None}
        if self.files:
            told["response_class"] = FileResponse
            responses[200] = {"content": dict(self.files), "description": "the file"}
        else:
            told["status_code"] = next(iter(self.answers))
        if self.body:
            content = {media: {"schema": schema} for media, schema in self.body.items()}
            told["openapi_extra"] = {"requestBody": {"content": content, "required": True}}
        return told | {"responses": responses}


class Pages:
    """The pages of all routes, in one dialect.

    Args:
        dialect: decides about the schemas.
    """

    def __init__(self, dialect: Dialect) -> None:
        spoken = _current() if dialect.name == "current" else _reference()
        self._pages = spoken | _common()

    def of(self, handler: Callable[..., Any]) -> dict[str, Any]:
        """Return FastAPI's arguments for the route of a handler, which is found by its name."""
        return self._pages[handler.__name__].arguments()


def document(app: FastAPI) -> FastAPI:
    """Make an app publish its document without answers that it never gives."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = get_openapi(
                title=app.title, version=__version__, routes=app.routes, description=_DESCRIPTION
            )
            for operations in found["paths"].values():
                for operation in operations.values():
                    # every parameter is text, so FastAPI's own check never refuses one
                    operation["responses"].pop("422", None)
            app.openapi_schema = found
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way
    return app


def _reference() -> dict[str, Page]:
    problem = answers.Problem
    disk = dict.fromkeys((503, 507), problem)
    return {
        "create_job": Page(
            "Submit a talking video",
            {202: answers.ReferenceReceipt, 400: problem, 413: problem, **disk},
            body={"application/json": _form(TalkingVideoPayload)},
        ),
        "trigger": _trigger({404: problem}),
        "job": Page("Read one job", {200: answers.ReferenceRow, 404: problem, **disk}),
        "sign": Page(
            "Sign the path of a stored file",
            {200: answers.ReferenceSigned, 400: problem, 404: problem},
        ),
        "mapping_fields": Page(
            "What a template's values may hold", {200: answers.ReferenceMapping, 404: problem}
        ),
    }


def _current() -> dict[str, Page]:
    problem = answers.Problem
    disk = dict.fromkeys((503, 507), problem)
    template = _form(TemplatePayload)
    del template["properties"]["extra"]  # on the wire they stand beside the others
    either = {"anyOf": [template | {"additionalProperties": True}, _form(TalkingVideoPayload)]}
    return {
        "create_job": Page(
            "Submit a job",
            {201: answers.CurrentReceipt, 400: problem, 413: problem, **disk},
            body={"application/json": either},
        ),
        "trigger": _trigger({}),
        "job": Page(
            "Read one job, or that there is none",
            {200: answers.CurrentRow | answers.Remark, **disk},
        ),
        "sign": Page(
            "Sign a path, whether or not there is a file",
            {200: answers.CurrentSigned | answers.PathMissing, 404: problem},
        ),
        "mapping_fields": Page(
            "What a template's values may hold", {200: answers.CurrentMapping, 404: problem}
        ),
    }


def _common() -> dict[str, Page]:
    problem = answers.Problem
    return {
        "credits": Page("Credits of the account", {200: answers.Credits}),
        "projects": Page("Active projects", {200: answers.Projects}),
        "add_asset": Page(
            "Put a file into this service (the live API has no such route)",
            {201: answers.AssetMade, 400: problem, 413: problem},
            body={"application/octet-stream": _BINARY["schema"]},
        ),
        "file": Page(
            "Fetch a file by its signed URL",
            {403: problem, 404: problem},
            files={"video/mp4": _BINARY, "application/json": {"schema": {}}},
            keyed=False,
        ),
        "asset": Page("Fetch an asset", {404: problem}, files=_PICTURES_AND_SOUNDS, keyed=False),
        "sample": Page("Fetch a sample", {404: problem}, files=_PICTURES_AND_SOUNDS, keyed=False),
        "health": Page("Tell that this service is there", {200: answers.Health}, keyed=False),
    }


def _trigger(missing: dict[int, Any]) -> Page:
    problem = answers.Problem
    disk = dict.fromkeys((503, 507), problem)
    known: dict[int, Any] = {201: answers.Remark, 400: problem, 413: problem, **disk}
    return Page("Queue failed jobs once more", known | missing, body={"application/json": _IDS})


def _form(model: type[Payload]) -> dict[str, Any]:
    """Return a form's schema as this service holds to it."""
    schema = model.model_json_schema()
    schema["description"] = schema["description"].split("\n\n")[0]
    schema["properties"]["job_type"]["enum"] = [JOB_TYPE]
    for item in schema["properties"].values():
        item.pop("multipleOf", None)  # the step of a slider, not a rule
    return schema
