"""Jobs that one logical submit makes, by every client, while the server breaks in every way.

A raw server on loopback counts the jobs that it makes: it reads a whole POST, makes the job, and
then resets, closes, hangs, answers 5xx or cuts its answer off; or it refuses (503, 429) or resets
before it has read anything, and makes none. Each client is asked for one job, with a time limit of
2 s, as it comes: with the retries it has by itself. `fal-client`'s pauses between its ten tries are
shortened, their number is not. A figure of 3 is paid three times; 1 is paid once.

For this package the table also says what the ledger knows afterwards: no client here can tell
whether a lost answer was a job, so the row has to say `unknown` and wait for a person.
"""

from __future__ import annotations

import json
import logging
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import peers
from benchmarks.findings import OURS, Findings, Table
from benchmarks.job_server import answer, receipt
from benchmarks.our_submits import fresh_payload
from tests.helpers.faulty_server import FaultyServer, Refusal
from tfi_notebook import settings
from tfi_notebook.errors import TfiError
from tfi_notebook.lifecycle.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    Behave = Callable[[str, str, bytes], bytes | str]

TITLE = "Jobs made by one submit"
CLIENTS = ("httpx", "replicate", "fal-client", "openai", "huggingface_hub", "gradio_client")
LIMIT_S = 2.0
WHOLE = answer(json.dumps(receipt("job-1")).encode())
REFUSED = Refusal(answer(b"{}", "503 Service Unavailable"))
FAULTS: dict[str, bytes | str] = {
    "no fault": WHOLE,
    "made, then reset": "reset",
    "made, then closed": "close",
    "made, then no answer": "hang",
    "made, then 500": answer(b"{}", "500 Internal Server Error"),
    "made, then 502": answer(b"{}", "502 Bad Gateway"),
    "made, answer cut off": WHOLE[:-20],
    "not made: 503": REFUSED,
    "not made: 429": Refusal(answer(b"{}", "429 Too Many Requests")),
    "not made: reset unread": "reset",
}
NEVER_READ = "not made: reset unread"
CUT_OFF = "made, answer cut off"
_APP = {  # as much of a Gradio app as its client asks for before a submit
    "version": "5.0.0", "api_prefix": "/gradio_api", "protocol": "sse_v3", "space_id": None,
    "components": [{"id": 1, "type": "textbox", "props": {}}],
    "dependencies": [{"id": 0, "inputs": [1], "outputs": [1], "api_name": "predict",
                      "backend_fn": True, "queue": True, "types": {}}],
}  # fmt: skip
_ENDPOINTS = {
    "named_endpoints": {"/predict": {"parameters": [
        {"label": "a", "parameter_name": "a", "parameter_has_default": False, "type": {},
         "python_type": {"type": "str"}, "component": "Textbox"}], "returns": []}},
    "unnamed_endpoints": {},
}  # fmt: skip


def run(rounds: int, *, quick: bool) -> Findings:
    """Try every client with every fault; one round tells, for nothing here is timed."""
    del rounds
    logging.getLogger("asyncio").disabled = True  # a server that breaks has much to tell
    faults = list(FAULTS)[:3] if quick else list(FAULTS)
    names = peers.among(*CLIENTS)
    with ThreadPoolExecutor(len(names) + 1) as pool:
        ours = pool.submit(our_grid, faults)
        grids = dict(zip(names, pool.map(lambda name: grid_of(name, faults), names), strict=True))
        known = ours.result()
    made = {fault: {OURS: known[fault][0]} | {name: grids[name][fault] for name in names}
            for fault in faults}  # fmt: skip
    most = {name: max(row[name] for row in made.values()) for name in (OURS, *names)}
    return Findings(
        measures={"jobs_per_submit": most[OURS]}
        | {f"jobs_per_submit_{name}": most[name] for name in names},
        tables=[Table("Jobs made by one submit", "jobs", "lower", made, plot="none"),
                Table("The most over all faults", "jobs", "lower", {"most": most})],
        notes=[
            "What this package's ledger says afterwards: "
            + "; ".join(f"{fault}: `{status}`" for fault, (_, status) in known.items()) + ".",
            peers.versions() if len(names) > 1 else peers.MISSING,
        ],
    )  # fmt: skip


def behaving(fault: str) -> Behave:
    """Return a server's behaviour: the fault for whatever makes a job, a small app for the rest."""

    def behave(method: str, path: str, _body: bytes) -> bytes | str:
        if method == "POST":
            return FAULTS[fault]
        if path.startswith("/config"):
            return answer(json.dumps(_APP).encode(), "200 OK")
        if "/info" in path:
            return answer(json.dumps(_ENDPOINTS).encode(), "200 OK")
        return Refusal(answer(b"{}", "404 Not Found"))

    return behave


def serving(fault: str) -> FaultyServer:
    """Return a server with a fault, not yet started."""
    early = (lambda path: "reset" if path in POSTED else "") if fault == NEVER_READ else ""
    return FaultyServer(behaving(fault), before_reading=early, hang_up=fault == CUT_OFF)


POSTED = (
    "/jobs/v2", "/v1/predictions", "/predictions", "/tfi/talking", "/batches", "/api/jobs/me",
    "/gradio_api/queue/join",
)  # fmt: skip


def grid_of(name: str, faults: list[str]) -> dict[str, float]:
    """Return how many jobs a client made for one submit, by the fault."""
    made: dict[str, float] = {}
    for fault in faults:
        with serving(fault) as server, peers.client(name, server.url) as ask:
            ask(timeout_s=LIMIT_S)
            made[fault] = server.made
    return made


def our_grid(faults: list[str]) -> dict[str, tuple[float, str]]:
    """Return how many jobs this package made for one submit, and what its ledger says."""
    limits = settings.Limits(
        submit_timeout_s=LIMIT_S, submit_retry_s=LIMIT_S, retry_first_s=0.1, poll_first_s=60.0
    )
    found: dict[str, tuple[float, str]] = {}
    for fault in faults:
        with serving(fault) as server, tempfile.TemporaryDirectory() as folder:
            known = settings.resolve(
                "key", server.url, local=False, outputs=folder, limits=limits,
                ledger=Path(folder) / "ledger.sqlite",
            )  # fmt: skip
            with Workspace(known) as workspace:
                found[fault] = (_submitted(workspace, server), _status(workspace))
    return found


def _submitted(workspace: Workspace, server: FaultyServer) -> float:
    with suppress(TfiError):  # the row tells
        workspace.submit(fresh_payload())
    return server.made


def _status(workspace: Workspace) -> str:
    (row,) = workspace.snapshots()
    return row.status.value
