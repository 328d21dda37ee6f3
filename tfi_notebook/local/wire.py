"""Errors as plain fields, for the wire, the queue and the checking process, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfi_notebook.errors import NoFaceError, TfiError, by_code

if TYPE_CHECKING:
    from collections.abc import Mapping


def wire_error(error: TfiError) -> dict[str, Any]:
    """Return an error as JSON-ready fields: code, message, field, hint, and score or problems."""
    fields = {
        "code": error.code,
        "message": error.message,
        "field": error.field,
        "hint": error.hint,
    }
    extra = {name: getattr(error, name) for name in ("score", "problems") if hasattr(error, name)}
    return fields | extra


def error_of(fields: Mapping[str, Any]) -> TfiError:
    """Make the error of a file again from what `wire_error` made of it.

    Example:
        >>> error_of(wire_error(NoFaceError("no face", score=0.2, field="image_url"))).field
        'image_url'
    """
    error = by_code()[fields["code"]](fields["message"], hint=fields["hint"], field=fields["field"])
    if isinstance(error, NoFaceError):
        error.score = float(fields["score"])
    return error
