"""One benchmark in this process: `python -m benchmarks.one NAME --out FILE [--quick]`."""

from __future__ import annotations

import argparse
import json
import time
from importlib import import_module
from pathlib import Path

from benchmarks.machine import machine


def main() -> None:
    """Run it and write what it has found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    module, here = import_module(f"benchmarks.{given.name}"), machine()
    began = time.perf_counter()
    found = module.run(given.rounds, quick=given.quick)
    kept = {
        "name": given.name,
        "title": module.TITLE,
        "about": module.__doc__,
        "quick": given.quick,
        "rounds": given.rounds,
        "seconds": round(time.perf_counter() - began, 1),
        "machine": here,
        **found.to_json(),
    }
    given.out.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
