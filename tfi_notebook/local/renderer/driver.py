"""What moves the mouth: a narration and the options to a track, and the track to a motion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfi_notebook.local.renderer.motion import Motion, make_motion
from tfi_notebook.local.renderer.options import LIVELY_VERSION, LOUDNESS_VERSION, RenderOptions
from tfi_notebook.local.renderer.phones import hears, phone_track
from tfi_notebook.local.renderer.speech import heard_track

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tfi_notebook.local.renderer.arrays import F32
    from tfi_notebook.media.audio import Hearing


def driver_of(version: int, language: str) -> str:
    """Name what hears the mouth; it depends on nothing else.

    Example:
        >>> driver_of(4, "en"), driver_of(6, "de")
        ('loudness', 'speech net')
    """
    if version == LOUDNESS_VERSION:
        return "loudness"
    phones = version == LIVELY_VERSION and hears(language)
    return "speech net and phones" if phones else "speech net"


def mouth_track(hearing: Hearing, sound: Iterable[F32], version: int, driver: str) -> F32:
    """Hear the mouth's track.

    Args:
        hearing: what is kept of the narration.
        sound: its samples at 16 kHz, in pieces; read where phones are recognised.
        version: the payload's.
        driver: from `driver_of`.

    Returns:
        (T, 5) in 0..1 at 100 Hz.
    """
    phones = phone_track(sound, len(hearing.mean_square)) if driver.endswith("phones") else None
    return heard_track(hearing, version=version, phones=phones)


def motion_of(track: F32, hearing: Hearing, options: RenderOptions) -> Motion:
    """Return how every frame moves; `track` from `mouth_track`."""
    return make_motion(
        track,
        hearing.energy(),
        version=options.version,
        step_count=options.iteration_count,
        dynamic_scale=options.dynamic_scale,
        seed=options.seed,
    )
