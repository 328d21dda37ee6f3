"""Files are looked at in a process that nobody misses."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psutil  # type: ignore[import-untyped]
import pytest

from tests.local.conftest import Caller, until, voice_wav
from tfi_notebook import samples
from tfi_notebook.errors import ServiceError
from tfi_notebook.local.checker import SHARED, Checker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def checking(**options: Any) -> Iterator[Checker]:
    checker = Checker(**options)
    try:
        yield checker
    finally:
        checker.close()


@pytest.fixture(scope="session")
def long_sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a sound that takes well over a tenth of a second to decode."""
    path = tmp_path_factory.mktemp("sounds") / "long.wav"
    path.write_bytes(voice_wav(800))
    return path


def test_a_process_looks_at_many_files_and_ends_without_work(tmp_path: Path) -> None:
    (tmp_path / "short.wav").write_bytes(voice_wav(0.5))
    with checking(idle_s=0.5) as checker:
        assert checker.pid is None  # nothing runs before there is a file
        assert checker.look(samples.PORTRAIT, "image_url") == {"error": {}}
        pid = checker.pid
        heard = checker.look(tmp_path / "short.wav", "audio_url")
        assert (heard["error"], round(heard["voice_s"], 2)) == ({}, 0.5)
        assert checker.look(samples.VOICE, "image_url")["error"]["code"] == "not_a_picture"
        assert checker.pid == pid
        until(lambda: checker.pid is None, "the end of the process")
        assert checker.look(samples.PORTRAIT, "image_url") == {"error": {}}


def test_a_decoder_that_crashes_costs_its_file_an_error_and_nothing_else(
    long_sound: Path,
) -> None:
    with checking() as checker:
        checker.look(samples.PORTRAIT, "image_url")
        pid = checker.pid
        assert pid is not None
        answers: list[dict[str, Any]] = []
        looking = threading.Thread(
            target=lambda: answers.append(checker.look(long_sound, "audio_url"))
        )
        read = psutil.Process(pid).io_counters().read_chars
        looking.start()
        until(lambda: psutil.Process(pid).io_counters().read_chars > read + 1e6, "the reading")
        os.kill(pid, signal.SIGSEGV)
        looking.join(20)
        (answer,) = answers
        assert answer["error"]["code"] == "not_audio"
        assert "ended unexpectedly" not in answer["error"]["message"]
        assert "made the decoder end unexpectedly (exit code -11)" in answer["error"]["message"]
        assert answer["may_pass"]
        assert checker.look(samples.PORTRAIT, "image_url") == {"error": {}}


def test_a_decoder_that_hangs_is_ended_at_its_deadline(long_sound: Path) -> None:
    with checking(deadline_s=0.05) as checker:
        answer = checker.look(long_sound, "audio_url")
        assert answer["error"]["code"] == "not_audio"
        assert answer["error"]["field"] == "audio_url"
        assert "took longer than 0.05 s" in answer["error"]["message"]


def test_the_process_ends_with_the_one_that_started_it() -> None:
    script = (
        "import sys; from tfi_notebook import samples\n"
        "from tfi_notebook.local.checker import SHARED\n"
        "SHARED.look(samples.PORTRAIT, 'image_url')\n"
        "print(SHARED.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as user:
        assert user.stdout is not None
        checking_process = psutil.Process(int(user.stdout.readline()))
        user.kill()
        assert psutil.wait_procs([checking_process], timeout=20)[1] == []


def test_an_interrupt_of_the_cell_does_not_end_the_look(caller: Caller) -> None:
    SHARED.look(samples.PORTRAIT, "image_url")
    pid = SHARED.pid
    assert pid is not None
    os.kill(pid, signal.SIGINT)
    assert caller.submit().status_code == 202
    assert SHARED.pid == pid


def test_a_process_that_cannot_be_started_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    with pytest.raises(ServiceError, match="cannot be looked at now") as told:
        Checker().look(samples.PORTRAIT, "image_url")
    assert told.value.status_code == 503
