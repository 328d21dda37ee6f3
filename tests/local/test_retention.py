"""The bound on the service's folder: what goes, what stays, and what is told."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.local.conftest import KEY, Caller, sample_body, voice_wav
from tests.local.test_api import finished_job
from tfi_notebook import settings
from tfi_notebook.cli import main
from tfi_notebook.errors import ArgumentError, DownloadError, UnreachableSourceError
from tfi_notebook.lifecycle import embedded
from tfi_notebook.lifecycle.workspace import Workspace
from tfi_notebook.local.retention import PART_YOUNG_S, YOUNG_S, plan, tidy
from tfi_notebook.local.service import LocalService, create_app
from tfi_notebook.local.sources import Admission, Admitted
from tfi_notebook.local.store import Store
from tfi_notebook.settings import LOCAL_BASE_URL

if TYPE_CHECKING:
    from pathlib import Path

MB = 1_000_000


@pytest.fixture
def four_mb(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bound the folder to 4 MB, of which the queue itself takes a tenth."""
    monkeypatch.setenv("TFI_LOCAL_MAX_GB", "0.004")


def age(path: Path | None, seconds: float) -> None:
    assert path is not None
    os.utime(path, (time.time() - seconds,) * 2)


def video(store: Store, age_s: float, size_bytes: int = MB) -> str:
    """Finish a job; return its storage key."""
    key = finished_job(store, bytes(size_bytes))
    age(store.files.output_path(key), age_s)
    return key


def asset(store: Store, age_s: float, mark: int, size_bytes: int = MB) -> str:
    name = store.files.add_asset(bytes([mark]) * size_bytes, "a.wav")
    age(store.files.asset_path(name), age_s)
    return name


@pytest.mark.usefixtures("four_mb")
def test_the_oldest_go_first_whatever_they_are(store: Store) -> None:
    old_video, old_asset = video(store, 9000), asset(store, 8000, 1)
    new_video, new_asset = video(store, 7000), asset(store, 6000, 2)
    found = plan(store)
    assert found.videos == (old_video,)
    assert store.files.output_path(old_video)  # a plan changes nothing
    assert tidy(store) == found
    assert store.files.output_path(old_video) is None
    assert store.files.output_path(old_video.replace(".mp4", ".json")) is None
    assert store.files.asset_path(old_asset)
    asset(store, 5000, 3)
    tidy(store)
    assert store.files.asset_path(old_asset) is None
    assert store.files.output_path(new_video)
    assert store.files.asset_path(new_asset)
    assert plan(store).used_bytes < 4 * MB
    assert tidy(store).files == ()


@pytest.mark.usefixtures("four_mb")
def test_what_jobs_need_and_what_is_young_stays(store: Store) -> None:
    young = video(store, YOUNG_S - 60)
    queued, running = asset(store, 90_000, 1, 2 * MB), asset(store, 90_000, 2, 2 * MB)
    store.enqueue(sample_body(values=[]), "a.png", running)
    assert store.claim("a")
    store.enqueue(sample_body(values=[]), "a.png", queued)
    half_done = store.files.part_path("one-try")
    half_done.write_bytes(bytes(MB))
    age(half_done, PART_YOUNG_S - 60)
    not_ours = store.root / "files" / "my holiday.mp4"
    not_ours.write_bytes(bytes(MB))
    age(not_ours, 90_000)
    assert tidy(store).files == ()
    assert "nothing more can go" in str(plan(store))
    assert store.files.output_path(young)
    age(half_done, PART_YOUNG_S + 60)
    assert tidy(store).files == (half_done,)
    assert not half_done.exists()


@pytest.mark.usefixtures("four_mb")
def test_what_was_just_asked_for_counts_as_young(caller: Caller, store: Store) -> None:
    url = caller.upload(voice_wav(60), "a.wav")
    name = url.rsplit("/", 1)[1]
    key = video(store, 9000, 3 * MB)
    age(store.files.asset_path(name), 9000)
    assert caller.submit(audio_url=url, image_url=url).status_code == 400  # no job needs it yet
    assert caller.get("/storage/generate-signed-path", params={"path": key}).status_code == 200
    assert plan(store).used_bytes > 4 * MB
    assert tidy(store).files == ()


@pytest.mark.parametrize("dialect", ["reference", "current"])
@pytest.mark.usefixtures("four_mb")
def test_a_video_that_was_removed_says_so(store: Store, dialect: str) -> None:
    key = video(store, 9000, 5 * MB)
    app = create_app(
        store, api_key=KEY, base_url=LOCAL_BASE_URL, on_enqueued=lambda: None,
        dialect=dialect,  # type: ignore[arg-type]
    )  # fmt: skip
    caller = Caller(app)
    sign = {"path": key}
    url = caller.get("/storage/generate-signed-path", params=sign).json()["signedUrl"]
    age(store.files.output_path(key), 9000)
    tidy(store)
    said = (
        "the video was removed to keep the local store under 0.004 GB; submit again with force=True"
    )
    for answer in (caller.get("/storage/generate-signed-path", params=sign), caller.get(url)):
        assert (answer.status_code, answer.json()["message"]) == (404, [said])


def test_a_person_is_told_when_the_video_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = settings.resolve(local=True, outputs=tmp_path / "outputs")
    with Workspace(connection) as workspace:
        service = embedded._open[workspace.settings.data_dir / "local"]
        monkeypatch.setattr(service._worker, "ensure", lambda: None)  # the test is the worker
        job = workspace.submit(workspace.build_payload())
        claim = service.store.claim("a")
        assert claim is not None
        service.store.files.part_path(claim.part).write_bytes(bytes(MB))
        service.store.files.publish(claim.part, claim.output, "{}")
        age(service.store.files.output_path(claim.output), 9000)
        monkeypatch.setenv("TFI_LOCAL_MAX_GB", "0.0001")
        assert tidy(service.store).videos == (claim.output,)
        service.store.finish(claim.token, claim.output, "done")
        job.wait(timeout_s=30)
        with pytest.raises(DownloadError, match=r"under 0\.0001 GB; submit again with force=True"):
            job.download()


def test_the_bound_is_kept_when_the_service_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LocalService(tmp_path / "room", api_key=KEY) as service:
        key = video(service.store, 9000, 5 * MB)
    monkeypatch.setenv("TFI_LOCAL_MAX_GB", "0.004")
    with LocalService(tmp_path / "room", api_key=KEY) as service:
        assert service.store.files.output_path(key) is None


@pytest.mark.parametrize("text", ["lots", "0", "-1", "nan", "inf"])
def test_a_bound_that_is_none_is_told_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("TFI_LOCAL_MAX_GB", text)
    with pytest.raises(ArgumentError, match="TFI_LOCAL_MAX_GB: must be a number of GB above 0"):
        LocalService(tmp_path / "room")
    assert not (tmp_path / "room").exists()


@pytest.mark.usefixtures("four_mb")
def test_several_processes_tidy_while_jobs_are_put_in(store: Store) -> None:
    """No job is left without its files, and nothing goes twice."""
    names = [asset(store, 9000 + n, n, 200_000) for n in range(40)]
    script = (
        "import sys; from pathlib import Path\n"
        "from tfi_notebook.local.retention import tidy\n"
        "from tfi_notebook.local.store import Store\n"
        "store = Store(Path(sys.argv[1])); input()\n"
        "print(*(path.name for _ in range(20) for path in tidy(store).files))\n"
        "store.close()"
    )
    tidying = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(store.root)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    for process in tidying:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    queued = [name for name in names[:20] if enqueued(store, name)]
    removed = [name for one in tidying for name in one.communicate(timeout=60)[0].split()]
    assert len(queued) >= 19
    assert all(store.files.asset_path(name) for name in queued)
    assert len(removed) == len(set(removed))
    assert set(names[20:]) <= set(removed)


def enqueued(store: Store, name: str) -> bool:
    """Put a job in as a submit does."""
    admission = Admission(store, base_url=LOCAL_BASE_URL)
    with store.database.alone():
        try:
            admission.check_still_here(Admitted(name, name, 1.0))
        except UnreachableSourceError:
            return False
        store.enqueue(sample_body(values=[]), name, name)
        return True


@pytest.mark.usefixtures("four_mb")
def test_the_doctor_shows_the_use_the_bound_and_what_goes(
    capsys: pytest.CaptureFixture[str], tfi_home: Path
) -> None:
    main(["doctor"])
    assert "none yet" in capsys.readouterr().out
    store = Store(tfi_home / "local")
    video(store, 9000, 5 * MB)
    asset(store, 10_000, 1)
    store.close()
    main(["doctor"])
    told = capsys.readouterr().out
    assert "ok  local store" in told
    assert "6.1 MB of 0.004 GB used, 6.0 MB go next (videos: 1, other files: 1)" in told
