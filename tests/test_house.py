"""The rooms keep to the plan of docs/architecture.md."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "tfi_notebook"
GROUND = {"errors", "arguments", "keys", "credentials", "settings", "http"}
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "arguments": {"errors"},
    "limits": {"errors", "arguments"},
    "keys": {"errors"},
    "keystore": {"errors", "keys"},
    "signin": GROUND | {"keystore"},
    "settings": {"errors", "arguments", "limits", "keys", "keystore"},
    "credentials": set(),
    "http": {"errors", "keys", "credentials"},
    "browser": set(),
    "doctor": GROUND | {"browser", "lifecycle", "local"},
    "contract": GROUND,
    "display": {"contract"},
    "media": {"errors"},
    "quality": {"media", "errors", "settings"},
    "samples": set(),
    "api": GROUND | {"contract"},
    "lifecycle": GROUND | {"signin", "contract", "api", "display", "media", "quality", "samples"},
    "sweeps": GROUND | {"contract", "api", "lifecycle", "display", "quality", "media"},
    "widgets": GROUND | {"contract", "api", "lifecycle", "display", "sweeps", "media", "samples"},
    "local": GROUND | {"contract", "media", "samples"},
    "cli_render": GROUND | {"lifecycle", "display"},
    "cli": GROUND | {"cli_render", "contract", "api", "lifecycle", "display", "doctor", "sweeps"},
    "__init__": GROUND | {"contract", "lifecycle", "widgets", "sweeps"},
}
STARTS_THE_SERVICE = {PACKAGE / "lifecycle" / "embedded.py", PACKAGE / "cli.py"}
MODULES = sorted(PACKAGE.rglob("*.py"))
FORBIDDEN_CALLS = {"print", "breakpoint", "nest_asyncio"}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Return every module of the package that a file imports, dotted, without the package name."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} uses a relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    own = {name for name in names if name.split(".")[0] == "tfi_notebook"}
    return {name.removeprefix("tfi_notebook").lstrip(".") for name in own} - {""}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_imports_only_what_the_plan_allows(path: Path) -> None:
    room = room_of(path)
    rooms = {name.split(".")[0] for name in imported(path)} - {room}
    rooms -= {"__version__"}
    allowed = set(MAY_IMPORT[room])
    if path in STARTS_THE_SERVICE:
        allowed |= {"local"}
    assert rooms <= allowed, f"{room} may not import {rooms - allowed}"


def test_only_one_module_imports_httpx() -> None:
    pattern = re.compile(r"^\s*(import|from) httpx", re.MULTILINE)
    users = [path for path in MODULES if pattern.search(path.read_text())]
    assert users == [PACKAGE / "http.py"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 50, f"{node.name} is too long"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_library_code_neither_prints_nor_runs_its_own_loops(path: Path) -> None:
    calls = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert "asyncio.run(" not in path.read_text()
    assert room_of(path) in {"cli", "cli_render"} or not calls & FORBIDDEN_CALLS


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = """
import sys
before = set(sys.modules)
import tfi_notebook
print(*sorted({name.split(".")[0] for name in set(sys.modules) - before}))
"""
    shown = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True
    )
    assert set(shown.stdout.split()) <= {"tfi_notebook", *sys.stdlib_module_names}


def test_the_core_works_without_the_extras() -> None:
    """Every heavy import is blocked; the walk against a live API must still be importable."""
    code = """
import sys
for name in ("numpy", "cv2", "av", "fastapi", "uvicorn", "pandas", "altair"):
    sys.modules[name] = None
import tfi_notebook as tfi
from tfi_notebook.errors import MissingExtraError
tfi.Workspace, tfi.Job, tfi.panel, tfi.TalkingVideoPayload
try:
    tfi.connect(local=True)
except MissingExtraError as error:
    print(error)
"""
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert 'pip install "tfi-notebook[local]"' in shown.stdout


def test_the_core_depends_on_five_packages() -> None:
    required = importlib.metadata.requires("tfi-notebook") or []
    core = {re.split(r"[<>=!~ ;\[]", text)[0] for text in required if "extra ==" not in text}
    assert core == {"httpx", "pydantic", "ipywidgets", "anywidget", "platformdirs"}


def test_no_committed_file_names_a_registry_or_lacks_its_hashes() -> None:
    for path in (ROOT / "requirements").glob("*.txt"):
        text = path.read_text()
        assert "://" not in text
        assert "index-url" not in text
        assert "find-links" not in text
        packages = re.findall(r"^[a-z0-9].*==", text, re.MULTILINE)
        assert packages
        assert text.count("--hash=sha256:") >= len(packages)


def test_every_public_name_is_there_and_documented() -> None:
    import tfi_notebook as tfi  # noqa: PLC0415 - the lazy names are what is tested

    for name in tfi.__all__:
        assert getattr(tfi, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'swep'"):
        _ = tfi.swep
