"""A job that is waited for in a terminal says how far it is, on change only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.helpers.held_api import WAIT_S, HeldApi, connected, served
from tests.helpers.payloads import good_payload

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_each_change_is_one_line_and_the_last_one_is_the_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    api = HeldApi()
    api.extra["job-1"] = {"message": "see https://cdn.example.com/a.mp4?token=canary-signature"}
    with served(api) as server, connected(server.url, tmp_path) as workspace:
        job = workspace.submit(good_payload())
        workspace.subscribe(lambda row: api.finish(1) if row.started_at else None)
        job.wait(WAIT_S)
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("job job-1: done")
    statuses = [line.split()[2] for line in lines]
    assert len(set(statuses)) == len(statuses), "a line is written for a change only"
    assert "canary" not in "".join(lines)
