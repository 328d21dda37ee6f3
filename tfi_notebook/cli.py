"""The command line: `tfi-notebook demo | render | serve | jobs | doctor`."""

from __future__ import annotations

import argparse
import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tfi_notebook import __version__, keys, settings
from tfi_notebook.arguments import path as checked_path
from tfi_notebook.display import words
from tfi_notebook.errors import MissingExtraError, SettingsError, SourceError, TfiError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tfi_notebook.lifecycle.job import Job
    from tfi_notebook.lifecycle.workspace import Workspace

QUICKSTART = "01_first_video.ipynb"
DEFAULT_PORT = 8765


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (0 ok, 1 failed with a reason, 2 wrong usage).

    Args:
        argv: the words after the program's name; default `sys.argv`.
    """
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except TfiError as error:
        print(f"error: {error}", file=sys.stderr)
    except OSError as error:
        print(f"error: {error.strerror or error}", file=sys.stderr)
    except KeyboardInterrupt as interrupt:
        print(f"\n{str(interrupt) or 'interrupted'}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tfi-notebook", description="Talking videos from a portrait and a narration."
    )
    parser.add_argument("--version", action="version", version=f"tfi-notebook {__version__}")
    parser.set_defaults(run=lambda _: _help(parser))
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    demo = commands.add_parser("demo", help="open JupyterLab on the quickstart notebook")
    demo.add_argument("--no-browser", action="store_true", help="print the address only")
    demo.set_defaults(run=_demo)
    _add_render(commands.add_parser("render", help="render one video without a notebook"))
    serve = commands.add_parser("serve", help="serve the local API on this machine")
    serve.add_argument(
        "--port", type=_between(0, 65_535), default=DEFAULT_PORT, help="default %(default)s"
    )
    serve.add_argument(
        "--dialect",
        choices=("reference", "current"),
        default="reference",
        help="generation of the API's pages; default %(default)s",
    )
    serve.set_defaults(run=_serve)
    jobs = commands.add_parser("jobs", help="list the jobs in the ledger")
    jobs.add_argument(
        "--limit", type=_between(1, 1_000_000), default=20, help="newest N; default %(default)s"
    )
    jobs.set_defaults(run=_jobs)
    doctor = commands.add_parser("doctor", help="what is installed, which key, which browser")
    doctor.set_defaults(run=_doctor)
    return parser


def _help(parser: argparse.ArgumentParser) -> int:
    parser.print_help()
    return 2


def _between(low: int, high: int) -> Callable[[str], int]:
    """Return a type for argparse: a whole number within bounds."""

    def number(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"must be between {low} and {high:,}")
        return value

    number.__name__ = "whole number"  # argparse names it in its messages
    return number


def _seconds(text: str) -> float:
    value = float(text)
    if not value >= 0:  # NaN is not, either
        raise argparse.ArgumentTypeError("must be 0 or more")
    return value


def _add_render(parser: argparse.ArgumentParser) -> None:
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


# -- render --------------------------------------------------------------------------------

_TUNING = (
    "version",
    "iteration_count",
    "output_size",
    "dynamic_scale",
    "expand_ratio",
    "crop",
    "language",
)


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
        print(repr(job), flush=True)
        if job.snapshot.created_at < begun:
            print("the same payload was rendered before; --force renders it again")
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
        job.wait(timeout_s=timeout_s)
        print(repr(job))
    shutil.copyfile(job.download(), target)
    print(f"video: {target.resolve()}")
    return 0


# -- demo, serve, jobs ---------------------------------------------------------------------


def _demo(arguments: argparse.Namespace) -> int:
    command = [sys.executable, "-m", "jupyter", "lab", _demo_notebook()]
    if importlib.util.find_spec("jupyterlab") is None:
        raise MissingExtraError("the demo", extra="demo")
    if arguments.no_browser:
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    if os.name == "posix":
        # takes this process's place, so that whoever ends it ends the server
        os.execv(sys.executable, command)  # noqa: S606 - our own interpreter, no shell
    return subprocess.run(command, check=False).returncode  # noqa: S603 - the same


def _demo_notebook() -> str:
    """Return the quickstart notebook's path below the current folder, copied there if need be."""
    for place in (Path("notebooks") / QUICKSTART, Path(QUICKSTART)):
        if place.is_file():
            return str(place)
    shutil.copyfile(_quickstart(), QUICKSTART)
    return QUICKSTART


def _quickstart() -> Path:
    """The notebook that the wheel carries, or the checkout's own."""
    package = Path(__file__).parent
    candidates = [package / "notebooks" / QUICKSTART, package.parent / "notebooks" / QUICKSTART]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise MissingExtraError("the quickstart notebook", extra="demo")


def _serve(arguments: argparse.Namespace) -> int:
    from tfi_notebook.local.service import LocalService  # noqa: PLC0415 - an optional extra

    own = keys.seal(os.getenv("TFI_API_KEY", "").strip() or None, source="TFI_API_KEY")
    key = keys.check(own) if own else keys.ApiKey(secrets.token_urlsafe(24), source="this run")
    # bound before anything is printed: the address is true, and port 0 takes a free one
    with _listening(arguments.port) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        root = settings.data_dir() / "local"
        with LocalService(
            root, base_url=address, api_key=key.reveal(), dialect=arguments.dialect
        ) as service:
            import uvicorn  # noqa: PLC0415 - an optional extra

            print(f"local TFI service on {address} (this machine only)")
            if own is None:
                print(f"key of this run: {key.reveal()}")
            print(f'tfi.connect(api_key=..., base_url="{address}", local=True)', flush=True)
            server = uvicorn.Server(uvicorn.Config(service.app, log_level="warning"))
            with suppress(KeyboardInterrupt):  # which is how a person ends it
                server.run(sockets=[listening])
    return 0


def _listening(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        reason = error.strerror or type(error).__name__
    raise SettingsError(f"port {port} cannot be used: {reason}", hint="--port 0 takes a free one")


def _jobs(arguments: argparse.Namespace) -> int:
    from tfi_notebook.display.html import board_text  # noqa: PLC0415 - this command only
    from tfi_notebook.lifecycle.ledger import Ledger  # noqa: PLC0415 - this command only

    ledger = Ledger(settings.resolve(local=True).ledger_path)
    rows = ledger.recent(arguments.limit)
    ledger.close()
    print(board_text(rows, now=time.time()) if rows else "no jobs yet")
    return 0


def _doctor(_: argparse.Namespace) -> int:
    from tfi_notebook.doctor import findings  # noqa: PLC0415 - this command only

    healthy = True
    for finding in findings():
        healthy = healthy and finding.ok
        print(f"{'ok ' if finding.ok else '!! '} {finding.what:<14} {finding.text}")
    return 0 if healthy else 1


if __name__ == "__main__":
    raise SystemExit(main())
