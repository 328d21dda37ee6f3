"""`tfi-notebook doctor` names what is in the way, and the way out."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tfi_notebook import doctor
from tfi_notebook.cli import main

ROOT = Path(__file__).parent.parent


def told(capsys: pytest.CaptureFixture[str], *, healthy: bool = False) -> str:
    assert main(["doctor"]) == (0 if healthy else 1)
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("TFI_RENDERER", "nope", "installed are: builtin"),
        ("TFI_EXECUTOR", "workers:1", "such as dask:tcp://"),
        ("TFI_LOCAL_MAX_GB", "much", "must be a number of GB"),
        ("TFI_LOCAL_PRIVATE_URLS", "maybe", "must be 1 or 0"),
        ("TFI_CHROMIUM", "/no/such/browser", "TFI_CHROMIUM names no file"),
        ("TFI_BASE_URL", "http://api.example.com", "no key for it"),
        ("TFI_API_KEY", "two words", "is not a key"),
    ],
)
def test_a_wrong_setting_is_named_with_the_way_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    name: str, value: str, says: str,
) -> None:  # fmt: skip
    monkeypatch.setenv(name, value)
    bad = [line for line in told(capsys).splitlines() if line.startswith("!!")]
    assert any(says in line for line in bad), bad


def test_a_key_is_shown_by_its_place_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TFI_API_KEY", "canary-key-77aa")
    shown = told(capsys, healthy=True)
    assert "key from TFI_API_KEY" in shown
    assert "canary" not in shown


def test_a_missing_extra_is_told_with_its_command(tmp_path: Path) -> None:
    """Without `site-packages`, but for the packages of the core."""
    code = """
import importlib.metadata as metadata, sys
real = metadata.version
def version(name):
    if name in ("av", "jupyterlab"):
        raise metadata.PackageNotFoundError(name)
    return real(name)
metadata.version = version
from tfi_notebook.cli import main
sys.exit(main(["doctor"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert '!!  extra local    not installed: av; pip install "tfi-notebook[local]"' in done.stdout
    assert "ok  extra demo     not installed: jupyterlab; pip install" in done.stdout


def test_a_port_that_is_taken_is_told_and_no_fault(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(doctor, "USUAL_PORT", taken.getsockname()[1])
        assert "is taken; tfi-notebook serve --port 0" in told(capsys, healthy=True)


def test_a_full_disk_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10_000_000))
    assert "the disk is full: make room there" in told(capsys)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
def test_a_folder_that_cannot_be_written_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    monkeypatch.chdir(closed)
    assert "tfi.connect(outputs=...)" in told(capsys)


def test_an_old_python_is_told_by_make(tmp_path: Path) -> None:
    """With a Python that says it is 3.10; nothing is made of it."""
    old = tmp_path / "python3.10"
    old.write_text(
        f'#!/bin/sh\nshift\nexec {sys.executable} -c "import sys; sys.version_info = (3, 10); $1"\n'
    )
    old.chmod(0o755)
    words = (
        "make",
        "-C",
        ROOT,
        f"VENV={tmp_path / 'venv'}",
        f"PYTHON={old}",
        f"{tmp_path}/venv/bin/python",
    )
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "Python 3.11 or newer is needed" in done.stderr
    assert not (tmp_path / "venv").exists()
