"""Who renders the jobs: this package's own renderer, or one that another package brings.

A package offers a renderer as an entry point of the group `tfi_notebook.renderers`: a name and a
callable with the signature of `local.renderer.render.render`. See docs/custom_renderer.md.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final, Protocol

from tfi_notebook.errors import ArgumentError, RenderError, TfiError
from tfi_notebook.http import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Executor
    from pathlib import Path

    from tfi_notebook.local.renderer.options import RenderOptions

GROUP: Final = "tfi_notebook.renderers"
BUILTIN: Final = "builtin"

_log = logging.getLogger(__name__)


class Renderer(Protocol):
    """What an entry point of the group names."""

    def __call__(
        self,
        image: Path,
        audio: Path,
        out: Path,
        options: RenderOptions,
        *,
        progress: Callable[[float, str], None] | None,
        executor: Executor | None,
    ) -> Mapping[str, Any] | None:
        """Write an MP4 to `out`; return what the job's report shall tell, as plain values."""


@dataclass(frozen=True, slots=True)
class Way:
    """How jobs are rendered.

    Attributes:
        renderer: a name from `known`.
        executor: where, as `executors.opened` takes it; empty for this machine's processes.
    """

    renderer: str = BUILTIN
    executor: str = ""


def known() -> list[str]:
    """Return the names of the renderers that are installed, this package's own first."""
    return [BUILTIN, *sorted({point.name for point in entry_points(group=GROUP)} - {BUILTIN})]


def checked(name: str) -> str:
    """Return a renderer's name if there is such a renderer.

    Raises:
        ArgumentError: there is none; the hint lists those that are installed.

    Example:
        >>> checked("builtin")
        'builtin'
    """
    if name in known():
        return name
    raise ArgumentError(
        f"no renderer is called {redact(name, 60)!r}",
        field="renderer",
        hint=f"installed are: {', '.join(known())}; another comes with its package",
    )


def render_with(
    name: str,
    image: Path,
    audio: Path,
    out: Path,
    options: RenderOptions,
    *,
    progress: Callable[[float, str], None] | None = None,
    executor: Executor | None = None,
) -> dict[str, Any]:
    """Render with the renderer of that name; the other arguments are those of `render`.

    Returns:
        The report as plain values; it names the `renderer`, and has `duration_s`.

    Raises:
        ArgumentError: there is no such renderer here.
        TfiError: the rendering failed, with its reason.
    """
    from tfi_notebook.local.renderer.render import render  # noqa: PLC0415 - loads cv2, av, numpy

    if checked(name) == BUILTIN:
        made = render(image, audio, out, options, progress=progress, executor=executor)
        return {"renderer": BUILTIN, **made.to_dict()}
    try:
        renderer: Renderer = entry_points(group=GROUP)[name].load()
        told = renderer(image, audio, out, options, progress=progress, executor=executor)
        return {**(told or {}), **_measured(out), "renderer": name}
    except TfiError:
        raise
    except Exception as error:  # noqa: BLE001 - somebody else's code; logged and told
        _log.exception("renderer %s", name)
        failure = f"the renderer {name} failed ({type(error).__name__}: {redact(error, 200)})"
    raise RenderError(failure, hint="its traceback stands in the service's worker.log")


def _measured(out: Path) -> dict[str, Any]:
    """Tell of a foreign renderer's video what can be read from it, which shows that it is one."""
    from tfi_notebook.media.video import video_info  # noqa: PLC0415 - loads av

    if not out.is_file():
        raise RenderError("the renderer has written no video")
    info = video_info(out)
    return {
        "width_px": info.width_px,
        "height_px": info.height_px,
        "frame_count": info.frame_count,
        "duration_s": info.duration_s,
    }
