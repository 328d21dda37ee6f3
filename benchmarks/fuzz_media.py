"""Does the local service survive whatever it is given? Spoilt pictures and sounds, by the hundred.

Serves `tfi-notebook serve` as a process, submits spoilt files to it (see `mutants`) over its own
API, each beside a good one, and follows every job to its end. Each must give a video that can be
read, or a typed refusal or failure, within the deadline. Then it looks whether the processes are
the same as before, and how much memory they hold: at the start (after one job of each good kind)
and at the end.

Usage: `python benchmarks/fuzz_media.py [--count 500] [--seed 0]`; exit code 1 if anything broke.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import psutil  # type: ignore[import-untyped]

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.mutants import Mutant, mutants, seeds
from tfi_notebook.contract.local import LOCAL_PROJECT_ID
from tfi_notebook.media.frames import video_info

if TYPE_CHECKING:
    from collections.abc import Iterator

DEADLINE_S: Final = 180.0
AT_ONCE: Final = 4
MEMORY_MB: Final = 50.0
"""How much more memory the processes may hold at the end than at the start."""

_KEY: Final = "the-key-of-the-fuzzer"
_POLL_S: Final = 0.1
_BROKEN: Final = ("defect", "hang", "bad video", "crash")
_CRASH: Final = re.compile("this is a defect|ended unexpectedly|told no progress|executor failed")


@dataclass(slots=True)
class Verdict:
    """What came of one file: in one word, in the service's own words, and after how long."""

    mutant: Mutant
    word: str
    text: str = ""
    took_s: float = 0.0


@dataclass(slots=True)
class Result:
    """What came of all files, and the memory of the service's processes in MB."""

    verdicts: list[Verdict] = field(default_factory=list)
    start_mb: dict[str, float] = field(default_factory=dict)
    end_mb: dict[str, float] = field(default_factory=dict)
    same_process: bool = False

    @property
    def broken(self) -> list[Verdict]:
        """The files that neither gave a video nor were refused in the service's own words."""
        return [verdict for verdict in self.verdicts if verdict.word in _BROKEN]


class Service:
    """The served process, asked over HTTP."""

    def __init__(self, process: subprocess.Popen[str], base_url: str) -> None:
        self.process = process
        self.base_url = base_url
        self.voice_url = ""

    def ask(
        self, route: str, data: bytes | None = None, **query: str
    ) -> tuple[int, dict[str, Any]]:
        """Return status and JSON body of a GET, or of a POST when there is data."""
        url = f"{self.base_url}{route}?{urlencode(query)}"
        request = urllib.request.Request(url, data=data, headers={"x-api-key": _KEY})  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:  # noqa: S310 - the same
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def try_one(self, mutant: Mutant) -> Verdict:
        """Upload, submit, follow, look at the video."""
        started = time.monotonic()
        word, text = self._outcome(mutant, started)
        return Verdict(mutant, word, text, time.monotonic() - started)

    def _outcome(self, mutant: Mutant, started: float) -> tuple[str, str]:
        status, answer = self.ask("/local/assets", mutant.data, name="file.bin")
        if status == 201:  # noqa: PLR2004 - created
            status, answer = self.ask("/jobs/v2", self._body({mutant.field: answer["url"]}))
        if status != 202:  # noqa: PLR2004 - accepted
            typed = status == 400 and answer.get("hint") is not None  # noqa: PLR2004 - refused
            return ("refused" if typed else "defect"), f"{answer.get('code')}: {answer['message']}"
        while time.monotonic() - started < DEADLINE_S:
            _, row = self.ask(f"/jobs/{answer['jobId']}")
            if row["status"] == "done":
                return self._seen(row["output"]["output"])
            if row["status"] == "failed":
                return ("crash" if _CRASH.search(row["message"]) else "failed"), row["message"]
            time.sleep(_POLL_S)
        return "hang", f"no end after {DEADLINE_S:g} s"

    def _body(self, changed: dict[str, str]) -> bytes:
        body = {
            "image_url": f"{self.base_url}/samples/portrait.png",
            "audio_url": self.voice_url,
            "project_id": LOCAL_PROJECT_ID,
            "output_size": 64,
            "version": 4,
            "iteration_count": 1,
        }
        return json.dumps(body | changed).encode()

    def _seen(self, key: str) -> tuple[str, str]:
        _, signed = self.ask("/storage/generate-signed-path", path=key)
        with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
            with urllib.request.urlopen(signed["signedUrl"], timeout=DEADLINE_S) as video:  # noqa: S310 - loopback
                file.write(video.read())
            file.flush()
            info = video_info(Path(file.name))
        whole = info.frame_count > 0 and info.has_audio and info.width_px == 64  # noqa: PLR2004 - asked for
        return ("video" if whole else "bad video"), f"{info.duration_s:.2f} s"


@contextmanager
def serving(home: Path) -> Iterator[Service]:
    """Serve on a free port of loopback, with everything it keeps in a folder."""
    with subprocess.Popen(
        [sys.executable, "-m", "tfi_notebook.cli", "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"TFI_HOME": str(home), "TFI_API_KEY": _KEY},
    ) as process:
        try:
            assert process.stdout is not None
            address = re.search(r"http://[0-9.:]+", process.stdout.readline())
            assert address is not None
            yield Service(process, address.group())
        finally:
            process.terminate()


def fuzz(count: int, home: Path, seed: int = 0) -> Result:
    """Try so many spoilt files on a service of its own.

    Args:
        count: number of files.
        home: folder for the service.
        seed: of the spoiling.

    Returns:
        What came of each, and the memory before and after.
    """
    result = Result()
    with serving(home) as service, ThreadPoolExecutor(AT_ONCE) as pool:
        good = list(seeds())
        (voice,) = (data for _, kind, data in good if kind == "wav")
        _, uploaded = service.ask("/local/assets", voice, name="voice.wav")
        service.voice_url = uploaded["url"]
        whole = [Mutant(name, kind, "not at all", data) for name, kind, data in good]
        first = list(pool.map(service.try_one, whole))
        result.start_mb, pids = memory_mb(service.process.pid), _pids(service.process.pid)
        result.verdicts = first + list(pool.map(service.try_one, mutants(count, seed)))
        result.end_mb = memory_mb(service.process.pid)
        result.same_process = pids == _pids(service.process.pid)
    return result


def memory_mb(pid: int) -> dict[str, float]:
    """Return resident MB of the service's process and, by what they do, of those below it."""
    held: defaultdict[str, float] = defaultdict(float)
    for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
        held[_role(process)] += process.memory_info().rss / 1e6
    return dict(held)


def _pids(pid: int) -> dict[int, str]:
    below = psutil.Process(pid).children(recursive=True)
    return {process.pid: _role(process) for process in below}


def _role(process: psutil.Process) -> str:
    words = " ".join(process.cmdline())
    roles = {
        "tfi_notebook.cli": "service",
        "local.checks": "checks",
        "local.worker": "worker",
        "resource_tracker": "tracker",
        "multiprocessing": "rendering",
    }
    return next((role for part, role in roles.items() if part in words), "other")


def table(result: Result) -> str:
    """Return the outcomes by way of spoiling, and the memory, as text."""
    words = ["video", "refused", "failed", *_BROKEN]
    rows: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for verdict in result.verdicts:
        rows[verdict.mutant.spoilt][verdict.word] += 1
        rows["all"][verdict.word] += 1
    lines = [f"{'spoilt':<22}" + "".join(f"{word:>10}" for word in words)]
    lines += [
        f"{name:<22}" + "".join(f"{counted[word]:>10}" for word in words)
        for name, counted in sorted(rows.items(), key=lambda row: row[0] == "all")
    ]
    slowest = max(result.verdicts, key=lambda verdict: verdict.took_s)
    lines += ["", f"slowest: {slowest.took_s:.1f} s ({slowest.mutant.kind}, {slowest.word})"]
    roles = sorted(result.start_mb | result.end_mb)
    lines += [
        f"memory of {role:<12}{result.start_mb.get(role, 0):8.0f} MB"
        f" -> {result.end_mb.get(role, 0):.0f} MB"
        for role in roles
    ]
    grown = sum(result.end_mb.values()) - sum(result.start_mb.values())
    lines += [f"memory of all grown by {grown:.0f} MB; same processes: {result.same_process}"]
    lines += [
        f"{one.word}: {one.mutant.kind}, {one.mutant.spoilt}: {one.text}"
        for one in result.verdicts
        if one.word not in {"video", "refused"}
    ]
    return "\n".join(lines)


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = fuzz(arguments.count, Path(folder), arguments.seed)
    print(table(result))
    grown = sum(result.end_mb.values()) - sum(result.start_mb.values())
    return int(bool(result.broken) or not result.same_process or grown > MEMORY_MB)


if __name__ == "__main__":
    raise SystemExit(main())
