"""`job.scores()`: the walk to its end, on the local service and its real renderer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import tfi_notebook as tfi
from tests.helpers.sounds import wav
from tfi_notebook.errors import JobFailedError
from tfi_notebook.media.audio import decode
from tfi_notebook.samples import PORTRAIT, VOICE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.render
WAIT_S = 120.0
VOICE_S = 2.5


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[tfi.Workspace]:
    with tfi.connect(outputs=tmp_path / "videos") as opened:
        yield opened


def test_a_finished_job_tells_how_good_its_video_is(
    workspace: tfi.Workspace, tmp_path: Path
) -> None:
    voice, portrait = tmp_path / "voice.wav", tmp_path / "portrait.png"
    voice.write_bytes(wav(decode(VOICE)[: round(VOICE_S * 16_000)]))
    portrait.write_bytes(PORTRAIT.read_bytes())
    narration = workspace.asset(voice)
    bodies = [
        workspace.build_payload(version=5, output_size=200, audio_url=narration),
        workspace.build_payload(
            version=5, output_size=200, audio_url=narration, image_url=workspace.asset(portrait)
        ),
    ]
    first = workspace.submit(bodies[0])
    with pytest.raises(JobFailedError, match=r"queued|processing"):  # a renderer is yet to start
        first.scores()
    for job in (first, workspace.submit(bodies[1])):
        scores = job.wait(WAIT_S).scores()
        assert scores["lip_sync"] > 0.4
        assert scores["picture_ssim"] > 0.8  # the portrait was found on this machine
        assert scores["closure_rate"] >= 0.0  # the payload's language is English
        again = workspace.job(job.key).scores()
        assert np.array_equal(again.values_in_order, scores.values_in_order, equal_nan=True)
    kept = list((workspace.settings.data_dir / "scores").iterdir())
    assert len(kept) >= 1
