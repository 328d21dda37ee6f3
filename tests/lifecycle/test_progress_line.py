"""What is waited for says how far it is: a log in a terminal, one line in a notebook's cell."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import nbformat
import papermill  # type: ignore[import-untyped] # it publishes no types
import pytest

from tests.helpers.held_api import WAIT_S, HeldApi, connected, served
from tests.helpers.kernel import new_notebook, run_notebook
from tests.helpers.payloads import good_payload
from tfi_notebook.display.saved import strip_widgets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CANARY: dict[str, object] = {"message": "see https://cdn.example.com/a.mp4?token=canary-signature"}
CONNECT = """
from contextlib import suppress
import tfi_notebook as tfi
from tests.helpers.payloads import GOOD
from tests.helpers.held_api import FAST
from tfi_notebook.errors import WaitTimeoutError

workspace = tfi.connect("key", {url!r}, limits=FAST)
payloads = [tfi.build_payload(**GOOD | {{"iteration_count": n}}) for n in (4, 5, 6)]
jobs = [workspace.submit(payload) for payload in payloads]
"""
LOOP = "for job in jobs:\n    job.wait(60)"
TOO_SHORT = "with suppress(WaitTimeoutError):\n    jobs[0].wait(2.5)"


def test_each_change_is_one_line_and_the_last_one_is_the_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    api = HeldApi()
    api.extra["job-1"] = CANARY
    with served(api) as server, connected(server.url, tmp_path) as workspace:
        job = workspace.submit(good_payload())
        workspace.subscribe(lambda row: api.finish(1) if row.started_at else None)
        job.wait(WAIT_S)
        lines = capsys.readouterr().err.splitlines()
        job.wait(WAIT_S)
    assert lines[-1].startswith("job job-1: done")
    statuses = [line.split()[2] for line in lines]
    assert len(set(statuses)) == len(statuses), "a line is written for a change only"
    assert "canary" not in "".join(lines)
    assert capsys.readouterr().err.splitlines() == lines[-1:], "one that has ended says so"


@contextmanager
def script(api: HeldApi, shell: list[str], **environment: str) -> Iterator[Any]:
    """A process that waits for a job and prints it."""
    with served(api) as server:
        code = f"{CONNECT.format(url=server.url)}\njobs[0].wait(60)\nprint(jobs[0])"
        with subprocess.Popen(
            [sys.executable, *shell, code], env=os.environ | environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as running:  # fmt: skip
            yield running


@pytest.mark.parametrize("shell", [["-c"], ["-m", "IPython", "-c"]])
def test_a_script_and_a_terminal_get_a_log(tmp_path: Path, shell: list[str]) -> None:
    api = HeldApi()
    with script(api, shell, IPYTHONDIR=str(tmp_path)) as running:
        log = next(line for line in running.stderr if line.startswith("job job-1"))
        api.finish(1)
        out, rest = running.communicate(timeout=WAIT_S)
    assert ": done" not in log
    assert rest.splitlines()[-1].startswith("job job-1: done")
    assert "job job-1: done" in out


def test_who_wants_quiet_gets_no_log() -> None:
    api = HeldApi()
    with script(api, ["-c"], TFI_QUIET="1") as running:
        api.wait_until(lambda api: api.polls.count("job-1") > 1)
        api.finish(1)
        out, log = running.communicate(timeout=WAIT_S)
    assert "job job-1: done" in out
    assert log == ""


def test_a_cell_that_waits_long_says_so_in_one_line_that_moves_on(tmp_path: Path) -> None:
    api = HeldApi()
    api.extra["job-3"] = CANARY
    seen: list[str] = []

    def heard(_kind: str, content: Any) -> None:
        """Let each job end once the line speaks of it."""
        text = content.get("data", {}).get("text/plain", "")
        seen.append(text)
        for number in (1, 2, 3):
            if text.startswith(f"job job-{number}: processing"):
                api.finish(number)

    with served(api) as server:
        ran = run_notebook(tmp_path, CONNECT.format(url=server.url), LOOP, LOOP, heard=heard)
    (line,) = ran.outputs(1)
    assert line["data"]["text/plain"].startswith("job job-3: done")
    assert "job job-3: done" in line["data"]["text/html"]
    assert [text.split(": ")[0] for text in seen if ": done" in text] == [
        "job job-1", "job job-2", "job job-3",
    ]  # fmt: skip
    assert ran.outputs(2) == [], "what is soon over says nothing"
    assert "canary" not in ran.saved()
    assert "<script" not in ran.saved()
    stripped, _ = strip_widgets(ran.notebook, {})
    assert stripped.cells[1].outputs == [], "it depends on how busy the machine was"


def test_a_card_that_is_shown_and_a_wish_for_quiet_leave_no_line(tmp_path: Path) -> None:
    with served(HeldApi()) as server:
        ran = run_notebook(
            tmp_path,
            CONNECT.format(url=server.url),
            f"display(jobs[0])\n{TOO_SHORT}",
            f"%env TFI_QUIET=1\n{TOO_SHORT.replace('[0]', '[1]')}",
        )
    assert [output["output_type"] for output in ran.outputs(1)] == ["display_data"]
    assert [output["output_type"] for output in ran.outputs(2)] == ["stream"], "of %env"


def test_papermill_keeps_how_far_it_was_when_the_waiting_ended(tmp_path: Path) -> None:
    given, done = tmp_path / "given.ipynb", tmp_path / "done.ipynb"
    with served(HeldApi()) as server:
        nbformat.write(new_notebook(CONNECT.format(url=server.url), TOO_SHORT), given)
        papermill.execute_notebook(given, done, progress_bar=False, log_output=False)
    (line,) = nbformat.read(done, 4).cells[1].outputs
    assert line["data"]["text/plain"].startswith("job job-1: processing after 2 s")
