"""Tables of results with a known truth, for tests of what is concluded from them."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped] # it publishes no types

AXES = ("version", "iteration_count", "audio_url")
KINDS = dict.fromkeys(("lip_sync", "render_s", "credits"), "Float64")


def table(
    *,
    voices: int = 1,
    versions: tuple[int, ...] = (4, 5, 6),
    iterations: tuple[int, ...] = (5, 10, 20),
    gap: float = 0.1,
    noise: float = 0.02,
    seed: int = 0,
) -> Any:
    """Return results in which `lip_sync` and `credits` grow with version and iterations.

    Args:
        voices: tries of each setting; some voices are harder than others.
        versions: values of the first axis.
        iterations: values of the second.
        gap: how much a version adds to `lip_sync`; 0 for settings that do not differ.
        noise: standard deviation of a single value.
        seed: of all that is random.
    """
    random = np.random.default_rng(seed)
    hard = random.normal(scale=0.1, size=voices)
    rows = [
        {
            "version": version,
            "iteration_count": count,
            "audio_url": f"https://cdn.example.com/{voice}.wav",
            "status": "done",
            "render_s": version + 0.3 * count + random.normal(),
            "credits": version + 0.5 * count,
            "lip_sync": 0.3
            + hard[voice]
            + gap * (version - 4 + count / 20)
            + random.normal() * noise,
        }
        for version, count, voice in product(versions, iterations, range(voices))
    ]
    return pd.DataFrame(rows).astype(KINDS | {"version": "Int64", "iteration_count": "Int64"})
