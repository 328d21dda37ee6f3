"""What is installed and set, what is in the way, and what to do about it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import socket
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tfi_notebook import settings
from tfi_notebook.browser import find_chromium
from tfi_notebook.errors import TfiError

if TYPE_CHECKING:
    from collections.abc import Iterator

EXTRAS = {
    "local": ("fastapi", "uvicorn", "numpy", "opencv-python-headless", "av"),
    "data": ("pandas", "altair", "vl-convert-python"),
    "search": ("scipy", "optuna"),
    "demo": ("jupyterlab", "ipykernel"),
}
CORE = ("tfi-notebook", "httpx", "pydantic", "ipywidgets", "anywidget", "platformdirs")
USUAL_PORT = 8765
"""Where `tfi-notebook serve` listens unless it is told otherwise."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report."""

    what: str
    ok: bool
    text: str


def findings() -> Iterator[Finding]:
    """Look at the installation and yield what is found; nothing is changed or sent."""
    yield Finding("python", ok=True, text=f"{platform.python_version()} on {platform.system()}")
    yield _core()
    yield from map(_extra, EXTRAS)
    yield _service()
    yield _ledger()
    yield _outputs()
    yield _local_settings()
    yield _local_store()
    yield _port()
    yield _browser()


def _core() -> Finding:
    missing = [name for name in CORE if _version(name) is None]
    hint = "; install this package with pip: a copy of its folder alone is not enough"
    return Finding("core", ok=not missing, text=_versions(CORE) + (hint if missing else ""))


def _extra(extra: str) -> Finding:
    packages = EXTRAS[extra]
    missing = [name for name in packages if _version(name) is None]
    if not missing:
        return Finding(f"extra {extra}", ok=True, text=_versions(packages))
    # without a key the local service is what is used, so its packages are no option
    needed = extra == "local" and os.getenv("TFI_API_KEY") is None
    text = f'not installed: {", ".join(missing)}; pip install "tfi-notebook[{extra}]"'
    return Finding(f"extra {extra}", ok=not needed, text=text)


def _service() -> Finding:
    """Which service is meant, and where its key is from; never the key."""
    try:
        known = settings.resolve()
    except TfiError as error:
        return Finding("service", ok=False, text=_in_one_line(error))
    if known.local:
        return Finding("service", ok=True, text="no key: the local service")
    return Finding("service", ok=True, text=f"{known.base_url}, key from {known.api_key.source}")


def _ledger() -> Finding:
    from tfi_notebook.lifecycle.ledger import Ledger  # noqa: PLC0415 - keeps the import light

    try:
        path = settings.resolve(local=True).ledger_path
        ledger = Ledger(path)
        verdict, ((count,),) = ledger.check(), ledger.query("SELECT count(*) FROM jobs")
        ledger.close()
    except TfiError as error:
        return Finding("ledger", ok=False, text=_in_one_line(error))
    text = f"{verdict}, {count} jobs, journal {ledger.journal}, in {path.parent}"
    free_bytes = shutil.disk_usage(path.parent).free
    if free_bytes < settings.Limits().disk_reserve_bytes:
        return Finding("ledger", ok=False, text=f"{text}; the disk is full: make room there")
    return Finding("ledger", ok=verdict == "ok", text=f"{text}, {free_bytes / 1e9:.1f} GB free")


def _outputs() -> Finding:
    """Whether finished videos can be put where they go by default: beside the notebook."""
    if os.access(Path.cwd(), os.W_OK):
        return Finding("outputs", ok=True, text="tfi_outputs in the current folder")
    hint = "change the folder, or tfi.connect(outputs=...)"
    return Finding("outputs", ok=False, text=f"the current folder cannot be written; {hint}")


def _local_settings() -> Finding:
    """What the environment says of the local service, read as it reads it when it starts."""
    from tfi_notebook.local import preferences  # noqa: PLC0415 - keeps the import light

    try:
        way, most = preferences.way(), preferences.max_bytes()
        fetches = "also from private networks" if preferences.private_urls() else "public only"
    except TfiError as error:
        return Finding("local settings", ok=False, text=_in_one_line(error))
    where = way.executor or "this machine"
    text = f"renderer {way.renderer} on {where}, at most {most / 1e9:g} GB, fetches {fetches}"
    return Finding("local settings", ok=True, text=text)


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
        return Finding("local store", ok=False, text=_in_one_line(error))
    return Finding("local store", ok=True, text=f"{plan}, in {root}")


def _port() -> Finding:
    """Whether `tfi-notebook serve` can listen; one that does already is no fault."""
    try:
        socket.create_server(("127.0.0.1", USUAL_PORT)).close()
    except OSError:
        text = f"{USUAL_PORT} is taken; tfi-notebook serve --port 0 takes a free one"
        return Finding("port", ok=True, text=text)
    return Finding("port", ok=True, text=f"{USUAL_PORT} is free for tfi-notebook serve")


def _browser() -> Finding:
    chromium = find_chromium()
    if chromium is not None:
        return Finding("browser", ok=True, text=chromium.name)
    if os.getenv("TFI_CHROMIUM"):
        return Finding("browser", ok=False, text="TFI_CHROMIUM names no file; unset or mend it")
    return Finding("browser", ok=True, text="no Chromium found (only the browser tests need one)")


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _versions(packages: tuple[str, ...]) -> str:
    return ", ".join(f"{name} {_version(name) or 'missing'}" for name in packages)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
