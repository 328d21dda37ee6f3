"""Several kernels and one run: killed, taken up, looked at; also with no front end at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.held_api import WAIT_S, HeldApi, connected, served
from tests.helpers.payloads import good_payload
from tfi_notebook.errors import SweepError
from tfi_notebook.sweeps.start import run as take_up
from tfi_notebook.sweeps.sweep import Sweep

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped] # it publishes no types

ALL = 10**6
ROOT = Path(__file__).parents[2]
AXES: dict[str, Any] = {"version": [4, 5, 6], "iteration_count": [1, 2, 3, 4]}
SCRIPT = """
import sys
from pathlib import Path
from tests.helpers.held_api import connected
from tests.helpers.payloads import good_payload
import tfi_notebook as tfi

with connected(sys.argv[1], Path(sys.argv[2])) as workspace:
    {begin}
    run.wait()
"""
BEGIN = f"""sweep = tfi.Sweep(good_payload(), workspace=workspace, name="night", **{AXES})
    run = sweep.run(confirm=True, max_in_flight=3)"""
TAKE_UP = 'run = tfi.run("night", workspace=workspace)'


def kernel(url: str, folder: Path, begin: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(begin=begin), url, str(folder)],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=WAIT_S)


def table_of(url: str, folder: Path) -> pd.DataFrame:
    with connected(url, folder) as workspace:
        run = take_up("night", workspace=workspace).wait(WAIT_S)
        assert run.state == "done"
        return run.results(scores=False).drop(columns=["queue_s", "render_s", "job_id", "path"])


def test_killed_in_the_middle_and_taken_up_again_nothing_is_paid_twice(tmp_path: Path) -> None:
    undisturbed, disturbed = tmp_path / "one", tmp_path / "other"
    with served(HeldApi(ALL)) as server:
        assert kernel(server.url, undisturbed, BEGIN).communicate(timeout=WAIT_S)[1]
        wanted = table_of(server.url, undisturbed)
    api = HeldApi()
    with served(api) as server:
        first = kernel(server.url, disturbed, BEGIN)
        # asked for, a job has its id on disk: none is lost at the kill
        api.wait_until(lambda api: {"job-1", "job-2", "job-3"} <= set(api.polls))
        kill(first)
        assert api.made == 3
        api.finish(5)
        second = kernel(server.url, disturbed, TAKE_UP)
        api.wait_until(lambda api: {"job-6", "job-7", "job-8"} <= set(api.polls))
        kill(second)
        assert api.made == 8
        api.finish(ALL)
        found = table_of(server.url, disturbed)
    assert found.equals(wanted)
    assert list(found["status"]) == ["done"] * 12
    assert api.made == 12
    assert len({(body["version"], body["iteration_count"]) for body in api.bodies}) == 12


def test_a_second_kernel_looks_on_and_takes_over_when_the_first_is_dead(tmp_path: Path) -> None:
    api = HeldApi()
    with served(api) as server:
        first = kernel(server.url, tmp_path, BEGIN)
        api.wait_until(lambda api: {"job-1", "job-2", "job-3"} <= set(api.polls))
        with connected(server.url, tmp_path) as workspace:
            run = take_up("night", workspace=workspace)
            assert len(run.cells()) == 12
            for forbidden in (run.pause, run.stop, run.retry_failed):
                with pytest.raises(SweepError, match="another kernel works on the run"):
                    forbidden()
            with pytest.raises(SweepError, match="another kernel"):
                run.add(Sweep(good_payload(), workspace=workspace, crop=[True]), confirm=True)
            asked = len(api.polls)
            kill(first)
            api.finish(ALL)
            assert run.wait(WAIT_S).counts == {"done": 12}
        assert api.made == 12
        assert len(api.polls) > asked


def test_a_plain_script_is_told_how_far_it_is_and_only_when_that_has_changed(
    tmp_path: Path,
) -> None:
    with served(HeldApi(ALL)) as server:
        process = kernel(server.url, tmp_path, BEGIN)
        _, told = process.communicate(timeout=WAIT_S)
    lines = told.splitlines()
    assert process.returncode == 0
    assert lines[-1] == "run night, done: 12 of 12 done · 150.0 credits"
    assert len(lines) == len(set(lines))
