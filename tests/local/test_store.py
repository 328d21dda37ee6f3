from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tfi_notebook.contract.local import LOCAL_PROJECT_ID
from tfi_notebook.errors import ServiceError
from tfi_notebook.local.files import output_key
from tfi_notebook.local.store import Store

if TYPE_CHECKING:
    from pathlib import Path

BODY = {"project_id": LOCAL_PROJECT_ID, "values": []}


def enqueue(store: Store, count: int = 1) -> list[str]:
    return [store.enqueue(BODY, "picture.png", "voice.wav") for _ in range(count)]


def test_jobs_are_claimed_once_and_oldest_first(store: Store) -> None:
    ids = enqueue(store, 3)
    claims = [store.claim("a"), store.claim("b"), store.claim("a")]
    assert [claim.job_id for claim in claims if claim] == ids
    assert store.claim("a") is None
    assert not store.has_work()


def test_the_position_counts_the_waiting_jobs_before_one(store: Store) -> None:
    ids = enqueue(store, 3)
    assert [store.position(job_id) for job_id in ids] == [0, 1, 2]
    store.claim("a")
    assert [store.position(job_id) for job_id in ids[1:]] == [0, 1]


def test_a_lost_lease_makes_the_job_claimable_and_the_old_token_worthless(store: Store) -> None:
    (job_id,) = enqueue(store)
    first = store.claim("slept", lease_s=-1)
    second = store.claim("awake")
    assert first is not None
    assert second is not None
    assert (first.job_id, first.tries, second.tries) == (job_id, 1, 2)
    assert not store.report_progress(first.token, 0.5, "frames")
    assert not store.finish(first.token, first.output, "late")
    assert not store.fail(first.token, "late")
    assert not store.holds(first.token)
    assert store.finish(second.token, second.output, "in time")
    row = store.job(job_id)
    assert row is not None
    assert (row["status"], row["message"], row["progress"]) == ("SUCCESS", "in time", 1.0)


def test_renewing_keeps_a_lease(store: Store) -> None:
    enqueue(store)
    assert store.claim("a", lease_s=-1)
    store.renew("a")
    assert store.claim("b") is None


def test_a_job_that_loses_its_process_twice_fails_with_the_reason(store: Store) -> None:
    (job_id,) = enqueue(store)
    for worker in ("a", "b"):
        claim = store.claim(worker)
        assert claim is not None
        store.report_progress(claim.token, 0.4, f"rig of {worker}")
        store.release(worker)
        assert store.has_work()
    assert store.claim("c") is None
    row = store.job(job_id)
    assert row is not None
    assert row["status"] == "FAILED"
    assert (
        "ended unexpectedly, 2 times (at the last: rendering locally: rig of b)" in row["message"]
    )
    assert not store.has_work()


def test_a_job_given_back_keeps_its_place_and_its_tries(store: Store) -> None:
    first_id, _ = enqueue(store, 2)
    claim = store.claim("a")
    assert claim is not None
    assert store.give_back(claim.token)
    again = store.claim("b")
    assert again is not None
    assert (again.job_id, again.tries) == (first_id, 1)


def test_the_queue_survives_its_process(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "room")) as store:
        (job_id,) = enqueue(store)
    with closing(Store(tmp_path / "room")) as store:
        row = store.job(job_id)
        assert row is not None
        assert row["body"] == BODY
        assert store.has_work()


def test_processes_that_claim_at_once_share_the_jobs_without_overlap(store: Store) -> None:
    ids = enqueue(store, 60)
    script = (
        "import sys; from pathlib import Path; from tfi_notebook.local.store import Store\n"
        "store = Store(Path(sys.argv[1])); input()\n"
        "while claim := store.claim(sys.argv[2]): print(claim.job_id)\n"
        "store.close()"
    )
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(store.root), name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for name in "abc"
    ]  # fmt: skip
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    claimed = [line for worker in workers for line in worker.communicate(timeout=60)[0].split()]
    assert sorted(claimed) == sorted(ids)


def test_assets_are_kept_by_content_with_a_known_suffix(store: Store) -> None:
    first = store.files.add_asset(b"bytes", "a.PNG")
    again = store.files.add_asset(b"bytes", "https://cdn.example.com/dir/other.png?x=.svg")
    assert first == again
    path = store.files.asset_path(first)
    assert path is not None
    assert path.read_bytes() == b"bytes"
    assert store.files.add_asset(b"bytes", "../../evil.svg").endswith(".bin")
    assert not list((store.root / "parts").iterdir())


def test_an_upload_that_breaks_off_leaves_nothing(store: Store) -> None:
    def broken_upload() -> None:
        with store.files.receive("a.png") as sink:
            sink.write(b"half")
            raise ConnectionError

    with pytest.raises(ConnectionError):
        broken_upload()
    assert not list((store.root / "parts").iterdir())
    assert not list((store.root / "assets").iterdir())


@pytest.mark.parametrize("name", ["../signing.key", "..", "", "a.png", "0" * 64, "/etc/passwd"])
def test_nothing_outside_the_assets_can_be_named(store: Store, name: str) -> None:
    store.files.signing_secret()
    assert store.files.asset_path(name) is None
    assert store.files.output_path(name) is None


def test_an_output_key_is_made_of_uuids_only() -> None:
    with pytest.raises(ValueError, match="UUID"):
        output_key("../../..", LOCAL_PROJECT_ID)


def test_the_secret_is_private_and_stays_the_same(store: Store) -> None:
    secret = store.files.signing_secret()
    assert len(secret) == 32
    assert (store.root / "signing.key").stat().st_mode & 0o777 == 0o600
    assert store.root.stat().st_mode & 0o777 == 0o700
    with closing(Store(store.root)) as other:
        assert other.files.signing_secret() == secret
    assert store.files.token_is_valid("key", 7, store.files.sign("key", 7))
    assert not store.files.token_is_valid("key", 8, store.files.sign("key", 7))


def test_a_queue_file_that_is_none_is_a_typed_error(tmp_path: Path) -> None:
    (tmp_path / "queue.sqlite").write_bytes(b"this is no database" * 100)
    with pytest.raises(ServiceError, match="the local queue cannot be used"):
        Store(tmp_path)
