"""What every test gets: its own home, no key, and patience on busy machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tfi_notebook.sweeps.run import Run

# a busy machine is no defect: neither slow generation nor a slow example fails a property
settings.register_profile("tfi", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tfi")


@pytest.fixture(autouse=True)
def tfi_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test an empty home and take every key from its environment."""
    home = tmp_path / "tfi-home"
    monkeypatch.setenv("TFI_HOME", str(home))
    for name in ("TFI_API_KEY", "TFI_BASE_URL", "TFI_ASSET_STORE", "KAGGLE_USER_SECRETS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    # never the developer's own keyring, in kernels neither
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    return home


@pytest.fixture(scope="session")
def rendered_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A sweep of 3 x 3 videos, rendered once for all tests that look at it: some 15 s."""
    from tests.helpers.rendered import rendered_sweep  # noqa: PLC0415 - needs the extra local

    folder = tmp_path_factory.mktemp("sweep")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFI_HOME", str(folder / "home"))
        patch.delenv("TFI_API_KEY", raising=False)
        with rendered_sweep(folder) as run:
            yield run
