"""A disk that fails under this process's own service: nothing was made, and so it is told."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tfi_notebook import settings
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.errors import RejectedError
from tfi_notebook.lifecycle import embedded
from tfi_notebook.lifecycle.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    connection = settings.resolve(local=True, ledger=tmp_path / "elsewhere" / "ledger.sqlite")
    with Workspace(connection) as opened:
        yield opened


def test_a_folder_that_was_removed_is_told_and_no_job_is_unknown(
    workspace: Workspace, tfi_home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(tfi_home / "local")
    with pytest.raises(RejectedError, match="cannot use its folder") as told:
        workspace.submit(workspace.build_payload())
    assert "check that the folder is there" in told.value.hint
    assert [job.status for job in workspace.jobs()] == [JobStatus.REJECTED]
    assert "Traceback" not in capfd.readouterr().err


def test_a_full_disk_under_the_queue_is_told_and_the_payload_goes_later(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = embedded._open[workspace.settings.data_dir / "local"]
    monkeypatch.setattr(service._worker, "ensure", lambda: None)  # rendering is not what is asked
    db = service.store.database
    (count,) = db.run("PRAGMA page_count")
    db.run(f"PRAGMA max_page_count = {count['page_count']}")
    payload = workspace.build_payload(values=["x" * 50_000])
    with pytest.raises(RejectedError, match="full") as told:
        workspace.submit(payload)
    assert "not full" in told.value.hint
    assert workspace.unresolved() == []
    db.run("PRAGMA max_page_count = 1000000")
    assert workspace.submit(payload).id
