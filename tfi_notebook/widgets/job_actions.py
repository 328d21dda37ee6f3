"""What can be done about a job in a table: looked up, asked about where it may cost, and done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tfi_notebook.contract.records import JobStatus
from tfi_notebook.contract.templates import payload_from_body
from tfi_notebook.display import words
from tfi_notebook.display.player import shown_path
from tfi_notebook.lifecycle.given import checked_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.lifecycle.workspace import Workspace

LABELS: Final = {
    "open": "open",
    "load": "load into form",
    "watch": "watch",
    "stop": "stop watching",
    "retry": "retry",
    "resubmit": "submit again",
    "adopt": "enter its id",
    "write_off": "write off",
}
_LOST: Final = "The answer to this submit was lost: the job may exist and may have been charged."
_QUESTIONS: Final = {
    "resubmit": f"{_LOST} If it exists, submitting again pays twice. Look into TFI's studio first.",
    "adopt": f"{_LOST} If you found it in TFI's studio, enter its id to follow it.",
    "write_off": "Leave it at that? The row is kept, and the payload may be submitted afresh.",
}
_PAID_RETRY: Final = "This submits the same payload again, and it is paid for again."


class JobActions:
    """The actions of one table. Its coroutines belong to the background loop.

    Args:
        workspace: the connection.
        on_action: is handed what the table cannot do itself, `open` and `load`, with the job.
    """

    def __init__(
        self, workspace: Workspace, on_action: Callable[[str, JobSnapshot], object] | None
    ) -> None:
        self._workspace = workspace
        self._on_action = on_action
        self.questions = dict(_QUESTIONS)
        if not workspace.settings.local:
            self.questions["retry"] = _PAID_RETRY

    def of(self, row: JobSnapshot, watched: frozenset[str]) -> list[str]:
        """Return the names of what can be done about a job.

        Args:
            row: the job.
            watched: keys of the jobs that are followed.
        """
        mine = row.service == self._workspace.settings.service_name
        found = []
        if row.status is JobStatus.DONE and (mine or row.path):
            found.append("open")
        if mine and row.status is JobStatus.UNKNOWN:
            found += ["resubmit", "adopt", "write_off"]
        if mine and row.body and row.status in {JobStatus.FAILED, JobStatus.REJECTED}:
            found.append("retry")
        if mine and row.job_id and not row.status.is_final:
            found.append("stop" if row.key in watched else "watch")
        if row.body and self._on_action:
            found.append("load")
        return found

    async def do(self, name: str, row: JobSnapshot, job_id: str = "") -> str:
        """Do one of them.

        Args:
            name: which one.
            row: the job.
            job_id: for `adopt`, the id that was found.

        Returns:
            What has come of it, in words.

        Raises:
            TfiError: it cannot be done; nothing was sent.
        """
        if name in {"open", "load"}:
            return await self._hand_on(name, row)
        if name in {"watch", "stop"}:
            return await self._watch(row, on=name == "watch")
        if name == "retry":
            return await self._retry(row)
        return await self._resolve(name, row, job_id)

    async def _hand_on(self, name: str, row: JobSnapshot) -> str:
        if name == "open" and row.path is None:
            await self._workspace.download_async(row)
            row = self._workspace.latest(row)
        if self._on_action is not None:
            self._on_action(name, row)
            return ""
        place = shown_path(row.path) if row.path else words.NOTHING
        return f"the video is {place}; tfi.job({(row.job_id or row.key)!r}).video() plays it"

    async def _watch(self, row: JobSnapshot, *, on: bool) -> str:
        if on:
            await self._workspace.resolver.take_up(row.key)
            return f"{_named(row)} is watched"
        await self._workspace.engine.stop_watching(row)
        return f"{_named(row)} is not watched any more; it goes on at its service"

    async def _retry(self, row: JobSnapshot) -> str:
        job = await self._workspace.submit_async(payload_from_body(row.body))
        return f"submitted again as {_named(job.snapshot)}"

    async def _resolve(self, name: str, row: JobSnapshot, job_id: str) -> str:
        resolver = self._workspace.resolver
        if name == "resubmit":
            return f"submitted again as {_named(await resolver.resubmit(row))}"
        if name == "adopt":
            known = checked_id(job_id, "job", "TFI's studio shows the ids of your jobs")
            return f"{_named(await resolver.adopt(row, known))} is adopted"
        await resolver.write_off(row)
        return f"{_named(row)} is written off"


def _named(row: JobSnapshot) -> str:
    return f"job {words.readable(row.job_id or row.key, 128)}"
