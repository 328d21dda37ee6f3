"""Addresses of this machine are fetched from by explicit setting only, in this process too."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.helpers.faulty_server import FaultyServer, reply
from tests.local.conftest import face_png
from tfi_notebook import settings
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.errors import ArgumentError, TfiError
from tfi_notebook.lifecycle import embedded
from tfi_notebook.lifecycle.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    """Serve a face, and send whoever asks for /far to where clouds keep their credentials."""

    def behave(_method: str, path: str, _body: bytes) -> bytes:
        far = "location: http://169.254.169.254/latest/meta-data"
        return reply(302, b"", far) if path == "/far" else reply(200, face_png())

    with FaultyServer(behave) as opened:
        yield opened


def submitted(monkeypatch: pytest.MonkeyPatch, url: str) -> JobStatus:
    with Workspace(settings.resolve(local=True)) as workspace:
        service = embedded._open[workspace.settings.data_dir / "local"]
        monkeypatch.setattr(service._worker, "ensure", lambda: None)  # nothing is rendered
        return workspace.submit(workspace.build_payload(image_url=url)).status


@pytest.mark.parametrize("said", [None, "", "0", "no"])
def test_the_default_is_no(
    monkeypatch: pytest.MonkeyPatch, server: FaultyServer, said: str | None
) -> None:
    if said is not None:
        monkeypatch.setenv("TFI_LOCAL_PRIVATE_URLS", said)
    with pytest.raises(TfiError, match=r"image_url: .* is a loopback address") as refused:
        submitted(monkeypatch, f"{server.url}/face.png")
    assert "TFI_LOCAL_PRIVATE_URLS=1" in refused.value.hint
    assert server.connections == 0


def test_the_setting_allows_private_addresses_and_no_others(
    monkeypatch: pytest.MonkeyPatch, server: FaultyServer
) -> None:
    monkeypatch.setenv("TFI_LOCAL_PRIVATE_URLS", "1")
    assert submitted(monkeypatch, f"{server.url}/face.png") is JobStatus.QUEUED
    with pytest.raises(TfiError, match=re.escape("169.254.169.254 is a link-local address")):
        submitted(monkeypatch, f"{server.url}/far")


def test_a_setting_that_is_neither_yes_nor_no_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFI_LOCAL_PRIVATE_URLS", "perhaps")
    with pytest.raises(ArgumentError, match="TFI_LOCAL_PRIVATE_URLS: must be 1 or 0"):
        Workspace(settings.resolve(local=True))
