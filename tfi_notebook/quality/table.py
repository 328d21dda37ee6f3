"""What every score is: name, unit, meaning, what real video has. More in `docs/scores.md`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Direction = Literal["higher", "lower", "near", ""]


@dataclass(frozen=True, slots=True)
class ScoreInfo:
    """One score.

    Attributes:
        name: the column's name.
        unit: unit of its value; empty for a bare number.
        meaning: what it says, in one sentence.
        direction: what is better: `higher`, `lower`, or `near` the anchor; empty where neither
            more nor less is better by itself.
        anchor: what real or untouched video has, where it is known.
    """

    name: str
    unit: str
    meaning: str
    direction: Direction
    anchor: float | None = None


DEFINITIONS: Final = 1
"""Number of these definitions: cached scores of another number are measured again."""

SCORES: Final[tuple[ScoreInfo, ...]] = (
    ScoreInfo("lip_sync", "", "how well the lips speak these words, 0..1", "higher"),
    ScoreInfo("lip_sync_low", "", "lower end of lip_sync's 90 % interval", "higher"),
    ScoreInfo("lip_sync_high", "", "upper end of lip_sync's 90 % interval", "higher"),
    ScoreInfo("speech_r", "", "opening against the opening heard, beyond loudness", "higher"),
    ScoreInfo("shape_r", "", "width against the spread or rounding heard", "higher"),
    ScoreInfo("closure_depth", "", "how far lips close where a closure is heard", "higher"),
    ScoreInfo("closure_rate", "", "share of p, b, m at which the lips close", "higher"),
    ScoreInfo("lag_ms", "ms", "how late the mouth is; negative: early", "near", 0.0),
    ScoreInfo("drift_ms_per_s", "ms/s", "how the lag grows with time", "near", 0.0),
    ScoreInfo("lip_audio_r", "", "opening against loudness, at its best lag", ""),
    ScoreInfo("lip_audio_r_low", "", "lower end of its 90 % interval", ""),
    ScoreInfo("lip_audio_r_high", "", "upper end of its 90 % interval", ""),
    ScoreInfo("lip_audio_r_null", "", "what 95 % of shifted sounds stay below", ""),
    ScoreInfo("lip_audio_mae", "", "opening less loudness in speech, both 0..1", "near", 0.2528),
    ScoreInfo("lip_span", "eye distances", "range of the opening", ""),
    ScoreInfo("lip_dynamics", "px", "movement of the lips, eyes 64 px apart", "near", 1.7166),
    ScoreInfo("lip_variety", "", "movement of the width by itself", "higher"),
    ScoreInfo("rest_opening", "", "how open the mouth stays in silence", "lower", 0.0),
    ScoreInfo("silent_lip", "eye distances", "unrest of the lips in silence", "near", 0.0263),
    ScoreInfo("background_flicker", "1/1000", "change of the background per frame", "near", 0.90),
    ScoreInfo("jitter", "1/1000", "trembling of the head", "lower"),
    ScoreInfo("freeze_share", "", "share of speech in which the picture stands", "lower", 0.0),
    ScoreInfo("picture_ssim", "", "likeness of the upper face to the source", "higher"),
    ScoreInfo("sharpness", "levels²", "variance of the mouth's Laplacian", "higher"),
    ScoreInfo("sharpness_kept", "", "sharpness over the source picture's", "near", 1.0),
    ScoreInfo("face_share", "", "share of frames that show a face", "higher", 1.0),
    ScoreInfo("duration_difference_s", "s", "picture track less sound track", "near", 0.0),
    ScoreInfo("size_bytes", "bytes", "size of the file", "lower"),
    ScoreInfo("bitrate_kbps", "kbit/s", "size over duration", "lower"),
)
NAMES: Final = tuple(info.name for info in SCORES)
