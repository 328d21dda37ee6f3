from __future__ import annotations

import asyncio
import math
import subprocess
import sys
import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import tfi_notebook as tfi
from tests.helpers.fake_api import MP4, ScriptedApi
from tests.helpers.faulty_server import FaultyServer, reply
from tests.helpers.payloads import GOOD, good_payload
from tfi_notebook import settings
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.errors import (
    JobFailedError,
    LedgerError,
    NotFoundError,
    NotSentError,
    PayloadError,
    RejectedError,
    ServiceError,
    SettingsError,
    SourceError,
    SubmitUnknownError,
    WaitTimeoutError,
)
from tfi_notebook.lifecycle import default
from tfi_notebook.lifecycle.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tfi_notebook.contract.snapshot import JobSnapshot

FAST = settings.Limits(
    request_timeout_s=2.0, submit_timeout_s=2.0, poll_first_s=0.01, poll_max_s=0.02,
    soft_errors_max=4, read_tries=1, submit_retry_s=0.5, retry_first_s=0.05, probe_first_s=0.1,
)  # fmt: skip
WAIT_S = 30.0
ROOT = Path(__file__).parents[2]


@contextmanager
def open_workspace(api: ScriptedApi, folder: Path) -> Iterator[tuple[Workspace, FaultyServer]]:
    with FaultyServer(api) as server:
        api.base_url = server.url
        connection = settings.resolve("key", server.url, outputs=folder, limits=FAST)
        with Workspace(connection) as workspace:
            yield workspace, server


def test_the_walk_of_one_payload(tmp_path: Path) -> None:
    seen: list[JobStatus] = []
    with open_workspace(ScriptedApi(), tmp_path) as (workspace, server):
        workspace.subscribe(lambda row: seen.append(row.status))
        job = workspace.submit(good_payload(version=5))
        assert job.id == "job-1"
        job.wait(WAIT_S)
        assert job.status is JobStatus.DONE
        assert job.path == tmp_path / "job-1.mp4"
        assert job.path.read_bytes() == MP4
        assert job.payload["version"] == 5
        assert str(job.snapshot.credit_used) == "12.5"
        assert server.made == 1
    order = list(dict.fromkeys(seen))
    assert order == [JobStatus.INTENT, JobStatus.QUEUED, JobStatus.PROCESSING, JobStatus.DONE]
    assert [path.name for path in tmp_path.glob("*.mp4*")] == ["job-1.mp4"]


def test_the_intent_is_on_disk_before_the_request(tmp_path: Path) -> None:
    rows: list[JobSnapshot] = []
    api = ScriptedApi()

    def behave(method: str, path: str, body: bytes) -> bytes | str:
        if method == "POST":
            rows.extend(workspace._ledger.recent())
        return api(method, path, body)

    with FaultyServer(behave) as server:
        api.base_url = server.url
        connection = settings.resolve("key", server.url, outputs=tmp_path, limits=FAST)
        with Workspace(connection) as workspace:
            workspace.submit(good_payload())
    assert [(row.status, row.job_id) for row in rows] == [(JobStatus.INTENT, None)]


def test_the_same_payload_is_not_paid_for_twice(tmp_path: Path) -> None:
    with open_workspace(ScriptedApi(), tmp_path) as (workspace, server):
        first = workspace.submit(good_payload())
        again = workspace.submit(good_payload())
        assert again.id == first.id
        first.wait(WAIT_S)
        assert workspace.submit(good_payload()).path == first.path
        assert server.made == 1
        forced = workspace.submit(good_payload(), force=True)
        assert forced.id != first.id
        assert workspace.submit(good_payload(version=4)).id not in {first.id, forced.id}
        assert server.made == 3


def test_a_template_is_one_job_whatever_session_is_to_be_notified(tmp_path: Path) -> None:
    """Submit, preview of its cost, and sweeps go by the one fingerprint that the payload has."""
    payload = tfi.build_template_payload(
        job_type="tts", template_id=GOOD["project_id"], session_id="first", values={"text": "Hi"}
    )
    elsewhere = payload.replace(session_id="second")
    with open_workspace(ScriptedApi(), tmp_path) as (workspace, server):
        job = workspace.submit(payload)
        assert job.snapshot.fingerprint == payload.fingerprint == elsewhere.fingerprint
        assert job.payload["session_id"] == "first"
        earlier = workspace.run(workspace.engine.outlooks.of(elsewhere)).earlier
        assert earlier is not None
        assert earlier.job_id == workspace.submit(elsewhere).id == job.id
        run = (
            tfi.Sweep(payload, session_id=["third"], workspace=workspace)
            .run(confirm=True)
            .wait(WAIT_S)
        )
        assert [cell.snapshot.job_id for cell in run.cells() if cell.snapshot] == [job.id]
        assert server.made == 1


def test_a_double_click_submits_once(tmp_path: Path) -> None:
    with open_workspace(ScriptedApi(), tmp_path) as (workspace, server):
        clicks = [workspace.start(workspace.submit_async(good_payload())) for _ in range(5)]
        assert {click.result(WAIT_S).id for click in clicks} == {"job-1"}
        assert server.made == 1


def test_a_lost_answer_is_kept_as_unknown_and_blocks_a_blind_repeat(tmp_path: Path) -> None:
    with open_workspace(ScriptedApi(answers={"POST ": "reset"}), tmp_path) as (workspace, server):
        for _ in range(2):
            with pytest.raises(SubmitUnknownError):
                workspace.submit(good_payload())
        assert server.made == 1
        (job,) = workspace.jobs()
        assert (job.status, job.id) == (JobStatus.UNKNOWN, None)


def test_a_refusal_leaves_a_rejected_row_and_may_be_tried_again(tmp_path: Path) -> None:
    api = ScriptedApi(answers={"POST ": reply(400, {"message": "image_url is wrong"})})
    with open_workspace(api, tmp_path) as (workspace, server):
        with pytest.raises(RejectedError, match="image_url is wrong"):
            workspace.submit(good_payload())
        assert workspace.jobs()[0].status is JobStatus.REJECTED
        api.answers.clear()
        assert workspace.submit(good_payload()).id == "job-1"
        assert server.made == 2


def test_without_a_connection_nothing_is_charged_and_the_row_says_so(tmp_path: Path) -> None:
    with open_workspace(ScriptedApi(), tmp_path) as (workspace, server):
        server.stop_listening()
        with pytest.raises(NotSentError):
            workspace.submit(good_payload())
        assert workspace.jobs()[0].status is JobStatus.REJECTED


def test_without_a_ledger_nothing_is_sent(tmp_path: Path) -> None:
    with open_workspace(ScriptedApi(), tmp_path) as (workspace, server):
        workspace._ledger._db.execute("PRAGMA query_only = 1")
        with pytest.raises(LedgerError):
            workspace.submit(good_payload())
        assert server.made == 0


def test_a_failed_job_ends_the_wait_and_tells_why_there_is_no_video(tmp_path: Path) -> None:
    with open_workspace(ScriptedApi(["STARTED", "FAILED"]), tmp_path) as (workspace, _):
        job = workspace.submit(good_payload()).wait(WAIT_S)
        assert job.status is JobStatus.FAILED
        with pytest.raises(JobFailedError) as caught:
            job.video()
        assert caught.value.job_id == "job-1"


def test_a_wait_that_is_too_short_leaves_the_job_going(tmp_path: Path) -> None:
    with open_workspace(ScriptedApi(["STARTED"]), tmp_path) as (workspace, _):
        job = workspace.submit(good_payload())
        with pytest.raises(WaitTimeoutError, match=r"tfi\.job\('job-1'\)"):
            job.wait(0.05)
        with pytest.raises(JobFailedError, match=r"job\.wait"):
            job.download()
        assert not job.status.is_final


def test_the_limit_of_a_wait_may_be_nothing_or_endless(tmp_path: Path) -> None:
    with open_workspace(ScriptedApi(), tmp_path) as (workspace, _):
        job = workspace.submit(good_payload()).wait(math.inf)
        assert job.wait(0).status is JobStatus.DONE
        assert job.wait(1e12).status is JobStatus.DONE
        wrong: Any
        for wrong in ("3", True, math.nan):
            with pytest.raises(SettingsError, match="seconds"):
                job.wait(wrong)


def test_awaiting_works_on_any_loop(tmp_path: Path) -> None:
    with open_workspace(ScriptedApi(), tmp_path) as (workspace, _):
        job = workspace.submit(good_payload())
        assert asyncio.run(job.done()).status is JobStatus.DONE


def test_passing_faults_of_status_requests_do_not_end_a_job(tmp_path: Path) -> None:
    api = ScriptedApi(answers={"GET /jobs/": reply(500, {})})
    stale = threading.Event()
    with open_workspace(api, tmp_path) as (workspace, _):
        workspace.subscribe(lambda row: stale.set() if row.stale_since else None)
        job = workspace.submit(good_payload())
        assert stale.wait(WAIT_S)
        api.answers.clear()
        assert job.wait(WAIT_S).status is JobStatus.DONE
        assert job.snapshot.stale_since is None


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (reply(401, {}), "401"),
        (reply(500, {}), "500"),
        (reply(200, {"message": "Job not found"}), "not found"),
    ],
)
def test_a_service_that_stops_answering_ends_the_wait_and_not_the_job(
    tmp_path: Path, answer: bytes, says: str
) -> None:
    api = ScriptedApi(answers={"GET /jobs/": answer})
    with open_workspace(api, tmp_path) as (workspace, _):
        job = workspace.submit(good_payload())
        for _ in range(2):  # the second wait must not hang because nothing is new
            with pytest.raises(ServiceError, match=says):
                job.wait(WAIT_S)
        assert job.status is JobStatus.QUEUED
        api.answers.clear()
        assert workspace.job("job-1").wait(WAIT_S).status is JobStatus.DONE


def test_jobs_outlive_the_kernel(tmp_path: Path) -> None:
    api = ScriptedApi(["QUEUED"])
    with open_workspace(api, tmp_path) as (workspace, _):
        workspace.submit(good_payload())
    api.statuses = ["SUCCESS"]
    # the same address again, as a restarted kernel would find it
    with FaultyServer(api) as server:
        api.base_url = server.url
        connection = settings.resolve("key", server.url, outputs=tmp_path, limits=FAST)
        with Workspace(connection) as workspace:
            ledger_row = workspace.jobs()[0].snapshot
            assert ledger_row.status is JobStatus.QUEUED
            adopted = workspace.job("job-77")
            assert adopted.wait(WAIT_S).status is JobStatus.DONE
            with pytest.raises(SettingsError, match="belongs to"):
                workspace.jobs()[-1].wait(1)


def test_unfinished_jobs_are_watched_again_without_asking(tmp_path: Path) -> None:
    api = ScriptedApi(["QUEUED"])
    with FaultyServer(api) as server:
        api.base_url = server.url
        connection = settings.resolve("key", server.url, outputs=tmp_path, limits=FAST)
        with Workspace(connection) as first:
            first.submit(good_payload())
        api.statuses = ["SUCCESS"]
        with Workspace(connection) as second:
            assert second.jobs()[0].wait(WAIT_S).path == tmp_path / "job-1.mp4"


def test_an_intent_left_by_a_crash_becomes_unknown(tmp_path: Path) -> None:
    crash = """
import os, sys, time
from pathlib import Path
from tests.helpers.payloads import good_payload
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.contract.snapshot import JobSnapshot
from tfi_notebook.lifecycle.ledger import Ledger
payload = good_payload()
Ledger(Path(sys.argv[1])).put(JobSnapshot(
    key="k", service=sys.argv[2], local=False, fingerprint=payload.fingerprint,
    body=payload.body(), status=JobStatus.INTENT, created_at=time.time()))
os._exit(1)
"""
    with open_workspace(ScriptedApi(), tmp_path) as (workspace, server):
        connection = workspace.settings
        arguments = [str(connection.ledger_path), connection.service_name]
        subprocess.run([sys.executable, "-c", crash, *arguments], cwd=ROOT, check=False)
        with Workspace(connection) as after:
            assert after.jobs()[0].status is JobStatus.UNKNOWN
            with pytest.raises(SubmitUnknownError):
                after.submit(good_payload())
            assert [job.key for job in after.unresolved()] == ["k"]
            after.unresolved()[0].write_off()
            assert after.unresolved() == []
        assert server.made == 0


def test_a_ledger_that_was_deleted_under_it_stops_the_submits(tmp_path: Path) -> None:
    with open_workspace(ScriptedApi(), tmp_path) as (workspace, server):
        workspace.settings.ledger_path.unlink()
        with pytest.raises(LedgerError, match="deleted or replaced"):
            workspace.submit(good_payload())
        assert server.made == 0


def test_what_another_kernel_has_resolved_is_seen(tmp_path: Path) -> None:
    api = ScriptedApi(answers={"POST ": "reset"})
    with open_workspace(api, tmp_path) as (mine, server), Workspace(mine.settings) as other:
        with pytest.raises(SubmitUnknownError):
            mine.submit(good_payload())
        api.answers.clear()
        other.unresolved()[0].adopt("job-9")
        assert mine.unresolved() == []
        assert mine.submit(good_payload()).id == "job-9"
        assert mine.jobs()[0].wait(WAIT_S).status is JobStatus.DONE
        assert server.made == 1


def test_a_wait_on_a_closed_workspace_ends_at_once(tmp_path: Path) -> None:
    with open_workspace(ScriptedApi(["QUEUED"]), tmp_path) as (workspace, _):
        job = workspace.submit(good_payload())
        waiting = workspace.start(workspace.settled(job.snapshot))
        workspace.close()
        with pytest.raises((ServiceError, CancelledError)):
            waiting.result(WAIT_S)
        for call in (job.wait, workspace.jobs, workspace.credits):
            with pytest.raises(SettingsError, match="closed"):
                call()


def test_another_kernels_job_is_waited_for(tmp_path: Path) -> None:
    api = ScriptedApi(["QUEUED", "QUEUED", "SUCCESS"])
    with open_workspace(api, tmp_path) as (mine, _), Workspace(mine.settings) as other:
        submitted = other.submit(good_payload())
        seen = mine.jobs()[0]
        assert seen.id == submitted.id
        assert seen.wait(WAIT_S).status is JobStatus.DONE


def test_two_kernels_with_one_payload_make_one_job(tmp_path: Path) -> None:
    with open_workspace(ScriptedApi(), tmp_path) as (mine, server):
        with Workspace(mine.settings) as other:
            both = [each.start(each.submit_async(good_payload())) for each in (mine, other)]
            jobs = [submitted.result(WAIT_S) for submitted in both]
            assert {job.wait(WAIT_S).id for job in jobs} == {"job-1"}
        assert server.made == 1


@pytest.mark.parametrize("job_id", [None, "", "  ", 5, b"job-1"])
def test_what_is_no_job_id_is_not_found(tmp_path: Path, job_id: Any) -> None:
    with open_workspace(ScriptedApi(), tmp_path) as (workspace, server):
        with pytest.raises(NotFoundError, match="no job id"):
            workspace.job(job_id)
        assert server.requests == []


@pytest.mark.parametrize("payload", [None, "text", [], {}, 5])
def test_what_is_no_payload_is_refused(tmp_path: Path, payload: Any) -> None:
    with open_workspace(ScriptedApi(), tmp_path) as (workspace, server):
        with pytest.raises(PayloadError, match="build_payload"):
            workspace.submit(payload)
        assert server.made == 0


@pytest.mark.parametrize("path", [None, 5, b"a.png", "https://example.com/a.png", ".", "x" * 5000])
def test_what_is_no_file_is_refused(tmp_path: Path, path: Any) -> None:
    with (
        open_workspace(ScriptedApi(), tmp_path) as (workspace, _),
        pytest.raises(SourceError) as caught,
    ):
        workspace.asset(path)
    assert caught.value.hint


def test_a_forked_child_is_told_to_open_its_own(tmp_path: Path) -> None:
    script = """
import os, sys
import tfi_notebook as tfi
from tfi_notebook.errors import SettingsError
workspace = tfi.connect("key", sys.argv[1], outputs=sys.argv[2])
job = workspace.submit({"image_url": "https://a.example/a.png",
                        "audio_url": "https://a.example/a.mp3",
                        "project_id": "468ea7a0-66e1-4357-a760-236e54167f3e"})
child = os.fork()
if not child:
    try:
        job.wait(5)
    except SettingsError as error:
        print(error.message, flush=True)
    raise SystemExit(len(tfi.connect("key", sys.argv[1]).jobs()) - 1)
print("child ended with", os.waitpid(child, 0)[1])
"""
    api = ScriptedApi(["QUEUED"])
    with FaultyServer(api) as server:
        api.base_url = server.url
        done = subprocess.run(
            [sys.executable, "-c", script, server.url, str(tmp_path)],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.stdout.splitlines() == ["this workspace is closed", "child ended with 0"], (
        done.stderr
    )


def test_connecting_again_opens_nothing_twice(tmp_path: Path) -> None:
    with FaultyServer(ScriptedApi()) as server:
        first = default.connect("key", server.url, outputs=tmp_path)
        with default.connect("key", server.url, outputs=tmp_path) as again:
            assert again is first
        assert default.connect("key", server.url, outputs=tmp_path) is not first
        default.default_workspace().close()
        with ThreadPoolExecutor(8) as pool:
            opened = {id(found) for found in pool.map(_default_of_a_thread, [server.url] * 8)}
        assert len(opened) == 1
        default.default_workspace().close()


def _default_of_a_thread(url: str) -> Workspace:
    return default.connect("key", url)


def test_a_job_nobody_knows_is_not_found(tmp_path: Path) -> None:
    api = ScriptedApi(answers={"GET /jobs/": reply(200, {"message": "Job not found"})})
    with open_workspace(api, tmp_path) as (workspace, _), pytest.raises(NotFoundError):
        workspace.job("15a6331b-none")


@pytest.mark.parametrize(
    "answers",
    [
        {"GET /storage/": reply(200, {"error": "Path query parameter is required"})},
        {"GET /cdn/": reply(404, {})},
        {"GET /cdn/": reply(200, b"<html>login</html>")},
        {"GET /cdn/": b"HTTP/1.1 200 X\r\ncontent-length: 99999\r\n\r\n\x00\x00\x00\x18ftyp"},
    ],
)
def test_a_download_that_fails_is_told_leaves_nothing_and_can_be_repeated(
    tmp_path: Path, answers: dict[str, bytes | str]
) -> None:
    api = ScriptedApi(answers=answers)
    with open_workspace(api, tmp_path) as (workspace, _):
        job = workspace.submit(good_payload()).wait(WAIT_S)
        assert (job.status, job.path) == (JobStatus.DONE, None)
        assert "video" in job.message
        assert list(tmp_path.glob("*.part")) == []
        assert list(tmp_path.glob("*.mp4")) == []
        api.answers.clear()
        assert job.download().read_bytes() == MP4


def test_a_dead_link_is_signed_again_once(tmp_path: Path) -> None:
    api = ScriptedApi()
    refused: list[str] = []

    def behave(method: str, path: str, body: bytes) -> bytes | str:
        if path.startswith("/cdn/") and not refused:
            refused.append(path)
            return reply(403, {})
        return api(method, path, body)

    with FaultyServer(behave) as server:
        api.base_url = server.url
        connection = settings.resolve("key", server.url, outputs=tmp_path, limits=FAST)
        with Workspace(connection) as workspace:
            assert workspace.submit(good_payload()).wait(WAIT_S).path is not None
    assert len(refused) == 1


def test_urls_of_this_machine_are_not_sent_to_the_live_api(tmp_path: Path) -> None:
    with open_workspace(ScriptedApi(), tmp_path) as (workspace, server):
        with pytest.raises(PayloadError, match="only this machine") as caught:
            workspace.submit(good_payload(image_url="http://tfi.localhost/samples/portrait.png"))
        assert caught.value.field == "image_url"
        with pytest.raises(SettingsError, match="public"):
            workspace.run(workspace.asset_async(b"x", "a.png"))
        assert server.requests == []


def test_no_signature_reaches_the_ledger_or_a_repr(tmp_path: Path) -> None:
    with open_workspace(ScriptedApi(), tmp_path) as (workspace, _):
        job = workspace.submit(good_payload()).wait(WAIT_S)
        shown = repr(job) + repr(job.snapshot) + str(job._repr_mimebundle_()) + repr(workspace)
    stored = b"".join(path.read_bytes() for path in workspace.settings.data_dir.glob("ledger*"))
    assert "canary-signature" not in shown
    assert b"canary-signature" not in stored
    assert b"x-api-key" not in stored


def test_a_closed_workspace_closes_again_in_silence(tmp_path: Path) -> None:
    with open_workspace(ScriptedApi(), tmp_path) as (workspace, _):
        workspace.close()
        workspace.close()
        assert workspace.closed
