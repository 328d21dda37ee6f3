"""Workspaces of both kinds for panels: the real local service, and a live API on loopback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.helpers.fake_api import ScriptedApi
from tests.helpers.faulty_server import FaultyServer, reply
from tfi_notebook import settings
from tfi_notebook.lifecycle.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROJECT_ID = "468ea7a0-66e1-4357-a760-236e54167f3e"


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Workspace]:
    """A workspace with the real local service."""
    with Workspace(settings.resolve(local=True, outputs=tmp_path / "outputs")) as workspace:
        yield workspace


@pytest.fixture
def api() -> ScriptedApi:
    """The live API's answers, to be changed by a test."""
    project = {"projectId": PROJECT_ID, "projectName": "Spring <b>", "projectType": "x"}
    return ScriptedApi(
        answers={
            "GET /auth/credits": reply(200, {"credits": 1250}),
            "GET /api/provider/projects/active": reply(200, {"data": [project]}),
        }
    )


@pytest.fixture
def live(api: ScriptedApi, tmp_path: Path) -> Iterator[Workspace]:
    """A workspace with a key, connected to a server that plays the live API."""
    with FaultyServer(api) as server:
        api.base_url = server.url
        known = settings.resolve(
            "canary-key",
            server.url,
            local=False,
            outputs=tmp_path / "outputs",
            limits=settings.Limits(poll_first_s=0.05, poll_max_s=0.1),
        )
        with Workspace(known) as workspace:
            yield workspace
