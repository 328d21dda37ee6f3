"""Cells run in real, fresh kernels, as a person meets a package: what is loaded, is loaded anew."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

from jupyter_client.manager import KernelManager

from benchmarks import peers
from benchmarks.findings import interleaved

if TYPE_CHECKING:
    from collections.abc import Mapping

READY_S = 120
TIMED = """
import json as _json, sys as _sys, time as _time
_before, _began = set(_sys.modules), _time.perf_counter()
{code}
_took = 1000 * (_time.perf_counter() - _began)
print(_json.dumps({{"ms": _took, "modules": len(set(_sys.modules) - _before)}}))
"""


class FreshKernel:
    """A kernel of some Python that lives for one cell.

    Args:
        python: the interpreter; it needs ipykernel.
    """

    def __init__(self, python: str) -> None:
        self._manager = KernelManager(kernel_name="python3")
        assert self._manager.kernel_spec is not None
        self._manager.kernel_spec.argv[0] = python

    def run(self, code: str) -> str:
        """Run one cell in it; return what was printed.

        Raises:
            RuntimeError: the cell raised.
        """
        environment = os.environ | {"PYTHONPATH": os.getcwd()}  # noqa: PTH109 - the checkout
        self._manager.start_kernel(env=environment, stderr=subprocess.DEVNULL)
        client = self._manager.client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=READY_S)
            told: list[str] = []

            def hear(message: dict[str, Any]) -> None:
                content = message["content"]
                if message["msg_type"] == "stream" and content["name"] == "stdout":
                    told.append(content["text"])

            reply = client.execute_interactive(code, output_hook=hear, timeout=READY_S)
            if reply["content"]["status"] != "ok":
                raise RuntimeError(f"{reply['content']['ename']}: {reply['content']['evalue']}")
            return "".join(told).strip()
        finally:
            client.stop_channels()
            self._manager.shutdown_kernel(now=True)


def timed(cells: Mapping[str, tuple[str, str]], rounds: int) -> dict[str, dict[str, float]]:
    """Time one cell of each name in a kernel of its own, interleaved.

    Args:
        cells: name → (Python, code).
        rounds: how often.

    Returns:
        name → `ms`, the least, and `modules`, how many the cell has loaded.
    """

    def cell(python: str, code: str) -> dict[str, float]:
        printed = FreshKernel(python).run(TIMED.format(code=code))
        found: dict[str, float] = json.loads(printed.splitlines()[-1])
        return found

    ways = {
        name: lambda python=python, code=code: cell(python, code)
        for name, (python, code) in cells.items()
    }
    found = interleaved(ways, rounds)
    return {name: min(each, key=lambda one: one["ms"]) for name, each in found.items()}


def in_peers(code: str) -> tuple[str, str]:
    """Return a cell that runs where the peers are installed."""
    return peers.python(), code
