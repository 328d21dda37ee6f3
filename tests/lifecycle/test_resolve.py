from __future__ import annotations

from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tests.helpers.fake_api import ScriptedApi
from tests.helpers.faulty_server import FaultyServer, reply
from tests.helpers.payloads import good_payload
from tests.lifecycle.rows import row
from tfi_notebook import settings
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.errors import LedgerError, NotFoundError, NotSentError, SubmitUnknownError
from tfi_notebook.lifecycle.lease import acquire
from tfi_notebook.lifecycle.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tfi_notebook.lifecycle.job import Job

WAIT_S = 30.0
FAST = settings.Limits(
    request_timeout_s=5.0, submit_timeout_s=5.0, poll_first_s=0.01, poll_max_s=0.02,
    submit_retry_s=0.2,
)  # fmt: skip


@contextmanager
def one_unknown(folder: Path) -> Iterator[tuple[Workspace, FaultyServer, ScriptedApi, Job]]:
    """A workspace with one job whose answer was lost, on a service that works again."""
    api = ScriptedApi(answers={"POST ": "reset"})
    with FaultyServer(api) as server:
        api.base_url = server.url
        connection = settings.resolve("key", server.url, outputs=folder, limits=FAST)
        with Workspace(connection) as workspace:
            with pytest.raises(SubmitUnknownError):
                workspace.submit(good_payload())
            api.answers.clear()
            (job,) = workspace.unresolved()
            yield workspace, server, api, job


def test_resubmitting_pays_again_and_closes_the_lost_one(tmp_path: Path) -> None:
    with one_unknown(tmp_path) as (workspace, server, api, job):
        new = job.resubmit()
        assert new.wait(WAIT_S).status is JobStatus.DONE
        assert api.bodies == [good_payload().body()]
        assert server.made == 2
        assert job.status is JobStatus.WRITTEN_OFF
        assert job.message == f"submitted again as {new.id}"
        assert workspace.unresolved() == []
        assert workspace.submit(good_payload()).id == new.id


def test_a_resubmit_that_fails_leaves_the_lost_one_unresolved(tmp_path: Path) -> None:
    with one_unknown(tmp_path) as (workspace, server, _, job):
        server.stop_listening()
        with pytest.raises(NotSentError):
            job.resubmit()
        assert job.status is JobStatus.UNKNOWN
        assert [left.key for left in workspace.unresolved()] == [job.key]


def test_writing_off_closes_the_row_and_frees_the_payload(tmp_path: Path) -> None:
    with one_unknown(tmp_path) as (workspace, server, _, job):
        assert job.write_off() is job
        assert job.status is JobStatus.WRITTEN_OFF
        assert job.wait(1).status is JobStatus.WRITTEN_OFF
        assert workspace.unresolved() == []
        assert server.made == 1
        assert workspace.submit(good_payload()).id == "job-1"
        history = workspace._ledger.history(job.key)
        assert [step.status.value for step in history] == ["intent", "unknown", "written_off"]


def test_adopting_asks_the_service_and_follows_the_job(tmp_path: Path) -> None:
    with one_unknown(tmp_path) as (workspace, server, _, job):
        assert job.adopt("job-77").id == "job-77"
        assert job.wait(WAIT_S).status is JobStatus.DONE
        assert job.path == tmp_path / "job-77.mp4"
        assert workspace.submit(good_payload()).id == "job-77"
        assert server.made == 1
        with pytest.raises(LedgerError, match="only an unknown one"):
            job.adopt("job-78")


def test_an_id_that_the_service_does_not_know_is_not_adopted(tmp_path: Path) -> None:
    with one_unknown(tmp_path) as (_, _server, api, job):
        api.answers["GET /jobs/"] = reply(200, {"message": "Job not found"})
        for name in ("15a6331b-none", "../credits"):
            with pytest.raises(NotFoundError):
                job.adopt(name)
        assert (job.status, job.id) == (JobStatus.UNKNOWN, None)


def test_an_id_that_belongs_to_another_row_is_not_adopted(tmp_path: Path) -> None:
    with one_unknown(tmp_path) as (workspace, _, _api, job):
        other = workspace.submit(good_payload(version=4))
        with pytest.raises(LedgerError, match="already has a row"):
            job.adopt(str(other.id))
        assert job.status is JobStatus.UNKNOWN


def test_what_is_being_resolved_elsewhere_is_left_alone(tmp_path: Path) -> None:
    """A second click, or a second kernel, must not pay a second time."""
    with one_unknown(tmp_path) as (workspace, server, _, job):
        lease = workspace.run(acquire(workspace._ledger, f"resolve-{job.key}"))
        assert lease is not None
        with pytest.raises(LedgerError, match="being resolved already"):
            job.resubmit()
        workspace.run(lease.release())
        clicks = [workspace.start(workspace.resolver.resubmit(job.snapshot)) for _ in range(4)]
        errors = [click.exception(WAIT_S) for click in clicks]
        assert sorted(type(error).__name__ for error in errors) == ["LedgerError"] * 3 + [
            "NoneType"
        ]
        assert server.made == 2


def test_a_decision_that_cannot_be_written_is_no_decision(tmp_path: Path) -> None:
    with one_unknown(tmp_path) as (workspace, _, _api, job):
        workspace._ledger._db.execute("PRAGMA query_only = 1")
        with pytest.raises(LedgerError, match="readonly"):
            job.write_off()
        assert job.status is JobStatus.UNKNOWN


def test_credits_at_risk_are_the_median_of_the_same_class_and_never_a_guess(
    tmp_path: Path,
) -> None:
    with one_unknown(tmp_path) as (workspace, server, _, job):
        assert workspace.unresolved().at_risk == {job.key: None}
        assert workspace.unresolved().credits_at_risk is None
        assert "credits at risk: not known" in repr(workspace.unresolved())
        for number, used in enumerate(["10", "90", "12.5", "11"]):
            done = {"status": JobStatus.DONE, "credit_used": Decimal(used)}
            workspace._ledger.put(row(f"done-{number}", service=server.url, **done))
        other = {"body": good_payload(version=4).body(), "credit_used": Decimal(1000)}
        workspace._ledger.put(row("other", service=server.url, status=JobStatus.DONE, **other))
        workspace._ledger.put(row("elsewhere", status=JobStatus.DONE, credit_used=Decimal(1)))
        found = workspace.unresolved()
        assert found.at_risk == {job.key: Decimal("11.75")}
        assert found.credits_at_risk == Decimal("11.75")
        assert "credits at risk: 11.75" in repr(found)
        assert "credits at risk: 11.75" in found._repr_mimebundle_()["text/html"]
        lost = row("lost", service=server.url, status=JobStatus.UNKNOWN, body={"version": 9})
        workspace._ledger.put(lost)
        assert "11.75 and what 1 more may have cost" in repr(workspace.unresolved())


def test_nothing_unresolved_says_so(tmp_path: Path) -> None:
    with one_unknown(tmp_path) as (workspace, _, _api, job):
        job.write_off()
        assert "no unresolved jobs" in repr(workspace.unresolved())
