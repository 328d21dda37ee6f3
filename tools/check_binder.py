"""Try the Binder recipe without docker: what repo2docker reads of it, then the recipe itself.

Usage: `python tools/check_binder.py [NOTEBOOK]` (default: the first). A copy of the tree, as git
knows it, goes to an empty folder; a fresh virtual environment gets `binder/requirements.txt`, runs
`postBuild`, and executes one notebook through `start`. What docker adds (the base image, `apt.txt`)
is not tried. Prints the time of each step; needs the package registry.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIRST = "01_first_video.ipynb"
PROMISED = ("postBuild", "R2D_ENTRYPOINT", "binder/requirements.txt", "fonts-dejavu-core")
"""What stands in the Dockerfile if repo2docker has understood the recipe."""


def main(names: list[str]) -> int:
    """Run all steps; return 1 at the first that fails."""
    with tempfile.TemporaryDirectory() as folder:
        copy, tools, home = (Path(folder, name) for name in ("copy", "tools", "home"))
        copy_tree(copy)
        try:
            check_reading(copy, tools)
            check_recipe(copy, home, names[0] if names else FIRST)
        except subprocess.CalledProcessError as error:
            print(f"failed: {error.cmd}\n{(error.stderr or error.stdout or '')[-3000:]}")
            return 1
    return 0


def copy_tree(target: Path) -> None:
    """Copy what is committed or about to be: no ignored file, no virtual environment."""
    listed = run(["git", "ls-files", "-co", "--exclude-standard"], ROOT).splitlines()
    for name in listed:
        source = ROOT / name
        if source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)


def check_reading(copy: Path, tools: Path) -> None:
    """Let repo2docker write its Dockerfile, and look for what the recipe asks for."""
    python = fresh_python(tools)
    timed(
        "install repo2docker", [python, "-m", "pip", "install", "-q", "jupyter-repo2docker"], copy
    )
    command = [python, "-m", "repo2docker", "--no-build", "--debug", "."]
    told = timed("repo2docker --no-build", command, copy)
    missing = [word for word in PROMISED if word not in told]
    if missing:
        raise subprocess.CalledProcessError(1, command, f"not in the Dockerfile: {missing}")


def check_recipe(copy: Path, home: Path, notebook: str) -> None:
    """Install, build and execute as the image would."""
    python = fresh_python(home)
    version = (copy / "binder" / "runtime.txt").read_text().strip().removeprefix("python-")
    assert sys.version.startswith(version), f"run me with Python {version}"
    pip = [python, "-m", "pip", "install", "-q", "-r", "binder/requirements.txt"]
    timed("requirements.txt", pip, copy, home)
    timed("postBuild", ["bash", "binder/postBuild"], copy, home)
    command = ["jupyter", "nbconvert", "--to", "notebook", "--execute", "--output-dir"]
    start = ["bash", "binder/start", *command, str(home), f"notebooks/{notebook}"]
    timed(f"start: {notebook}", start, copy, home)


def fresh_python(folder: Path) -> str:
    """Make a virtual environment and return its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    return str(folder / "bin" / "python")


def timed(what: str, command: list[str], cwd: Path, home: Path | None = None) -> str:
    """Run a step and print how long it took."""
    begun = time.monotonic()
    told = run(command, cwd, home)
    print(f"{what:<28} {time.monotonic() - begun:6.1f} s", flush=True)
    return told


def run(command: list[str], cwd: Path, home: Path | None = None) -> str:
    """Run a command, in the environment of `home` if given; return all that it has told."""
    environment = {name: text for name, text in os.environ.items() if name[:4] != "TFI_"}
    if home is not None:
        environment |= {
            "PATH": f"{home / 'bin'}{os.pathsep}{environment['PATH']}",
            "VIRTUAL_ENV": str(home),
            "TFI_HOME": str(home / "tfi"),
        }
    done = subprocess.run(
        command, cwd=cwd, env=environment, check=True, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return done.stdout


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
