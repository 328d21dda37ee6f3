"""All scores of one finished video, from the file alone."""

from __future__ import annotations

from dataclasses import asdict
from math import isnan, nan
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tfi_notebook.errors import MissingExtraError, SourceError
from tfi_notebook.quality.scores import Scores
from tfi_notebook.quality.table import SCORES

try:
    import numpy as np

    from tfi_notebook.media.audio import ANALYSIS_RATE_HZ, ENVELOPE_RATE_HZ, decode
    from tfi_notebook.media.frames import video_info
    from tfi_notebook.quality import coupling, steady
    from tfi_notebook.quality.closures import bilabials, closure_rate
    from tfi_notebook.quality.headline import judge
    from tfi_notebook.quality.lips import correlate_mouth, mouth_of
    from tfi_notebook.quality.listen import listen
    from tfi_notebook.quality.look import look_at
except ImportError as cause:
    raise MissingExtraError("scoring a video", extra="local") from cause

if TYPE_CHECKING:
    from tfi_notebook.media.frames import VideoInfo
    from tfi_notebook.quality.arrays import F32, F64
    from tfi_notebook.quality.closures import Segment
    from tfi_notebook.quality.lips import Mouth
    from tfi_notebook.quality.listen import Heard
    from tfi_notebook.quality.look import Look

__all__ = ["SCORES", "Scores", "score"]

SHORTEST_S: Final = 1.0
"""Shorter clips say nothing about speech."""


def score(
    video: Path | str,
    *,
    picture: Path | bytes | None = None,
    transcript: str | None = None,
    language: str = "",
) -> Scores:
    """Score a finished talking video.

    Nothing is asked of whoever made it: the same measures apply to the live API's videos and
    to local ones. What cannot be told from this clip is NaN, with a note that says why.

    Args:
        video: a video file with one speaking face.
        picture: the portrait it was made from, for likeness and kept sharpness.
        transcript: the words spoken, in English: `closure_rate` then takes its moments from
            them. Needs the extra `phones`.
        language: of the speech; with "en…" and the extra `phones` the moments of p, b, m are
            recognised from the sound.

    Returns:
        the scores, in the order of `SCORES`.

    Raises:
        SourceError: there is no such file, or it is no video.
        NoFaceError: no frame shows a face, or the picture does not.
        NotAPictureError, PictureTooLargeError: the picture cannot be used.
    """
    video = Path(video)  # a text will do
    if not video.is_file():
        raise SourceError("there is no such video file")
    info = video_info(video)
    if not info.fps:
        raise SourceError("the video tells no frame rate")
    look = look_at(video, picture)
    numbers = _of_the_pictures(look, info)
    notes = [] if picture else ["likeness to the source: no picture was given"]
    if isnan(numbers["background_flicker"]):
        notes.append("background_flicker: hardly any background is in the picture")
    try:
        samples = decode(video)
    except SourceError as error:
        return Scores.of(numbers, [*notes, f"lips and sound: {error.message}"])
    numbers |= _of_the_speech(look, info, samples, notes)
    if (spoken := _bilabials(samples, transcript, language, notes)) is not None:
        numbers["closure_rate"] = closure_rate(mouth_of(look, info.fps), spoken)
    return Scores.of(numbers, notes)


def _of_the_speech(look: Look, info: VideoInfo, samples: F32, notes: list[str]) -> dict[str, float]:
    mouth, heard = mouth_of(look, info.fps), listen(samples)
    numbers = {"duration_difference_s": info.duration_s - len(samples) / ANALYSIS_RATE_HZ}
    if len(mouth.times_s) < SHORTEST_S * info.fps:
        notes.append(f"lips and sound: less than {SHORTEST_S:g} s show a face")
        return numbers
    numbers |= _of_the_lips(mouth, heard) | _of_lips_and_loudness(mouth, heard, samples)
    numbers["freeze_share"] = steady.freeze_share(look, _loudness(look, heard, info.fps))
    notes += _unsaid(numbers, heard)
    return numbers


def _of_the_pictures(look: Look, info: VideoInfo) -> dict[str, float]:
    sharpness = float(np.nanmedian(look.sharpness))
    seen = np.isfinite(look.points[:, 0, 0])
    return {
        "lip_dynamics": steady.lip_dynamics(look),
        "background_flicker": steady.background_flicker(look),
        "jitter": steady.jitter(look),
        "picture_ssim": float(look.likeness.mean()) if len(look.likeness) else nan,
        "sharpness": sharpness,
        "sharpness_kept": sharpness / look.picture_sharpness,
        "face_share": float(seen.mean()),
        "size_bytes": info.size_bytes,
        "bitrate_kbps": info.size_bytes * 8 / 1000 / info.duration_s if info.duration_s else nan,
    }


def _of_the_lips(mouth: Mouth, heard: Heard) -> dict[str, float]:
    verdict = judge(mouth, heard)
    return asdict(verdict.parts) | {
        "lip_sync": verdict.lip_sync,
        "lip_sync_low": verdict.low,
        "lip_sync_high": verdict.high,
        "lag_ms": verdict.fit.lag_ms if verdict.fit.r > coupling.CLEAR_R else nan,
        "drift_ms_per_s": coupling.drift(mouth, heard.opening),
        "lip_variety": steady.lip_variety(verdict.seen),
        "silent_lip": steady.silent_lip(verdict.seen),
    }


def _of_lips_and_loudness(mouth: Mouth, heard: Heard, samples: F32) -> dict[str, float]:
    fit = correlate_mouth(mouth, heard.loudness)
    low, high = coupling.correlation_interval(mouth, heard.loudness, fit.lag_ms)
    return {
        "lip_audio_r": fit.r,
        "lip_audio_r_low": low,
        "lip_audio_r_high": high,
        "lip_audio_r_null": coupling.shifted_null(mouth, heard.loudness),
        "lip_audio_mae": coupling.mean_absolute_error(mouth, samples),
    }


def _loudness(look: Look, heard: Heard, fps: float) -> F64:
    rows = (np.arange(len(look.change)) + 0.5) / fps * ENVELOPE_RATE_HZ
    sound = np.interp(rows, np.arange(len(heard.loudness)), heard.loudness)
    return np.asarray(sound, np.float64)


def _bilabials(
    samples: F32, transcript: str | None, language: str, notes: list[str]
) -> list[Segment] | None:
    """Return the moments of p, b, m, or None and a note on why they are not known."""
    if transcript is None and not language.lower().startswith("en"):
        notes.append("closure_rate: needs a transcript, or language='en' for English speech")
        return None
    try:
        return bilabials(samples, transcript)
    except MissingExtraError as error:
        notes.append(f"closure_rate: {error.message}; {error.hint}")
    except LookupError as error:
        notes.append(f"closure_rate: {error}")
    return None


def _unsaid(numbers: dict[str, float], heard: Heard) -> list[str]:
    reasons = {
        "lag_ms": "the mouth follows the sound at no lag clearly enough to tell one",
        "drift_ms_per_s": "too few windows of 4 s tell their lag",
        "lip_audio_r_null": "the clip is shorter than 3 s",
    }
    if not heard.silent.any():
        reasons["silent_lip"] = reasons["rest_opening"] = "nobody is silent for 0.3 s"
    return [f"{name}: {why}" for name, why in reasons.items() if isnan(numbers[name])]
