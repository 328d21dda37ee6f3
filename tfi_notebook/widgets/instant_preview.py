"""The first seconds of what is entered, rendered here and anew whenever a control settles."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

import traitlets

from tfi_notebook.display import html, words
from tfi_notebook.settings import LOCAL_BASE_URL
from tfi_notebook.widgets.front import css, esm
from tfi_notebook.widgets.part import Part, in_words

if TYPE_CHECKING:
    from tfi_notebook.contract.model import Payload
    from tfi_notebook.display.preview import PreviewView
    from tfi_notebook.errors import TfiError

SECONDS: Final = 2.0
EDGE_PX: Final = 256
DEBOUNCE_S: Final = 0.15
"""A control that has not moved for this long has settled."""
_COMES: Final = "drawing the preview …"
_REST: Final = {"busy": False, "note": "", "problem": "", "blank": _COMES}


class InstantPreview(Part):
    """Shows what version, iterations, crop, room and movement do, while a person still drags.

    One clip is rendered at a time; meanwhile only the newest payload waits. It enters neither
    queue nor ledger, and it is `tfi.preview`, so it is never TFI's model. What `tfi.preview` would
    fetch from elsewhere is not fetched here before somebody has asked for that: `trust` tells of
    addresses whose files were looked at.

    Args:
        workspace: the connection.
        lock: see `Part`.
        on_error: is not called: what goes wrong here keeps nobody from submitting.

    Attributes:
        on: the switch.
        state: what is shown: `busy`, a `note` on the clip, a `problem`, and what stands in the
            place of the first clip: `blank`.
        clip: the clip on display, or None.
    """

    _esm = esm("instant_preview.js")
    _css = css("instant_preview.css")
    on = traitlets.Bool(default_value=True).tag(sync=True)
    state = traitlets.Dict(_REST).tag(sync=True)

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - as `Part` takes them
        self.clip: PreviewView | None = None
        self._wanted: Payload | None = None
        self._taken: Payload | None = None
        self._moved_at = 0.0
        self._at_work = False
        self._looked_at = False
        self._trusted: set[str] = set()
        super().__init__(*arguments, **options)
        self.observe(self._switched, "on")

    def show(self, payload: Payload | None) -> None:
        """Preview a payload as soon as no newer one has come for `DEBOUNCE_S`; return at once.

        Args:
            payload: what is entered; None while it is not valid, which leaves the clip as it is.
        """
        with self._lock:
            self._wanted, self._moved_at = payload, time.monotonic()
            self._set_off()

    def trust(self, *urls: str) -> None:
        """Let these addresses be fetched: somebody has asked to look at them."""
        with self._lock:
            self._trusted.update(urls)
            self._taken = None
            self._set_off()

    def close(self) -> None:
        """Take it off the page; nothing more is rendered."""
        self._wanted = None
        super().close()

    def snapshot_html(self) -> str:
        """Return what it showed, in words: a clip is not kept in a saved notebook."""
        return html.quiet_line(self._words())

    def __repr__(self) -> str:
        """Return what is shown in words."""
        return f"<{self._words()}>"

    # -- callbacks: any thread -------------------------------------------------------------

    def _asked(self, name: str, _: dict[str, Any]) -> None:
        if name == "open":
            self._looked_at = True
            self._send_clip()

    def _switched(self, _: object) -> None:
        with self._lock:
            self._taken = None
            self._tell(**_REST)
            self._set_off()

    def _set_off(self) -> None:
        """Start the one coroutine that renders, unless it is at work already."""
        if not self._at_work and self._has_work():
            self._at_work = self._in_background(self._work()) is not None
        self._tell()

    def _has_work(self) -> bool:
        return self.on and self._wanted is not None and self._wanted != self._taken

    # -- coroutines: the loop's thread -----------------------------------------------------

    async def _work(self) -> None:
        while (payload := await self._next()) is not None:
            await self._guarded(self._render(payload))

    async def _next(self) -> Payload | None:
        """Return the newest payload once it has settled; None ends the work."""
        while True:
            with self._lock:
                left_s = self._moved_at + DEBOUNCE_S - time.monotonic()
                if left_s <= 0 or not self._has_work():
                    return self._take()
            await asyncio.sleep(left_s)

    def _take(self) -> Payload | None:
        self._at_work = self._has_work()
        if not self._at_work:
            self._tell(busy=False)
            return None
        self._tell(busy=True, problem="")  # what was wrong was wrong with another payload
        self._taken = self._wanted
        return self._wanted

    async def _render(self, payload: Payload) -> None:
        unknown = [name for name, url in payload.urls().items() if not self._is_known(url)]
        if unknown:
            names = " and ".join(unknown)
            self._tell(problem=f"no preview before {names} was checked: nothing is fetched unasked")
            return
        clip = await self._workspace.preview_async(payload, SECONDS, EDGE_PX)
        with self._lock:
            if self.on:
                self.clip = clip
                self._tell(note=_note(payload, clip), problem="")
                self._send_clip()

    # -- inside ----------------------------------------------------------------------------

    def _is_known(self, url: str) -> bool:
        """Whether a file is here already, as uploads and samples are, or may be fetched."""
        own = (f"{self._workspace.settings.base_url}/", f"{LOCAL_BASE_URL}/")
        return url in self._trusted or url.startswith(own)

    def _tell(self, **parts: Any) -> None:  # noqa: ANN401 - the parts of the state
        with self._lock:
            told = self.state | parts
            self.state = told | {"blank": self._blank(told["problem"])}

    def _blank(self, problem: object) -> str:
        """Say whether a first clip comes."""
        if self._at_work or self.clip is not None:
            return _COMES
        return "no preview" if problem else "no preview: a field of the form needs a look"

    def _send_clip(self) -> None:
        with self._lock:
            if self._looked_at and self.clip is not None:
                self.send({"type": "clip"}, [self.clip.data])

    def _fail(self, error: TfiError) -> None:
        self._tell(problem=words.readable(in_words(error)))

    def _words(self) -> str:
        told = self.state["problem"] or self.state["note"] or "nothing shown yet"
        return f"local preview, not TFI's model: {told if self.on else 'switched off'}"


def _note(payload: Payload, clip: PreviewView) -> str:
    body = payload.body()
    names = ("version", "iteration_count", "expand_ratio", "dynamic_scale")
    fields = ", ".join(f"{name} {body[name]:g}" for name in names if body.get(name) is not None)
    return words.readable(f"{fields}; the first {clip.duration_s:.1f} s, in {clip.wall_s:.2f} s")
