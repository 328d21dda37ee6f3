from __future__ import annotations

import sqlite3
import stat
import threading
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tests.helpers.payloads import good_payload
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.contract.snapshot import JobSnapshot
from tfi_notebook.errors import LedgerError
from tfi_notebook.lifecycle.ledger import Ledger

if TYPE_CHECKING:
    from pathlib import Path


def row(key: str = "k1", **changes: object) -> JobSnapshot:
    payload = good_payload()
    return JobSnapshot(
        key=key,
        service="local",
        local=True,
        fingerprint=payload.fingerprint,
        body=payload.body(),
        status=JobStatus.INTENT,
        created_at=1000.0,
    ).having(**changes)


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


def test_putting_again_changes_the_row_and_keeps_its_place(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    for key in ("k1", "k2"):
        ledger.put(row(key))
    ledger.put(row("k1", status=JobStatus.QUEUED))
    assert [(item.key, item.status) for item in ledger.recent()] == [
        ("k2", JobStatus.INTENT),
        ("k1", JobStatus.QUEUED),
    ]
    assert [item.key for item in ledger.recent(limit=1)] == ["k2"]


def test_the_same_payload_is_found_on_the_same_service_only(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.put(row("here"))
    ledger.put(row("there", service="https://api.example.com"))
    assert [item.key for item in ledger.find("local", row().fingerprint)] == ["here"]


def test_unfinished_rows_are_those_whose_end_was_not_seen(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    for status in JobStatus:
        ledger.put(row(status.value, status=status))
    assert {item.status for item in ledger.unfinished("local")} == {
        status for status in JobStatus if not status.is_final
    }


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    Ledger(tmp_path / "deep" / "ledger.sqlite")
    mode = (tmp_path / "deep" / "ledger.sqlite").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_a_commit_is_synced(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    assert ledger._db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert ledger._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_threads_share_one_ledger(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")

    def write(thread: int) -> None:
        for number in range(25):
            ledger.put(row(f"{thread}-{number}"))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ledger.recent()) == 100


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


def test_a_full_disk_is_a_clear_error_and_keeps_what_was_written(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.put(row("first"))
    pages = ledger._db.execute("PRAGMA page_count").fetchone()[0]
    ledger._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(LedgerError, match="full"):
        ledger.put(row("too large", message="x" * 1_000_000))
    assert ledger.get("first") is not None
