"""How fast paid submits go out, with the ledger and without, against other clients.

All send to a raw asyncio server in a process of its own, which answers each POST after 20 ms:

- `tfi_notebook`: the whole submit, with two durable commits (intent, id);
- `tfi_notebook without a ledger`: the same client's bare call (lanes, key, deadline, one queue with
  an adaptive limit, retry rules, receipt parsing), which remembers nothing;
- `httpx`: one plain `httpx.AsyncClient` for all workers, `limits` = workers; and one `as it comes`;
- other services' clients, in an environment of their own. `huggingface_hub` has no async form of
  its job call: it runs in as many threads. `gradio_client` gives no id for a submit: left out.

Each runs with 16, 64 and 256 workers, all in turn in each round; the best rate and the least CPU
time count (of 800 jobs, for the others of 400). Durability price: with the ledger against without,
at 64 workers.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from benchmarks import our_submits, peers
from benchmarks.findings import OURS, Findings, Table, interleaved
from benchmarks.job_server import running
from benchmarks.our_submits import BARE, LEDGERED, UNWRITTEN

if TYPE_CHECKING:
    from collections.abc import Callable

    Speeds = dict[str, float]
    Ways = dict[str, Callable[[], Speeds]]

TITLE = "Submits"
WORKERS = (16, 64, 256)
JOBS, PEERS_JOBS, FEW_JOBS = 800, 400, 200
PEERS = (
    "httpx", "httpx as it comes", "replicate", "fal-client", "openai", "huggingface_hub",
)  # fmt: skip
OURS_BARE = f"{OURS} without a ledger"
_UNWRITTEN = "unwritten"


def run(rounds: int, *, quick: bool) -> Findings:
    """Let all clients submit in turn."""
    jobs, peers_jobs = (FEW_JOBS, FEW_JOBS) if quick else (JOBS, PEERS_JOBS)
    with running() as url, ExitStack() as stack:
        ways: Ways = {}
        clients = {
            name: stack.enter_context(peers.client(name, url)) for name in peers.among(*PEERS)
        }
        for workers in WORKERS[1:2] if quick else WORKERS:
            ours = {OURS: LEDGERED, OURS_BARE: BARE}
            if workers == WORKERS[1]:
                ours[_UNWRITTEN] = UNWRITTEN
            for name, way in ours.items():
                ways[f"{workers} {name}"] = partial(our_submits.measure, url, way, jobs, workers)
            for name, ask in clients.items():
                ways[f"{workers} {name}"] = partial(ask, jobs=peers_jobs, workers=workers)
        found = interleaved(ways, 1 if quick else rounds)
    rates = _by_case({name: max(one["per_s"] for one in each) for name, each in found.items()})
    cpu = _by_case({name: min(one["cpu_us"] for one in each) for name, each in found.items()})
    return Findings(_measures(rates, cpu), _tables(rates, cpu), _notes())


def _by_case(figures: dict[str, float]) -> dict[str, dict[str, float]]:
    rows: dict[str, dict[str, float]] = {}
    for name, figure in figures.items():
        workers, _, who = name.partition(" ")
        rows.setdefault(workers, {})[who] = figure
    return rows


def _measures(rates: dict[str, Speeds], cpu: dict[str, Speeds]) -> dict[str, float]:
    rate, used = rates["64"], cpu["64"]
    found = {f"ledgered_to_{who}_64": rate[OURS] / rate[who]
             for who in ("httpx", "replicate") if who in rate}  # fmt: skip
    if "256" in rates:
        found["ledgered_256_to_64"] = rates["256"][OURS] / rate[OURS]
    return found | {
        "durability_price": rate[OURS] / rate[OURS_BARE],
        "durability_price_to_same_submit": rate[OURS] / rate[_UNWRITTEN],
        "ledger_to_request_cpu": (used[OURS] - used[_UNWRITTEN]) / used[OURS_BARE],
        "submit_to_request_cpu": (used[OURS] - used[OURS_BARE]) / used[OURS_BARE],
    }


def _tables(rates: dict[str, Speeds], cpu: dict[str, Speeds]) -> list[Table]:
    def shown(figures: dict[str, Speeds]) -> dict[str, Speeds]:
        return {
            f"{workers} workers": {who: each for who, each in row.items() if who != _UNWRITTEN}
            for workers, row in figures.items()
        }

    collapse = {
        f"{workers} workers against {WORKERS[1]}": {
            who: row[who] / rates["64"][who] for who in shown(rates)[f"{workers} workers"]
        }
        for workers, row in rates.items() if workers == "256"
    }  # fmt: skip
    tables = [
        Table("Submits per second", "jobs/s", "higher", shown(rates), "httpx"),
        Table("CPU time of one submit", "µs", "lower", shown(cpu), "httpx"),
    ]
    return (
        [*tables, Table("What more workers bring", "", "higher", collapse)] if collapse else tables
    )


def _notes() -> list[str]:
    told = [peers.versions()] if peers.installed() else [peers.MISSING]
    return [
        *told,
        (
            "The other clients keep no record of what they have sent; compare them with "
            f"`{OURS_BARE}` for speed alone."
        ),
    ]
