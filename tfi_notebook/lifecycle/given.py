"""What a person hands in, made into what the house works with, or refused with a clear word."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfi_notebook.contract.model import Payload
from tfi_notebook.contract.payloads import build_payload
from tfi_notebook.errors import PayloadError, SourceError


def checked_payload(given: Payload | Mapping[str, Any]) -> Payload:
    """Return a payload as it is, or build one of form A from its fields.

    Raises:
        PayloadError: it is neither, or a field is wrong.
    """
    if isinstance(given, Payload):
        return given
    if not isinstance(given, Mapping) or not given:
        raise PayloadError({"payload": "must come from build_payload, or be a mapping of fields"})
    return build_payload(**{str(name): value for name, value in given.items()})


def file_content(path: str | os.PathLike[str], max_bytes: int) -> tuple[bytes, str]:
    """Return a file's bytes and name.

    Raises:
        SourceError: it is no path, there is no such file, or it is too large.
    """
    if not isinstance(path, str | os.PathLike):
        raise SourceError("a path is needed, as text or Path", hint='tfi.asset("me.jpg")')
    if "://" in str(path):
        raise SourceError("this is a URL already", hint="pass it as image_url or audio_url itself")
    file = Path(path).expanduser()
    try:
        if file.stat().st_size > max_bytes:
            raise SourceError(f"the file {file} is larger than {max_bytes:,} bytes")
        return file.read_bytes(), file.name
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
    raise SourceError(f"the file {file} cannot be read: {reason}", hint="check the path")
