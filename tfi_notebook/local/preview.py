"""Short clips at once: the process that keeps portraits, rigs and speech tracks ready.

`python -m tfi_notebook.local.preview DEADLINE_S` answers one line of JSON for each on standard
input: see `helper`. `previewer` is its other side. A clip's pictures are those of the job with the
same options: the motion is that of the whole narration (of its first `HEARD_S`, if it is longer),
and only its beginning is drawn.
"""

from __future__ import annotations

import sys
import time
from contextlib import closing
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tfi_notebook.errors import TfiError
from tfi_notebook.local.helper import answer_lines
from tfi_notebook.local.renderer.canvas import make_canvas
from tfi_notebook.local.renderer.dispatch import threaded
from tfi_notebook.local.renderer.driver import driver_of, motion_of, mouth_track
from tfi_notebook.local.renderer.motion import FPS, Motion
from tfi_notebook.local.renderer.options import RenderOptions
from tfi_notebook.local.renderer.render import DETAILS, SOUND_RATE_HZ, failures_told
from tfi_notebook.local.renderer.rig import Rig, build_rig
from tfi_notebook.local.renderer.segments import Joiner, split
from tfi_notebook.local.wire import wire_error
from tfi_notebook.media.audio import ANALYSIS_RATE_HZ, Hearing, blocks, hear
from tfi_notebook.media.face import find_face
from tfi_notebook.media.frames import read_picture

if TYPE_CHECKING:
    from collections.abc import Generator

    from tfi_notebook.local.renderer.arrays import F32, F64, U8

HEARD_S: Final = 30.0
"""So much of a long narration is listened to; the rest does not change its beginning much."""


def clip(
    image: str, audio: str, out: str, options: dict[str, Any], seconds: float
) -> dict[str, Any]:
    """Render the beginning of a job.

    Args:
        image: path of the portrait; its name is its content's hash, or its content never changes.
        audio: path of the narration; the same.
        out: the MP4 to write.
        options: the fields of `RenderOptions`.
        seconds: length of the clip, if the narration is as long.

    Returns:
        `error`, the fields of a `TfiError` or none; `duration_s`; and `wall_s`, the time it took.
    """
    started = time.perf_counter()
    try:
        with failures_told():
            count = _render(Path(image), Path(audio), Path(out), RenderOptions(**options), seconds)
    except TfiError as error:
        return {"error": wire_error(error)}
    return {"error": {}, "duration_s": count / FPS, "wall_s": time.perf_counter() - started}


def _render(image: Path, audio: Path, out: Path, options: RenderOptions, seconds: float) -> int:
    rig = _rig(image, options.output_size, options.crop, options.expand_ratio)
    motion = _beginning(_motion(audio, options), seconds)
    tasks = split(motion, options.iteration_count, DETAILS[options.version])
    with closing(_sound(audio, SOUND_RATE_HZ, len(motion.weights) / FPS)) as sound:
        joiner = Joiner(out, sound, SOUND_RATE_HZ)
        for segment in threaded(rig, tasks):
            joiner.add(segment)
        joiner.close()
    return joiner.frame_count


@lru_cache(maxsize=2)  # up to 120 MB each
def _portrait(path: Path) -> tuple[U8, F64]:
    rgb = read_picture(path, field="image_url")
    return rgb, find_face(rgb, field="image_url").landmarks


@lru_cache(maxsize=8)  # 4 MB each at 256 px
def _rig(path: Path, size_px: int, crop: bool, expand_ratio: float) -> Rig:  # noqa: FBT001 - a key of the cache
    rgb, landmarks = _portrait(path)
    canvas = make_canvas(rgb, landmarks, output_size=size_px, crop=crop, expand_ratio=expand_ratio)
    return build_rig(canvas)


@lru_cache(maxsize=8)
def _hearing(path: Path) -> Hearing:
    return hear(_sound(path, ANALYSIS_RATE_HZ, HEARD_S))


@lru_cache(maxsize=8)
def _track(path: Path, version: int, driver: str) -> F32:
    sound = _sound(path, ANALYSIS_RATE_HZ, HEARD_S)
    return mouth_track(_hearing(path), sound, version, driver)


def _motion(audio: Path, options: RenderOptions) -> Motion:
    driver = driver_of(options.version, options.language)
    return motion_of(_track(audio, options.version, driver), _hearing(audio), options)


def _beginning(motion: Motion, seconds: float) -> Motion:
    frames = slice(max(1, round(seconds * FPS)))
    return replace(motion, weights=motion.weights[frames], lids=motion.lids[frames])


def _sound(path: Path, rate_hz: int, seconds: float) -> Generator[F32]:
    """Decode the beginning of a narration; the rest is not read."""
    left = round(seconds * rate_hz)
    with closing(blocks(path, rate_hz, field="audio_url")) as parts:
        for part in parts:
            yield part[:left]
            left -= len(part)
            if left <= 0:
                return


if __name__ == "__main__":
    answer_lines(float(sys.argv[1]), clip)
