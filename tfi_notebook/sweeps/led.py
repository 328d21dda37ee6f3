"""Who works on a run: of several kernels one leads it, and the others look on."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from tfi_notebook.errors import LedgerError, SweepError
from tfi_notebook.http import redact
from tfi_notebook.lifecycle.lease import Lease, acquire
from tfi_notebook.lifecycle.prices import Prices
from tfi_notebook.sweeps.books import Books
from tfi_notebook.sweeps.purse import Purse
from tfi_notebook.sweeps.tables import State

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import AsyncIterator, Callable, Coroutine

    from tfi_notebook.lifecycle.workspace import Workspace
    from tfi_notebook.sweeps.store import Store

LOOK_EVERY_S = 1.0
"""How often a run's counters are saved, and looked at by a kernel that does not lead it."""
_log = logging.getLogger(__name__)


class Led:
    """A run with its counters, in a kernel that leads it or looks on.

    Everything here belongs to the background loop.

    Args:
        workspace: the connection.
        store: the run in the ledger.

    Attributes:
        books: how many points stand where.
        leads: whether this kernel works on the run.
        note: why nothing is submitted just now; empty while all goes on.
    """

    def __init__(self, workspace: Workspace, store: Store) -> None:
        self.workspace = workspace
        self.store = store
        self.leads = False
        self.note = ""
        prices = partial(Prices, store.ledger, store.service)
        self.books = Books(Purse(prices, store.record.budget_credits), store.record.created_at)
        self.books.load(store.record.tally)
        self._lease: Lease | None = None
        self._working = False
        self._attached = 0
        self._door = asyncio.Lock()
        self._news = asyncio.Event()

    @property
    def state(self) -> State:
        """Whether the run submits."""
        return self.store.record.state

    @asynccontextmanager
    async def attached(self) -> AsyncIterator[None]:
        """Lead the run, or look on while another kernel does; what is changed within holds first.

        Raises:
            LedgerError: the ledger cannot be written.
        """
        async with self._door:
            if not self._working and not self._attached:
                self._hold(await acquire(self.store.ledger, self.store.lease_name))
                self.leads = self._lease is not None
                self.store.refresh()
            self._attached += 1
        try:
            yield
        finally:
            self._attached -= 1
            self._news.set()
            if not self._working:
                self._working = True
                self.workspace.start(self._run())

    def check_leads(self) -> None:
        """See to it that this kernel may change the run.

        Raises:
            SweepError: another kernel works on it.
        """
        if not self.leads:
            raise SweepError(
                f"another kernel works on the run {self.store.name!r}",
                hint="do it there, or end that kernel: this one then takes over",
            )

    async def _run(self) -> None:
        try:
            lease = await self._until_leading()
            helpers = [self._beside(lease.keep()), self._beside(self._keep_saving())]
            try:
                await self._through()
                while self._attached:  # what is being changed just now is worked on, too
                    await self._some_news()
                    await self._through()
            finally:
                for task in helpers:
                    task.cancel()
                self._hand_over()
        finally:
            self._working = False
            self._tell()

    async def _through(self) -> None:
        """Do the work of the run, once it is led from here."""
        raise NotImplementedError

    async def _until_leading(self) -> Lease:
        while self._lease is None:
            await asyncio.sleep(LOOK_EVERY_S)
            self.store.refresh()
            self.books.load(self.store.record.tally)
            self._tell()
            self._hold(await acquire(self.store.ledger, self.store.lease_name))
        if not self.leads:
            self.store.refresh()
        self.leads = True
        return self._lease

    def _hold(self, lease: Lease | None) -> None:
        """Keep the lease; a workspace that is closed before the work begins gives it back, too."""
        self._lease = lease
        self.workspace.endings.add(self._hand_over)

    def _hand_over(self) -> None:
        """Save and give the lease back, at once: the ledger may be about to be closed."""
        lease, self._lease, self.leads = self._lease, None, False
        self.workspace.endings.discard(self._hand_over)
        if lease is None:
            return
        self.store.record.tally = self.books.tally()

        def work(db: sqlite3.Connection) -> None:
            self.store.write_record(db)
            lease.give_back(db)

        with suppress(LedgerError):
            self.store.ledger.transact_blocking(work)

    async def _keep_saving(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if self.store.record.tally != self.books.tally():
                with suppress(LedgerError):  # the next one may be written
                    await self._save()

    async def _save(self) -> None:
        self.store.record.tally = self.books.tally()
        await self.store.save()

    # -- news ------------------------------------------------------------------------------

    def _say(self, note: str) -> None:
        if note != self.note:
            self.note = note
            self.workspace.painter.changed()

    def _halt(self, reason: str) -> None:
        """Submit nothing more until a person says so."""
        if self.state is State.RUNNING:
            self.store.record.state = State.PAUSED
            self.store.record.reason = redact(reason)
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self.workspace.painter.changed()

    async def _some_news(self) -> None:
        self._news.clear()
        await self._news.wait()

    async def _while(self, condition: Callable[[], bool]) -> None:
        while condition():
            await self._some_news()

    def _beside(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something next to the run; its end is news, and its fault is no other's."""
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        failed = not task.cancelled() and task.exception() is not None
        if failed and not self.workspace.closed:  # whoever takes the run up goes on
            error = task.exception()
            _log.error("a part of a run has failed", exc_info=error)
            self._halt(f"{type(error).__name__}: see the log")
        self._tell()
