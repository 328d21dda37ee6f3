"""Short clips for the kernel: admitted like a job's files, rendered by a process of their own."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tfi_notebook.contract.local import SourceFile
from tfi_notebook.errors import ArgumentError, RenderError, TfiError, UnreachableSourceError
from tfi_notebook.local import checker, is_installed, preferences
from tfi_notebook.local.forms import render_options, talking_video
from tfi_notebook.local.helper import TIMED_OUT, Helper, HelperEndedError
from tfi_notebook.local.renderer.options import OUTPUT_SIZES_PX
from tfi_notebook.local.sources import Admission
from tfi_notebook.local.store import Store
from tfi_notebook.local.wire import error_of

if TYPE_CHECKING:
    from tfi_notebook.contract.model import Payload

SECONDS_MAX: Final = 10.0
"""A longer look is a job's matter."""
DEADLINE_S: Final = 60.0
IDLE_S: Final = 600.0
"""How long the process waits for the next clip; what it has learned of the sources goes with it."""
FETCHED_FOR_S: Final = 300.0
"""For how long a fetched URL is not fetched again; shorter than files are safe from `retention`."""


class Clip(NamedTuple):
    """A short video: the MP4's bytes, its length, and how long it took to make."""

    data: bytes
    duration_s: float
    wall_s: float


class Previewer:
    """Renders the beginning of payloads; nothing of it enters a queue.

    Args:
        root: folder of the local service; the payloads' files are kept there.
        base_url: address of the service the payloads are meant for, whose assets lie in `root`.

    Raises:
        ServiceError: the store in the folder cannot be used.
        ArgumentError: a preference of the environment is none.
    """

    def __init__(self, root: Path, base_url: str) -> None:
        self._store = Store(root)
        self._admission = Admission(
            self._store,
            base_url=base_url,
            allow_private_urls=preferences.private_urls(),
            fetched_for_s=FETCHED_FOR_S,
            look=checker.SHARED.look if is_installed() else _unseen,
        )

    async def clip(self, payload: Payload, seconds: float, size_px: int) -> Clip:
        """Render the first `seconds` of a payload's video, `size_px` on its long edge.

        Raises:
            ArgumentError: a length or size that is not made.
            PayloadError: another kind of job than this one, or a value out of its range.
            SourceError: the picture or the sound cannot be used; `.field` names it.
            RenderError: anything else that went wrong.
            ServiceError: the process cannot be started.
        """
        _check_bounds(seconds, size_px)
        wanted = talking_video(payload)
        options = asdict(render_options(wanted.body(), output_size=size_px))
        admitted = await self._admission.admit(wanted)
        self._admission.check_still_here(admitted)
        names = {"image": admitted.image, "audio": admitted.audio}
        paths = {name: str(self._store.files.asset_path(asset)) for name, asset in names.items()}
        request = {**paths, "options": options, "seconds": seconds}
        return await asyncio.to_thread(_rendered, request)

    async def look_up(self, url: str, field: str) -> SourceFile:
        """Get the file behind a URL and look at it, as at a submit; a preview then has it.

        Args:
            url: where it is.
            field: `image_url` or `audio_url`: what it is looked at as.

        Raises:
            UnreachableSourceError: there is no file to look at.
            ServiceError: the process that looks cannot be started.
        """
        asset, found, media_type = await self._admission.look_up(url, field)
        path = self._store.files.asset_path(asset)
        if path is None:
            raise UnreachableSourceError("the file was removed in this moment", field=field)
        return SourceFile(path, media_type, found)

    def close(self) -> None:
        """Close the store; the process stays for the next one, for a while."""
        self._store.close()


def _unseen(_path: Path, _field: str) -> dict[str, Any]:
    """What is found without decoders: nothing that would be remembered."""
    return {"error": {}, "is_unseen": True, "may_pass": True}


_PROCESS: Final = Helper(
    "tfi_notebook.local.preview",
    does="no preview can be made",
    deadline_s=DEADLINE_S,
    idle_s=IDLE_S,
)


def _rendered(request: dict[str, Any]) -> Clip:
    with tempfile.TemporaryDirectory(prefix="tfi-preview-") as folder:
        out = Path(folder) / "clip.mp4"
        try:
            answer = _PROCESS.ask({**request, "out": str(out)})
        except HelperEndedError as end:
            failure: TfiError = _ended(end.exit_code)
        else:
            if not answer["error"]:
                return Clip(out.read_bytes(), answer["duration_s"], answer["wall_s"])
            failure = error_of(answer["error"])
    raise failure


def _ended(exit_code: int) -> RenderError:
    why = (
        f"took longer than {DEADLINE_S:g} s"
        if exit_code == TIMED_OUT
        else f"ended its process (exit code {exit_code})"
    )
    return RenderError(f"the preview {why}", hint="try a smaller size_px, or submit the job")


def _check_bounds(seconds: float, size_px: int) -> None:
    low, high = OUTPUT_SIZES_PX
    if not 1 / 25 <= seconds <= SECONDS_MAX:
        raise ArgumentError(f"must be more than 0 and at most {SECONDS_MAX:g}", field="seconds")
    if not low <= size_px <= high:
        raise ArgumentError(f"must be {low} to {high}", field="size_px")
