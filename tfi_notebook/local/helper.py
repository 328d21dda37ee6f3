"""A process of this package that answers one line of JSON for each it is asked.

Decoders are large C libraries, and the files they are fed come from anywhere: one that crashes,
hangs or fills the memory must not take a kernel with it. `Helper` is the kernel's side (started at
the first question, replaced when it ends); `answer_lines` is the loop on the other side.
"""

from __future__ import annotations

import atexit
import faulthandler
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from tfi_notebook.errors import ServiceError
from tfi_notebook.local.database import BUSY
from tfi_notebook.local.process import child_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TIMED_OUT: Final = 1
"""Exit code of a helper that its own watchdog has ended."""


class HelperEndedError(Exception):
    """The process ended in the middle of a question; the next question gets a new one."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(f"exit code {exit_code}")
        self.exit_code = exit_code


class Helper:
    """Asks a process of its own, one question at a time.

    Args:
        module: what the process runs; it answers by `answer_lines`.
        does: what is not done while it cannot be started, for the message.
        deadline_s: longest time of one answer.
        idle_s: how long the process is kept without work.
    """

    def __init__(self, module: str, *, does: str, deadline_s: float, idle_s: float) -> None:
        self._module, self._does = module, does
        self._deadline_s, self._idle_s = deadline_s, idle_s
        self._lock = threading.Lock()
        self._idle = threading.Timer(idle_s, self.close)
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.kill)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    @property
    def pid(self) -> int | None:
        """Process id, or None while there is no process."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to a question.

        Raises:
            HelperEndedError: the process crashed, or took too long.
            RuntimeError: the code that answers has a defect.
            ServiceError: the process cannot be started.
        """
        with self._lock:
            self._idle.cancel()
            try:
                answer = self._asked(request)
            finally:
                self._idle = threading.Timer(self._idle_s, self.close)
                self._idle.daemon = True
                self._idle.start()
        if "defect" in answer:
            raise RuntimeError(answer["defect"])
        return answer

    def close(self) -> None:
        """End the process; the next question starts it again."""
        with self._lock:
            self._idle.cancel()
            if self._process is not None:
                self._end(self._process)
                self._process = None

    def kill(self) -> None:
        """End the process at once, also in the middle of an answer."""
        process = self._process
        if process is not None:
            process.kill()
            process.wait()

    def _forget(self) -> None:
        """Start over without touching the process: after a fork it is the parent's."""
        self._lock = threading.Lock()  # another thread may have held it at the fork
        self._process = None

    def _asked(self, request: Mapping[str, Any]) -> dict[str, Any]:
        line = json.dumps(request).encode() + b"\n"
        process = self._running()
        assert process.stdin is not None, "it was started with pipes"
        assert process.stdout is not None, "the same"
        with suppress(BrokenPipeError):
            process.stdin.write(line)
        asked_at = time.monotonic()
        answer = process.stdout.readline()
        if answer.endswith(b"\n"):
            return dict(json.loads(answer))
        self._process = None
        exit_code = self._end(process)
        if time.monotonic() - asked_at >= self._deadline_s:
            exit_code = TIMED_OUT  # the watchdog looks where it hangs, and may crash over that
        raise HelperEndedError(exit_code)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self._end(self._process)
            self._process = None
        if self._process is None:
            self._process = self._started()
        return self._process

    def _started(self) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(  # noqa: S603 - this package's own module
                # -P: a notebook's folder may hold a queue.py of its own
                [sys.executable, "-P", "-m", self._module, str(self._deadline_s)],
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=child_environment(),
            )
        except OSError as error:
            reason = error.strerror or type(error).__name__
        # raised outside: the frames inside hold the environment
        raise ServiceError(f"{self._does} now ({reason})", status_code=BUSY)

    def _end(self, process: subprocess.Popen[bytes]) -> int:
        """Close both pipes and return the exit code: negative is the signal that ended it."""
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None, "it was started with pipes"
            pipe.close()
        try:
            return process.wait(self._deadline_s)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def answer_lines(deadline_s: float, answer: Callable[..., dict[str, Any]]) -> None:
    """Answer each line on standard input, until it ends or an answer takes too long.

    Args:
        deadline_s: longest time of one answer; then the process ends with `TIMED_OUT`.
        answer: is called with the question's fields as keywords; a defect in it is told.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Jupyter interrupts the whole process group
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not stand between the answers
    for line in sys.stdin:
        # a watchdog in C: it ends this process also while a decoder holds the interpreter's lock
        faulthandler.dump_traceback_later(deadline_s, exit=True)
        try:
            told = answer(**json.loads(line))
        except Exception as error:  # noqa: BLE001 - told to the other side, which raises it
            told = {"defect": f"{type(error).__name__}: {error}"}
        faulthandler.cancel_dump_traceback_later()
        answers.write(json.dumps(told) + "\n")
        answers.flush()
