"""The local renderer: time against the voice's, by version, size, length, processes and machines.

Renders the sample portrait with the sample voice, repeated and cut, in German, so that no
recogniser of English phones takes part. All cases take turns in each round (three at most, they are
long); the best counts. *Threads*: this process draws. *2 processes*, *dask, 2 workers*: the frames
are drawn elsewhere and joined here. CPU of a frame is that of a whole job on one thread, given as a
multiple of what encoding the frame alone costs (its conversion and x264), in rounds of their own:
a cluster's clocks tick in this process too. Peak memory is that of a process which renders one
video and ends.
It renders a photo puppet on a CPU; it is not TFI's model, and no other service's speed is compared
with it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.findings import OURS, Findings, Table, interleaved
from benchmarks.render_speed import (
    FPS,
    PROCESSES,
    encode_alone,
    peak_mb,
    processes,
    render_once,
    spoken,
)
from tfi_notebook.local.executors import DaskExecutor
from tfi_notebook.local.renderer.options import RenderOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor

    Ways = dict[str, Callable[[], tuple[float, float]]]

TITLE = "The local renderer"
ROUNDS = 3
SHORT_S, LONG_S = 10, 60
MEMORY = ((400, 10), (400, 120), (1024, 10), (1024, 30))
QUICK_MEMORY = ((400, 2), (1024, 2))
_ENCODING = "encoding alone"
_TWO = f"{PROCESSES} processes"
_DASK = f"dask, {PROCESSES} workers"


def run(rounds: int, *, quick: bool) -> Findings:
    """Render every case in turn."""
    lengths = (2, 4) if quick else (SHORT_S, LONG_S)
    times = 1 if quick else min(rounds, ROUNDS)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        short, long = (spoken(folder / f"{length}.wav", length) for length in lengths)
        cpu = interleaved(alone(short, stack.enter_context(ThreadPoolExecutor(1))), times)
        pools: dict[str, Executor | None] = {
            "threads": None,
            "1 process": stack.enter_context(processes(1)),
            _TWO: stack.enter_context(processes(PROCESSES)),
            _DASK: stack.enter_context(cluster()),
        }
        for pool in pools.values():
            render_once(short, RenderOptions(output_size=64), pool)  # starts the processes
        wall = interleaved(cases(short, long, pools), times)
        peaks = {
            f"{size} px, {length} s": peak_of(folder, size, length)
            for size, length in (QUICK_MEMORY if quick else MEMORY)
        }
    return findings(
        {case: min(each)[0] for case, each in wall.items()},
        {case: min(used for _, used in each) for case, each in cpu.items()},
        peaks,
        lengths,
    )


def alone(voice: Path, thread: Executor) -> Ways:
    """Return what CPU time is compared for: videos drawn by one thread, and encoding one."""
    film = voice.with_name("film.wav")
    film.write_bytes(voice.read_bytes())
    render_once(film, RenderOptions(version=6, output_size=400, language="de"), thread)
    ways: Ways = {
        f"version {version}": partial(
            render_once,
            voice,
            RenderOptions(version=version, output_size=400, language="de"),
            thread,
        )
        for version in (4, 5, 6)
    }
    return ways | {_ENCODING: partial(encode_alone, film.with_suffix(".mp4"))}


def cases(short: Path, long: Path, pools: dict[str, Executor | None]) -> Ways:
    """Return everything that is rendered, by its name; what it gives is (wall, CPU) in s."""

    def case(voice: Path, way: str, **options: Any) -> Callable[[], tuple[float, float]]:  # noqa: ANN401 - of `RenderOptions`
        return partial(render_once, voice, RenderOptions(language="de", **options), pools[way])

    ways: Ways = {}
    for way in ("threads", _TWO):
        for version in (4, 5, 6):
            ways[f"version {version}, {way}"] = case(short, way, version=version, output_size=400)
    for size in (256, 1024):
        ways[f"{size} px"] = case(short, "threads", version=6, output_size=size)
    for way in ("1 process", _TWO, _DASK):
        ways[f"long, {way}"] = case(long, way, version=5, output_size=400)
    return ways


def findings(
    wall: dict[str, float],
    cpu: dict[str, float],
    peaks: dict[str, float],
    lengths: tuple[int, int],
) -> Findings:
    """Set the figures side by side."""
    short_s, long_s = lengths
    real = {case: each / (long_s if case.startswith("long") else short_s)
            for case, each in wall.items()}  # fmt: skip
    alone_ms = 1000 * cpu.pop(_ENCODING)
    frame = {version: 1000 * each / (short_s * FPS) for version, each in cpu.items()}
    fastest = {
        version: min(real[f"version {version}, {way}"] for way in ("threads", _TWO))
        for version in (4, 5, 6)
    }
    sizes = {"256": real["256 px"], "400": real["version 6, threads"], "1024": real["1024 px"]}
    long = {way: real[f"long, {way}"] for way in ("1 process", _TWO, _DASK)}
    return Findings(
        measures={
            "version_5_real_time": fastest[5],
            "version_6_real_time": fastest[6],
            "large_real_time": sizes["1024"],
            "cpu_to_encoding": frame["version 6"] / alone_ms,
            "two_to_one_process": long["1 process"] / long[_TWO],
            "peak_mb": max(peaks.values()),
        },
        tables=[
            Table(
                "Wall time against the voice's, 400 px", "x", "lower",
                {f"version {version}": {way: real[f"version {version}, {way}"]
                                        for way in ("threads", _TWO)} for version in (4, 5, 6)},
            ),
            Table("The same by size in px, version 6, threads", "x", "lower",
                  {size: {OURS: each} for size, each in sizes.items()}, plot="lines"),
            Table(f"A voice of {long_s} s, version 5", "x", "lower", {"400 px": long}, "1 process"),
            Table("CPU of a frame", "ms", "lower",
                  {version: {OURS: each, _ENCODING: alone_ms} for version, each in frame.items()},
                  _ENCODING),
            Table("Peak memory by size and length of the voice, version 6", "MB", "lower",
                  {case: {OURS: each} for case, each in peaks.items()}),
        ],
    )  # fmt: skip


@contextmanager
def cluster() -> Iterator[DaskExecutor]:
    """Start a scheduler and workers on this machine, one process for each."""
    from distributed import Client, LocalCluster  # noqa: PLC0415 - an optional extra

    with (
        LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=PROCESSES, threads_per_worker=1, dashboard_address=None
        ) as local,
        Client(local) as client,  # type: ignore[no-untyped-call]
    ):
        yield DaskExecutor(client)


def peak_of(folder: Path, size_px: int, length_s: int) -> float:
    """Return the peak memory in MB of a process that renders one video."""
    sizes = str(size_px), str(length_s)
    command = [sys.executable, "-m", "benchmarks.rendering", str(folder), *sizes]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    """Be the process whose memory is looked at."""
    size_px, length_s = map(int, sys.argv[2:])
    voice = spoken(Path(sys.argv[1]) / "peak.wav", length_s)
    render_once(voice, RenderOptions(version=6, output_size=size_px, language="de"), None)
    print(peak_mb())


if __name__ == "__main__":
    main()
