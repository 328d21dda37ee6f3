"""What is known of a finished video besides its row, and what is kept beside it."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.settings import Settings


def report_of(row: JobSnapshot, settings: Settings) -> Mapping[str, Any] | None:
    """Return what the local renderer wrote down beside a video, as `RenderReport` has it.

    Args:
        row: the video's job.
        settings: of the workspace; reports lie in the local service's folder.

    Returns:
        The report; None where there is none: the video is another service's, or the report was
        removed together with the service's copy of the video.
    """
    key = PurePosixPath(row.output or "")
    if not row.local or not key.name or key.is_absolute() or ".." in key.parts:
        return None
    place = settings.data_dir / "local" / "files" / key.with_suffix(".json")
    try:
        report = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return report if isinstance(report, dict) else None
