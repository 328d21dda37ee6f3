"""A sweep of version and iterations with real renders, small enough to be made in a test."""

from __future__ import annotations

import wave
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from tfi_notebook import settings
from tfi_notebook.lifecycle.workspace import Workspace
from tfi_notebook.media.audio import ANALYSIS_RATE_HZ, decode
from tfi_notebook.samples import VOICE
from tfi_notebook.sweeps.sweep import Sweep

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tfi_notebook.sweeps.run import Run

VERSIONS = [4, 5, 6]
ITERATIONS = [2, 10, 40]
WAIT_S = 180.0
_VOICE_S = 4.0
_EDGE_PX = 256


@contextmanager
def rendered_sweep(folder: Path) -> Iterator[Run]:
    """Give the finished run of three versions by three iteration counts, in its workspace.

    One job at a time, so that each has the machine for itself and its time means something.

    Args:
        folder: an empty folder for everything: ledger, voice, videos.
    """
    known = settings.resolve(local=True, ledger=folder / "ledger.sqlite", outputs=folder / "videos")
    with Workspace(known) as workspace:
        voice = workspace.asset(_first_seconds(VOICE, folder / "voice.wav"))
        base = workspace.build_payload(audio_url=voice, output_size=_EDGE_PX)
        sweep = Sweep(base, workspace=workspace, version=VERSIONS, iteration_count=ITERATIONS)
        yield sweep.run(max_in_flight=1).wait(WAIT_S)


def _first_seconds(source: Path, path: Path) -> Path:
    samples = decode(source)[: int(_VOICE_S * ANALYSIS_RATE_HZ)]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(ANALYSIS_RATE_HZ)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path
