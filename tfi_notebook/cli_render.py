"""The command `tfi-notebook render`: one video without a notebook."""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from typing import TYPE_CHECKING

from tfi_notebook import settings
from tfi_notebook.arguments import path as checked_path
from tfi_notebook.display import words
from tfi_notebook.errors import SettingsError, SourceError

if TYPE_CHECKING:
    from pathlib import Path

    from tfi_notebook.lifecycle.job import Job
    from tfi_notebook.lifecycle.workspace import Workspace

_TUNING = (
    "version",
    "iteration_count",
    "output_size",
    "dynamic_scale",
    "expand_ratio",
    "crop",
    "language",
)


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments, and what it runs, to its parser."""
    parser.add_argument("image", nargs="?", help="picture: file or URL; default the sample")
    parser.add_argument("audio", nargs="?", help="narration: file or URL; default the sample")
    parser.add_argument(
        "-o", "--output", default="talking.mp4", help="file or folder; default %(default)s"
    )
    parser.add_argument("--version", type=int, default=6, help="4, 5 or 6")
    parser.add_argument("--iteration-count", type=int, default=10)
    parser.add_argument("--output-size", type=int, default=400, help="long edge in px")
    parser.add_argument("--dynamic-scale", type=float, default=1.0)
    parser.add_argument("--expand-ratio", type=float, default=0.5)
    parser.add_argument("--no-crop", dest="crop", action="store_false")
    parser.add_argument("--language", default="en")
    parser.add_argument("--project-id", help="needed with --live")
    parser.add_argument("--live", action="store_true", help="use TFI's API; costs credits")
    parser.add_argument("--force", action="store_true", help="render although it was done before")
    parser.add_argument("--timeout-s", type=_seconds, default=1800.0)
    parser.set_defaults(run=_render)


def _seconds(text: str) -> float:
    value = float(text)
    if not value >= 0:  # NaN is not, either
        raise argparse.ArgumentTypeError("must be 0 or more")
    return value


def _render(arguments: argparse.Namespace) -> int:
    from tfi_notebook.lifecycle.default import connect  # noqa: PLC0415 - other commands do without

    target = _target(arguments.output)
    if arguments.live and not (arguments.image and arguments.audio and arguments.project_id):
        raise SettingsError(
            "--live needs IMAGE and AUDIO as public URLs, and --project-id",
            hint="tfi-notebook render https://… https://… --project-id … --live",
        )
    videos = settings.data_dir() / "videos"
    with connect(local=not arguments.live, outputs=videos) as workspace:
        fields = {name: getattr(arguments, name) for name in _TUNING}
        payload = workspace.build_payload(**fields, **_sources(workspace, arguments))
        begun = time.time()
        job = workspace.submit(payload, force=arguments.force)
        if job.snapshot.created_at < begun:
            print(f"the same payload was sent before, as job {job.id}; --force renders it again")
        return _deliver(job, target, arguments.timeout_s)


def _target(given: str) -> Path:
    """Return the file to write, and see to it that it can be written, before anything is sent."""
    path = checked_path("--output", given, hint="choose another place with -o")
    try:
        if path.is_dir() or given.endswith(("/", os.sep)):
            path /= "talking.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            return path
    except OSError as error:
        reason = error.strerror or type(error).__name__
    shown = words.readable(path)
    raise SettingsError(f"{shown} cannot be written: {reason}", hint="choose another place with -o")


def _sources(workspace: Workspace, arguments: argparse.Namespace) -> dict[str, str]:
    given = {
        "image_url": arguments.image,
        "audio_url": arguments.audio,
        "project_id": arguments.project_id,
    }
    known = {name: text for name, text in given.items() if text is not None}
    for name in {"image_url", "audio_url"} & known.keys():
        known[name] = _url_of(workspace, known[name], name)
    return known


def _url_of(workspace: Workspace, source: str, field: str) -> str:
    """URLs are passed on as they are; files go where the service can fetch them."""
    if "://" in source:
        return source
    try:
        return workspace.asset(source)
    except SourceError as error:
        error.field = field
        raise


def _deliver(job: Job, target: Path, timeout_s: float) -> int:
    if not job.status.is_final:
        job.wait(timeout_s=timeout_s)  # which says how far it is, on standard error
    shutil.copyfile(job.download(), target)
    print(f"video: {target.resolve()}")
    return 0
