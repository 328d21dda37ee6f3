"""A click reaches the panel on other threads and loops from one ipykernel to the next."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.helpers.live_kernel import Kernel

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.render

OLDER = Path(sys.prefix) / "kernels"  # made by `make test`
REPLY_S = 60
PANEL = """
import ipykernel
import tfi_notebook as tfi
panel = tfi.panel()
panel.preview.on = False
panel.form.fill({"output_size": 64, "iteration_count": 1})
print(ipykernel.__version__, panel.sending.actions.comm.comm_id)
"""
BEGUN = """
import time
until = time.monotonic() + 30
while not tfi.jobs() and time.monotonic() < until:
    time.sleep(0.05)
"""
DONE = "print([job.wait(100).status.value for job in tfi.jobs()], panel.error)"


@pytest.fixture(params=["6.30", "7.3", "installed"])
def kernel(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Kernel]:
    """A kernel of that version, with everything else as it is installed."""
    older = OLDER / request.param
    if request.param != "installed":
        if not older.is_dir():
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("see the Makefile")
        monkeypatch.setenv("PYTHONPATH", str(older))
    kernel = Kernel(tmp_path)
    yield kernel
    kernel.close()


def click(kernel: Kernel, comm_id: str, subshell: str | None) -> str:
    """Press Submit as a page does; return the message's id."""
    data = {"method": "custom", "content": {"type": "submit"}}
    message = kernel.client.session.msg("comm_msg", {"comm_id": comm_id, "data": data})
    if subshell is not None:
        message["header"]["subshell_id"] = subshell
    kernel.client.shell_channel.send(message)
    return str(message["header"]["msg_id"])


def new_subshell(kernel: Kernel) -> str | None:
    """A subshell, as JupyterLab asks for one for its widgets; None where kernels have none."""
    client = kernel.client
    if "kernel subshells" not in client.kernel_info(reply=True, timeout=REPLY_S)["content"].get(
        "supported_features", ()
    ):
        return None
    client.control_channel.send(client.session.msg("create_subshell_request"))
    return str(client.get_control_msg(timeout=REPLY_S)["content"]["subshell_id"])


def test_a_double_click_while_a_cell_runs_submits_once(
    kernel: Kernel, request: pytest.FixtureRequest
) -> None:
    version, comm_id = kernel.run(PANEL).split()
    wanted = request.node.callspec.params["kernel"]
    assert wanted == "installed" or version.startswith(f"{wanted}.")
    subshell = new_subshell(kernel)
    assert (subshell is None) == version.startswith("6.")
    busy = kernel.client.execute("import time; time.sleep(1)")
    first, second = (click(kernel, comm_id, subshell) for _ in range(2))
    kernel.collect_all(busy, first, second)
    kernel.run(BEGUN)
    assert kernel.run(DONE).endswith("['done']")
