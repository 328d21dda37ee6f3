"""Who lives, as seen by another kernel: nothing is sent by two, and nobody waits for the dead."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.helpers.fake_api import ScriptedApi
from tests.helpers.faulty_server import FaultyServer, Refusal, reply
from tests.helpers.payloads import good_payload
from tfi_notebook import settings
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.errors import LedgerError, NotSentError, SubmitUnknownError
from tfi_notebook.lifecycle.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WAIT_S = 30.0
LIFE_S = 0.6
FAST = settings.Limits(
    request_timeout_s=5.0, submit_timeout_s=20.0, poll_first_s=0.01, poll_max_s=0.02,
    close_grace_s=0.2, submit_retry_s=10.0, retry_first_s=0.02, sign_of_life_s=LIFE_S,
)  # fmt: skip
ON_ANOTHER_MACHINE = """
import asyncio, socket, sys, time
from pathlib import Path
socket.gethostname = lambda: "another machine"
from tests.lifecycle.rows import row
from tfi_notebook.lifecycle.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]), life_s=float(sys.argv[3]))
intent = row("left", service=sys.argv[2], created_at=time.time() - 86_400)
async def live():
    await ledger.begin(intent)
    print("written", flush=True)
    while True:
        await asyncio.sleep(0.05)
        await ledger.transact(ledger.life.sustain)
asyncio.run(live())
"""
STOPPED_BEFORE_SENDING = """
import os, signal, sys
import tfi_notebook as tfi
from tests.helpers.payloads import good_payload
from tests.lifecycle.test_life import FAST
from tfi_notebook.contract.records import JobStatus
workspace = tfi.connect("key", sys.argv[1], local=False, limits=FAST)
def stop(row):
    if row.status is JobStatus.INTENT:
        print("intent", flush=True)
        os.kill(os.getpid(), signal.SIGSTOP)
workspace.subscribe(stop)
try:
    workspace.submit(good_payload())
except tfi.errors.NotSentError as error:
    print(error.message)
"""
BECOMES_ANOTHER_PROGRAM = """
import asyncio, os, sys, time
from pathlib import Path
from tests.helpers.payloads import good_payload
from tests.lifecycle.rows import row
from tfi_notebook import settings
from tfi_notebook.errors import SubmitUnknownError
from tfi_notebook.lifecycle.ledger import Ledger
from tfi_notebook.lifecycle.workspace import Workspace
path, url = Path(sys.argv[1]), sys.argv[2]
if sys.argv[3] == "first":
    asyncio.run(Ledger(path).begin(row("left", service=url, created_at=time.time())))
    os.execv(sys.executable, [sys.executable, sys.argv[4], *sys.argv[1:3], "then", sys.argv[4]])
try:
    Workspace(settings.resolve("key", url, ledger=path)).submit(good_payload())
except SubmitUnknownError:
    print("unknown")
"""


@contextmanager
def open_workspace(api: ScriptedApi, folder: Path) -> Iterator[tuple[Workspace, FaultyServer]]:
    with FaultyServer(api) as server:
        api.base_url = server.url
        connection = settings.resolve("key", server.url, outputs=folder, limits=FAST)
        with Workspace(connection) as workspace:
            yield workspace, server


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_living_kernel_on_another_machine_is_seen_living_and_a_dead_one_dead(
    tmp_path: Path,
) -> None:
    with open_workspace(ScriptedApi(), tmp_path) as (workspace, server):
        path = str(workspace.settings.ledger_path)
        command = [sys.executable, "-c", ON_ANOTHER_MACHINE, path, server.url, str(LIFE_S)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as kernel:
            assert said(kernel) == "written"
            given_up = threading.Event()
            workspace.subscribe(lambda _: given_up.set())
            workspace.resume()
            assert not given_up.wait(3 * LIFE_S)
            assert workspace.jobs()[0].status is JobStatus.INTENT
            kernel.kill()
            assert given_up.wait(WAIT_S), "nobody looked again"
        assert workspace.jobs()[0].status is JobStatus.UNKNOWN
        assert server.made == 0


def test_a_submit_that_another_kernel_has_given_up_is_not_sent_again(tmp_path: Path) -> None:
    """The service turns the first try away; before the second one the row is given up."""
    api = ScriptedApi()
    tries: list[str] = []

    def behave(method: str, path: str, body: bytes) -> bytes | str:
        if method == "POST" and not tries:
            tries.append(path)
            with sqlite3.connect(workspace.settings.ledger_path) as other:
                other.execute("UPDATE jobs SET status = 'unknown' WHERE status = 'intent'")
            return Refusal(reply(429, {}))
        return api(method, path, body)

    with FaultyServer(behave) as server:
        connection = settings.resolve("key", server.url, outputs=tmp_path, limits=FAST)
        with Workspace(connection) as workspace:
            with pytest.raises(NotSentError, match="gave it up"):
                workspace.submit(good_payload())
            assert server.made == 0
            assert [job.status for job in workspace.jobs()] == [JobStatus.REJECTED]
            assert workspace.submit(good_payload()).id == "job-1"


def test_a_process_that_was_stopped_before_the_first_byte_sends_nothing_when_it_goes_on(
    tmp_path: Path,
) -> None:
    """Meanwhile a person has taken its job for lost and has paid for another one."""
    with open_workspace(ScriptedApi(), tmp_path) as (workspace, server):
        command = [sys.executable, "-c", STOPPED_BEFORE_SENDING, server.url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as kernel:
            try:
                assert said(kernel) == "intent"
                with pytest.raises(SubmitUnknownError):
                    workspace.submit(good_payload())
                workspace.unresolved()[0].write_off()
                assert workspace.submit(good_payload()).id == "job-1"
            finally:  # nobody could wait for a stopped process
                os.kill(kernel.pid, signal.SIGCONT)
            assert "gave it up unsent" in said(kernel)
        assert server.made == 1


def test_what_a_process_has_left_before_an_exec_is_nobodys(tmp_path: Path) -> None:
    script, path = tmp_path / "script.py", tmp_path / "ledger.sqlite"
    script.write_text(BECOMES_ANOTHER_PROGRAM)
    with FaultyServer(ScriptedApi()) as server:
        done = subprocess.run(
            [sys.executable, str(script), str(path), server.url, "first", str(script)],
            capture_output=True, text=True, timeout=60, check=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )  # fmt: skip
        assert done.stdout == "unknown\n"
        assert server.made == 0


def test_an_id_for_a_ledger_that_was_deleted_meanwhile_is_entered_into_the_next_one(
    tmp_path: Path,
) -> None:
    arrived, let = threading.Event(), threading.Event()
    api = ScriptedApi()

    def behave(method: str, path: str, body: bytes) -> bytes | str:
        if method == "POST":
            arrived.set()
            assert let.wait(WAIT_S)
        return api(method, path, body)

    with FaultyServer(behave) as server:
        connection = settings.resolve("key", server.url, outputs=tmp_path, limits=FAST)
        workspace = Workspace(connection)
        submitting = workspace.start(workspace.submit_async(good_payload()))
        assert arrived.wait(WAIT_S)
        for file in connection.ledger_path.parent.glob("ledger.sqlite*"):
            file.unlink()
        let.set()
        assert "deleted or replaced" in submitting.result(WAIT_S).message
        with pytest.raises(LedgerError, match="job-1"):
            workspace.close()
        with Workspace(connection) as again:
            assert again.submit(good_payload()).id == "job-1"
        assert server.made == 1


def test_a_forked_child_takes_nothing_of_its_parent_for_its_own() -> None:
    code = """
import os, sys
from tfi_notebook.lifecycle.owner import Owner
owner = Owner.entering()
if os.fork() == 0:
    os._exit(10 + owner.is_open)
print(os.waitstatus_to_exitcode(os.wait()[1]), owner.is_open)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["10", "True"]


def test_what_only_stands_in_line_leaves_no_trace(tmp_path: Path) -> None:
    """An intent is written when it is its turn: whoever is killed in the queue has lost nothing."""
    arrived, let = threading.Event(), threading.Event()
    api = ScriptedApi()

    def behave(method: str, path: str, body: bytes) -> bytes | str:
        if method == "POST":
            arrived.set()
            assert let.wait(WAIT_S)
        return api(method, path, body)

    limits = settings.Limits(parallel_first=1, parallel_requests=1, poll_first_s=60.0)
    with FaultyServer(behave) as server:
        connection = settings.resolve("key", server.url, outputs=tmp_path, limits=limits)
        with Workspace(connection) as workspace:
            payloads = [good_payload(version=version) for version in (4, 5, 6)]
            sending = [workspace.start(workspace.submit_async(payload)) for payload in payloads]
            assert arrived.wait(WAIT_S)
            assert len(workspace.jobs()) == 1
            let.set()
            assert len({each.result(WAIT_S).id for each in sending}) == 3
            assert workspace.jobs()[0].snapshot.created_at > time.time() - WAIT_S


def test_the_service_is_one_by_whatever_name_of_this_machine(tmp_path: Path) -> None:
    with open_workspace(ScriptedApi(), tmp_path) as (workspace, server):
        job = workspace.submit(good_payload())
        for name in ("localhost", "LOCALHOST", "127.0.0.1"):
            url = f"http://{name}:{server.port}"
            with Workspace(settings.resolve("key", url, outputs=tmp_path, limits=FAST)) as other:
                assert other.submit(good_payload()).id == job.id
        assert server.made == 1
