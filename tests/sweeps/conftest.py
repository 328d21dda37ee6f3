"""What the tests of sweeps share: a connection that sends nothing by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.helpers.held_api import HeldApi, connected, served
from tfi_notebook import settings
from tfi_notebook.lifecycle.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.helpers.faulty_server import FaultyServer


@pytest.fixture
def idle(tmp_path: Path) -> Iterator[Workspace]:
    """A workspace whose service nobody asks for anything."""
    known = settings.resolve(
        "canary-key", "http://127.0.0.1:9", local=False, outputs=tmp_path / "outputs"
    )
    with Workspace(known) as workspace:
        yield workspace


@pytest.fixture
def api() -> HeldApi:
    """A service that holds every job until it is let go; modules may want another one."""
    return HeldApi()


@pytest.fixture
def server(api: HeldApi) -> Iterator[FaultyServer]:
    """The service, on loopback."""
    with served(api) as server:
        yield server


@pytest.fixture
def workspace(server: FaultyServer, tmp_path: Path) -> Iterator[Workspace]:
    """A connection to it, as to the live API."""
    with connected(server.url, tmp_path) as workspace:
        yield workspace
