"""What each parameter does in the local renderer, measured; the table stands in docs/renderer.md.

Renders the sample portrait with the sample voice, one parameter changed at a time, and measures
the finished video: correlation of the mouth with the known visemes, its opening (95th percentile,
in eye distances above the shut mouth), how far the head moves (rms of the nose, per cent of the
eye distance), the solver's and the warp's residuals, and CPU time per frame.

Usage: `python -m benchmarks.parameter_effects [--write]`
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from tests.helpers.sounds import segments
from tfi_notebook.local.renderer.options import RenderOptions, RenderReport
from tfi_notebook.local.renderer.render import render
from tfi_notebook.local.renderer.speech import viseme_track
from tfi_notebook.media.audio import ANALYSIS_RATE_HZ, decode
from tfi_notebook.media.face import track_landmarks
from tfi_notebook.media.video import read_video
from tfi_notebook.quality.sync import correlate
from tfi_notebook.samples import PORTRAIT, VOICE

if TYPE_CHECKING:
    from numpy.typing import NDArray

PAGE: Final = Path(__file__).parent.parent / "docs" / "renderer.md"
BEGIN: Final = "<!-- parameter effects: written by benchmarks/parameter_effects.py -->"
END: Final = "<!-- end of parameter effects -->"
BASE: Final = RenderOptions()
CASES: Final[dict[str, tuple[object, ...]]] = {
    "version": (4, 5, 6),
    "iteration_count": (1, 3, 5, 10, 20, 50),
    "output_size": (200, 400, 800),
    "crop": (True, False),
    "expand_ratio": (0.0, 0.5, 1.0),
    "dynamic_scale": (0.0, 0.5, 1.0, 2.0),
    "language": ("en", "de"),
    "seed": (0, 1),
}
_NOSE, _EYES, _LIPS = 1, (33, 263), (13, 14)
_HEADER: Final = """\
| parameter | value | r | opening | head % | solver residual | warp residual px | face | CPU ms |
|---|---|---|---|---|---|---|---|---|"""


@dataclass(frozen=True)
class Seen:
    """What one video shows."""

    r: float
    opening: float
    head: float
    cpu_ms: float
    report: RenderReport


def main() -> int:
    """Measure, and print or write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="into docs/renderer.md")
    arguments = parser.parse_args()
    table = "\n".join([_HEADER, *rows()])
    if arguments.write:
        text = PAGE.read_text(encoding="utf-8")
        before, rest = text.split(BEGIN)
        after = rest.split(END)[1]
        PAGE.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}", encoding="utf-8")
    else:
        print(table)
    return 0


def rows() -> list[str]:
    """Measure every case and return the lines of the table."""
    known: dict[RenderOptions, Seen] = {}
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "film.mp4"
        film(replace(BASE, output_size=64), out)  # loads the libraries
        shut = float(np.median(film(replace(BASE, version=5, dynamic_scale=0.0), out)[1]))
        for name, values in CASES.items():
            for value in values:
                options = replace(BASE, **{name: value})  # type: ignore[arg-type]
                if options not in known:
                    known[options] = look(options, out, shut)
                lines.append(line(name, value, known[options]))
    return lines


def film(
    options: RenderOptions, out: Path
) -> tuple[RenderReport, NDArray[np.float64], NDArray[np.float64], float]:
    """Render; return the report, opening (T,), nose (T, 2) in eye distances, and CPU time in s."""
    begun = time.process_time()
    report = render(PORTRAIT, VOICE, out, options)
    cpu_s = time.process_time() - begun
    points = track_landmarks(read_video(out))[:, :, :2]
    eyes = np.linalg.norm(points[:, _EYES[0]] - points[:, _EYES[1]], axis=1)
    opening = np.linalg.norm(points[:, _LIPS[0]] - points[:, _LIPS[1]], axis=1) / eyes
    return report, opening, points[:, _NOSE] / eyes.mean(), cpu_s


def look(options: RenderOptions, out: Path, shut: float) -> Seen:
    """Render and measure one case."""
    report, opening, nose, cpu_s = film(options, out)
    truth = viseme_track(segments("voice"), len(decode(VOICE)) / ANALYSIS_RATE_HZ)[:, 0]
    r = correlate(truth, opening, measured_rate_hz=25, still_below=0.004).r
    moved = float(np.sqrt(np.square(nose - nose.mean(axis=0)).sum(axis=1).mean()))
    return Seen(
        r=r,
        opening=max(0.0, float(np.percentile(opening, 95)) - shut),
        head=100 * moved,
        cpu_ms=1000 * cpu_s / report.frame_count,
        report=report,
    )


def line(name: str, value: object, seen: Seen) -> str:
    """Return one line of the table."""
    report = seen.report
    cells = (
        f"`{name}`", str(value), f"{seen.r:.2f}", f"{seen.opening:.3f}", f"{seen.head:.1f}",
        f"{report.solver_residual:.4f}", f"{report.warp_residual_px:.4f}",
        f"{report.face_share:.2f}", f"{seen.cpu_ms:.1f}",
    )  # fmt: skip
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    raise SystemExit(main())
