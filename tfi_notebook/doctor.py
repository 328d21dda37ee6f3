"""What is installed, where the key comes from, which browser, what ledger and disk hold."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfi_notebook import settings
from tfi_notebook.browser import find_chromium
from tfi_notebook.errors import TfiError

if TYPE_CHECKING:
    from collections.abc import Iterator

EXTRAS = {
    "local": ("fastapi", "uvicorn", "numpy", "opencv-python-headless", "av"),
    "data": ("pandas", "altair", "vl-convert-python"),
    "demo": ("jupyterlab", "ipykernel"),
}
CORE = ("tfi-notebook", "httpx", "pydantic", "ipywidgets")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report."""

    what: str
    ok: bool
    text: str


def findings() -> Iterator[Finding]:
    """Look at the installation and yield what is found; nothing is changed or sent."""
    yield Finding("python", ok=True, text=f"{platform.python_version()} on {platform.system()}")
    yield Finding("core", ok=True, text=_versions(CORE))
    for extra, packages in EXTRAS.items():
        missing = [name for name in packages if _version(name) is None]
        text = _versions(packages) if not missing else f"not installed: {', '.join(missing)}"
        hint = f'; pip install "tfi-notebook[{extra}]"' if missing else ""
        # without a key the local service is what is used, so its packages are no option
        needed = extra == "local" and os.getenv("TFI_API_KEY") is None
        yield Finding(f"extra {extra}", ok=not (missing and needed), text=text + hint)
    yield _key()
    yield _ledger()
    yield _local_store()
    chromium = find_chromium()
    text = chromium.name if chromium else "none found (only the browser tests need one)"
    yield Finding("browser", ok=True, text=text)


def _key() -> Finding:
    try:
        key = settings.find_key()
    except TfiError as error:
        return Finding("key", ok=False, text=str(error).replace("\n", " "))
    text = f"from {key.source}: live API" if key else "none: local service"
    return Finding("key", ok=True, text=text)


def _ledger() -> Finding:
    from tfi_notebook.lifecycle.ledger import Ledger  # noqa: PLC0415 - keeps the import light

    try:
        path = settings.resolve(local=True).ledger_path
        ledger = Ledger(path)
        verdict, ((count,),) = ledger.check(), ledger.query("SELECT count(*) FROM jobs")
        ledger.close()
    except TfiError as error:
        return Finding("ledger", ok=False, text=str(error).replace("\n", " "))
    text = f"{verdict}, {count} jobs, journal {ledger.journal}, in {path.parent}"
    return Finding("ledger", ok=verdict == "ok", text=text)


def _local_store() -> Finding:
    from tfi_notebook.local import retention  # noqa: PLC0415 - keeps the import light
    from tfi_notebook.local.store import QUEUE_FILE, Store  # noqa: PLC0415 - the same

    try:
        root = settings.data_dir() / "local"
        if not (root / QUEUE_FILE).is_file():
            return Finding("local store", ok=True, text="none yet")
        with closing(Store(root)) as store:
            plan = retention.plan(store)
    except (TfiError, OSError) as error:
        return Finding("local store", ok=False, text=str(error).replace("\n", " "))
    return Finding("local store", ok=True, text=f"{plan}, in {root}")


def _versions(packages: tuple[str, ...]) -> str:
    return ", ".join(f"{name} {_version(name) or 'missing'}" for name in packages)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
