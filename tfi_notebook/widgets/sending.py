"""How a payload leaves the panel: looked up, asked about where it costs money, and sent once."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakSet

from tfi_notebook.contract.records import JobStatus
from tfi_notebook.display import words
from tfi_notebook.lifecycle.submit import check_reachable
from tfi_notebook.widgets.actions import Actions, button

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Future
    from contextlib import AbstractContextManager

    from tfi_notebook.contract.model import Payload
    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.lifecycle.outlook import Outlook
    from tfi_notebook.lifecycle.preflight import Preflight
    from tfi_notebook.lifecycle.workspace import Workspace
    from tfi_notebook.widgets.form import Form

    Start = Callable[[Coroutine[Any, Any, None]], Future[None] | None]

CHECKING = "looking at picture and sound …"


class Sending:
    """Submits what the form holds. A click does no more than to start what goes on in background.

    On the live API the sources are looked at before every submit, and a person is asked once for
    each workspace, and whenever a source is doubtful or a finished job would be paid for again.

    Args:
        workspace: the connection.
        form: what is entered.
        lock: held while the buttons and lines are written.
        start: starts a coroutine of which no error is lost.
        forgive: takes the last error off the page.
        looked_at: called with a payload and what was found about its sources.
        ended: called with the job that a submit has led to.

    Attributes:
        actions: the buttons and lines.
    """

    _confirmed: ClassVar[WeakSet[Workspace]] = WeakSet()

    def __init__(
        self,
        workspace: Workspace,
        form: Form,
        lock: AbstractContextManager[Any],
        *,
        start: Start,
        forgive: Callable[[], None],
        looked_at: Callable[[Payload, Preflight], None],
        ended: Callable[[JobSnapshot], object],
    ) -> None:
        self._workspace, self._form, self._lock, self._start = workspace, form, lock, start
        self._forgive, self._looked_at, self._ended = forgive, looked_at, ended
        self.actions = Actions(self.click, lock=lock)
        self._live = not workspace.settings.local
        self._busy = self._done = ""
        self._asked: tuple[Payload, bool] | None = None
        self._outlook: Outlook | None = None
        self._newest = 0

    def changed(self, payload: Payload | None) -> None:
        """Take the form's new payload: what was said about the one before is no longer true."""
        with self._lock:
            self._done, self._asked, self._outlook = "", None, None
            self._newest += 1
            self.actions.tell(report="")
            self.show(payload)
        if payload is not None:
            self._start(self._look_up(payload, self._newest))

    def heard(self, row: JobSnapshot) -> None:
        """Take a job's new snapshot: it may be the one of the payload in the form."""
        with self._lock:
            known = self._earlier()
            if self._outlook is not None and known is not None and known.key == row.key:
                self._outlook = replace(self._outlook, earlier=row)
                self.show(self._form.check())

    def click(self, name: str) -> None:
        """Do what a button says."""
        if name == "preflight":
            self.preflight()
        elif name == "no":
            self._take_back()
        else:
            self.submit(again=name == "again", sure=name == "yes")

    def submit(self, *, again: bool = False, sure: bool = False) -> Future[None] | None:
        """Submit what is entered; return at once.

        Args:
            again: make a second job of a payload that has one.
            sure: the question that is on display is answered with yes.

        Returns:
            The future of it (it never raises), or None where nothing can be submitted now.
        """
        with self._lock:
            asked, self._asked = self._asked, None
            payload = self._form.check()
            if payload is None or self._busy or (sure and asked is None):
                self.show(payload)
                return None
            if sure and asked is not None:
                payload, again = asked
            self._busy = "submitting …"
            self._forgive()
            self.show(payload)
        return self._start(self._submit(payload, again=again, sure=sure))

    def preflight(self) -> Future[None] | None:
        """Look at the sources of what is entered; return at once, as `submit`."""
        with self._lock:
            payload = self._form.check()
            if payload is None or self._busy:
                return None
            self._busy = CHECKING
            self.show(payload)
        return self._start(self._preflight(payload))

    def show(self, payload: Payload | None) -> None:
        """Bring buttons and lines in line with what is known."""
        facts = self._outlook.words() if self._outlook else ""
        question = self._question() if self._asked else ""
        self.actions.tell(
            buttons=self._buttons(payload), reason=self._reason(payload), facts=facts,
            question=question,
        )  # fmt: skip

    # -- words and buttons -----------------------------------------------------------------

    def _buttons(self, payload: Payload | None) -> list[dict[str, Any]]:
        off = bool(self._busy) or payload is None
        if self._asked:
            return [button("yes", "Yes, submit", primary=True), button("no", "No")]
        known = self._earlier()
        label = "Submit" if known is None else "Show its result" if known.path else "Show its job"
        found = [button("submit", label, primary=True, disabled=off)]
        if known is not None:
            found.append(button("again", "Submit again", disabled=off, title="makes a second job"))
        return [*found, button("preflight", "Check sources", disabled=off)]

    def _reason(self, payload: Payload | None) -> str:
        if self._busy:
            return self._busy
        if payload is None:
            return f"cannot be submitted yet: see {', '.join(self._form.problem_titles())}"
        known = self._earlier()
        if self._done or known is None:
            return self._done
        return f"this payload has a job already ({known.status}): nothing is paid for twice"

    def _question(self) -> str:
        _, again = self._asked or (None, False)
        price = self._outlook.price_words() if self._outlook else ""
        cost = f"It costs {price}." if price else "What it costs is not known yet."
        twice = " The earlier job of this payload stays paid for." if again else ""
        return f"Submit to the live API? {cost}{twice}"

    def _earlier(self) -> JobSnapshot | None:
        return self._outlook.earlier if self._outlook else None

    def _take_back(self) -> None:
        with self._lock:
            self._asked = None
            self.show(self._form.check())

    # -- coroutines: the loop's thread -----------------------------------------------------

    async def _look_up(self, payload: Payload, number: int) -> None:
        outlook = await self._workspace.outlook_async(payload)
        with self._lock:
            if number == self._newest:
                self._outlook = outlook
                self.show(payload)

    async def _preflight(self, payload: Payload) -> None:
        try:
            await self._checked(payload)
        finally:
            self._rest()

    async def _checked(self, payload: Payload) -> bool:
        """Look at the sources, and show the report."""
        report = await self._workspace.preflight_async(payload)
        with self._lock:
            self.actions.tell(report=report.html())
            self._looked_at(payload, report)
        return report.ok

    async def _submit(self, payload: Payload, *, again: bool, sure: bool) -> None:
        try:
            check_reachable(payload, self._workspace.settings)
            if self._live and not sure and await self._doubtful(payload, again=again):
                self._asked = (payload, again)
                return
            if self._live:
                self._confirmed.add(self._workspace)
            await self._send(payload, again=again)
        finally:
            self._rest()

    async def _doubtful(self, payload: Payload, *, again: bool) -> bool:
        fine = await self._checked(payload)
        return again or not fine or self._workspace not in self._confirmed

    async def _send(self, payload: Payload, *, again: bool) -> None:
        begun = time.time()
        job = await self._workspace.submit_async(payload, force=again)
        with self._lock:
            name = words.readable(job.id or job.key, 128)
            self._done = f"submitted as job {name}"
            if job.snapshot.created_at < begun:
                self._done = f"job {name} has this payload already; no second one was made"
        if job.status is JobStatus.DONE and job.path is None:
            await self._workspace.download_async(job.snapshot)
        self._ended(job.snapshot)
        await self._look_up(payload, self._newest)

    def _rest(self) -> None:
        with self._lock:
            self._busy = ""
            self.show(self._form.check())
