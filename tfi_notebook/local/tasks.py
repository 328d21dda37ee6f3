"""What a rendering process does with one claim, wherever that process runs."""

from __future__ import annotations

import json
import logging
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tfi_notebook.errors import RenderError, TfiError
from tfi_notebook.http import redact
from tfi_notebook.local import executors
from tfi_notebook.local.forms import ignored, render_options
from tfi_notebook.local.renderers import BUILTIN, Way, render_with
from tfi_notebook.local.store import Claim, Store

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PROGRESS_INTERVAL_S: Final = 0.2

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a try ended; plain values, so that it comes back from any process.

    Attributes:
        message: the job's remark for the person who reads it.
        report: the render report as JSON text; None when the try failed.
        wall_s: how long the rendering took; 0 when the try failed.
    """

    message: str
    report: str | None = None
    wall_s: float = 0.0


def render_claim(root: Path, claim: Claim, way: Way = Way()) -> Outcome:  # noqa: B008 - frozen
    """Render the video of a claim to the claim's part file.

    Never raises: whatever goes wrong becomes the outcome's message, since an exception may not
    survive its way back from another process.

    Args:
        root: the store's folder; the process must see the same files.
        claim: what to render.
        way: how.
    """
    try:
        with closing(Store(root)) as store:
            return _render(store, claim, way)
    except TfiError as error:
        return Outcome(one_line(error))
    except Exception as error:  # noqa: BLE001 - logged and told; see the docstring
        _log.exception("job %s", claim.job_id)
        return Outcome(
            f"the local renderer failed ({type(error).__name__}: {redact(error, 200)})"
            " → this is a defect: please report it with the service's worker.log"
        )


def one_line(error: TfiError) -> str:
    """Return an error as `field: text → hint`.

    Example:
        >>> one_line(TfiError("must hold a face", field="image_url", hint="try another"))
        'image_url: must hold a face → try another'
    """
    return " ".join(str(error).split())


def done_message(
    body: Mapping[str, object], wall_s: float, duration_s: float, renderer: str = BUILTIN
) -> str:
    """Say how a video was made, and which wishes have no meaning here.

    Args:
        body: the request body.
        wall_s: time the rendering took.
        duration_s: length of the narration.
        renderer: who made it.

    Example:
        >>> done_message({"values": ["x"]}, 2.0, 8.0)
        "rendered locally in 2.0 s (0.25 x real time); not TFI's model; no effect locally: values"
    """
    by = "" if renderer == BUILTIN else f" by the renderer {renderer}"
    text = (
        f"rendered locally{by} in {wall_s:.1f} s ({wall_s / duration_s:.2f} x real time);"
        " not TFI's model"
    )
    without_effect = ", ".join(ignored(body))
    return f"{text}; no effect locally: {without_effect}" if without_effect else text


def _render(store: Store, claim: Claim, way: Way) -> Outcome:
    image, audio = (store.files.asset_path(name) for name in (claim.image, claim.audio))
    if image is None or audio is None:
        return Outcome("the job's files are no longer in the local store → submit it again")
    options = render_options(claim.body)
    started = time.perf_counter()
    part = store.files.part_path(claim.part)
    report = render_with(
        way.renderer,
        image,
        audio,
        part,
        options,
        progress=_Progress(store, claim),
        executor=executors.opened(way.executor),
    )
    wall_s = time.perf_counter() - started
    message = done_message(claim.body, wall_s, report["duration_s"], way.renderer)
    return Outcome(message, json.dumps(report, indent=1, default=str), wall_s)


class _Progress:
    """Writes a rendering's progress down, at most five times a second.

    Ends a rendering that has lost its claim: nobody would take its video.
    """

    def __init__(self, store: Store, claim: Claim) -> None:
        self._store = store
        self._token = claim.token
        self._next = 0.0

    def __call__(self, share: float, stage: str) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + PROGRESS_INTERVAL_S
            if not self._store.report_progress(self._token, share, stage):
                raise RenderError("another worker has taken the job over")
