"""Run the shell blocks of the documentation that say they are tested, on a clean copy of the tree.

Each block has one of these comments right before it, which no reader sees:

- `<!-- tested -->`: the tests run it, in an environment that has the package;
- `<!-- tested in a fresh copy -->`: it sets up its own environment; `make front-doors` runs it;
- `..., until TEXT -->`: what it starts does not end by itself; it has worked when it prints TEXT,
  and answers at the address in that line, if there is one;
- `<!-- not tested: REASON -->`.

Usage: `python -m tools.shell_blocks [PLACE ...]` runs the fresh ones, each in a copy of its own,
and prints their times. `docs/front_doors.md:9` is a place, and so is the page alone.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
TIMEOUT_S = 900.0
KEPT_LINES = 40
OWN = ("TFI_", "JUPYTER_", "VIRTUAL_ENV", "MAKE", "MFLAGS", "PYTEST_", "PYTHON", "NOX_")
FENCED = re.compile(
    r"(?:<!-- (?P<mark>[^\n]*) -->\n+)?```(?:console|bash|shell|sh)\n(?P<text>.*?)```", re.DOTALL
)
MARK = re.compile(
    r"tested(?P<fresh> in a fresh copy)?(?:, until (?P<until>.+))?|not tested: (?P<reason>.+)"
)
ANSWER_S = 30.0


@dataclass(frozen=True, slots=True)
class Block:
    """One block of commands.

    Attributes:
        place: the page and the line on which it, or its mark, stands.
        text: the commands.
        fresh: whether it brings its own environment.
        until: text by which it has worked although it goes on; None where it ends by itself.
        untested: why nothing runs it; empty if it has no mark at all, None where it is run.
    """

    place: str
    text: str
    fresh: bool = False
    until: str | None = None
    untested: str | None = None


def pages() -> list[Path]:
    """Return the pages whose commands are to run."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("notebooks/*.md")])


def blocks() -> list[Block]:
    """Return every block of every page, marked or not."""
    return [block for page in pages() for block in blocks_of(page)]


def blocks_of(page: Path) -> list[Block]:
    """Return the blocks of one page."""
    text = page.read_text(encoding="utf-8")
    where = page.relative_to(ROOT).as_posix()
    return [
        _block(f"{where}:{text.count(chr(10), 0, found.start()) + 1}", found)
        for found in FENCED.finditer(text)
    ]


def _block(place: str, found: re.Match[str]) -> Block:
    mark = MARK.fullmatch(found["mark"] or "")
    if mark is None or mark["reason"]:
        return Block(place, found["text"], untested=mark["reason"] if mark else "")
    return Block(place, found["text"], fresh=mark["fresh"] is not None, until=mark["until"])


def clean_copy(folder: Path) -> Path:
    """Copy what git knows or would take, and nothing that was built or written here."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    (folder / ".ci" / "run").chmod(0o755)
    return folder


def run(block: Block, folder: Path, home: Path, *, path: str | None = None) -> None:
    """Run one block and raise if it fails or says too late what it is to say.

    Args:
        block: the block.
        folder: the copy of the tree, its working folder.
        home: an empty folder for `TFI_HOME` and Jupyter.
        path: the `PATH`; default this process's.

    Raises:
        RuntimeError: it failed; with the last lines that it printed.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(OWN)}
    environment |= {"TFI_HOME": str(home), "JUPYTER_CONFIG_DIR": str(home / "jupyter")}
    environment |= {"JUPYTER_RUNTIME_DIR": str(home / "runtime"), "BROWSER": "true"}
    if path is not None:
        environment["PATH"] = path
    with subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", block.text],
        cwd=folder, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    ) as shell:  # fmt: skip
        clock = threading.Timer(TIMEOUT_S, _end, [shell.pid])
        clock.start()
        said, worked = _listen(shell, block.until)
        clock.cancel()
        _end(shell.pid)
    if not worked and (block.until or shell.returncode):
        raise RuntimeError(f"{block.place} failed ({shell.returncode}):\n{''.join(said)}")


def _listen(shell: subprocess.Popen[str], until: str | None) -> tuple[list[str], bool]:
    """Return the last lines, and whether the awaited text came."""
    assert shell.stdout is not None
    said: list[str] = []
    for line in shell.stdout:
        said = [*said[1 - KEPT_LINES :], line]
        if until is not None and until in line:
            return said, _answers(line)
    shell.wait()
    return said, False


def _answers(line: str) -> bool:
    """Ask at the address that a line tells, if any; Jupyter tells it before it listens there."""
    address = re.search(r"http://\S+", line)
    until = time.monotonic() + ANSWER_S
    while address is not None:
        try:
            urllib.request.urlopen(address[0], timeout=ANSWER_S).close()  # noqa: S310 - of this machine
        except urllib.error.HTTPError as refusal:
            refusal.close()  # which is an answer
        except OSError:
            if time.monotonic() > until:
                return False
            time.sleep(0.2)
            continue
        return True
    return True


def _end(group: int) -> None:
    """End everything that a block has started: they are one process group."""
    try:
        os.killpg(group, signal.SIGTERM)
    except ProcessLookupError:
        return


def _children_cpu_s() -> float:
    """What is comparable between a busy machine and an idle one."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(places: list[str]) -> int:
    """Run the fresh blocks at these places, or all, each in a clean copy of its own."""
    failed = 0
    for block in blocks():
        if not block.fresh or not block.place.startswith(tuple(places or [""])):
            continue
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
            folder, home = Path(place, "copy"), Path(place, "home")
            clean_copy(folder)
            begun, begun_cpu_s = time.monotonic(), _children_cpu_s()
            try:
                run(block, folder, home)
                outcome = "ok"
            except RuntimeError as error:
                failed, outcome = failed + 1, str(error)
            took_s, cpu_s = time.monotonic() - begun, _children_cpu_s() - begun_cpu_s
            print(f"{block.place}: {took_s:.0f} s, {cpu_s:.0f} s of CPU, {outcome}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
