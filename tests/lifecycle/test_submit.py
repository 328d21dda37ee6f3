from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.helpers.fake_api import ScriptedApi
from tests.helpers.faulty_server import FaultyServer, reply
from tests.helpers.payloads import good_payload
from tests.lifecycle.rows import row
from tfi_notebook import settings
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.errors import LedgerError, NotSentError, SubmitUnknownError
from tfi_notebook.lifecycle.feed import Feed
from tfi_notebook.lifecycle.ledger import Ledger
from tfi_notebook.lifecycle.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tfi_notebook.lifecycle.turn import Turn

WAIT_S = 30.0
FAST = settings.Limits(
    request_timeout_s=5.0, submit_timeout_s=5.0, poll_first_s=0.01, poll_max_s=0.02,
    close_grace_s=0.2, submit_retry_s=0.2,
)  # fmt: skip
LEAVES_AN_INTENT = """
import asyncio, sys, time
from pathlib import Path
from tests.lifecycle.rows import row
from tfi_notebook.lifecycle.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
for n in range(3):
    intent = row(f"left-{n}", service=sys.argv[2], created_at=time.time())
    asyncio.run(ledger.begin(intent, force=True))
print("written", flush=True)
sys.stdin.readline()
"""


class SlowApi(ScriptedApi):
    """Tells when a submit has come in, and answers it when it is let."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.arrived = threading.Event()
        self.let = threading.Event()

    def __call__(self, method: str, path: str, body: bytes) -> bytes | str:
        if method == "POST":
            self.arrived.set()
            assert self.let.wait(WAIT_S)
        return super().__call__(method, path, body)


@contextmanager
def open_workspace(api: ScriptedApi, folder: Path) -> Iterator[tuple[Workspace, FaultyServer]]:
    with FaultyServer(api) as server:
        api.base_url = server.url
        connection = settings.resolve("key", server.url, outputs=folder, limits=FAST)
        with Workspace(connection) as workspace:
            yield workspace, server


def history(workspace: Workspace, key: str) -> list[str]:
    return [step.status.value for step in workspace._ledger.history(key)]


def test_every_step_of_a_job_is_in_its_history(tmp_path: Path) -> None:
    with open_workspace(ScriptedApi(), tmp_path) as (workspace, _):
        job = workspace.submit(good_payload()).wait(WAIT_S)
        steps = history(workspace, job.key)
    assert steps == ["intent", "accepted", "queued", "processing", "done"]


def test_an_answer_without_a_status_leaves_the_job_accepted(tmp_path: Path) -> None:
    api = ScriptedApi(answers={"POST ": reply(202, {"jobId": "j1"}), "GET /jobs/": "hang"})
    with open_workspace(api, tmp_path) as (workspace, _):
        job = workspace.submit(good_payload())
        assert (job.status, job.id) == (JobStatus.ACCEPTED, "j1")
        assert history(workspace, job.key) == ["intent", "accepted"]
        assert workspace.submit(good_payload()).id == "j1"


def test_who_stops_waiting_for_a_submit_does_not_stop_its_answer(tmp_path: Path) -> None:
    api = SlowApi()
    with open_workspace(api, tmp_path) as (workspace, server):
        submitting = workspace.start(workspace.submit_async(good_payload()))
        assert api.arrived.wait(WAIT_S)
        queued = threading.Event()
        workspace.subscribe(lambda item: queued.set() if item.job_id else None)
        submitting.cancel()
        api.let.set()
        assert queued.wait(WAIT_S)
        assert workspace._ledger.get("job-1") is not None
        assert workspace.submit(good_payload()).id == "job-1"
        assert server.made == 1


def test_closing_waits_for_an_answer_that_comes_in_time(tmp_path: Path) -> None:
    api = SlowApi()
    with open_workspace(api, tmp_path) as (workspace, _):
        workspace.start(workspace.submit_async(good_payload()))
        assert api.arrived.wait(WAIT_S)
        threading.Timer(0.05, api.let.set).start()
        workspace.close()
        ledger = Ledger(workspace.settings.ledger_path)
        assert [item.job_id for item in ledger.recent()] == ["job-1"]


def test_closing_leaves_an_answer_that_does_not_come_as_unknown(tmp_path: Path) -> None:
    api = ScriptedApi(answers={"POST ": "hang"})
    with open_workspace(api, tmp_path) as (workspace, server):
        sent = threading.Event()
        workspace.subscribe(lambda _: sent.set())
        submitting = workspace.start(workspace.submit_async(good_payload()))
        assert sent.wait(WAIT_S)
        while not server.made:
            time.sleep(0.01)
        workspace.close()
        (left,) = Ledger(workspace.settings.ledger_path).recent()
        assert left.status is JobStatus.UNKNOWN
        assert submitting.done()


def test_a_fault_of_our_own_in_mid_submit_is_unknown_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_workspace(ScriptedApi(), tmp_path) as (workspace, _):

        async def breaks(_payload: object, turn: Turn) -> None:
            await turn.open()
            assert turn.may_send()
            raise ZeroDivisionError

        monkeypatch.setattr(workspace._engine.client, "create_job", breaks)
        with pytest.raises(ZeroDivisionError):
            workspace.submit(good_payload())
        assert workspace.jobs()[0].status is JobStatus.UNKNOWN


def test_a_closed_submitter_sends_nothing_more(tmp_path: Path) -> None:
    with open_workspace(ScriptedApi(), tmp_path) as (workspace, server):
        workspace.run(workspace._engine.submitter.drain(0.1))
        with pytest.raises(NotSentError):
            workspace.submit(good_payload())
        assert workspace.jobs() == []
        assert server.made == 0


# -- several kernels -----------------------------------------------------------------------


def test_intents_of_a_dead_kernel_become_unknown_and_those_of_a_living_one_stay(
    tmp_path: Path,
) -> None:
    with FaultyServer(ScriptedApi()) as server:
        connection = settings.resolve("key", server.url, outputs=tmp_path, limits=FAST)
        connection.ledger_path.parent.mkdir(parents=True)
        command = [sys.executable, "-c", LEAVES_AN_INTENT, str(connection.ledger_path), server.url]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as kernel:
            assert kernel.stdout is not None
            assert kernel.stdout.readline() == "written\n"
            with Workspace(connection) as workspace:
                assert {job.status for job in workspace.jobs()} == {JobStatus.INTENT}
            kernel.kill()
            kernel.wait(WAIT_S)
        with Workspace(connection) as workspace:
            assert {job.status for job in workspace.jobs()} == {JobStatus.UNKNOWN}
            assert history(workspace, "left-0") == ["intent", "unknown"]
            with pytest.raises(SubmitUnknownError):
                workspace.submit(good_payload())
        assert server.made == 0


def test_two_kernels_submit_the_same_payload_once(tmp_path: Path) -> None:
    """The second finds the intent of the first, waits for its answer, and has the same job."""
    api = SlowApi()
    with open_workspace(api, tmp_path) as (first, server), Workspace(first.settings) as second:
        submitting = first.start(first.submit_async(good_payload()))
        assert api.arrived.wait(WAIT_S)
        joining = second.start(second.submit_async(good_payload()))
        with pytest.raises(TimeoutError):
            joining.result(0.3)
        api.let.set()
        assert submitting.result(WAIT_S).id == joining.result(WAIT_S).id == "job-1"
        assert server.made == 1


def test_a_kernel_that_waits_for_another_one_sends_itself_when_that_was_refused(
    tmp_path: Path,
) -> None:
    api = SlowApi()
    refused: list[str] = []

    def behave(method: str, path: str, body: bytes) -> bytes | str:
        answer = api(method, path, body)
        if method == "POST" and not refused:
            refused.append(path)
            return reply(400, {"message": "not now"})
        return answer

    with FaultyServer(behave) as server:
        connection = settings.resolve("key", server.url, outputs=tmp_path, limits=FAST)
        with Workspace(connection) as first, Workspace(connection) as second:
            submitting = first.start(first.submit_async(good_payload()))
            assert api.arrived.wait(WAIT_S)
            joining = second.start(second.submit_async(good_payload()))
            api.let.set()
            assert submitting.exception(WAIT_S) is not None
            assert joining.result(WAIT_S).id == "job-2"


# -- a disk that takes nothing -------------------------------------------------------------


def full(ledger: Ledger, *, is_full: bool) -> None:
    """Let the ledger's disk be full, or not any more (SQLITE_FULL on whatever needs a page)."""
    pages = ledger._db.execute("PRAGMA page_count").fetchone()[0] if is_full else 1_000_000
    ledger._db.execute(f"PRAGMA max_page_count = {pages}")


def test_a_full_disk_stops_the_submits_and_loses_no_job(tmp_path: Path) -> None:
    long_name = "x" * 2000
    payloads = [
        good_payload(image_url=f"https://cdn.example.com/{long_name}/{number}.png")
        for number in range(30)
    ]
    with open_workspace(ScriptedApi(), tmp_path) as (workspace, server):
        workspace.submit(payloads[0])
        full(workspace._ledger, is_full=True)

        async def submit_all() -> list[object]:
            work = (workspace.submit_async(payload) for payload in payloads)
            return await asyncio.gather(*work, return_exceptions=True)

        outcomes = workspace.run(submit_all())
        stopped = [outcome for outcome in outcomes if isinstance(outcome, LedgerError)]
        assert "full" in stopped[0].message
        assert "check space" in stopped[0].hint
        assert server.made == len(outcomes) - len(stopped)
        full(workspace._ledger, is_full=False)
        assert {job.id for job in map(workspace.submit, payloads)} == {
            f"job-{number}" for number in range(1, 31)
        }
        assert server.made == 30


def test_an_id_that_the_disk_does_not_take_is_kept_told_and_written_later(tmp_path: Path) -> None:
    api = SlowApi(statuses=["QUEUED"])
    with open_workspace(api, tmp_path) as (workspace, server):
        ledger = workspace._ledger
        submitting = workspace.start(workspace.submit_async(good_payload()))
        assert api.arrived.wait(WAIT_S)
        ledger._db.execute("PRAGMA query_only = 1")
        api.let.set()
        job = submitting.result(WAIT_S)
        assert job.id == "job-1"
        assert "not in the ledger yet" in job.message
        assert "readonly" in job.message
        assert ledger.select(status="intent")[0].key == job.key
        with pytest.raises(LedgerError):
            workspace.submit(good_payload(version=4))
        assert server.made == 1
        ledger._db.execute("PRAGMA query_only = 0")
        workspace.submit(good_payload(version=5))
        stored = ledger.get(job.key)
        assert stored is not None
        assert stored.job_id == "job-1"


def test_what_is_owed_to_the_disk_goes_along_with_the_next_row(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    feed, heard = Feed(ledger), list[str]()
    feed.subscribe(lambda item: heard.append(item.key))

    async def publish() -> None:
        ledger._db.execute("PRAGMA query_only = 1")
        await feed.publish_async(row("owed", status=JobStatus.DONE, job_id="j1"))
        assert ledger.recent() == []
        ledger._db.execute("PRAGMA query_only = 0")
        await feed.publish_async(row("next", status=JobStatus.QUEUED, job_id="j2"))

    asyncio.run(publish())
    assert {item.key: item.job_id for item in ledger.recent()} == {"owed": "j1", "next": "j2"}
    assert heard == ["owed", "next"]
    ledger.close()


def test_what_is_owed_to_the_disk_is_written_at_the_latest_when_closing(tmp_path: Path) -> None:
    api = SlowApi(statuses=["QUEUED"])
    with open_workspace(api, tmp_path) as (workspace, _):
        submitting = workspace.start(workspace.submit_async(good_payload()))
        assert api.arrived.wait(WAIT_S)
        workspace._ledger._db.execute("PRAGMA query_only = 1")
        api.let.set()
        assert submitting.result(WAIT_S).id == "job-1"
        workspace._ledger._db.execute("PRAGMA query_only = 0")
        workspace.close()
        assert Ledger(workspace.settings.ledger_path).recent()[0].job_id == "job-1"


def test_a_clock_that_jumps_by_a_day_does_not_disturb_a_submit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time
    api = SlowApi()
    with open_workspace(api, tmp_path) as (workspace, server):
        submitting = workspace.start(workspace.submit_async(good_payload()))
        assert api.arrived.wait(WAIT_S)
        monkeypatch.setattr(time, "time", lambda: now() + 86_400)
        with Workspace(workspace.settings) as other:
            assert other.jobs()[0].status is JobStatus.INTENT
        api.let.set()
        assert submitting.result(WAIT_S).wait(WAIT_S).status is JobStatus.DONE
        assert server.made == 1
