"""A job's video before the judges: what of its payload they may know."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from tfi_notebook import samples
from tfi_notebook.contract.local import SAMPLE_PORTRAIT_PATH
from tfi_notebook.quality.cache import ScoreCache
from tfi_notebook.quality.request import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tfi_notebook.quality.scores import Scores
    from tfi_notebook.settings import Settings


def scores_of(
    video: Path, body: Mapping[str, Any], settings: Settings, transcript: str | None = None
) -> Scores:
    """Score the video of a job.

    Args:
        video: the finished mp4.
        body: the job's payload.
        settings: of the workspace that keeps the job.
        transcript: see `Job.scores`.

    Raises:
        SourceError, NoFaceError: the video cannot be scored.
        MissingExtraError: the extra `local` is not installed.
    """
    from tfi_notebook.quality.many import cached_score  # noqa: PLC0415 - an optional extra

    return cached_score(
        video,
        picture=picture_of(body, settings),
        transcript=transcript,
        language=language_of(body),
        cache=_cache(settings),
    )


def kept_scores_of(video: Path, body: Mapping[str, Any], settings: Settings) -> Scores | None:
    """Return what `scores_of` has found for the same files before, or None. Nothing is decoded."""
    request = Request(video, picture_of(body, settings), language=language_of(body))
    return ScoreCache(_cache(settings)).find(request)


def _cache(settings: Settings) -> Path:
    return settings.data_dir / "scores"


def picture_of(body: Mapping[str, Any], settings: Settings) -> Path | None:
    """Return the portrait of a payload where it is a file of this machine.

    That is the sample and what `asset` gave to the service in this process. Nothing is fetched
    from elsewhere: None.
    """
    url = str(body.get("image_url", ""))
    if not settings.embedded or not url.startswith(f"{settings.base_url}/"):
        return None
    path = unquote(urlsplit(url).path)
    if path.endswith(SAMPLE_PORTRAIT_PATH):
        return samples.PORTRAIT
    kept = settings.data_dir / "local" / "assets" / PurePosixPath(path).name
    return kept if kept.is_file() else None


def language_of(body: Mapping[str, Any]) -> str:
    """Return the language a payload names; empty where it names none."""
    return str(body.get("language") or "")
