from __future__ import annotations

import asyncio
import os
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.fake_api import MP4, ScriptedApi
from tests.helpers.faulty_server import FaultyServer, reply
from tests.helpers.snapshots import snapshot
from tests.helpers.sounds import tone, wav
from tfi_notebook import settings
from tfi_notebook.api.client import AsyncClient
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.errors import DownloadError
from tfi_notebook.lifecycle.downloads import Downloads, Fetched
from tfi_notebook.lifecycle.files import is_whole_mp4, place, safe_name
from tfi_notebook.lifecycle.narration import Narrations, audio_seconds
from tfi_notebook.lifecycle.tracker import advance
from tfi_notebook.media.video import write_video

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from contextlib import AbstractAsyncContextManager

    from tfi_notebook import http
    from tfi_notebook.contract.snapshot import JobSnapshot

    Behaviour = Callable[[str, str, bytes], bytes | str]

T = TypeVar("T")

LIMITS = settings.Limits(request_timeout_s=1.0, read_tries=1, outage_failures=1000)
OTHER = MP4 + b"\x00"
CDN = "https://cdn.example.com"


def done(name: str = "a", **changes: Any) -> JobSnapshot:
    output = f"ai-talking-videos/p/outputs/job-{name}.mp4"
    return snapshot(name, **({"status": JobStatus.DONE, "output": output} | changes))


class Loopback(AsyncClient):
    """The real client; links to the content network of a scripted service lead to loopback."""

    base = ""

    def open_file(self, url: str) -> AbstractAsyncContextManager[http.Response]:
        return super().open_file(url.replace(CDN, self.base))


def with_downloads(
    folder: Path,
    behave: Behaviour,
    work: Callable[[Downloads], Coroutine[Any, Any, T]],
    limits: settings.Limits = LIMITS,
    **options: Any,
) -> T:
    """Run `work` with downloads over real sockets; `api`s learn their address."""

    async def walk(url: str) -> T:
        client = Loopback(settings.resolve("key", url, limits=limits))
        client.base = url
        try:
            return await work(Downloads(client, folder, limits, **options))
        finally:
            await client.aclose()

    with FaultyServer(behave) as server, asyncio.Runner() as runner:
        return runner.run(walk(server.url))


def fetch(
    folder: Path, behave: Behaviour, row: JobSnapshot | None = None, **options: Any
) -> Fetched:
    return with_downloads(folder, behave, lambda each: each.fetch(row or done()), **options)


@contextmanager
def refused(folder: Path, says: str) -> Iterator[None]:
    """Expect a DownloadError that leaves nothing behind and tells no signature."""
    before = sorted(folder.iterdir()) if folder.is_dir() else None
    with pytest.raises(DownloadError, match=says) as caught:
        yield
    assert "canary" not in str(caught.value)
    assert before is None or sorted(folder.iterdir()) == before


class Signing:
    """A scripted service that also counts its signing and answers file requests in turn."""

    def __init__(self, *files: bytes | str, expires_at: str = "", date: str = "") -> None:
        self.files = list(files)
        self.signed = 0
        self.expiry = {"expiresAt": expires_at} if expires_at else {}
        self.headers = [f"date: {date}"] if date else []

    def __call__(self, _method: str, path: str, _body: bytes) -> bytes | str:
        if path.startswith("/storage/"):
            self.signed += 1
            url = f"{CDN}/{self.signed}?token=canary"
            return reply(200, {"signedUrl": url, **self.expiry}, *self.headers)
        return self.files.pop(0)


# -- one file, whole, in its place --------------------------------------------------------------


def test_a_video_is_fetched_once_and_leaves_no_part(tmp_path: Path) -> None:
    service = Signing(reply(200, MP4))

    async def again_and_again(downloads: Downloads) -> list[Fetched]:
        both = await asyncio.gather(downloads.fetch(done()), downloads.fetch(done()))
        return [*both, await downloads.fetch(done().having(path=both[0].path))]

    fetched = with_downloads(tmp_path / "new", service, again_and_again)
    assert {each.path for each in fetched} == {tmp_path / "new" / "job-a.mp4"}
    assert fetched[0].path.read_bytes() == MP4
    assert (service.signed, service.files) == (1, [])
    assert list((tmp_path / "new").iterdir()) == [fetched[0].path]


def test_another_file_of_the_same_name_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "job-a.mp4").write_bytes(OTHER)
    (tmp_path / "job-a-2.mp4").write_bytes(b"somebody's notes")
    fetched = fetch(tmp_path, ScriptedApi(base_url=CDN))
    assert fetched.path == tmp_path / "job-a-3.mp4"
    assert fetched.path.read_bytes() == MP4
    assert (tmp_path / "job-a.mp4").read_bytes() == OTHER
    assert (tmp_path / "job-a-2.mp4").read_bytes() == b"somebody's notes"


def test_the_same_content_is_not_kept_twice(tmp_path: Path) -> None:
    """As after a crash between the renaming and the ledger's entry."""
    (tmp_path / "job-a.mp4").write_bytes(MP4)
    assert fetch(tmp_path, ScriptedApi(base_url=CDN)).path == tmp_path / "job-a.mp4"
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ""] == ["job-a.mp4"]


def test_nothing_is_overwritten_where_there_are_no_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_link(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_link)
    (tmp_path / "a.mp4").write_bytes(OTHER)
    (tmp_path / "one.part").write_bytes(MP4)
    assert place(tmp_path / "one.part", tmp_path / "a.mp4") == tmp_path / "a-2.mp4"
    (tmp_path / "two.part").write_bytes(MP4)
    assert place(tmp_path / "two.part", tmp_path / "b.mp4") == tmp_path / "b.mp4"
    assert (tmp_path / "a.mp4").read_bytes() == OTHER
    assert list(tmp_path.glob("*.part")) == []


def test_what_a_killed_transfer_left_is_removed_and_a_living_one_is_not(tmp_path: Path) -> None:
    old, young = tmp_path / "job-a.mp4.0123.part", tmp_path / "job-a.mp4.4567.part"
    for part in (old, young):
        part.write_bytes(b"half")
    long_ago = time.time() - 3 * LIMITS.download_timeout_s
    os.utime(old, (long_ago, long_ago))
    fetch(tmp_path, ScriptedApi(base_url=CDN))
    assert (old.exists(), young.exists()) == (False, True)


def test_only_a_few_transfers_run_at_the_same_time(tmp_path: Path) -> None:
    under_way, most = 0, 0

    async def many(downloads: Downloads) -> list[Fetched]:
        stream = downloads._stream

        async def counted(row: JobSnapshot, url: str) -> Path:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            path = await stream(row, url)
            under_way -= 1
            return path

        downloads._stream = counted  # type: ignore[method-assign]
        return await asyncio.gather(*(downloads.fetch(done(f"n{each}")) for each in range(20)))

    fetched = with_downloads(tmp_path, ScriptedApi(base_url=CDN), many)
    assert len({each.path for each in fetched}) == 20
    assert most == LIMITS.parallel_downloads


# -- links -------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 403, 410])
def test_a_dead_link_is_signed_again_once(tmp_path: Path, status: int) -> None:
    service = Signing(reply(status, {}), reply(200, MP4))
    assert fetch(tmp_path, service).path.read_bytes() == MP4
    assert service.signed == 2
    service = Signing(reply(status, {}), reply(status, {}))
    with refused(tmp_path / "empty", f"HTTP {status}"):
        fetch(tmp_path / "empty", service)
    assert service.signed == 2


CUT = b"HTTP/1.1 200 X\r\ncontent-length: 99999\r\n\r\n\x00\x00\x00\x18ftyp"


@pytest.mark.parametrize("offset", [timedelta(days=1), timedelta(days=-1)])
def test_the_expiry_of_a_link_is_judged_by_the_service_s_clock(
    tmp_path: Path, offset: timedelta
) -> None:
    """Its clock and this machine's are a day apart; a transfer breaks off."""

    def service_whose_links_live(life_s: float) -> Signing:
        there = datetime.now(UTC) + offset
        expiry = (there + timedelta(seconds=life_s)).isoformat()
        broken = BrokenThenWhole(expires_at=expiry, date=format_datetime(there, usegmt=True))
        broken.files = [reply(200, MP4)]
        return broken

    outlived = service_whose_links_live(-5.0)
    assert fetch(tmp_path, outlived).path.read_bytes() == MP4
    assert outlived.signed == 2
    living = service_whose_links_live(3_600.0)
    with refused(tmp_path / "empty", "could not be fetched"):
        fetch(tmp_path / "empty", living)
    assert living.signed == 1


class BrokenThenWhole(Signing):
    """Breaks the first transfer off, as a content network does when a link's time is over."""

    broke = False

    def __call__(self, method: str, path: str, body: bytes) -> bytes | str:
        if not path.startswith("/storage/") and not self.broke:
            self.broke = True
            return "reset"
        return super().__call__(method, path, body)


def test_a_link_in_place_of_a_storage_key_is_read_anew_and_never_kept(tmp_path: Path) -> None:
    """Where the key cannot be signed; the row in the ledger holds the key alone."""
    asked: list[str] = []
    urls: list[str] = []

    def behave(_method: str, path: str, _body: bytes) -> bytes:
        asked.append(path.partition("?")[0])
        if path.startswith("/jobs/"):
            row = {"uuid": "job-a", "job_status": "SUCCESS", "output": {"output": urls[0]}}
            return reply(200, row)
        return reply(200, MP4) if path.endswith("token=live") else reply(404, {})

    async def walk(url: str) -> Fetched:
        urls.append(f"{url}/cdn/a.mp4?token=live")
        client = AsyncClient(settings.resolve("key", url, limits=LIMITS))
        try:
            row = advance(done(), await client.get_job("job-a"), 1_000.0)
            assert row.output == "cdn/a.mp4"
            return await Downloads(client, tmp_path, LIMITS).fetch(row)
        finally:
            await client.aclose()

    with FaultyServer(behave) as server, asyncio.Runner() as runner:
        assert runner.run(walk(server.url)).path.read_bytes() == MP4
    assert asked == ["/jobs/job-a", "/storage/generate-signed-path", "/jobs/job-a", "/cdn/a.mp4"]


def test_a_public_url_is_fetched_as_it_is(tmp_path: Path) -> None:
    asked: list[str] = []

    def behave(_method: str, path: str, _body: bytes) -> bytes:
        asked.append(path)
        return reply(200, MP4)

    async def public(downloads: Downloads) -> Fetched:
        client: Any = downloads._client
        base = client._transport._settings.base_url
        return await downloads.fetch(done(output=f"{base}/public/a.mp4"))

    assert with_downloads(tmp_path, behave, public).path.read_bytes() == MP4
    assert asked == ["/public/a.mp4"]


# -- what goes wrong ---------------------------------------------------------------------------


def test_a_full_disk_is_told_before_anything_is_written(tmp_path: Path) -> None:
    greedy = settings.Limits(disk_reserve_bytes=10**15, read_tries=1)
    with refused(tmp_path, r"not enough space: the video has 2,012 bytes"):
        fetch(tmp_path, ScriptedApi(base_url=CDN), limits=greedy)
    assert fetch(tmp_path, ScriptedApi(base_url=CDN)).path.is_file()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with refused(tmp_path, "could not be fetched"):
        fetch(tmp_path / "file", ScriptedApi(base_url=CDN))


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (reply(404, {}), "HTTP 404"),
        (reply(200, b"<html>login</html>"), "no mp4 video"),
        (CUT, "could not be fetched"),
        (b"HTTP/1.1 200 X\r\ncontent-length: many\r\n\r\n", "could not be fetched"),
        (reply(200, b""), "no mp4 video"),
        (reply(200, b"\x00\x00\x40\x00ftypisom"), "only a part"),
        (reply(200, MP4, "transfer-encoding: chunked"), "could not be fetched"),
        ("reset", "could not be fetched"),
    ],
)
def test_a_transfer_that_fails_is_told_and_leaves_nothing(
    tmp_path: Path, answer: bytes | str, says: str
) -> None:
    with refused(tmp_path, says):
        fetch(tmp_path, ScriptedApi(base_url=CDN, answers={"GET /cdn/": answer}))
    with refused(tmp_path, "names no video"):
        fetch(tmp_path, ScriptedApi(base_url=CDN), done(output=None))


def test_a_transfer_has_a_deadline_and_a_limit_of_size(tmp_path: Path) -> None:
    slow = settings.Limits(download_timeout_s=0.3, read_tries=1)
    with refused(tmp_path, r"longer than 0\.3 s"):
        fetch(tmp_path, ScriptedApi(base_url=CDN, answers={"GET /cdn/": "drip"}), limits=slow)
    small = settings.Limits(download_max_bytes=1000, read_tries=1)
    with refused(tmp_path, "larger than 1,000 bytes"):
        fetch(tmp_path, ScriptedApi(base_url=CDN), limits=small)


# -- is it the right video? --------------------------------------------------------------------


def video(folder: Path, seconds: float) -> bytes:
    frames = [np.full((32, 32, 3), number, np.uint8) for number in range(round(10 * seconds))]
    write_video(folder / "made.mp4", frames, 10.0, None)
    return (folder / "made.mp4").read_bytes()


@pytest.mark.parametrize(
    ("video_s", "audio_s", "says"),
    [
        (3.0, 3.2, ""),
        (0.1, 3.2, "the video lasts 0.1 s, its audio 3.2 s"),
        (3.0, 30.0, "the video lasts 3.0 s, its audio 30.0 s"),
        (3.0, None, ""),
        (0.1, None, "the video lasts 0.1 s"),
    ],
)
def test_a_video_that_does_not_last_as_long_as_its_audio_is_remarked_on(
    tmp_path: Path, video_s: float, audio_s: float | None, says: str
) -> None:
    api = ScriptedApi(base_url=CDN, video=video(tmp_path, video_s))
    fetched = fetch(tmp_path / "out", api, audio_s=lambda _body: audio_s)
    assert fetched.path.is_file()
    assert fetched.remark.startswith(says)
    assert bool(fetched.remark) == bool(says)


def test_the_length_of_a_narration_that_went_up_from_here_is_known() -> None:
    sound = wav(tone(2.5))
    narrations = Narrations()
    asyncio.run(narrations.measure("https://store.example.com/a.wav?signature=1", sound))
    asyncio.run(narrations.measure("https://store.example.com/a.png", b"no sound"))
    assert narrations.seconds({"audio_url": "https://store.example.com/a.wav"}) == 2.5
    assert narrations.seconds({"audio_url": "https://store.example.com/a.png"}) is None
    asset = {"audio_url": "https://store.example.com/a.wav?signature=2"}
    assert narrations.seconds({"values": {"one": asset, "two": asset, "text": "x"}}) == 5.0
    assert narrations.seconds({"values": ["x"]}) is None
    assert audio_seconds(b"") is None


def test_a_video_that_was_cut_off_is_no_whole_one(tmp_path: Path) -> None:
    whole = video(tmp_path, 1.0)
    path = tmp_path / "cut.mp4"
    for length in (0, 7, 20, len(whole) // 3, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert not is_whole_mp4(path), length
    path.write_bytes(whole)
    assert is_whole_mp4(path)
    path.write_bytes(whole + b"\x00\x00\x00\x02junk")
    assert not is_whole_mp4(path)
    assert not is_whole_mp4(tmp_path)
    assert not is_whole_mp4(tmp_path / "nowhere")


@given(st.text())
def test_any_text_makes_a_name_that_stays_in_its_folder(text: str) -> None:
    name = safe_name(text)
    path = Path("/outputs") / f"{name}.mp4"
    assert path.parent == Path("/outputs")
    assert name.isascii()
    assert 0 < len(name) <= 106
    assert name.lower() not in {"con", "nul", "aux", "prn", "com1", "lpt9"}
