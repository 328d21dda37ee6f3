"""Starting the worker process, waking it, starting it again when it dies, and ending it."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import tfi_notebook
from tfi_notebook.errors import ServiceError, TfiError
from tfi_notebook.local.renderers import Way

if TYPE_CHECKING:
    from tfi_notebook.local.store import Store

CLOSE_S: Final = 5.0
"""How long the worker may take to put its jobs back and end, before it is killed."""

_QUICK_DEATH_S: Final = 5.0
_QUICK_DEATHS_MAX: Final = 3
_PAUSE_S: Final = 10.0  # after so many quick deaths, so that a broken worker is no busy loop
_LOG_MAX_BYTES: Final = 1_000_000


class WorkerProcess:
    """The one worker process of a local service.

    A watching thread sees its end: it frees the worker's jobs at once (without it they would
    wait for their lease to run out) and starts the next worker while there is work.

    Args:
        store: the queue it works on.
        way: how it renders.
    """

    def __init__(self, store: Store, way: Way = Way()) -> None:  # noqa: B008 - frozen
        self._store = store
        self._way = way
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: threading.Thread | None = None
        self._quick_deaths = 0
        self._start_at = 0.0  # monotonic time
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Process id of the running worker, or None."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def ensure(self) -> None:
        """Wake the worker; start one if there is none. Does nothing after `close`.

        Raises:
            ServiceError: the process cannot be started.
        """
        with self._lock:
            if self._closed:
                return
            if self.pid is not None:
                self._ring()
            elif time.monotonic() >= self._start_at:
                self._start()

    def close(self) -> None:
        """End the worker within bounded time; its unfinished jobs stay in the queue."""
        with self._lock:
            self._closed = True
            process, watcher = self._process, self._watcher
        atexit.unregister(self.close)
        if process is None or watcher is None:
            return
        _close_input(process)  # which the worker takes as "end"
        watcher.join(CLOSE_S)
        if watcher.is_alive():
            process.kill()
            watcher.join(CLOSE_S)

    def _start(self) -> None:
        """Start a worker (the lock is held). Its errors go to `worker.log` in the root."""
        name = uuid4().hex
        log = self._store.root / "worker.log"
        mode = "ab" if log.exists() and log.stat().st_size < _LOG_MAX_BYTES else "wb"
        module = "tfi_notebook.local.worker"
        way = (self._way.renderer, self._way.executor)
        try:
            with log.open(mode) as errors:
                self._process = subprocess.Popen(  # noqa: S603 - this package's own module
                    # -P: a notebook's folder may hold a queue.py of its own
                    [sys.executable, "-P", "-m", module, str(self._store.root), name, *way],
                    bufsize=0,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                    env=child_environment(),
                )
        except OSError as error:
            reason = str(error)
        else:
            self._attend(name)
            return
        # raised outside: the frames inside hold the environment
        raise ServiceError(f"the render process cannot be started ({reason})")

    def _attend(self, name: str) -> None:
        atexit.register(self.close)
        self._watcher = threading.Thread(
            target=self._watch, args=(self._process, name), name="tfi-worker-watch", daemon=True
        )
        self._watcher.start()

    def _ring(self) -> None:
        assert self._process is not None, "only a running worker is rung"
        assert self._process.stdin is not None, "it was started with a pipe"
        with suppress(OSError):  # it died just now; the watcher starts the next
            self._process.stdin.write(b"\n")

    def _watch(self, process: subprocess.Popen[bytes], name: str) -> None:
        started = time.monotonic()
        process.wait()
        quick = time.monotonic() - started < _QUICK_DEATH_S
        with self._lock:
            _close_input(process)
        with suppress(TfiError):  # without its queue there is nothing to go on with
            self._store.release(name)
            with self._lock:
                self._quick_deaths = self._quick_deaths + 1 if quick else 0
                if self._quick_deaths >= _QUICK_DEATHS_MAX:
                    self._quick_deaths, self._start_at = 0, time.monotonic() + _PAUSE_S
                replaced = self._closed or self._process is not process
                if not replaced and time.monotonic() >= self._start_at and self._store.has_work():
                    self._start()


def _close_input(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None, "it was started with a pipe"
    process.stdin.close()


def child_environment() -> dict[str, str]:
    """Return the environment in which a process finds this package where this one did; no key.

    A BLAS is told to use one thread, unless somebody has told it otherwise: the renderer's matrices
    are small, and the other threads would wait for the next one in a loop, a tenth of all CPU.
    """
    folder = str(Path(tfi_notebook.__file__).parents[1])
    handed = {name: value for name, value in os.environ.items() if name != "TFI_API_KEY"}
    handed.setdefault("OPENBLAS_NUM_THREADS", "1")
    if folder.endswith("-packages"):  # installed; the worker finds it by itself
        return handed
    known = handed.get("PYTHONPATH")
    return {**handed, "PYTHONPATH": f"{folder}{os.pathsep}{known}" if known else folder}
