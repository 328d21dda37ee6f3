"""What the environment says about the local service; read where it starts.

- `TFI_LOCAL_MAX_GB`: the most that its folder may take on the disk, in GB of 10^9 bytes; see
  `retention`.
- `TFI_LOCAL_PRIVATE_URLS`: `1` lets it fetch pictures and sounds from this machine and its
  private network too; see `addresses`.
- `TFI_RENDERER`: the name of the renderer, if it is not this package's own; see `renderers`.
- `TFI_EXECUTOR`: where frames are drawn, if not by this machine's processes; see `executors`.
"""

from __future__ import annotations

import math
import os
from typing import Final

from tfi_notebook.errors import ArgumentError
from tfi_notebook.local import executors, renderers
from tfi_notebook.local.renderers import BUILTIN, Way

DEFAULT_MAX_GB: Final = 5.0
_GB: Final = 1_000_000_000
_YES: Final = {
    "1": True,
    "true": True,
    "yes": True,
    "": False,
    "0": False,
    "false": False,
    "no": False,
}


def max_bytes() -> int:
    """Return the most bytes that the folder of the local service may take.

    Raises:
        ArgumentError: `TFI_LOCAL_MAX_GB` is no positive number.
    """
    text = os.getenv("TFI_LOCAL_MAX_GB") or str(DEFAULT_MAX_GB)
    try:
        wanted_gb = float(text)
    except ValueError:
        wanted_gb = 0.0
    if not 0 < wanted_gb < math.inf:
        raise ArgumentError(
            "must be a number of GB above 0",
            field="TFI_LOCAL_MAX_GB",
            hint=f"such as TFI_LOCAL_MAX_GB={DEFAULT_MAX_GB:g}, which is the default",
        )
    return round(wanted_gb * _GB)


def private_urls() -> bool:
    """Tell whether addresses of this machine and its private network may be fetched from.

    Raises:
        ArgumentError: `TFI_LOCAL_PRIVATE_URLS` is neither yes nor no.
    """
    text = os.getenv("TFI_LOCAL_PRIVATE_URLS", "").strip().lower()
    if text not in _YES:
        raise ArgumentError(
            "must be 1 or 0",
            field="TFI_LOCAL_PRIVATE_URLS",
            hint="1 lets the local service fetch from this machine and its private network",
        )
    return _YES[text]


def way(renderer: str | None = None, executor: str | None = None) -> Way:
    """Return how jobs are rendered.

    Args:
        renderer: overrides `TFI_RENDERER`.
        executor: overrides `TFI_EXECUTOR`.

    Raises:
        ArgumentError: there is no such renderer, or no such place.
        MissingExtraError: `distributed` is meant, and is not installed.
    """
    return Way(
        renderers.checked(renderer or os.getenv("TFI_RENDERER") or BUILTIN),
        executors.checked(executor or os.getenv("TFI_EXECUTOR") or ""),
    )
