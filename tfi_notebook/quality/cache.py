"""Scores that were measured before, by the content of the files: one small JSON file each."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from importlib.util import find_spec
from math import isnan, nan
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from tfi_notebook.quality.scores import Scores
from tfi_notebook.quality.table import DEFINITIONS, NAMES

if TYPE_CHECKING:
    from tfi_notebook.quality.request import Request


class ScoreCache:
    """A folder of scores.

    A file that cannot be read or written is no error: the video is measured again.

    Args:
        folder: where they lie; made when the first one is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, request: Request) -> Scores | None:
        """Return what was measured for the same files by the same definitions, or None."""
        try:
            kept = json.loads(self._path(request).read_text(encoding="utf-8"))
            numbers = {name: nan if kept[name] is None else float(kept[name]) for name in NAMES}
            return Scores.of(numbers, [str(note) for note in kept["notes"]])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, request: Request, scores: Scores) -> None:
        """Keep scores; the file appears whole or not at all."""
        numbers = {name: None if isnan(value) else value for name, value in scores.items()}
        text = json.dumps(numbers | {"notes": scores.notes})
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile(
                "w", dir=self._folder, suffix=".part", delete=False, encoding="utf-8"
            ) as part:
                part.write(text)
            Path(part.name).replace(self._path(request))

    def _path(self, request: Request) -> Path:
        return self._folder / f"{_digest(request)}.json"


def _digest(request: Request) -> str:
    """Name a request by the content of its files and by what measures them."""
    digest = hashlib.sha256()
    picture = request.picture
    words = (str(DEFINITIONS), request.transcript or "", request.language, str(_hears_phones()))
    for part in (
        request.video.read_bytes(),
        b"" if picture is None else _bytes(picture),
        json.dumps(words).encode(),
    ):
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def _bytes(picture: Path | bytes) -> bytes:
    """Return a picture's bytes, given as they are or as a file."""
    return picture if isinstance(picture, bytes) else Path(picture).read_bytes()


def _hears_phones() -> bool:
    return find_spec("pocketsphinx") is not None
