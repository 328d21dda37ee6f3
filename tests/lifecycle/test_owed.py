"""An id that the ledger does not take is not lost: neither by closing nor by a kill."""

from __future__ import annotations

import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.helpers.fake_api import ScriptedApi
from tests.helpers.faulty_server import FaultyServer
from tests.helpers.payloads import good_payload
from tfi_notebook import settings
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.errors import LedgerError
from tfi_notebook.lifecycle import medium
from tfi_notebook.lifecycle.ledger import Ledger
from tfi_notebook.lifecycle.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WAIT_S = 30.0
FAST = settings.Limits(close_grace_s=0.3, poll_first_s=30.0)
SUBMITS = """
import sys
import tfi_notebook as tfi
from tests.helpers.payloads import good_payload
from tests.lifecycle.test_owed import FAST
from tfi_notebook.lifecycle import medium
medium.BUSY_TIMEOUT_S = 0.1
job = tfi.connect("key", sys.argv[1], local=False, limits=FAST).submit(good_payload())
print(job.id, flush=True)
sys.stdin.readline()
"""


class LockingApi(ScriptedApi):
    """Before it answers a submit, another program takes the ledger for itself."""

    ledger: Path

    def __post_init__(self) -> None:
        super().__post_init__()
        self.arrived = threading.Event()
        self.locked = threading.Event()

    def __call__(self, method: str, path: str, body: bytes) -> bytes | str:
        if method == "POST":
            self.arrived.set()
            assert self.locked.wait(WAIT_S)
        return super().__call__(method, path, body)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[LockingApi, FaultyServer, settings.Settings]]:
    api = LockingApi()
    with FaultyServer(api) as server:
        api.base_url = server.url
        yield api, server, settings.resolve("key", server.url, outputs=tmp_path, limits=FAST)


def side_files(path: Path) -> list[Path]:
    return list(path.parent.glob(f"{path.name}.owed-*"))


def test_closing_over_a_locked_ledger_names_the_ids_and_keeps_them_aside(
    served: tuple[LockingApi, FaultyServer, settings.Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(medium, "BUSY_TIMEOUT_S", 0.1)
    api, server, connection = served
    path = connection.ledger_path
    workspace = Workspace(connection)
    submitting = workspace.start(workspace.submit_async(good_payload()))
    assert api.arrived.wait(WAIT_S)
    with locked(path):
        api.locked.set()
        assert submitting.result(WAIT_S).id == "job-1"
        with pytest.raises(LedgerError, match="job-1") as told:
            workspace.close()
        assert "entered when it is opened next" in told.value.hint
        (aside,) = side_files(path)
        assert stat.S_IMODE(aside.stat().st_mode) == 0o600
    with Workspace(connection) as again:
        assert again.submit(good_payload()).id == "job-1"
        assert side_files(path) == []
    assert server.made == 1


def test_an_id_outlives_a_kill_while_the_ledger_is_locked(
    served: tuple[LockingApi, FaultyServer, settings.Settings],
) -> None:
    api, server, connection = served
    command = [sys.executable, "-c", SUBMITS, server.url]
    Ledger(connection.ledger_path).close()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as kernel:
        assert api.arrived.wait(WAIT_S)
        with locked(connection.ledger_path):
            api.locked.set()
            assert kernel.stdout is not None
            assert kernel.stdout.readline() == "job-1\n"
            kernel.send_signal(signal.SIGKILL)
            kernel.wait(WAIT_S)
    with Workspace(connection) as workspace:
        (job,) = workspace.jobs()
        assert (job.id, job.status) == ("job-1", JobStatus.QUEUED)
        assert workspace.submit(good_payload()).id == "job-1"
    assert server.made == 1


def test_a_locked_ledger_that_is_let_go_in_time_leaves_no_side_file(
    served: tuple[LockingApi, FaultyServer, settings.Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(medium, "BUSY_TIMEOUT_S", 0.1)
    api, _, connection = served
    with Workspace(connection) as workspace:
        submitting = workspace.start(workspace.submit_async(good_payload()))
        assert api.arrived.wait(WAIT_S)
        with locked(connection.ledger_path):
            api.locked.set()
            assert submitting.result(WAIT_S).id == "job-1"
            assert len(side_files(connection.ledger_path)) == 1
    assert side_files(connection.ledger_path) == []
    assert Ledger(connection.ledger_path).get("job-1") is not None


def test_what_was_decided_meanwhile_stands_and_a_torn_line_is_passed_over(
    served: tuple[LockingApi, FaultyServer, settings.Settings],
) -> None:
    api, _, connection = served
    api.locked.set()
    with Workspace(connection) as workspace:
        job = workspace.submit(good_payload())
        ledger = workspace._ledger
        stored = ledger.get(job.key)
        assert stored is not None
        ledger.owed.keep([stored.having(status=JobStatus.REJECTED, job_id=None)])
        (aside,) = side_files(connection.ledger_path)
        with aside.open("a") as file:
            file.write('{"owner": "{}", "key": "to')
        workspace.resume()
        after = ledger.get(job.key)
        assert after is not None
        assert (after.job_id, after.status) == (job.id, stored.status)
