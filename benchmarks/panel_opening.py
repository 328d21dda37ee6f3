"""The panel in a real browser: from the start of its cell until it can be used, and what it sends.

A JupyterLab of its own, a Chromium, and a fresh kernel each time. The clock starts with the cell
(`import tfi_notebook as tfi; tfi.panel()`), so imports, the first connection and the local
service's start count; it stops when the Submit button is on the screen. *Warm*: the same cell once
more in the same kernel. *Over 50 jobs*: with a ledger that holds them, so that the board is there
at once, with a full page. Beside it, as the least that any form of widgets costs: thirteen plain
ipywidgets controls. The messages and bytes are those of widgets (`comm_open`, `comm_msg`) that the
browser receives, counted on its websocket until a second passes without any. The other clients
have no panel.
"""

from __future__ import annotations

import re
import struct
import tempfile
import time
import uuid
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.findings import OURS, Findings, Table, interleaved
from benchmarks.in_browser import chromium
from tests.browser.conftest import Lab, running_lab
from tests.helpers.snapshots import snapshot
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.lifecycle.ledger import Ledger

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, WebSocket

TITLE = "The panel"
ROUNDS = 3
QUIET_S, LONGEST_S = 1.0, 30.0
PLAIN = "13 ipywidgets controls"
JOBS, JOBS_LEDGER = 50, "jobs.sqlite"
OVER_JOBS = f"{OURS}, over {JOBS} jobs"
CELLS = {
    OURS: ("import tfi_notebook as tfi\ntfi.panel()", ".tfi-submit"),
    OVER_JOBS: (
        f"import tfi_notebook as tfi\ntfi.connect(ledger={JOBS_LEDGER!r})\ntfi.panel()",
        ".tfi-submit",
    ),
    PLAIN: (
        (
            "import ipywidgets\nipywidgets.VBox([\n"
            "    *(ipywidgets.IntSlider(description=f'number {at}') for at in range(6)),\n"
            "    *(ipywidgets.Text(description=f'text {at}') for at in range(6)),\n"
            "    ipywidgets.Button(description='Submit').add_class('plain-submit')])"
        ),
        ".plain-submit",
    ),
}
_COMM = re.compile(rb'"msg_type": ?"comm_(open|msg)"')
_CONTENT = 4  # before it: channel, header, parent header, metadata; after it: buffers
_names = count()


@dataclass
class Heard:
    """What came over a page's websockets from one moment on."""

    sizes: list[int] = field(default_factory=list)
    header_bytes: int = 0
    media_bytes: int = 0
    latest: float = 0.0

    def listen(self, socket: WebSocket) -> None:
        """Note every message of a widget."""
        socket.on("framereceived", self._note)

    def _note(self, frame: bytes | str) -> None:
        parts = parts_of(frame) if isinstance(frame, bytes) else []
        if len(parts) > _CONTENT and _COMM.search(parts[1]):
            self.sizes.append(len(parts[_CONTENT]))
            self.header_bytes += sum(map(len, parts[:_CONTENT]))
            self.media_bytes += sum(map(len, parts[_CONTENT + 1 :]))
            self.latest = time.perf_counter()


def parts_of(frame: bytes) -> list[bytes]:
    """Take a frame of Jupyter's websocket (v1.kernel.websocket.jupyter.org) apart.

    Example:
        >>> import struct
        >>> parts_of(struct.pack("<4Q", 3, 32, 35, 38) + b"onetwo")
        [b'one', b'two']
    """
    (count_,) = struct.unpack_from("<Q", frame)
    offsets = struct.unpack_from(f"<{count_}Q", frame, 8)
    return [frame[begin:end] for begin, end in pairwise(offsets)]


def run(rounds: int, *, quick: bool) -> Findings:
    """Open them in turn."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_lab(Path(folder)) as server,
        chromium() as browser,
    ):
        fill(server.folder / JOBS_LEDGER)
        ways = {name: partial(opened, server, browser, *cell) for name, cell in CELLS.items()}
        found = interleaved(ways, 1 if quick else min(rounds, ROUNDS))
    best = {name: min(each, key=lambda one: one["ms"]) for name, each in found.items()}

    def figures(key: str) -> dict[str, float]:
        return {name: one[key] for name, one in best.items()}

    over_jobs = {f"panel_over_jobs_{name}": best[OVER_JOBS][name] for name in ("messages", "bytes")}
    return Findings(
        measures={f"panel_{name}": figure for name, figure in best[OURS].items()} | over_jobs,
        tables=[
            Table(
                "From the cell's start until it can be used", "ms", "lower",
                {"fresh kernel": figures("ms"), "warm": figures("warm_ms")}, PLAIN,
            ),
            Table("Widget messages until it is quiet", "messages", "lower",
                  {"fresh kernel": figures("messages")}, PLAIN, "none"),
            Table("Their bytes", "bytes", "lower",
                  {"code and state": figures("bytes"), "headers": figures("header_bytes"),
                   "pictures and clips": figures("media_bytes")}, PLAIN, "none"),
        ],
        notes=["The plain controls do nothing: no validation, no upload, no board, no service."],
    )  # fmt: skip


def fill(path: Path) -> None:
    """Make a ledger of jobs that the local service has done."""
    said = "rendered locally in 2.7 s (0.34 x real time); not TFI's model"
    ids = [str(uuid.UUID(int=number)) for number in range(JOBS)]
    now = time.time()
    ledger = Ledger(path)
    ledger.put(*(
        snapshot(job_id, job_id=job_id, status=JobStatus.DONE, message=said,
                 created_at=now - 65, started_at=now - 64, finished_at=now - 60)
        for job_id in ids
    ))  # fmt: skip
    ledger.close()


def opened(server: Lab, browser: Browser, code: str, usable: str) -> dict[str, float]:
    """Run a cell in a fresh notebook, and again; return times, messages and bytes."""
    name = f"opened_{next(_names)}.ipynb"
    server.notebook(name, code, code)
    context = browser.new_context(viewport={"width": 1280, "height": 2500})
    context.set_default_timeout(1000 * LONGEST_S * 4)
    page, heard = context.new_page(), Heard()
    page.on("websocket", heard.listen)
    try:
        server.open(page, name)
        vars(heard).update(vars(Heard()))
        cold_s = usable_after_s(server, page, 0, usable)
        wait_until_quiet(page, heard)
        told = replace(heard, sizes=list(heard.sizes))
        warm_s = usable_after_s(server, page, 1, usable)
        page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")
    finally:
        context.close()
    return {
        "ms": 1000 * cold_s, "warm_ms": 1000 * warm_s,
        "messages": len(told.sizes), "bytes": sum(told.sizes),
        "header_bytes": told.header_bytes, "media_bytes": told.media_bytes,
    }  # fmt: skip


def usable_after_s(server: Lab, page: Page, cell: int, usable: str) -> float:
    """Run a cell; return how long it took until its button could be seen, in s."""
    began = time.perf_counter()
    server.run(page, cell)
    page.locator(usable).nth(cell).wait_for(state="visible")
    return time.perf_counter() - began


def wait_until_quiet(page: Page, heard: Heard) -> None:
    """Wait until no widget has told anything for a while."""
    until = time.perf_counter() + LONGEST_S
    heard.latest = time.perf_counter()
    while time.perf_counter() < min(until, heard.latest + QUIET_S):
        page.wait_for_timeout(100)
