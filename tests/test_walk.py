"""The whole walk, measured from its result: does the sample portrait speak the sample voice?"""

from __future__ import annotations

import time
import wave
from typing import TYPE_CHECKING

import numpy as np
import pytest

import tfi_notebook as tfi
from tests.helpers.sounds import OTHER_VOICE, segments
from tfi_notebook.local.renderer.speech import viseme_track
from tfi_notebook.media.audio import ANALYSIS_RATE_HZ, decode
from tfi_notebook.media.frames import read_picture
from tfi_notebook.media.video import read_video, video_info, write_video
from tfi_notebook.quality.sync import SyncScore, lip_sync
from tfi_notebook.samples import PORTRAIT, VOICE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

WAIT_S = 120.0
OPEN = 0


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[tfi.Workspace]:
    with tfi.connect(outputs=tmp_path / "videos") as opened:
        yield opened


def known_opening() -> NDArray[np.float32]:
    """How far the mouth is to open for the sample voice, at 100 Hz, from its known visemes."""
    voice = decode(VOICE)
    return viseme_track(segments("voice"), len(voice) / ANALYSIS_RATE_HZ)[:, OPEN]


def rendered(workspace: tfi.Workspace, **fields: object) -> Path:
    job = workspace.submit(workspace.build_payload(**fields)).wait(WAIT_S)
    assert job.status is tfi.JobStatus.DONE, job.message
    assert job.path is not None
    return job.path


def score(video: Path) -> SyncScore:
    return lip_sync(video, known_opening())


@pytest.mark.render
def test_the_sample_portrait_speaks_the_sample_voice(workspace: tfi.Workspace) -> None:
    video = rendered(workspace, version=5)
    found = score(video)
    assert found.r >= 0.75
    assert abs(found.lag_ms) <= 40
    info = video_info(video)
    assert (info.width_px, info.height_px, info.codec) == (400, 400, "h264")
    assert info.has_audio
    assert info.duration_s == pytest.approx(len(decode(VOICE)) / ANALYSIS_RATE_HZ, abs=0.1)


@pytest.mark.render
def test_a_wrong_voice_and_a_still_picture_score_low(
    workspace: tfi.Workspace, tmp_path: Path
) -> None:
    wrong = rendered(workspace, version=5, audio_url=workspace.asset(OTHER_VOICE))
    assert score(wrong).r < 0.25
    picture = read_picture(PORTRAIT)
    still = tmp_path / "still.mp4"
    write_video(still, [picture] * 200, 25, decode(VOICE), ANALYSIS_RATE_HZ)
    assert score(still).r < 0.25


@pytest.mark.render
def test_version_4_follows_worse_than_version_5(workspace: tfi.Workspace) -> None:
    loudness, visemes = (score(rendered(workspace, version=version)).r for version in (4, 5))
    assert loudness < visemes - 0.1


@pytest.mark.render
def test_the_queue_serves_several_jobs_and_the_board_knows_them(workspace: tfi.Workspace) -> None:
    base = workspace.build_payload(version=4, output_size=128)
    jobs = [workspace.submit(base.replace(iteration_count=count)) for count in (1, 2, 3)]
    assert {job.wait(WAIT_S).status for job in jobs} == {tfi.JobStatus.DONE}
    board = repr(workspace.jobs())
    assert all(job.id in board for job in jobs if job.id)
    assert board.count("LOCAL") == 3


@pytest.mark.render
def test_parameters_reach_the_renderer(workspace: tfi.Workspace) -> None:
    whole = rendered(workspace, version=4, crop=False, output_size=200)
    close = rendered(workspace, version=4, crop=True, expand_ratio=0.2, output_size=200)
    frames = [next(iter(read_video(path))) for path in (whole, close)]
    assert frames[0].shape == frames[1].shape == (200, 200, 3)
    # the whole picture has her orange suit, the close crop does not
    warmth = [float(frame[100:, :, 0].mean() - frame[100:, :, 2].mean()) for frame in frames]
    assert warmth[0] > warmth[1] + 20


def silent_wav(path: Path, duration_s: float) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(b"\0\0" * int(16_000 * duration_s))
    return path


@pytest.mark.parametrize(
    ("field", "error", "says"),
    [
        ("image_url", "not_a_picture", "PNG"),
        ("audio_url", "not_audio", "audio"),
    ],
)
def test_a_file_of_the_wrong_kind_is_refused_at_the_submit(
    workspace: tfi.Workspace, tmp_path: Path, field: str, error: str, says: str
) -> None:
    text = tmp_path / "notes.png"
    text.write_text("this is neither a picture nor a sound")
    payload = workspace.build_payload(**{field: workspace.asset(text)})
    with pytest.raises(tfi.TfiError, match=says) as caught:
        workspace.submit(payload)
    assert (caught.value.field, caught.value.code) == (field, error)
    assert caught.value.hint
    assert [job.status for job in workspace.jobs()] == [tfi.JobStatus.REJECTED]


@pytest.mark.parametrize("duration_s", [0.0, 3.0])
def test_an_empty_or_silent_sound_is_refused_at_the_submit(
    workspace: tfi.Workspace, tmp_path: Path, duration_s: float
) -> None:
    sound = workspace.asset(silent_wav(tmp_path / "silence.wav", duration_s))
    with pytest.raises(tfi.TfiError) as caught:
        workspace.submit(workspace.build_payload(audio_url=sound))
    assert caught.value.field == "audio_url"


def test_an_unreachable_url_is_refused_at_the_submit_within_its_deadline(
    workspace: tfi.Workspace,
) -> None:
    started = time.monotonic()
    payload = workspace.build_payload(image_url="http://no-such-host.invalid/portrait.png")
    with pytest.raises(tfi.TfiError, match="image_url") as caught:
        workspace.submit(payload)
    assert caught.value.code == "unreachable"
    assert time.monotonic() - started < 15


def test_without_a_face_the_score_and_a_remedy_are_told(
    workspace: tfi.Workspace, tmp_path: Path
) -> None:
    from tfi_notebook.media.frames import encode_png  # noqa: PLC0415 - this test only

    noise = np.random.default_rng(1).integers(0, 255, (300, 300, 3), dtype=np.uint8)
    (tmp_path / "noise.png").write_bytes(encode_png(noise))
    payload = workspace.build_payload(image_url=workspace.asset(tmp_path / "noise.png"))
    with pytest.raises(tfi.TfiError, match="face") as caught:
        workspace.submit(payload)
    assert caught.value.code == "no_face"
    assert 0 <= getattr(caught.value, "score", -1) < 1
    assert "%" in caught.value.hint
