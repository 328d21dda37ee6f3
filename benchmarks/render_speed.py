"""How long the local renderer takes, in parts of the voice's own duration.

Renders the sample portrait with a 10 s voice (the sample voice, repeated and cut), each version and
way in turn, `ROUNDS` times interleaved, and prints the best and the median of wall time ÷ duration.

Usage: `python benchmarks/render_speed.py [--rounds 3] [--size 400]`
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import wave
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from tfi_notebook.local.renderer.render import RenderOptions, render
from tfi_notebook.media.audio import ANALYSIS_RATE_HZ, decode
from tfi_notebook.samples import PORTRAIT, VOICE

DURATION_S = 10
PROCESSES = 2


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=400)
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool,
    ):
        voice = ten_seconds(Path(folder) / "voice.wav")
        measure(voice, pool, arguments.rounds, arguments.size)
    return 0


def measure(voice: Path, pool: Executor, rounds: int, size: int) -> None:
    """Render every case in turn, `rounds` times, and print a line for each."""
    ways: dict[str, Executor | None] = {"1 process": None, f"{PROCESSES} processes": pool}
    cases = [(version, way) for version in (4, 5, 6) for way in ways]
    factors: dict[tuple[int, str], list[float]] = {case: [] for case in cases}
    render_once(voice, RenderOptions(output_size=64), pool)  # starts the processes
    for _ in range(rounds):
        for version, way in cases:
            options = RenderOptions(version=version, output_size=size)
            factors[version, way].append(render_once(voice, options, ways[way]) / DURATION_S)
    print(f"{size} px, {DURATION_S} s voice, 10 iterations: wall time / duration, {rounds} rounds")
    for (version, way), values in factors.items():
        median = statistics.median(values)
        print(f"version {version}, {way:11}: best {min(values):.2f}, median {median:.2f}")


def render_once(voice: Path, options: RenderOptions, executor: Executor | None) -> float:
    """Render one video and return the wall time in s."""
    begun = time.perf_counter()
    render(PORTRAIT, voice, voice.with_suffix(".mp4"), options, executor=executor)
    return time.perf_counter() - begun


def ten_seconds(path: Path) -> Path:
    """Write the sample voice, repeated and cut to 10 s, as a 16-bit WAV file."""
    samples = np.resize(decode(VOICE), DURATION_S * ANALYSIS_RATE_HZ)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(ANALYSIS_RATE_HZ)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


if __name__ == "__main__":
    raise SystemExit(main())
