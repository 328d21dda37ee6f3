"""One thread that writes what many wait for, many at a time (group commit).

A durable commit costs an fsync, whether it holds one row or a thousand. So whatever has gathered
while the last commit was under way goes into the next one together, and everybody hears of it
when it is on disk. The thread is a daemon and uses no executor, so that it still works while the
interpreter shuts down: executors refuse work by then, and a paid job's id may be what is to be
written.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tfi_notebook.errors import LedgerError

Perform = Callable[[sqlite3.Connection, list[Any]], list[Any]]
"""Does tasks within a transaction and returns their results. It may be asked to do a task again:
if the transaction fails, each task is tried in one of its own."""

BATCH_MAX = 1_000
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_PRIMARY_CODE = 0xFF


@dataclass(slots=True, eq=False)
class _Item:
    task: object
    waiter: Future[Any] | asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop | None
    result: Any = None
    error: Exception | None = None

    def tell(self) -> None:
        """Hand the outcome to who waits for it, if somebody still does."""
        if self.waiter.done():
            return
        if self.error is None:
            self.waiter.set_result(self.result)
        else:
            self.waiter.set_exception(self.error)


class Writer:
    """Writes through one connection on a thread of its own.

    Args:
        db: the connection, in autocommit mode; it belongs to the writer from now on.
        perform: does the tasks that have gathered.
        explain: makes the error that is told for an error of SQLite.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        perform: Perform,
        explain: Callable[[Exception], LedgerError],
    ) -> None:
        self._db = db
        self._perform = perform
        self._explain = explain
        self._queue: queue.SimpleQueue[list[_Item] | None] = queue.SimpleQueue()
        self._gathered: dict[asyncio.AbstractEventLoop, list[_Item]] = {}
        self._door = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="tfi-ledger-writer", daemon=True)
        self._thread.start()

    async def do(self, task: object) -> Any:  # noqa: ANN401 - what `perform` returns for it
        """Do a task in a transaction; return its result once that is on disk.

        Who stops waiting does not stop the writing.

        Raises:
            LedgerError: it could not be written, or the writer is closed.
        """
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Any] = loop.create_future()
        with self._door:
            self._check_open()
            gathered = self._gathered.setdefault(loop, [])
            gathered.append(_Item(task, waiter, loop))
        if len(gathered) == 1:  # what else comes in this turn of the loop comes along
            loop.call_soon(self._hand_over)
        return await waiter

    def do_blocking(self, task: object) -> Any:  # noqa: ANN401 - what `perform` returns for it
        """Do the same and block the calling thread until then.

        Raises:
            LedgerError: it could not be written, or the writer is closed.
        """
        waiter: Future[Any] = Future()
        with self._door:
            self._check_open()
            self._push_gathered()
            self._queue.put([_Item(task, waiter, None)])
        return waiter.result()

    def close(self) -> None:
        """Write what was taken, and end the thread and the connection."""
        with self._door:
            if self._closed:
                return
            self._closed = True
            self._push_gathered()
            self._queue.put(None)
        self._thread.join()
        self._db.close()

    def _check_open(self) -> None:
        if self._closed:
            raise LedgerError("the ledger is closed", hint="tfi.connect() opens it again")

    def _hand_over(self) -> None:
        with self._door:
            self._push_gathered()

    def _push_gathered(self) -> None:
        for items in self._gathered.values():
            self._queue.put(items)
        self._gathered.clear()

    def _run(self) -> None:
        ending = False
        while not ending:
            first = self._queue.get()
            batch = first or []
            ending = first is None or self._gather(batch)
            self._commit(batch)
            _tell(batch)

    def _gather(self, batch: list[_Item]) -> bool:
        """Add what else waits to the batch; True if the end was met."""
        with suppress(queue.Empty):
            while len(batch) < BATCH_MAX:
                items = self._queue.get_nowait()
                if items is None:
                    return True
                batch += items
        return False

    def _commit(self, batch: list[_Item]) -> None:
        """Commit a batch. If that fails, each alone: one's fault must not become the others'."""
        try:
            self._transaction(batch)
        except Exception as error:  # noqa: BLE001 - a writer that dies would let all wait for ever
            if len(batch) == 1 or _is_busy(error):
                for item in batch:
                    item.error = self._told(error)
                return
        else:
            return
        for item in batch:
            self._commit([item])

    def _transaction(self, batch: list[_Item]) -> None:
        if not batch:
            return
        try:
            self._db.execute("BEGIN IMMEDIATE")
            results = self._perform(self._db, [item.task for item in batch])
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
            raise
        for item, result in zip(batch, results, strict=True):
            item.result = result

    def _told(self, error: Exception) -> Exception:
        return self._explain(error) if isinstance(error, sqlite3.Error) else error


def _is_busy(error: Exception) -> bool:
    """Another process holds the file; to try again for each one would only add up the waits."""
    code = getattr(error, "sqlite_errorcode", 0) or 0
    return code & _PRIMARY_CODE in _BUSY


def _tell(batch: list[_Item]) -> None:
    """Wake every loop once, not once for each of those who wait there."""
    by_loop: defaultdict[asyncio.AbstractEventLoop, list[_Item]] = defaultdict(list)
    for item in batch:
        if item.loop is None:
            item.tell()
        else:
            by_loop[item.loop].append(item)
    for loop, items in by_loop.items():
        with suppress(RuntimeError):  # the loop has ended: nobody waits there any more
            loop.call_soon_threadsafe(_tell_all, items)


def _tell_all(items: list[_Item]) -> None:
    for item in items:
        item.tell()
