"""Other people's clients, from an environment of their own, each run in a process of its own.

`make bench` makes the environment from `requirements/peers.txt`. Without it the benchmarks run with
what is installed here: plain httpx, and no other peer.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Ask = Callable[..., dict[str, Any]]

_ROOT = Path(__file__).parent.parent
_CLIENTS = Path(__file__).parent / "peer_clients.py"
_BINARIES = _ROOT / ".venv-peers" / ("Scripts" if sys.platform == "win32" else "bin")
MISSING = (
    "The other clients are not installed: `make bench` does that. Plain httpx is compared with."
)
MODULES = {
    "replicate": "replicate",
    "fal-client": "fal_client",
    "openai": "openai",
    "huggingface_hub": "huggingface_hub",
    "gradio_client": "gradio_client",
}
"""The peers and what of them is imported."""


@cache
def python() -> str:
    """Return the Python that has the peers; this one where nobody has installed them."""
    theirs = _BINARIES / "python"
    return str(theirs) if theirs.exists() else sys.executable


def installed() -> bool:
    """Tell whether there is an environment with the peers."""
    return python() != sys.executable


def among(*clients: str) -> list[str]:
    """Return those of some clients that can be run here."""
    return [name for name in clients if name not in MODULES or installed()]


@cache
def version(package: str) -> str:
    """Return the version of an installed peer."""
    code = f"import importlib.metadata as known; print(known.version({package!r}))"
    asked = [python(), "-c", code]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


def versions() -> str:
    """Name every peer with its version, as a sentence for the report."""
    names = [*MODULES, "httpx"] if installed() else ["httpx"]
    return "Versions: " + ", ".join(f"{name} {version(name)}" for name in names) + "."


@contextmanager
def client(name: str, url: str) -> Iterator[Ask]:
    """Run a client against a server; give the function that asks it, as `peer_clients` tells."""
    command = [python(), str(_CLIENTS), name, url]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asked, told = process.stdin, process.stdout

        def ask(**what: float) -> dict[str, Any]:
            asked.write(json.dumps(what) + "\n")
            asked.flush()
            answer: dict[str, Any] = json.loads(told.readline())
            return answer

        yield ask
        asked.close()
