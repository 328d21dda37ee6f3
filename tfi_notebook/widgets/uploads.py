"""Files on their way from the browser, in parts: a server may refuse one large message."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tfi_notebook.display import words
from tfi_notebook.errors import SettingsError, SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tfi_notebook.settings import Settings

PART_BYTES: Final = 1_000_000
_HOW: Final = "set TFI_ASSET_STORE to a bucket of yours, or give a public URL"
_NAME_CHARS: Final = 60


@dataclass(slots=True)
class Upload:
    """A file that is on its way.

    Attributes:
        field: the control it is meant for.
        file_name: what it is called; foreign text.
        size_bytes: how large the browser says it is.
        number: the browser's number of it, so that parts of an older one are told apart.
        data: what has come.
    """

    field: str
    file_name: str
    size_bytes: int
    number: object
    data: bytearray = dataclasses.field(default_factory=bytearray)


class Uploads:
    """The files of one form that are on their way, at most one for each control.

    Args:
        settings: says whether files are taken, and how large they may be.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._coming: dict[str, Upload] = {}

    def begin(self, told: Mapping[str, Any]) -> Upload:
        """Expect the file that the browser announces, in place of an older one.

        Args:
            told: `field`, `name`, `size` and `number`.

        Raises:
            SettingsError: the service takes no files.
            SourceError: the file is empty or too large.
        """
        upload = Upload(str(told["field"]), str(told["name"]), int(told["size"]), told["number"])
        name, most = words.readable(upload.file_name, _NAME_CHARS), self.size_max_bytes
        self._coming.pop(upload.field, None)
        if not self._settings.takes_files:
            raise SettingsError(
                "the service takes no files, only public URLs", hint=_HOW, field=upload.field
            )
        if not 0 < upload.size_bytes <= most:
            what = f"larger than {words.size(most)}" if upload.size_bytes else "empty"
            raise SourceError(f"{name} is {what}", hint="choose another file", field=upload.field)
        self._coming[upload.field] = upload
        return upload

    def add(self, told: Mapping[str, Any], data: bytes | memoryview) -> Upload | None:
        """Add a part; return the upload once it is complete, None before that.

        Parts of a file that is no longer expected are passed over.
        """
        upload = self._coming.get(str(told["field"]))
        if upload is None or upload.number != told["number"]:
            return None
        upload.data += data
        if len(upload.data) < upload.size_bytes:
            return None
        return self._coming.pop(upload.field)

    @property
    def size_max_bytes(self) -> int:
        """The largest file that is taken."""
        return self._settings.limits.upload_max_bytes
