"""What `import` costs in a live kernel: time and modules, against what a client needs, and peers.

Each import runs as the only cell of a real kernel that was just started; all take turns in each
round, and the least time counts. The peers run in kernels of their own environment. What this
package loads at the first use of a name instead is part of "the first payload".
"""

from __future__ import annotations

import sys

from benchmarks import peers
from benchmarks.findings import OURS, Findings, Table
from benchmarks.fresh_kernel import in_peers, timed

TITLE = "Import"
BY_HAND = "httpx, pydantic"


def run(rounds: int, *, quick: bool) -> Findings:
    """Time every import."""
    cells = {
        OURS: (sys.executable, "import tfi_notebook"),
        BY_HAND: (sys.executable, "import httpx, pydantic"),
        "ipywidgets": (sys.executable, "import ipywidgets"),
    }
    asked = peers.among(*peers.MODULES)
    cells |= {name: in_peers(f"import {peers.MODULES[name]}") for name in asked}
    found = timed(cells, 1 if quick else rounds)
    times = {name: one["ms"] for name, one in found.items()}
    modules = {name: one["modules"] for name, one in found.items()}
    return Findings(
        measures={"to_httpx_pydantic": times[OURS] / times[BY_HAND]},
        tables=[
            Table("Time of the import", "ms", "lower", {"import": times}, BY_HAND),
            Table("Modules it loads", "modules", "lower", {"import": modules}, BY_HAND, "none"),
        ],
        notes=[
            peers.versions() if asked else peers.MISSING,
            (
                "A few packages load their parts at first use, as this one does; their import says "
                "little of what their first job costs. See the first payload."
            ),
        ],
    )
