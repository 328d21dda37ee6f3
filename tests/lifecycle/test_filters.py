"""What `jobs` takes as conditions, and how it refuses what is none."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

import tfi_notebook as tfi
from tests.helpers.payloads import good_payload
from tests.lifecycle.rows import row
from tfi_notebook.errors import ArgumentError
from tfi_notebook.lifecycle.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tfi_notebook.lifecycle.workspace import Workspace

FIRST = datetime(2026, 11, 1)  # noqa: DTZ001 - local midnight, as a person writes it
LIVE = "https://api.techforgeinnovate.com"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """Jobs of three days and two services: `first` to `third`, and `now`, an hour old."""
    ledger = Ledger(tmp_path_factory.mktemp("filters") / "ledger.sqlite")
    statuses = (tfi.JobStatus.DONE, tfi.JobStatus.FAILED, tfi.JobStatus.WRITTEN_OFF)
    for number, status in enumerate(statuses):
        body = good_payload(version=4 + number).body()
        at = (FIRST + timedelta(days=number)).timestamp()
        name = ("first", "second", "third")[number]
        ledger.put(row(name, status=status, body=body, created_at=at, service=LIVE))
    an_hour_ago = (datetime.now(UTC) - timedelta(hours=1)).timestamp()
    ledger.put(row("now", status=tfi.JobStatus.DONE, created_at=an_hour_ago))
    ledger.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFI_HOME", str(ledger.path.parent))
        with tfi.connect(local=True) as opened:
            yield opened


@pytest.mark.parametrize(
    ("conditions", "keys"),
    [
        ({}, ["now", "third", "second", "first"]),
        ({"limit": 1}, ["now"]),
        ({"limit": 0}, []),
        ({"status": "done"}, ["now", "first"]),
        ({"status": " DONE "}, ["now", "first"]),
        ({"status": tfi.JobStatus.FAILED}, ["second"]),
        ({"status": ["failed", tfi.JobStatus.WRITTEN_OFF]}, ["third", "second"]),
        ({"status": []}, []),
        ({"status": None, "since": None, "version": None, "service": None, "limit": 1}, ["now"]),
        ({"version": 4}, ["first"]),
        ({"version": range(4, 6)}, ["second", "first"]),
        ({"version": 7}, []),
        ({"service": "local"}, ["now"]),
        ({"service": "https://API.techforgeinnovate.com:443/", "limit": 1}, ["third"]),
        ({"service": ["local", LIVE], "status": "failed"}, ["second"]),
        ({"since": "2026-11-02", "service": LIVE}, ["third", "second"]),
        ({"since": "2026-11-02T00:00:01", "service": LIVE}, ["third"]),
        ({"since": date(2026, 11, 3), "service": LIVE}, ["third"]),
        ({"since": FIRST + timedelta(hours=1), "service": LIVE}, ["third", "second"]),
        ({"since": FIRST.astimezone(UTC).isoformat(), "version": 4}, ["first"]),
        ({"since": FIRST.timestamp() + 1, "version": 4}, []),
        ({"since": timedelta(hours=2), "service": "local"}, ["now"]),
        ({"since": timedelta(minutes=30), "service": "local"}, []),
    ],
)  # fmt: skip
def test_a_condition_means_what_a_person_writes(
    workspace: Workspace, conditions: dict[str, Any], keys: list[str]
) -> None:
    assert [job.key for job in workspace.jobs(**conditions)] == keys
    assert [row.key for row in workspace.snapshots(**conditions)] == keys


@pytest.mark.parametrize(
    ("conditions", "says"),
    [
        ({"status": "faild"}, "status: is no status of a job; did you mean failed?"),
        ({"status": ["done", 5]}, "status: is no status"),
        ({"status": b"done"}, "written_off"),
        ({"status": ""}, "status: is no status"),
        ({"statsu": "done"}, "statsu: is no condition; did you mean status?"),
        ({"foo": 1}, "jobs() takes limit, status"),
        ({"since": "last week"}, "since: is no moment"),
        ({"since": "2026-13-01"}, "timedelta(days=7)"),
        ({"since": True}, "since: must be a number, 0 or more, not True"),
        ({"since": float("nan")}, "since: must be a number"),
        ({"since": 10**400}, "since: must be a number"),
        ({"since": datetime(1, 1, 1)}, "since: "),  # noqa: DTZ001 - before every clock
        ({"since": [FIRST]}, "since: must be a number, 0 or more, not list"),
        ({"limit": 2.5}, "limit: must be a whole number, 0 or more, not 2.5"),
        ({"limit": "x"}, "limit: must be a whole number, 0 or more, not a text"),
        ({"limit": -5}, "limit: must be a whole number, 0 or more, not -5"),
        ({"limit": True}, "limit: must be a whole number, 0 or more, not True"),
        ({"limit": 2**63}, "limit: must be a whole number"),
        ({"version": "5"}, "version: must be a whole number, not a text"),
        ({"version": [5, None]}, "version: must be a whole number, not None"),
        ({"version": False}, "version: must be a whole number, not False"),
        ({"version": 5.0}, "such as 6"),
        ({"version": count()}, "version: is too many at once"),
        ({"service": "locl"}, "service: is no service"),
        ({"service": 5}, '"local", or an address'),
        ({"service": "http://api.example.com"}, "service: must be https"),
    ],
)
def test_what_is_no_condition_is_named_with_a_way_out(
    workspace: Workspace, conditions: dict[str, Any], says: str
) -> None:
    with pytest.raises(ArgumentError) as refused:
        workspace.jobs(**conditions)
    assert says in str(refused.value)
    assert refused.value.field == next(iter(conditions))
    assert refused.value.hint
