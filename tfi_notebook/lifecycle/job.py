"""The handle that a person holds: one job, live."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

from tfi_notebook import arguments
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.display import html
from tfi_notebook.display.painter import Drawing
from tfi_notebook.errors import JobFailedError, ServiceError
from tfi_notebook.lifecycle.files import is_whole_mp4, still
from tfi_notebook.lifecycle.given import checked_id
from tfi_notebook.lifecycle.waiting import Progress, wait_for

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from concurrent.futures import Future
    from pathlib import Path
    from uuid import UUID

    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.display.painter import Painter
    from tfi_notebook.display.player import VideoView
    from tfi_notebook.lifecycle.resolve import Resolver
    from tfi_notebook.quality.scores import Scores
    from tfi_notebook.settings import Settings

T = TypeVar("T")


class Keeper(Protocol):
    """What a handle needs of the workspace that keeps its job."""

    settings: Settings
    painter: Painter
    resolver: Resolver

    def latest(self, row: JobSnapshot) -> JobSnapshot:
        """Return the newest snapshot of the row's job."""

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Start a coroutine on the background loop."""

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the background loop and wait for it."""

    async def settled(self, row: JobSnapshot) -> None:
        """Wait until nothing more is to come for the job."""

    async def download_async(self, row: JobSnapshot) -> Path:
        """Fetch the finished job's video."""


class Job:
    """One submitted job. Shown in a notebook it is a card that follows the job to its end.

    Made by `submit`, `job` and `jobs`, not by hand.

    Example:
        >>> job = tfi.submit(payload)              # doctest: +SKIP
        >>> job.wait(timeout_s=600).video()        # doctest: +SKIP
    """

    def __init__(self, keeper: Keeper, row: JobSnapshot) -> None:
        self._keeper = keeper
        self._row = row

    @property
    def snapshot(self) -> JobSnapshot:
        """The job as it stands now, immutable."""
        self._row = self._keeper.latest(self._row)
        return self._row

    @property
    def key(self) -> str:
        """The toolkit's own id of this submit."""
        return self._row.key

    @property
    def id(self) -> str | None:
        """The API's id of the job; None until it has given one."""
        return self.snapshot.job_id

    @property
    def status(self) -> JobStatus:
        """Where the job stands."""
        return self.snapshot.status

    @property
    def message(self) -> str:
        """The service's last remark. Foreign text: escape it before showing it as HTML."""
        return self.snapshot.message

    @property
    def payload(self) -> dict[str, Any]:
        """A copy of the body that was submitted."""
        return dict(self._row.body)

    @property
    def path(self) -> Path | None:
        """The downloaded mp4; None until it is here."""
        path = self.snapshot.path
        return path if path and is_whole_mp4(path) else None

    def wait(self, timeout_s: float | None = None) -> Job:
        """Wait until the job has ended and its video is here. Failure is no exception here.

        A terminal gets a line whenever something has changed; a notebook one line for each cell
        that waits longer than 2 s, unless the job's card is shown already. `TFI_QUIET=1` silences
        both. Ctrl-C ends the waiting, not the job.

        Args:
            timeout_s: longest wait in s; None waits until the end.

        Returns:
            This job, ended: look at `.status`.

        Raises:
            WaitTimeoutError: it is not ended yet; it goes on.
            ServiceError: the service stopped answering about it, or the workspace was closed.
            SettingsError: `timeout_s` is no number of seconds, or the job is another service's.
        """
        painter, limit_s = self._keeper.painter, _limit(timeout_s)
        progress = Progress(painter, card=self._draw, line=self._line, step=self._step)
        wait_for(self._keeper, self._settles, limit_s, self._goes_on, progress)
        return self._ended()

    async def done(self) -> Job:
        """Wait like `wait`, without blocking the kernel: `await job.done()`.

        Raises:
            ServiceError: the service stopped answering about it.
        """
        await asyncio.wrap_future(self._keeper.start(self._keeper.settled(self._row)))
        return self._ended()

    def download(self) -> Path:
        """Fetch the video of a finished job, or return the copy that is here.

        Raises:
            JobFailedError: there is no video: the job has not ended well.
            DownloadError: it could not be fetched.
        """
        self._require_done()
        return self.path or self._keeper.run(self._keeper.download_async(self._row))

    def video(self) -> VideoView:
        """Return the finished video, to be shown as a cell's last expression: it plays inline.

        Raises:
            JobFailedError: there is no video: the job has not ended well.
            DownloadError: it could not be fetched.
        """
        from tfi_notebook.display.player import show_video  # noqa: PLC0415 - loads ipywidgets

        path = self.download()
        limit = self._keeper.settings.limits.inline_video_max_bytes
        return show_video(path, poster=still(path), snapshot=self.snapshot, max_inline_bytes=limit)

    def scores(self, *, transcript: str | None = None) -> Scores:
        """Score the finished video, from the file and its sound alone; see `docs/scores.md`.

        Args:
            transcript: the words spoken, in English: makes `closure_rate` surer.

        Raises:
            JobFailedError, DownloadError: as of `download`.
            MissingExtraError: the extra `local` is not installed.
            SourceError: the video cannot be scored, as one without a face (`NoFaceError`).
        """
        from tfi_notebook.lifecycle.judged import scores_of  # noqa: PLC0415 - an optional extra

        return scores_of(self.download(), self._row.body, self._keeper.settings, transcript)

    # -- ways out when the answer to the submit was lost -----------------------------------

    def resubmit(self) -> Job:
        """Submit the same body again: it is paid for again, in case the lost job exists.

        Look into TFI's studio first. This job is written off once the new one has an id.

        Returns:
            The new job.

        Raises:
            LedgerError: this job is not `unknown`, or the ledger cannot be written.
            SubmitUnknownError: the answer was lost again; both stay `unknown`.
            ApiError, SourceError: refused, or nothing was sent; this job stays `unknown`.
        """
        resolver = self._keeper.resolver
        return Job(self._keeper, self._keeper.run(resolver.resubmit(self.snapshot)))

    def write_off(self) -> Job:
        """Leave it at that: the row stays in the ledger as `written_off`, and is never watched.

        The same payload can be submitted afresh afterwards.

        Raises:
            LedgerError: this job is not `unknown`, or the ledger cannot be written.
        """
        self._keeper.run(self._keeper.resolver.write_off(self.snapshot))
        return self

    def adopt(self, job_id: str | UUID) -> Job:
        """Say which job the lost answer was about, and follow it from now on.

        Args:
            job_id: the id found in TFI's studio; the service is asked for it first.

        Raises:
            NotFoundError: the service knows no such job.
            LedgerError: this job is not `unknown`, the id is already in the ledger, or the
                ledger cannot be written.
        """
        name = checked_id(job_id, "job", "TFI's studio shows the ids of your jobs")
        self._keeper.run(self._keeper.resolver.adopt(self.snapshot, name))
        return self

    def _ended(self) -> Job:
        if not self.status.is_final:
            raise ServiceError(self.message, hint=self._goes_on())
        return self

    async def _settles(self) -> None:
        try:
            await self._keeper.settled(self._row)
        finally:
            await self._keeper.painter.flush()

    def _line(self) -> Drawing:
        drawing = self._draw()
        return replace(drawing, html=html.quiet_line(drawing.plain), passing=True)

    def _step(self) -> Drawing:
        """Return the job as a line for a log, which has changed when its tenth or place has."""
        row, drawing = self.snapshot, self._draw()
        tenth = None if row.progress is None else int(10 * row.progress)
        return replace(drawing, html=f"{row.status} {row.queue_position} {tenth}")

    def _require_done(self) -> None:
        if self.status is not JobStatus.DONE:
            hint = "" if self.status.is_final else "job.wait() waits for it"
            text = f"the job is {self.status}" + (f": {self.message}" if self.message else "")
            raise JobFailedError(text, job_id=self.id or self.key, hint=hint)

    def _goes_on(self) -> str:
        # a local job is rendered by whoever has the local service open
        when = " while a kernel is open" if self._row.local else ""
        again = f"tfi.job({(self.id or self.key)!r})"
        return f"the job goes on{when}; take it up again with {again}"

    def _draw(self) -> Drawing:
        row, now = self.snapshot, time.time()
        return Drawing(
            html.job_card(row, now=now), html.job_text(row, now=now), not row.status.is_final
        )

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse pickling and copying: a handle belongs to the connection of its kernel.

        Raises:
            TypeError: always.
        """
        raise TypeError(
            "a job's handle is neither pickled nor copied: keep its id, and take the job up "
            f"there with tfi.job({(self.id or self.key)!r})"
        )

    def __repr__(self) -> str:
        """Return the status as one line of text."""
        return html.job_text(self.snapshot, now=time.time())

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return self._draw().bundle()

    def _ipython_display_(self) -> None:
        if not self._keeper.painter.show(self._draw):
            raise NotImplementedError  # IPython falls back to the MIME bundle


def _limit(timeout_s: float | None) -> float | None:
    """Return a wait's limit in s; infinity is none.

    Raises:
        ArgumentError: it is no number, or less than 0.
    """
    if timeout_s is None or timeout_s == inf:
        return None
    hint = "seconds, such as 600; None waits to the end"
    return arguments.number("timeout_s", timeout_s, hint=hint)
