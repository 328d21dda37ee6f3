"""What earlier jobs tell of a payload's cost and time."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.fake_api import ScriptedApi
from tests.helpers.faulty_server import FaultyServer
from tests.helpers.payloads import good_payload
from tfi_notebook import settings
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.contract.snapshot import JobSnapshot
from tfi_notebook.lifecycle.ledger import Ledger
from tfi_notebook.lifecycle.outlook import Outlook
from tfi_notebook.lifecycle.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tfi_notebook.contract.model import Payload


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with FaultyServer(ScriptedApi()) as opened:
        yield opened


@pytest.fixture
def known(server: FaultyServer) -> settings.Settings:
    """The live connection, before any workspace is open on it."""
    return settings.resolve("key", server.url, local=False)


def done(number: int, payload: Payload, service: str, **changes: Any) -> JobSnapshot:
    """Return a job that has taken 20 s and cost 12.5 credits."""
    at = 1000.0 + number
    row = JobSnapshot(
        key=f"k{number}",
        service=service,
        local=False,
        fingerprint=payload.fingerprint,
        body=payload.body(),
        status=JobStatus.DONE,
        job_id=f"job-{number}",
        credit_used=Decimal("12.5"),
        created_at=at,
        finished_at=at + 20,
    )
    return row.having(**changes)


def filled(known: settings.Settings, *rows: JobSnapshot) -> None:
    ledger = Ledger(known.ledger_path)
    ledger.put(*rows)
    ledger.close()


def test_nothing_is_guessed(known: settings.Settings, server: FaultyServer) -> None:
    with Workspace(known) as workspace:
        assert workspace.outlook(good_payload()) == Outlook()
        assert Outlook().words() == "cost not known · time not known"
    assert server.connections == 0


def test_cost_and_time_come_from_jobs_of_the_same_class(known: settings.Settings) -> None:
    name = known.service_name
    alike = [done(n, good_payload(values=[str(n)]), name) for n in range(6)]
    dear = [
        done(n, good_payload(version=4, values=[str(n)]), name, credit_used=Decimal(40))
        for n in range(6, 9)
    ]
    filled(known, *alike, *dear)
    with Workspace(known) as workspace:
        found = workspace.outlook(good_payload(values=["new"]))
        assert (found.credits, found.credits_jobs) == (Decimal("12.5"), 6)
        assert found.duration_s == pytest.approx(20, rel=0.1)
        assert found.duration_is_alike
        assert found.earlier is None
        assert found.words().startswith("costs about 12.5 credits (from 6 earlier jobs) · takes")
        other = workspace.outlook(good_payload(version=4, values=["new"]))
        assert (other.credits, other.credits_jobs) == (Decimal(40), 3)
        assert not other.duration_is_alike
        assert "time not known yet for this kind (all kinds so far: about" in other.words()
        assert workspace.outlook(good_payload(version=5)).price_words() == ""


def test_the_earlier_job_of_the_same_payload_is_offered(known: settings.Settings) -> None:
    payload = good_payload(image_url="https://b.example.com/a.png?X-Amz-Signature=1")
    name = known.service_name
    failed = done(1, good_payload(version=5), name, status=JobStatus.FAILED)
    filled(known, done(0, payload, name), failed)
    with Workspace(known) as workspace:
        newly_signed = payload.replace(image_url="https://b.example.com/a.png?X-Amz-Signature=2")
        earlier = workspace.outlook(newly_signed).earlier
        assert earlier is not None
        assert earlier.job_id == "job-0"
        assert workspace.submit(newly_signed).id == "job-0"
        assert workspace.outlook(good_payload(version=5)).earlier is None


def test_a_job_that_was_just_submitted_is_the_earlier_one(known: settings.Settings) -> None:
    with Workspace(known) as workspace:
        job = workspace.submit(good_payload())
        earlier = workspace.outlook(good_payload()).earlier
        assert earlier is not None
        assert earlier.key == job.key


def test_the_local_service_costs_nothing() -> None:
    with Workspace(settings.resolve(local=True)) as workspace:
        found = workspace.outlook(workspace.build_payload())
    assert found.credits == 0
    assert found.words() == "costs nothing · time not known"
