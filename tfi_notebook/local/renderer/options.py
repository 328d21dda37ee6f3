"""What a rendering is asked for, and what it reports."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Final

from tfi_notebook.errors import PayloadError

LOUDNESS_VERSION: Final = 4
VISEME_VERSION: Final = 5
LIVELY_VERSION: Final = 6
VERSIONS: Final = (LOUDNESS_VERSION, VISEME_VERSION, LIVELY_VERSION)
OUTPUT_SIZES_PX: Final = (64, 2048)


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """How to render; the names and defaults are those of the API's payload.

    The local renderer is not TFI's model. It gives the parameters an honest meaning of
    its own, which the report's numbers prove.

    Attributes:
        version: 4 moves the jaw with the loudness and shows a plain dark mouth. 5 shapes the
            lips after the speech (closed at p, b, m; rounded at o, u) and shows a tongue.
            6 adds teeth, head movement, nods, brows and blinks.
        iteration_count: n steps of two solvers, both started cold. The mouth's movement
            is solved for by n projected-gradient steps from a shut mouth: few steps mumble, 5
            reach about 70 % of the full opening, 10 about 90 %, 20 nearly all of it. And each
            frame's warp is inverted by min(n, 10) fixed-point steps.
        output_size: long edge of the video in px, rounded up to even.
        crop: a square round the face; False shows the whole picture.
        expand_ratio: with `crop`, the square's side is the face's longer side times
            1 + 2 * expand_ratio, but no more than the picture's short edge.
        dynamic_scale: multiplies the head's movement, and the mouth's up to 1.3 (beyond
            that the skin would have to fold).
        language: of the speech, as a code such as "en" or "de-DE". For English, version 6
            also listens with pocketsphinx where the extra `phones` is installed.
        seed: of the head's movement and blinks.

    Raises:
        PayloadError: a value is out of its range; `.problems` names each.
    """

    version: int = LIVELY_VERSION
    iteration_count: int = 10
    output_size: int = 400
    crop: bool = True
    expand_ratio: float = 0.5
    dynamic_scale: float = 1.0
    language: str = "en"
    seed: int = 0

    def __post_init__(self) -> None:
        """Check every value."""
        low, high = OUTPUT_SIZES_PX
        checks = {
            "version": (self.version in VERSIONS, "must be 4, 5 or 6"),
            "iteration_count": (self.iteration_count >= 1, "must be at least 1"),
            "output_size": (low <= self.output_size <= high, f"must be {low} to {high} px"),
            "expand_ratio": (0 <= self.expand_ratio < float("inf"), "must not be negative"),
            "dynamic_scale": (0 <= self.dynamic_scale <= 3, "must be 0 to 3"),  # noqa: PLR2004
            "seed": (self.seed >= 0, "must not be negative"),
        }
        problems = {name: text for name, (holds, text) in checks.items() if not holds}
        if problems:
            raise PayloadError(problems)


@dataclass(frozen=True, slots=True)
class RenderReport:
    """What was rendered, how long it took, and how far the solvers came.

    Attributes:
        width_px: width of the video.
        height_px: height of the video.
        fps: frames per second.
        frame_count: number of frames.
        duration_s: length of the narration in seconds.
        size_bytes: size of the file.
        version: as asked for.
        iteration_count: as asked for.
        warp_step_count: fixed-point steps per frame, min(iteration_count, 10).
        driver: what moved the mouth: "loudness", "speech net" or "speech net and phones".
        language: as asked for.
        seed: as asked for.
        versions: package -> version, of what the picture and the sound depend on.
        face_score: the face detector's score in 0..1.
        face_presence: the landmark network's own score in 0..1.
        face_share: the face's longer side as a share of the video's long edge.
        mouth_opening: 95th percentile of the solved opening, before `dynamic_scale`; 1 is
            the full opening.
        solver_objective: the solver's objective after its last step.
        solver_residual: largest projected gradient after the last step; 0 at the optimum.
        warp_residual_px: mean error of the warp inversion round the mouth.
        warp_residual_max_px: its worst error anywhere in the frames that were probed.
        segment_count: segments the frames were rendered in.
        timings_s: seconds per stage: picture, sound, motion, frames; rig, which is built while
            the sound is heard; and total.
        realtime_factor: total time over `duration_s`; below 1 is faster than real time.
    """

    width_px: int
    height_px: int
    fps: float
    frame_count: int
    duration_s: float
    size_bytes: int
    version: int
    iteration_count: int
    warp_step_count: int
    driver: str
    language: str
    seed: int
    versions: dict[str, str]
    face_score: float
    face_presence: float
    face_share: float
    mouth_opening: float
    solver_objective: float
    solver_residual: float
    warp_residual_px: float
    warp_residual_max_px: float
    segment_count: int
    realtime_factor: float
    timings_s: dict[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, ready for JSON."""
        return asdict(self)
