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
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tfi_notebook import __version__, cli_render, keys, settings
from tfi_notebook.doctor import USUAL_PORT
from tfi_notebook.errors import MissingExtraError, SettingsError, TfiError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


QUICKSTART = Path("notebooks", "01_first_video.ipynb")
TUTORIALS = Path("tfi_tutorials")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (0 ok, 1 failed with a reason, 2 wrong usage).

    Args:
        argv: the words after the program's name; default `sys.argv`.
    """
    arguments = parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except TfiError as error:
        print(f"error: {error}", file=sys.stderr)
    except OSError as error:
        print(f"error: {error.strerror or error}", file=sys.stderr)
    except KeyboardInterrupt as interrupt:
        print(f"\n{str(interrupt) or 'interrupted'}", file=sys.stderr)
    return 1


def parser() -> argparse.ArgumentParser:
    """Return what reads the words after the program's name; the documentation prints its help."""
    parser = argparse.ArgumentParser(
        prog="tfi-notebook", description="Talking videos from a portrait and a narration."
    )
    parser.add_argument("--version", action="version", version=f"tfi-notebook {__version__}")
    parser.set_defaults(run=lambda _: _help(parser))
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    demo = commands.add_parser("demo", help="open JupyterLab on the quickstart notebook")
    demo.add_argument("--no-browser", action="store_true", help="print the address only")
    demo.set_defaults(run=_demo)
    cli_render.add_to(commands.add_parser("render", help="render one video without a notebook"))
    serve = commands.add_parser("serve", help="serve the local API on this machine")
    serve.add_argument(
        "--port", type=_between(0, 65_535), default=USUAL_PORT, help="default %(default)s"
    )
    serve.add_argument(
        "--dialect",
        choices=("reference", "current"),
        default="reference",
        help="generation of the API's pages; default %(default)s",
    )
    serve.add_argument("--renderer", help="default TFI_RENDERER, else the built-in one")
    serve.add_argument("--executor", help="such as dask:tcp://HOST:8786; default TFI_EXECUTOR")
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


# -- demo, serve, jobs ---------------------------------------------------------------------


def _demo(arguments: argparse.Namespace) -> int:
    # by its address, so that the one that is printed leads there too
    opened = f"--LabApp.default_url=/lab/tree/{_quickstart().as_posix()}"
    command = [sys.executable, "-m", "jupyter", "lab", opened]
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


def _quickstart() -> Path:
    """Return the first tutorial, below the current folder: a checkout's own, or a copy of all."""
    for place in (QUICKSTART, Path(QUICKSTART.name)):
        if place.is_file():
            return place
    package = Path(__file__).parent
    carried = package / "tutorials"  # by the wheel; else this is a checkout
    for part in ("notebooks", "docs"):  # which the notebooks link to
        shutil.copytree(
            (carried if carried.is_dir() else package.parent) / part,
            TUTORIALS / part,
            ignore=shutil.ignore_patterns("tfi_outputs", ".*"),
            copy_function=_copy_if_missing,
            dirs_exist_ok=True,
        )
    return TUTORIALS / QUICKSTART


def _copy_if_missing(source: str, target: str) -> None:
    """Leave alone what the reader may have changed."""
    if not Path(target).exists():
        shutil.copyfile(source, target)


def _serve(arguments: argparse.Namespace) -> int:
    from tfi_notebook.local.service import LocalService  # noqa: PLC0415 - an optional extra

    own = keys.seal(os.getenv("TFI_API_KEY", "").strip() or None, source="TFI_API_KEY")
    key = keys.check(own) if own else keys.ApiKey(secrets.token_urlsafe(24), source="this run")
    # bound before anything is printed: the address is true, and port 0 takes a free one
    with _listening(arguments.port) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        root = settings.data_dir() / "local"
        with LocalService(
            root,
            base_url=address,
            api_key=key.reveal(),
            dialect=arguments.dialect,
            renderer=arguments.renderer,
            executor=arguments.executor,
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
