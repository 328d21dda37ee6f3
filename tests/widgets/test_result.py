from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.faulty_server import reply
from tests.helpers.films import nine_films
from tests.helpers.snapshots import NOW, snapshot
from tests.local.conftest import until, voice_wav
from tfi_notebook import settings
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.display.gallery import clock_script
from tfi_notebook.lifecycle.workspace import Workspace
from tfi_notebook.widgets.result import Result

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.helpers.fake_api import ScriptedApi
    from tfi_notebook.contract.snapshot import JobSnapshot

LENGTH_S = 0.4
WAIT_S = 60.0
ATTACK = '<img src=x onerror="window.attacked = true">'


class Heard(Result):
    """A result that keeps what it sends to its page."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.sent: list[tuple[dict[str, Any], list[bytes]]] = []
        super().__init__(*arguments, **options)

    def send(self, content: dict[str, Any], buffers: Any = None) -> None:
        self.sent.append((content, list(buffers or [])))
        super().send(content, buffers)

    def kinds(self) -> list[str]:
        return [content["type"] for content, _ in self.sent]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    nine_films(folder, LENGTH_S)
    return folder


@pytest.fixture
def idle() -> Iterator[Workspace]:
    with Workspace(settings.resolve(local=True)) as workspace:
        yield workspace


def finished(workspace: Workspace, path: Path, **changes: Any) -> JobSnapshot:
    """Write a finished job whose video is `path` into the ledger."""
    payload = workspace.build_payload(**changes)
    row = snapshot(
        path.stem, status=JobStatus.DONE, path=path, finished_at=NOW, service="local",
        fingerprint=payload.fingerprint, body=payload.body(),
    )  # fmt: skip
    workspace.engine.ledger.put(row)
    return row


def shown(part: Result, row: JobSnapshot) -> None:
    future = part.show(row)
    assert future is not None
    future.result(WAIT_S)


def page_asks(part: Heard, expected: int, **content: Any) -> None:
    """Do what a message of the page does, and wait until so much has been sent in all."""
    part._handle_custom_msg(content, [])
    until(lambda: len(part.sent) >= expected, "the answer")


@pytest.mark.render
def test_a_rendered_job_shows_its_report_and_is_scored(local: Workspace, tmp_path: Path) -> None:
    (tmp_path / "voice.wav").write_bytes(voice_wav(2.0))
    voice = local.asset(tmp_path / "voice.wav")
    payload = local.build_payload(audio_url=voice, output_size=200, iteration_count=1)
    row = local.submit(payload).wait(WAIT_S).snapshot
    part = Result(local)
    shown(part, row)
    assert "Report of the local renderer" in part.about["tables"]
    assert "speech net" in part.about["tables"]
    assert "time for frames" in part.about["tables"]
    assert not part.about["scored"]
    scoring = part.score()
    assert scoring is not None
    assert part.about["scoring"]
    assert part.score() is None, "once at a time"
    scoring.result(WAIT_S)
    assert part.about["scored"]
    assert not part.about["scoring"]
    assert "how well the lips speak these words" in part.about["tables"]

    static = part.snapshot_html()
    assert "data:image/jpeg;base64," in static
    assert "lip_sync" in static
    assert "<style" not in static
    assert "<script" not in static
    assert str(tmp_path) not in static
    assert "lip_sync" in repr(part)

    another = Result(local)
    shown(another, row)
    assert another.about["scored"], "what was measured before is not measured again"


def test_its_page_gets_poster_and_bytes_once_it_is_there(idle: Workspace, films: Path) -> None:
    first, second = (finished(idle, films / name) for name in ("v4_i5.mp4", "v6_i20.mp4"))
    part = Heard(idle)
    shown(part, first)
    assert part.sent == []
    page_asks(part, 2, type="open")
    assert part.kinds() == ["poster", "video"]
    told, buffers = part.sent[1]
    assert told["key"] == "v4_i5"
    assert buffers == [(films / "v4_i5.mp4").read_bytes()]
    shown(part, second)
    assert part.sent[3][1] == [(films / "v6_i20.mp4").read_bytes()]
    assert part.show(second) is None, "it goes on playing"
    assert b"ftyp" not in repr(part.get_state()).encode()


def test_one_that_is_too_large_is_named_and_never_sent(films: Path) -> None:
    few = settings.Limits(inline_video_max_bytes=1000)
    with Workspace(settings.resolve(local=True, limits=few)) as idle:
        row = finished(idle, films / "v4_i5.mp4")
        finished(idle, films / "v5_i5.mp4", version=5)
        part = Heard(idle)
        shown(part, row)
        page_asks(part, 1, type="open")
        page_asks(part, 1, type="compare", key="v5_i5")
        until(lambda: part.problem, "the refusal")
    assert part.kinds() == ["poster"]
    assert part.shown["note"] == "too large to play here: open v4_i5.mp4"
    assert part.problem.startswith("v5_i5.mp4 is too large to play here")


def test_earlier_videos_of_the_same_source_are_offered(
    idle: Workspace, films: Path, tmp_path: Path
) -> None:
    finished(idle, films / "v4_i5.mp4", version=4)
    finished(idle, films / "v5_i5.mp4", version=5, iteration_count=20)
    finished(idle, tmp_path / "gone.mp4", iteration_count=30)
    finished(idle, films / "v6_i5.mp4", audio_url="http://tfi.localhost/assets/other.wav")
    row = finished(idle, films / "v6_i10.mp4")
    finished(idle, films / "v6_i20.mp4")  # the very same payload once more
    part = Heard(idle)
    shown(part, row)
    assert part.about["earlier"] == [
        ("v5_i5", "version 5, iteration_count 20"),
        ("v4_i5", "version 4"),
    ]
    page_asks(part, 0, type="compare", key="v6_i5")
    page_asks(part, 0, type="compare")
    page_asks(part, 1, type="compare", key="v4_i5")
    ((told, buffers),) = part.sent  # only what is offered
    assert told["module"].startswith(clock_script())
    assert told["module"].endswith("export { Pair };\n")
    assert buffers == [(films / "v4_i5.mp4").read_bytes()]


def test_a_job_without_a_video_says_why(idle: Workspace) -> None:
    part = Result(idle)
    row = snapshot(status=JobStatus.FAILED, message=ATTACK, finished_at=NOW)
    shown(part, row)
    assert part.shown["note"] == "there is no video: the job is failed"
    assert not part.shown["plays"]
    assert ATTACK not in part.snapshot_html()
    theirs = snapshot(status=JobStatus.DONE, service="https://api.example.com", local=False)
    shown(part, theirs)
    assert "connect to https://api.example.com" in part.shown["note"]


def test_a_download_that_fails_is_told_and_what_plays_stays(
    live: Workspace, api: ScriptedApi, films: Path
) -> None:
    api.answers["GET /storage/"] = reply(404, {"message": "gone"})
    service = live.settings.service_name
    row = snapshot("k9", status=JobStatus.DONE, service=service, local=False, output="a/b.mp4")
    here = snapshot("k8", status=JobStatus.DONE, service=service, path=films / "v4_i5.mp4")
    live.engine.ledger.put(row, here)
    told: list[Exception] = []
    for part in (Result(live), Result(live, on_error=told.append)):
        shown(part, here)
        shown(part, row)
        assert part.shown["key"] == "k8"
        assert bool(part.problem) == (not told)
    assert len(told) == 1


def test_the_newest_is_shown_though_an_older_one_comes_later(
    live: Workspace, api: ScriptedApi, films: Path
) -> None:
    api.video = (films / "v5_i5.mp4").read_bytes()
    service = live.settings.service_name
    far = snapshot("k1", status=JobStatus.DONE, service=service, local=False, output="a/b.mp4")
    here = snapshot("k2", status=JobStatus.DONE, service=service, path=films / "v4_i5.mp4")
    live.engine.ledger.put(far, here)
    part = Result(live)
    fetching, reading = part.show(far), part.show(here)
    assert fetching is not None
    assert reading is not None
    reading.result(WAIT_S)
    fetching.result(WAIT_S)
    assert part.shown["key"] == "k2"
    assert repr(part).startswith("LOCAL job")
    shown(part, live.latest(far))
    assert part.shown["key"] == "k1", "what was fetched for nothing is here now"


def test_a_closed_workspace_is_told_and_not_raised(films: Path) -> None:
    with Workspace(settings.resolve(local=True)) as workspace:
        row = finished(workspace, films / "v4_i5.mp4")
        part = Result(workspace)
    assert part.show(row) is None
    assert "closed" in part.problem


def test_nothing_is_shown_before_the_first_video(idle: Workspace) -> None:
    part = Result(idle)
    assert "no video yet" in part.snapshot_html()
    assert part.score() is None
    bundle, _ = part._repr_mimebundle_()
    assert {"text/html", "text/plain"} < set(bundle)
