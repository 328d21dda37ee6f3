"""Scores of many videos: side by side, and never measured twice."""

from __future__ import annotations

from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tfi_notebook.errors import SourceError
from tfi_notebook.quality.cache import ScoreCache
from tfi_notebook.quality.request import Request
from tfi_notebook.quality.score import score
from tfi_notebook.settings import data_dir

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tfi_notebook.quality.scores import Scores

__all__ = ["cached_score", "score_many"]

_THREADS: Final = 2


def cached_score(
    video: Path | str,
    *,
    picture: Path | bytes | None = None,
    transcript: str | None = None,
    language: str = "",
    cache: Path | None = None,
) -> Scores:
    """Score a video, or return what was measured before for the same files.

    Args:
        video: see `score.score`, as for the other arguments.
        picture: the portrait it was made from.
        transcript: the words spoken, in English.
        language: of the speech.
        cache: folder of kept scores; default: `scores` in the toolkit's data folder.

    Raises:
        SourceError, NoFaceError: see `score.score`.
    """
    request = Request(Path(video), picture, transcript, language)
    kept = _cache(cache)
    scores = kept.find(request)
    if scores is None:
        scores = _scored(request)
        kept.keep(request, scores)
    return scores


def score_many(
    videos: Sequence[Path],
    *,
    executor: Executor | None = None,
    cache: Path | None = None,
    pictures: Mapping[Path, Path | bytes] | None = None,
    languages: Mapping[Path, str] | None = None,
) -> Iterator[tuple[Path, Scores | None]]:
    """Score videos, several at a time, in the order in which they are ready.

    What was measured before comes first and costs next to nothing. Leaving the loop early
    cancels what has not begun.

    Args:
        videos: the files.
        executor: measures them; anything with the interface of `concurrent.futures.Executor`.
            None takes two threads of this process: decoding and landmarks run outside Python's
            lock, and a spawned process would import the user's script again.
        cache: folder of kept scores; default: `scores` in the toolkit's data folder.
        pictures: the portraits, by video.
        languages: the languages, by video.

    Yields:
        each video and its scores; None where it cannot be scored (no video, no face).
    """
    kept = _cache(cache)
    missing: list[Request] = []
    for video in videos:
        picture, language = (pictures or {}).get(video), (languages or {}).get(video, "")
        request = Request(Path(video), picture, language=language)
        scores = kept.find(request)
        if scores is None:
            missing.append(request)
        else:
            yield request.video, scores
    if missing:
        yield from _measured(missing, kept, executor)


def _measured(
    requests: Sequence[Request], kept: ScoreCache, executor: Executor | None
) -> Iterator[tuple[Path, Scores | None]]:
    with _workers(executor) as pool:
        asked = {pool.submit(_scored, request): request for request in requests}
        try:
            for future in as_completed(asked):
                scores = _result(future)
                if scores is not None:
                    kept.keep(asked[future], scores)
                yield asked[future].video, scores
        finally:
            for future in asked:
                future.cancel()


def _scored(request: Request) -> Scores:
    return score(
        request.video,
        picture=request.picture,
        transcript=request.transcript,
        language=request.language,
    )


def _result(future: Future[Scores]) -> Scores | None:
    try:
        return future.result()
    except SourceError:
        return None


@contextmanager
def _workers(executor: Executor | None) -> Iterator[Executor]:
    if executor is not None:
        yield executor
        return
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="tfi-scores") as pool:
        yield pool


def _cache(folder: Path | None) -> ScoreCache:
    return ScoreCache(data_dir() / "scores" if folder is None else folder)
