"""A run on the local service, with real renders: few, short and small."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import tfi_notebook as tfi
from tests.helpers.sounds import encoded
from tfi_notebook.media.audio import ANALYSIS_RATE_HZ, decode
from tfi_notebook.media.video import video_info
from tfi_notebook.samples import VOICE

if TYPE_CHECKING:
    from pathlib import Path

WAIT_S = 240.0
SPEECH_S = 1.5


@pytest.mark.render
def test_three_versions_are_rendered_here_for_nothing(tmp_path: Path) -> None:
    speech = decode(VOICE)[None, : round(SPEECH_S * ANALYSIS_RATE_HZ)]
    sound = tmp_path / "speech.wav"
    sound.write_bytes(encoded(speech, ANALYSIS_RATE_HZ, "wav", "pcm_s16le"))
    with tfi.connect(outputs=tmp_path / "videos") as workspace:
        base = workspace.build_payload(
            audio_url=workspace.asset(sound), output_size=256, iteration_count=1
        )
        sweep = tfi.Sweep(base, version=[4, 5, 6])
        assert "free" in repr(sweep.plan())
        run = sweep.run().wait(WAIT_S)
        assert run.counts == {"done": 3}
        assert run.spent_credits == 0
        assert repr(run).startswith("run sweep-")
        assert "LOCAL" in run._repr_mimebundle_()["text/html"]
        videos = [cell.snapshot.path for cell in run.cells() if cell.snapshot]
        for video in videos:
            assert video is not None
            assert video_info(video).width_px == 256
        assert len(set(videos)) == 3
        assert sweep.plan().counts == {"done": 3}
        assert tfi.run(run.name).wait(WAIT_S).counts == {"done": 3}
