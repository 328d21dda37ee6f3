from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.helpers.payloads import good_payload
from tests.lifecycle.rows import row
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.errors import LedgerError
from tfi_notebook.lifecycle import medium
from tfi_notebook.lifecycle.ledger import Ledger
from tfi_notebook.lifecycle.medium import Journal, choose_journal, wal_fault
from tfi_notebook.lifecycle.readings import Transition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tfi_notebook.contract.snapshot import JobSnapshot

VERSION_1 = Path(__file__).parent.parent / "data" / "ledger_v1.sqlite"
PRELUDE = """
import asyncio, atexit, json, os, sys, threading
from pathlib import Path
from tests.lifecycle.rows import row
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.errors import LedgerError
from tfi_notebook.lifecycle.ledger import Ledger
path = Path(sys.argv[1])
"""


def run_python(code: str, path: Path, **options: object) -> str:
    """Run code in a process of its own and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + code, str(path)],
        capture_output=True, text=True, timeout=60, check=False, **options,  # type: ignore[call-overload]
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return str(done.stdout).strip()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path / "ledger.sqlite")
    yield opened
    opened.close()


# -- rows ----------------------------------------------------------------------------------


def test_a_row_comes_back_as_it_was_put_also_from_another_opening(tmp_path: Path) -> None:
    whole = row(
        status=JobStatus.DONE, raw_status="SUCCESS", job_id="j1", message="ok", output="a/b.mp4",
        path=tmp_path / "b.mp4", credit_used=Decimal("12.5"), started_at=1001.5, finished_at=1002.0,
    )  # fmt: skip
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.put(whole)
    ledger.close()
    again = Ledger(tmp_path / "ledger.sqlite")
    assert again.get("k1") == whole
    assert again.get("j1") == whole
    assert again.get("other") is None
    assert again.check() == "ok"


def test_putting_again_changes_the_row_and_keeps_its_place(ledger: Ledger) -> None:
    for key in ("k1", "k2"):
        ledger.put(row(key))
    ledger.put(row("k1", status=JobStatus.QUEUED))
    assert [(item.key, item.status) for item in ledger.recent()] == [
        ("k2", JobStatus.INTENT),
        ("k1", JobStatus.QUEUED),
    ]
    assert [item.key for item in ledger.recent(limit=1)] == ["k2"]


def test_many_rows_at_once_new_and_known_in_any_mixture(ledger: Ledger) -> None:
    ledger.put(*(row(f"k{number}") for number in range(0, 200, 3)))
    mixed = [
        row(f"k{number}", status=status, job_id=f"j{number}")
        for number in range(200)
        for status in (JobStatus.QUEUED, JobStatus.PROCESSING)
    ]
    ledger.put(*mixed)
    found = {item.key: item for item in ledger.recent()}
    assert len(found) == 200
    assert {item.status for item in found.values()} == {JobStatus.PROCESSING}
    assert all(found[f"k{number}"].job_id == f"j{number}" for number in range(200))
    assert [step.status for step in ledger.history("k3")] == [
        JobStatus.INTENT, JobStatus.ACCEPTED, JobStatus.QUEUED, JobStatus.PROCESSING,
    ]  # fmt: skip


def test_the_same_payload_is_found_on_the_same_service_only(ledger: Ledger) -> None:
    ledger.put(row("here"))
    ledger.put(row("there", service="https://api.example.com"))
    assert [item.key for item in ledger.find("local", row().fingerprint)] == ["here"]


def test_unfinished_rows_are_those_whose_end_was_not_seen(ledger: Ledger) -> None:
    for status in JobStatus:
        ledger.put(row(status.value, status=status))
    assert {item.status for item in ledger.unfinished("local")} == {
        status for status in JobStatus if not status.is_final
    }


def test_rows_are_selected_by_every_condition(ledger: Ledger) -> None:
    bodies = {version: good_payload(version=version).body() for version in (4, 5, 6)}
    for at, (version, status) in enumerate([(4, "done"), (5, "done"), (6, "failed"), (6, "done")]):
        body, created_at = bodies[version], 1000.0 + at
        ledger.put(row(f"k{at}", status=JobStatus(status), body=body, created_at=created_at))
    ledger.put(row("other", service="https://api.example.com", created_at=2000.0))

    def keys(**conditions: object) -> list[str]:
        return [item.key for item in ledger.select(**conditions)]  # type: ignore[arg-type]

    assert keys() == ["other", "k3", "k2", "k1", "k0"]
    assert keys(status="done") == ["k3", "k1", "k0"]
    assert keys(status=JobStatus.DONE, limit=1) == ["k3"]
    assert keys(status=["failed", "intent"]) == ["other", "k2"]
    assert keys(service="local", since=1002) == ["k3", "k2"]
    assert keys(since=1500.5) == ["other"]
    assert keys(version=5) == ["k1"]
    assert keys(version=range(4, 6), status="done") == ["k1", "k0"]
    assert keys(status=[]) == []
    assert keys(limit=0) == []


# -- history -------------------------------------------------------------------------------


def test_every_transition_is_timestamped_and_an_id_means_accepted(ledger: Ledger) -> None:
    before = time.time()
    ledger.put(row())
    for status in ("queued", "queued", "processing", "done", "done"):
        ledger.put(row(status=JobStatus(status), job_id="j1"))
    history = ledger.history("k1")
    assert [step.status.value for step in history] == [
        "intent", "accepted", "queued", "processing", "done",
    ]  # fmt: skip
    moments = [step.at for step in history]
    assert before <= moments[0]
    assert moments == sorted(moments)
    assert moments[-1] <= time.time()
    assert ledger.history("nobody") == []


def test_a_clock_that_jumps_by_a_day_changes_no_order(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time
    ledger.put(row("first", created_at=now()))
    monkeypatch.setattr(time, "time", lambda: now() - 86_400)
    ledger.put(row("second", created_at=time.time()))
    ledger.put(row("first", status=JobStatus.QUEUED, job_id="j1"))
    assert [item.key for item in ledger.recent()] == ["second", "first"]
    words = [step.status.value for step in ledger.history("first")]
    assert words == ["intent", "accepted", "queued"]


# -- durability ----------------------------------------------------------------------------


def test_a_commit_is_synced(ledger: Ledger) -> None:
    assert ledger._db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert ledger._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert ledger.journal == "wal"


def test_waiting_coroutines_share_commits_and_each_is_on_disk_when_it_goes_on(
    ledger: Ledger,
) -> None:
    commits: list[str] = []
    ledger._db.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
    other = sqlite3.connect(ledger.path)

    async def write(number: int) -> bool:
        await ledger.write(row(f"k{number}"))
        query = "SELECT count(*) FROM jobs WHERE key = ?"
        return bool(other.execute(query, (f"k{number}",)).fetchone()[0])

    async def write_all() -> list[bool]:
        return await asyncio.gather(*(write(number) for number in range(200)))

    assert all(asyncio.run(write_all()))
    assert len(commits) < 100
    other.close()


def test_threads_share_one_ledger(ledger: Ledger) -> None:
    def write(thread: int) -> None:
        for number in range(25):
            ledger.put(row(f"{thread}-{number}"))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ledger.recent()) == 100


def test_who_stops_waiting_does_not_stop_the_writing(ledger: Ledger) -> None:
    async def give_up() -> None:
        writing = asyncio.create_task(ledger.write(row()))
        await asyncio.sleep(0)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)

    asyncio.run(give_up())
    ledger.put(row("after"))
    assert ledger.get("k1") is not None


def test_closing_writes_what_was_taken_in_the_same_turn_of_the_loop(ledger: Ledger) -> None:
    async def close_at_once() -> None:
        writing = asyncio.create_task(ledger.write(row()))
        await asyncio.sleep(0)
        ledger.close()
        await writing

    asyncio.run(close_at_once())
    assert [item.key for item in Ledger(ledger.path).recent()] == ["k1"]


def test_writing_works_while_the_interpreter_shuts_down(tmp_path: Path) -> None:
    """Nobody closes: rows handed over at the last moment, also by exit handlers, are written."""
    code = """
    from tfi_notebook.api.loop import background_loop
    ledger = Ledger(path)
    atexit.register(lambda: ledger.put(row("by the exit handler")))
    background_loop().run(ledger.write(row("before")))
    background_loop().start(asyncio.sleep(0))
    for number in range(50):
        background_loop().start(ledger.write(row(f"k{number}")))
    background_loop().run(asyncio.sleep(0))
    """
    path = tmp_path / "ledger.sqlite"
    run_python("\n".join(line[4:] for line in code.splitlines()), path)
    assert len(Ledger(path).recent()) == 52


def test_a_forked_child_is_told_to_open_its_own(tmp_path: Path) -> None:
    code = """
ledger = Ledger(path)
child = os.fork()
if child == 0:
    try:
        ledger.put(row())
    except LedgerError as error:
        os._exit(0 if "fork" in error.message else 1)
    os._exit(1)
print(os.waitpid(child, 0)[1])
"""
    assert run_python(code, tmp_path / "ledger.sqlite") == "0"


def test_a_closed_ledger_says_so(ledger: Ledger) -> None:
    ledger.close()
    with pytest.raises(LedgerError, match="closed"):
        ledger.put(row())


# -- one payload, one intent ---------------------------------------------------------------


def test_an_intent_is_refused_while_an_earlier_submit_counts(ledger: Ledger) -> None:
    async def begin(key: str, *, force: bool = False) -> str | None:
        earlier = await ledger.begin(row(key), force=force)
        return earlier.key if earlier else None

    assert asyncio.run(begin("first")) is None
    assert asyncio.run(begin("second")) == "first"
    assert ledger.get("second") is None
    assert asyncio.run(begin("forced", force=True)) is None
    for key in ("first", "forced"):
        ledger.put(row(key, status=JobStatus.REJECTED))
    assert asyncio.run(begin("third")) is None
    ledger.put(row("third", status=JobStatus.UNKNOWN))
    assert asyncio.run(begin("fourth")) == "third"
    ledger.put(row("third", status=JobStatus.WRITTEN_OFF))
    assert asyncio.run(begin("fourth")) is None


def test_the_id_of_a_new_submit_closes_the_lost_one_whoever_writes_it(ledger: Ledger) -> None:
    """The kernel that resubmits may die right after the id; nothing is left for it to do."""
    ledger.put(row("lost", status=JobStatus.UNKNOWN), row("other", status=JobStatus.UNKNOWN))
    asyncio.run(ledger.begin(row("new"), force=True, replaces="lost"))
    ledger.put(row("new", status=JobStatus.UNKNOWN))
    assert {item.status for item in ledger.recent()} == {JobStatus.UNKNOWN}
    another = Ledger(ledger.path)
    another.put(row("new", status=JobStatus.QUEUED, job_id="j2"))
    another.close()
    found = {item.key: (item.status.value, item.message) for item in ledger.recent()}
    assert found["lost"] == ("written_off", "submitted again as j2")
    assert found["other"][0] == "unknown"
    assert ledger.history("lost")[-1].status is JobStatus.WRITTEN_OFF


def test_an_id_that_stands_is_never_taken_away(ledger: Ledger) -> None:
    """By a kernel that has not heard of it, and takes the submit for lost or refused."""
    ledger.put(row(status=JobStatus.QUEUED, job_id="j1"))
    for status in (JobStatus.UNKNOWN, JobStatus.REJECTED, JobStatus.INTENT):
        ledger.put(row(status=status))
    assert [(item.job_id, item.status.value) for item in ledger.recent()] == [("j1", "queued")]


def test_of_many_intents_at_once_one_is_made(ledger: Ledger) -> None:
    async def begin_all() -> list[JobSnapshot | None]:
        return await asyncio.gather(*(ledger.begin(row(f"k{number}")) for number in range(50)))

    earlier = asyncio.run(begin_all())
    assert [item.key if item else None for item in earlier] == [None] + ["k0"] * 49
    assert len(ledger.recent()) == 1


def test_of_two_processes_one_begins(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    Ledger(path).close()
    code = """
ledger = Ledger(path)
print("ready", flush=True)
sys.stdin.readline()
rows = [row(f"{os.getpid()}-{n}", fingerprint=str(n)) for n in range(300)]
async def begin():
    return [await ledger.begin(item) is None for item in rows]
print(json.dumps(asyncio.run(begin())))
"""
    command = [sys.executable, "-c", PRELUDE + code, str(path)]
    both = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in both:
        assert process.stdout is not None
        process.stdout.readline()
    answers = [json.loads(process.communicate("go\n", timeout=60)[0]) for process in both]
    assert all(one != other for one, other in zip(*answers, strict=True))
    assert len(Ledger(path).recent()) == 300


# -- the file ------------------------------------------------------------------------------


def test_the_files_are_for_their_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "ledger.sqlite"
    ledger = Ledger(path)
    ledger.put(row())
    files = sorted(path.parent.iterdir())
    assert [file.name.removeprefix("ledger.sqlite") for file in files] == ["", "-shm", "-wal"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    ledger.close()
    path.chmod(0o644)
    Ledger(path).put(row())
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}


def test_a_ledger_of_version_1_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    shutil.copy(VERSION_1, path)
    ledger = Ledger(path)
    assert {item.key: item.status.value for item in ledger.recent()} == {
        "left": "intent", "waits": "queued", "runs": "processing", "ended": "done",
        "lost": "unknown",
    }  # fmt: skip
    ended = ledger.get("job-ended")
    assert ended is not None
    assert (ended.credit_used, ended.finished_at) == (Decimal("12.5"), 1060.25)
    assert ledger.history("ended") == [
        Transition(JobStatus.INTENT, 1000.0),
        Transition(JobStatus.PROCESSING, 1001.5),
        Transition(JobStatus.DONE, 1060.25),
    ]
    left = "SELECT key, owner, account, replaces FROM jobs WHERE status = 'intent'"
    assert ledger.query(left) == [("left", None, None, None)]
    ledger.put(row("new"))
    ledger.close()
    assert len(Ledger(path).recent()) == 6


def test_the_names_of_this_machine_become_one_in_an_older_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    shutil.copy(VERSION_1, path)
    names = {
        "left": "http://localhost:8000", "waits": "http://[::1]:8000/tfi", "runs": "http://localhost",
        "ended": "http://localhost.example.com", "lost": "https://api.example.com",
    }  # fmt: skip
    with sqlite3.connect(path) as db:
        for key, name in names.items():
            db.execute("UPDATE jobs SET service = ? WHERE key = ?", (name, key))
    assert {item.key: item.service for item in Ledger(path).recent()} == names | {
        "left": "http://127.0.0.1:8000", "waits": "http://127.0.0.1:8000/tfi",
        "runs": "http://127.0.0.1",
    }  # fmt: skip


def test_two_processes_take_over_a_ledger_of_version_1_at_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    shutil.copy(VERSION_1, path)
    command = [sys.executable, "-c", PRELUDE + "print(len(Ledger(path).recent()))", str(path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate(timeout=60)[0].strip() for process in both] == ["5", "5"]


def test_a_newer_ledger_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 99")
    with pytest.raises(LedgerError, match="newer version"):
        Ledger(path)


def test_a_file_that_is_no_ledger_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(LedgerError, match="cannot be used"):
        Ledger(path)


# -- the disk under it ---------------------------------------------------------------------


def test_on_a_network_home_the_ledger_does_without_shared_memory(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "22 1 0:20 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
        f"36 22 0:34 / {tmp_path} rw shared:2 - nfs4 server:/homes rw\n"
    )
    chosen = choose_journal(tmp_path / "ledger.sqlite", mounts)
    assert chosen == Journal("truncate", "the folder is on a network file system, nfs4")
    ledger = Ledger(tmp_path / "ledger.sqlite", chosen)
    ledger.put(row())
    assert ledger.journal == "truncate (the folder is on a network file system, nfs4)"
    assert not list(tmp_path.glob("*-wal"))
    ledger.close()
    assert choose_journal(tmp_path.parent / "ledger.sqlite", mounts).mode == "wal"
    assert choose_journal(tmp_path / "ledger.sqlite", tmp_path / "no such list").mode == "wal"


def test_where_wal_fails_it_is_found_out_before_it_is_used(tmp_path: Path) -> None:
    scratch = tmp_path / "probe"
    assert wal_fault(scratch) == ""
    (tmp_path / "probe-shm").mkdir()  # the shared memory cannot be made
    assert "WAL does not work here" in wal_fault(scratch)
    assert [path.name for path in tmp_path.glob("probe*")] == ["probe-shm"]


def test_a_full_disk_is_a_clear_error_and_keeps_what_was_written(ledger: Ledger) -> None:
    ledger.put(row("first"))
    pages = ledger._db.execute("PRAGMA page_count").fetchone()[0]
    ledger._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(LedgerError, match="full"):
        ledger.put(row("too large", message="x" * 1_000_000))
    assert ledger.get("first") is not None


def test_one_row_that_does_not_fit_spoils_no_other_of_its_batch(ledger: Ledger) -> None:
    ledger.put(*(row(f"k{number}") for number in range(20)))
    pages = ledger._db.execute("PRAGMA page_count").fetchone()[0]
    ledger._db.execute(f"PRAGMA max_page_count = {pages}")

    async def write_all() -> list[BaseException | None]:
        changes = [row(f"k{number}", status=JobStatus.REJECTED) for number in range(20)]
        changes[10] = changes[10].having(message="x" * 1_000_000)
        return await asyncio.gather(*map(ledger.write, changes), return_exceptions=True)

    outcomes = asyncio.run(write_all())
    assert isinstance(outcomes.pop(10), LedgerError)
    assert set(outcomes) == {None}
    assert len(ledger.select(status="rejected")) == 19


def test_a_file_size_limit_is_a_clear_error_and_nothing_is_lost(tmp_path: Path) -> None:
    """What a quota does: the system refuses to let the file grow."""
    code = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
ledger = Ledger(path)
ledger.put(row("before"))
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (path.with_name(path.name + "-wal").stat().st_size, hard))
try:
    ledger.put(row("during"))
except LedgerError as error:
    print(error.message)
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
ledger.put(row("after"))
print(ledger.check(), sorted(item.key for item in ledger.recent()))
"""
    told, after = run_python(code, tmp_path / "ledger.sqlite").splitlines()
    assert "the ledger ledger.sqlite cannot be used" in told
    assert after == "ok ['after', 'before']"


def test_a_ledger_of_somebody_else_can_be_read_and_says_why_it_is_not_written() -> None:
    """As another user, for root may write everything; so not below pytest's private folder."""
    code = """
Ledger(path).put(row())
path.chmod(0o444)
path.parent.chmod(0o755)
if os.geteuid() == 0:
    os.seteuid(65534)
try:
    ledger = Ledger(path)
    print(len(ledger.recent()))
    ledger.put(row("k2"))
except LedgerError as error:
    print(error)
os.seteuid(os.getuid())
"""
    with tempfile.TemporaryDirectory() as folder:
        told = run_python(code, Path(folder) / "ledger.sqlite")
    assert "ledger.sqlite cannot be used" in told
    assert "→ check space and rights of its folder" in told


def test_a_ledger_that_another_process_holds_is_a_clear_error_until_it_lets_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(medium, "BUSY_TIMEOUT_S", 0.2)
    path = tmp_path / "ledger.sqlite"
    ledger = Ledger(path)
    code = """
import sqlite3
db = sqlite3.connect(path, isolation_level=None)
db.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
"""
    command = [sys.executable, "-c", PRELUDE + code, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(LedgerError, match="locked"):
            ledger.put(row())
        assert ledger.recent() == []
        holder.communicate("\n", timeout=60)
    ledger.put(row())
    assert len(ledger.recent()) == 1
