"""What is tried from empty environments: `make front-doors`, or `nox -s SESSION`.

Each session needs a package index, and a minute or two. Pythons that are not here are skipped.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["wheel", "lowest", "newest", "front_doors"]

ROOT = Path(__file__).parent
EXTRAS = "demo,phones,cluster"
TOOLS = ("pytest", "pytest-timeout", "hypothesis", "openpyxl", "nbformat", "nbclient")
RUNTIME_TESTS = (
    "tests/contract", "tests/media", "tests/display", "tests/widgets", "tests/sweeps",
    "tests/local/test_api.py", "tests/lifecycle/test_ledger.py", "tests/renderer",
    "tests/test_cli.py",
)  # fmt: skip


@nox.session(python="3.11")
def tests(session: nox.Session) -> None:
    """The whole suite with the locked packages; arguments after `--` go to pytest."""
    session.install("--require-hashes", "-r", "requirements/test.txt")
    session.install("--no-deps", "--no-build-isolation", "-e", ".")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session(python=["3.11", "3.12", "3.13"])
def wheel(session: nox.Session) -> None:
    """The wheel, made from the sdist, with the newest packages: the doctor and one video."""
    folder = Path(session.create_tmp()).resolve()
    session.install("build")
    session.run("python", "-m", "build", "--outdir", str(folder), str(ROOT), silent=True)
    built = max(folder.glob("*.whl"), key=lambda path: path.stat().st_mtime)
    session.install(f"tfi-notebook[local,data,search] @ {built.as_uri()}", "--force-reinstall")
    _smoke(session)


@nox.session(python="3.11")
def lowest(session: nox.Session) -> None:
    """The oldest versions that pyproject.toml allows."""
    _legs(session, "lowest-direct")


@nox.session(python="3.13")
def newest(session: nox.Session) -> None:
    """The newest versions that pyproject.toml allows, of this day."""
    _legs(session, "highest")


@nox.session(python="3.11")
def front_doors(session: nox.Session) -> None:
    """The shell blocks that set up an environment of their own, as the pages have them."""
    session.install("pipx", "uv")
    session.run("python", "-m", "tools.shell_blocks", *session.posargs)


def _legs(session: nox.Session, resolution: str) -> None:
    """Install one end of the declared versions, and run what touches every package."""
    session.install("uv")
    pins = str(Path(session.create_tmp(), "pins.txt").resolve())
    extras = (f"--extra={name}" for name in EXTRAS.split(","))
    session.run(
        "uv", "pip", "compile", "pyproject.toml", *extras,
        f"--resolution={resolution}", f"--python-version={session.python}", "--quiet",
        f"--output-file={pins}", silent=True,
    )  # fmt: skip
    session.run("uv", "pip", "install", "-r", pins, ".", silent=True)
    session.run("uv", "pip", "install", *TOOLS, "--constraint", pins, silent=True)
    _smoke(session)
    # what an old package deprecates is no defect of this one
    quiet = ("-o", "filterwarnings=", "-p", "no:cacheprovider", "-m", "not browser")
    outside = {"TMPDIR": tempfile.gettempdir()}  # nox's own is below the checkout
    words = session.posargs or RUNTIME_TESTS
    session.run("python", "-m", "pytest", "-q", *quiet, *words, env=outside)


def _smoke(session: nox.Session) -> None:
    """One video in an empty folder, away from the checkout."""
    with tempfile.TemporaryDirectory() as folder, session.chdir(folder):
        home = {"TFI_HOME": f"{folder}/home"}
        session.run("tfi-notebook", "doctor", env=home)
        session.run(
            "tfi-notebook", "render", "--output-size", "160", "--iteration-count", "3", env=home
        )
