"""What is asked about one video."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Request:
    """One video to be scored; see `score.score` for the meaning of the fields."""

    video: Path
    picture: Path | bytes | None = None
    transcript: str | None = None
    language: str = ""
