"""What a person hands in, made into what the house works with, or refused with a clear word."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from tfi_notebook import arguments
from tfi_notebook.contract.model import Payload
from tfi_notebook.contract.payloads import build_payload
from tfi_notebook.contract.records import JOB_ID_PATTERN
from tfi_notebook.contract.templates import build_template_payload, is_template_form
from tfi_notebook.display import words
from tfi_notebook.errors import NotFoundError, PayloadError, SourceError

_FORCE = "force=True pays for a second job of the same payload"


def checked_payload(given: Payload | Mapping[str, Any]) -> Payload:
    """Return a payload as it is, or build one from its fields, in the form they are written in.

    Raises:
        PayloadError: it is neither, or a field is wrong.
    """
    if isinstance(given, Payload):
        return given
    if not isinstance(given, Mapping) or not given:
        raise PayloadError({"payload": "must come from build_payload, or be a mapping of fields"})
    fields = {str(name): value for name, value in given.items()}
    return build_template_payload(**fields) if is_template_form(fields) else build_payload(**fields)


def checked_force(given: bool) -> bool:  # noqa: FBT001 - as `submit` was told
    """Return `force` if it is a flag: the text "no" would pay again.

    Raises:
        ArgumentError: it is none.
    """
    return arguments.flag("force", given, hint=_FORCE)


def checked_id(given: str | UUID, what: str, hint: str) -> str:
    """Return an id as text, without blanks around it.

    Args:
        given: the id.
        what: whose id it is, for the message.
        hint: where the ids are.

    Raises:
        NotFoundError: nothing has such an id.
    """
    text = str(given).strip() if isinstance(given, str | UUID) else ""
    if JOB_ID_PATTERN.fullmatch(text):
        return text
    raise NotFoundError(f"this is no {what} id" if text else f"there is no {what} id", hint=hint)


def file_content(path: str | os.PathLike[str], max_bytes: int) -> tuple[bytes, str]:
    """Return a file's bytes and name.

    Raises:
        SourceError: it is no path, there is no such file, or it is too large.
    """
    if not isinstance(path, str | os.PathLike) or not str(path).strip():
        raise SourceError("a path is needed, as text or Path", hint='tfi.asset("me.jpg")')
    if "://" in str(path):
        raise SourceError("this is a URL already", hint="pass it as image_url or audio_url itself")
    file, shown = Path(path), words.readable(path)
    try:
        file = file.expanduser()
        if file.stat().st_size > max_bytes:
            raise SourceError(f"the file {shown} is larger than {max_bytes:,} bytes")
        return file.read_bytes(), file.name
    except (OSError, ValueError, RuntimeError) as error:
        if isinstance(error, SourceError):
            raise
        reason = getattr(error, "strerror", None) or "not a path"
    raise SourceError(f"the file {shown} cannot be read: {reason}", hint="check the path")
