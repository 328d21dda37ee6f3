"""What the tests of sweeps share: a connection that sends nothing by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tfi_notebook import settings
from tfi_notebook.lifecycle.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def idle(tmp_path: Path) -> Iterator[Workspace]:
    """A workspace whose service nobody asks for anything."""
    known = settings.resolve(
        "canary-key", "http://127.0.0.1:9", local=False, outputs=tmp_path / "outputs"
    )
    with Workspace(known) as workspace:
        yield workspace
