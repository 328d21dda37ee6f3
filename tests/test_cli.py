"""The command line, run as a person runs it: real processes, real renders."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import tfi_notebook as tfi
from tfi_notebook.cli import main
from tfi_notebook.errors import AuthError
from tfi_notebook.lifecycle.medium import choose_journal
from tfi_notebook.media.video import video_info

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "tfi_notebook" / "samples"
RENDER_S = 180


def run(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tfi_notebook.cli", *words],
        cwd=cwd, env=os.environ | environment, capture_output=True, text=True,
        timeout=RENDER_S, check=False,
    )  # fmt: skip


@pytest.mark.render
def test_render_makes_a_video_from_local_files(tmp_path: Path) -> None:
    for name in ("portrait.png", "voice.wav"):
        shutil.copyfile(SAMPLES / name, tmp_path / name)
    words = ("render", "portrait.png", "voice.wav", "-o", "deep/out.mp4", "--output-size", "160")
    done = run(*words, "--version", "4", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    info = video_info(tmp_path / "deep" / "out.mp4")
    assert (info.width_px, info.codec, info.has_audio) == (160, "h264", True)
    assert done.stdout == f"video: {tmp_path / 'deep' / 'out.mp4'}\n"
    line = r"(?m)LOCAL job ([0-9a-f-]{36}): (\w+ ?\d*).*?(next|$)"  # its state and its place
    told = re.findall(line, done.stderr)
    assert len(told) == len(set(told)) == len(done.stderr.splitlines()), "nothing is said twice"
    assert "guess" not in done.stderr
    first, last, _ = told[-1]
    assert last.startswith("done")
    again = run(*words, "--version", "4", cwd=tmp_path)
    assert first in again.stdout
    forced = run(*words, "--version", "4", "--force", cwd=tmp_path)
    assert first not in forced.stdout + forced.stderr
    listed = run("jobs", cwd=tmp_path)
    assert listed.stdout.count("done") >= 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("render", "missing.png"), "missing.png cannot be read"),
        (("render", "--version", "7"), "4, 5 or 6"),
        (("render", "--output-size", "-1"), "output_size"),
        (("render", "--dynamic-scale", "nan"), "dynamic_scale"),
        (("render", "README.md", "README.md"), "image_url"),
        (("render", "--live"), "IMAGE and AUDIO"),
        (
            (
                "render",
                "https://a.example/a.png",
                "https://a.example/a.mp3",
                "--live",
                "--project-id",
                "468ea7a0-66e1-4357-a760-236e54167f3e",
            ),
            "TFI_API_KEY",
        ),
        (("render", "file:///tmp/me.jpg"), "image_url"),
        (("render", "-o", "/proc/x.mp4"), "cannot be written"),
        (("render", "http://127.0.0.1:9/a.png"), "image_url"),
        (("render", ""), "image_url"),
        (("render", "."), "Is a directory"),
        (("render", "-o", ""), "--output: must be a path"),
        (("render", "-o", "x" * 300), "cannot be written"),
    ],
)
def test_a_wrong_call_fails_with_the_field_and_a_way_out(
    tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    (tmp_path / "README.md").write_text("no picture")
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 1
    assert says in done.stderr
    assert "→" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.glob("*.mp4")) == []


def test_an_unknown_option_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["render", "--verson", "6"])
    assert caught.value.code == 2
    assert "--verson" in capsys.readouterr().err


@pytest.mark.parametrize("seconds", ["nan", "-1", "soon"])
def test_a_time_that_is_none_is_wrong_usage_before_anything_is_sent(
    capsys: pytest.CaptureFixture[str], tfi_home: Path, seconds: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["render", "--timeout-s", seconds])
    assert caught.value.code == 2
    assert "--timeout-s" in capsys.readouterr().err
    assert not tfi_home.exists()


def test_doctor_tells_what_is_here(capsys: pytest.CaptureFixture[str], tfi_home: Path) -> None:
    assert main(["doctor"]) == 0
    told = capsys.readouterr().out
    journal = "journal wal" if choose_journal(tfi_home / "x").mode == "wal" else "journal truncate"
    for word in ("python", "extra local", "no key: the local service", journal, str(tfi_home)):
        assert word in told


def test_doctor_names_a_broken_ledger(capsys: pytest.CaptureFixture[str], tfi_home: Path) -> None:
    tfi_home.mkdir()
    (tfi_home / "ledger.sqlite").write_bytes(b"no database" * 100)
    assert main(["doctor"]) == 1
    assert "!! ledger" in capsys.readouterr().out.replace("  ", " ")


def test_jobs_of_an_empty_ledger(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs"]) == 0
    assert "no jobs yet" in capsys.readouterr().out


def test_serve_answers_on_loopback_with_its_own_key_only(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tfi_notebook.cli", "serve", "--port", "0"]
    environment = os.environ | {"TFI_API_KEY": "k-1"}
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, env=environment
    ) as served:
        try:
            assert served.stdout is not None
            address = re.search(r"http://127\.0\.0\.1:\d+", served.stdout.readline())
            assert address is not None
            shown = served.stdout.readline()
            assert "tfi.connect" in shown
            assert "k-1" not in shown
            url = f"{address.group()}/auth/credits"
            with urllib.request.urlopen(
                urllib.request.Request(url, headers={"x-api-key": "k-1"}), timeout=20
            ) as answer:
                assert answer.status == 200
            with pytest.raises(urllib.error.HTTPError, match="401") as refused:
                urllib.request.urlopen(url, timeout=20)
            refused.value.close()
            with (
                tfi.connect("wrong-key-5678", address.group(), local=True) as workspace,
                pytest.raises(AuthError) as wrong,
            ):
                workspace.credits()
            assert "tfi-notebook serve" in wrong.value.hint
            assert "techforgeinnovate" not in str(wrong.value)
            assert "wrong-key-5678" not in str(wrong.value)
        finally:
            served.terminate()


def test_serve_on_a_taken_port_tells_how_to_get_another(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "--port", str(port)]) == 1
    told = capsys.readouterr().err
    assert f"port {port} cannot be used" in told
    assert "--port 0" in told


def test_serve_refuses_what_is_no_key_without_repeating_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TFI_API_KEY", "two\nlines")
    assert main(["serve", "--port", "0"]) == 1
    told = capsys.readouterr()
    assert "TFI_API_KEY is not a key" in told.err
    assert "lines" not in told.out + told.err


@pytest.mark.parametrize("command", ["jobs", "render", "serve", "doctor"])
def test_a_home_that_is_a_file_is_told_by_every_command(
    capsys: pytest.CaptureFixture[str], tfi_home: Path, command: str
) -> None:
    tfi_home.write_text("not a folder")
    assert main([command]) == 1
    told = capsys.readouterr()
    assert "TFI_HOME: is a file, not a folder" in told.out + told.err


def opens(address: str) -> bool:
    """Ask until the server listens, for 20 s at most: it names its address a moment before."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(address, timeout=20) as answer:
                return bool(answer.status == 200)
        except urllib.error.URLError:
            continue
    return False


def test_demo_opens_jupyterlab_on_the_quickstart_notebook(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tfi_notebook.cli", "demo", "--no-browser"]
    own = {name: str(tmp_path / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR")}
    with subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=os.environ | own
    ) as server:
        try:
            assert server.stderr is not None
            # its second, indented mention of the address: by then the server listens
            found = (re.match(r"\s+(http://127\.0\.0\.1\S+)", line) for line in server.stderr)
            address = next(match.group(1) for match in found if match)
            assert "/lab/tree/tfi_tutorials/notebooks/01_first_video.ipynb" in address
            assert opens(address)
        finally:
            server.terminate()
            server.communicate(timeout=30)
    tutorials = tmp_path / "tfi_tutorials"
    assert (tutorials / "notebooks" / "01_first_video.ipynb").is_file()
    assert (tutorials / "docs" / "scores.md").is_file()
