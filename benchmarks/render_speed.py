"""How long the local renderer takes, in parts of the voice's own duration.

Renders the sample portrait with a 10 s voice (the sample voice, repeated and cut), each version and
way in turn, `ROUNDS` times interleaved, and prints the best and the median of wall time / duration,
the CPU time per frame, and that as a multiple of what encoding alone costs (the conversion of a
frame and x264, on frames of a finished video). The language is German, so that no
recogniser of English phones takes part, installed or not.

`--scaling` renders a 60 s voice with a pool of one process and one of two instead, in turn, and
prints how many times as fast two are, and how long it takes before the frames, which no pool
shares.

Usage: `python -m benchmarks.render_speed [--rounds 3] [--size 400] [--versions 4 5 6] [--scaling]`
"""

from __future__ import annotations

import argparse
import io
import re
import resource
import statistics
import tempfile
import time
import wave
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import av
import numpy as np

from tfi_notebook.local.renderer.render import RenderOptions, RenderReport, render
from tfi_notebook.media.audio import ANALYSIS_RATE_HZ, decode
from tfi_notebook.media.video import YuvConverter, h264_stream, read_video
from tfi_notebook.samples import PORTRAIT, VOICE

DURATION_S = 10
SCALING_S = 60
FPS = 25
PROCESSES = 2
ENCODED_FRAMES = 50


@dataclass
class Times:
    """What one case took, round by round."""

    wall: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=400)
    parser.add_argument("--versions", type=int, nargs="+", default=[4, 5, 6])
    parser.add_argument("--scaling", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, processes(PROCESSES) as pool:
        path = Path(folder) / "voice.wav"
        if arguments.scaling:
            with processes(1) as alone:
                compare(spoken(path, SCALING_S), {1: alone, PROCESSES: pool}, arguments)
        else:
            measure(spoken(path, DURATION_S), pool, arguments)
    return 0


def processes(count: int) -> ProcessPoolExecutor:
    """Return a pool of `count` processes."""
    return ProcessPoolExecutor(count, mp_context=get_context("spawn"))


def compare(voice: Path, pools: dict[int, Executor], arguments: argparse.Namespace) -> None:
    """Render a long voice in each pool in turn, and print how they compare."""
    for pool in pools.values():
        render_once(voice, RenderOptions(output_size=64), pool)  # starts the processes
    print(f"{arguments.size} px, {SCALING_S} s voice, {arguments.rounds} rounds, pools of 1 and 2")
    for version in arguments.versions:
        options = RenderOptions(version=version, output_size=arguments.size, language="de")
        ratios, lonely = [], []
        for _ in range(arguments.rounds):
            reports = [report_of(voice, options, pool).timings_s for pool in pools.values()]
            one, more = (times["total"] for times in reports)
            ratios.append(one / more)
            lonely.append(reports[-1]["total"] - reports[-1]["frames"])
            print(f"version {version}: {one:.2f} s, {more:.2f} s, {one / more:.2f} x")
        best, median = max(ratios), statistics.median(ratios)
        print(f"version {version}: best {best:.2f} x, median {median:.2f} x; "
              f"before the frames {min(lonely):.2f} s")  # fmt: skip


def measure(voice: Path, pool: Executor, arguments: argparse.Namespace) -> None:
    """Render every case in turn, `rounds` times, and print a line for each."""
    ways: dict[str, Executor | None] = {"threads": None, f"{PROCESSES} processes": pool}
    times = {(version, way): Times() for version in arguments.versions for way in ways}
    encoding_ms: list[float] = []
    render_once(voice, RenderOptions(output_size=64), pool)  # starts the processes
    for _ in range(arguments.rounds):
        for (version, way), taken in times.items():
            options = RenderOptions(version=version, output_size=arguments.size, language="de")
            wall_s, cpu_s = render_once(voice, options, ways[way])
            taken.wall.append(wall_s / DURATION_S)
            taken.cpu_ms.append(1000 * cpu_s / (DURATION_S * FPS))
        encoding_ms.append(1000 * encode_alone(voice.with_suffix(".mp4"))[1])
    alone_ms = statistics.median(encoding_ms)
    print(f"{arguments.size} px, {DURATION_S} s voice, 10 iterations, {arguments.rounds} rounds")
    print(f"encoding alone: {alone_ms:.1f} ms of CPU per frame")
    for (version, way), taken in times.items():
        cpu = f"{statistics.median(taken.cpu_ms):5.1f} ms" if way == "threads" else "not seen"
        ratio = statistics.median(taken.cpu_ms) / alone_ms
        more = f" = {ratio:.1f} x encoding" if way == "threads" else ""
        best, median = min(taken.wall), statistics.median(taken.wall)
        print(f"version {version}, {way:11}: wall / duration best {best:.2f}, "
              f"median {median:.2f}; CPU per frame {cpu}{more}")  # fmt: skip
    print(f"peak memory of this process: {peak_mb():.0f} MB")


def render_once(
    voice: Path, options: RenderOptions, executor: Executor | None
) -> tuple[float, float]:
    """Render one video; return the wall time and this process's CPU time in s."""
    begun, cpu = time.perf_counter(), time.process_time()
    report_of(voice, options, executor)
    return time.perf_counter() - begun, time.process_time() - cpu


def report_of(voice: Path, options: RenderOptions, executor: Executor | None) -> RenderReport:
    """Render one video beside its voice."""
    return render(PORTRAIT, voice, voice.with_suffix(".mp4"), options, executor=executor)


def encode_alone(video: Path) -> tuple[float, float]:
    """Convert and encode a finished video's frames; return the wall and CPU time of one in s."""
    frames, converter = list(islice(read_video(video), ENCODED_FRAMES)), YuvConverter()
    begun, cpu = time.perf_counter(), time.process_time()
    with av.open(io.BytesIO(), "w", format="mp4") as container:
        stream = h264_stream(container, FPS, frames[0].shape[1], frames[0].shape[0])
        for index, frame in enumerate(frames):
            container.mux(stream.encode(converter.frame(frame, index)))
        container.mux(stream.encode(None))
    count = len(frames)
    return (time.perf_counter() - begun) / count, (time.process_time() - cpu) / count


def peak_mb() -> float:
    """Return the largest resident memory of this process so far.

    Linux tells it in `/proc`; what `getrusage` tells there is the parent's, if that had more.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status.read_text())[0]) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # macOS: bytes


def spoken(path: Path, duration_s: int) -> Path:
    """Write the sample voice, repeated and cut to length, as a 16-bit WAV file."""
    samples = np.resize(decode(VOICE), duration_s * ANALYSIS_RATE_HZ)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(ANALYSIS_RATE_HZ)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


if __name__ == "__main__":
    raise SystemExit(main())
