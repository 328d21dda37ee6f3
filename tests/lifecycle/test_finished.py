from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.helpers.snapshots import snapshot
from tfi_notebook import settings
from tfi_notebook.lifecycle.finished import report_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def files() -> Path:
    """The folder in which the local service keeps videos and reports."""
    folder = settings.resolve(local=True).data_dir / "local" / "files" / "a"
    folder.mkdir(parents=True)
    return folder


def test_a_report_is_read_where_the_local_service_has_put_it(files: Path) -> None:
    (files / "b.json").write_text(json.dumps({"driver": "loudness"}))
    known = settings.resolve(local=True)
    assert report_of(snapshot(output="a/b.mp4"), known) == {"driver": "loudness"}
    assert report_of(snapshot(output="a/b.mp4", local=False), known) is None
    assert report_of(snapshot(output="a/other.mp4"), known) is None
    assert report_of(snapshot(output=None), known) is None


@pytest.mark.parametrize("text", ["[1]", "{", "\ufeff"])
def test_what_is_no_report_is_none(files: Path, text: str) -> None:
    (files / "b.json").write_text(text)
    assert report_of(snapshot(output="a/b.mp4"), settings.resolve(local=True)) is None


@pytest.mark.parametrize(
    "output", ["../../secret.mp4", "/etc/passwd.mp4", "a/../../../x.mp4", ".."]
)
def test_a_storage_key_leads_nowhere_else(files: Path, output: str) -> None:
    for place in (files.parents[2] / "secret.json", files.parents[2] / "x.json"):
        place.write_text("{}")
    assert report_of(snapshot(output=output), settings.resolve(local=True)) is None
