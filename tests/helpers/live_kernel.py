"""A real kernel that a test interrupts, restarts and kills in the middle of its work."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from jupyter_client.manager import start_new_kernel

if TYPE_CHECKING:
    from pathlib import Path

REPLY_S = 120


class Kernel:
    """A running kernel in whose cells a sweep is submitted to a counting service."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.open()

    def open(self) -> None:
        """Start it."""
        first = [path for path in (os.getenv("PYTHONPATH"), os.getcwd()) if path]  # noqa: PTH109 - the checkout
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(first)}
        self.manager, self.client = start_new_kernel(cwd=str(self._folder), env=environment)

    def run(self, code: str) -> str:
        """Run a cell to its end; return what it printed, or its error's name."""
        return self.collect(self.client.execute(code))

    def collect(self, request: str) -> str:
        """Return what a cell has printed or raised once the kernel is idle again."""
        told: list[str] = []
        while True:
            message: dict[str, Any] = self.client.get_iopub_msg(timeout=REPLY_S)
            if message["parent_header"].get("msg_id") != request:
                continue
            content = message["content"]
            if message["msg_type"] == "stream" and content["name"] == "stdout":
                told.append(content["text"])
            if message["msg_type"] == "error":
                told.append(f"{content['ename']}: {content['evalue']}")
            if message["msg_type"] == "status" and content["execution_state"] == "idle":
                return "".join(told).strip()

    def collect_all(self, *requests: str) -> None:
        """Wait until the kernel has dealt with all of these, in whatever order."""
        left = set(requests)
        while left:
            message: dict[str, Any] = self.client.get_iopub_msg(timeout=REPLY_S)
            idle = message["content"].get("execution_state") == "idle"
            if message["msg_type"] == "status" and idle:
                left.discard(message["parent_header"].get("msg_id"))

    def close(self) -> None:
        """End it."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
