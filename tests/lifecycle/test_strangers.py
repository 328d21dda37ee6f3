"""Two keys on one ledger: another account pays for itself, a new key of the same one does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.helpers.fake_api import ScriptedApi
from tests.helpers.faulty_server import FaultyServer, reply
from tests.helpers.payloads import good_payload
from tfi_notebook import settings
from tfi_notebook.errors import ServiceError, SubmitUnknownError
from tfi_notebook.lifecycle.ledger import Ledger
from tfi_notebook.lifecycle.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LIMITS = settings.Limits(poll_first_s=60.0, read_tries=1)
FIRST, SECOND = "first-key-0123456789", "second-key-0123456789"


@pytest.fixture
def api() -> Iterator[tuple[ScriptedApi, FaultyServer]]:
    scripted = ScriptedApi()
    with FaultyServer(scripted) as server:
        scripted.base_url = server.url
        yield scripted, server


def submitted(key: str, url: str, folder: Path) -> str | None:
    connection = settings.resolve(key, url, outputs=folder, limits=LIMITS)
    with Workspace(connection) as workspace:
        return workspace.submit(good_payload()).id


def test_another_account_does_not_get_the_job_of_the_first(
    api: tuple[ScriptedApi, FaultyServer], tmp_path: Path
) -> None:
    scripted, server = api
    assert submitted(FIRST, server.url, tmp_path) == "job-1"
    scripted.answers["GET /jobs/job-1"] = reply(404, {"message": "Job not found"})
    assert submitted(SECOND, server.url, tmp_path) == "job-2"
    assert submitted(SECOND, server.url, tmp_path) == "job-2"
    assert submitted(FIRST, server.url, tmp_path) in {"job-1", "job-2"}
    assert server.made == 2


def test_a_new_key_of_the_same_account_pays_for_nothing_again(
    api: tuple[ScriptedApi, FaultyServer], tmp_path: Path
) -> None:
    _, server = api
    assert submitted(FIRST, server.url, tmp_path) == "job-1"
    assert submitted(SECOND, server.url, tmp_path) == "job-1"
    assert server.made == 1


def test_while_it_cannot_be_asked_nothing_is_sent(
    api: tuple[ScriptedApi, FaultyServer], tmp_path: Path
) -> None:
    scripted, server = api
    submitted(FIRST, server.url, tmp_path)
    scripted.answers["GET /jobs/"] = reply(500, {})
    with pytest.raises(ServiceError):
        submitted(SECOND, server.url, tmp_path)
    assert server.made == 1


def test_a_lost_answer_is_nobodys_and_so_everybodys(
    api: tuple[ScriptedApi, FaultyServer], tmp_path: Path
) -> None:
    scripted, server = api
    scripted.answers["POST "] = "reset"
    for key in (FIRST, SECOND):
        with pytest.raises(SubmitUnknownError):
            submitted(key, server.url, tmp_path)
    assert server.made == 1


def test_the_ledger_holds_no_key_and_the_hash_differs_by_ledger(
    api: tuple[ScriptedApi, FaultyServer], tmp_path: Path
) -> None:
    _, server = api
    hashes = set()
    for name in ("one", "two"):
        path = tmp_path / f"{name}.sqlite"
        connection = settings.resolve(FIRST, server.url, ledger=path, outputs=tmp_path)
        with Workspace(connection) as workspace:
            workspace.submit(good_payload())
        ledger = Ledger(path)
        hashes |= set(ledger.query("SELECT account FROM jobs"))
        ledger.close()
        assert FIRST.encode() not in path.read_bytes()
    assert len(hashes) == 2
