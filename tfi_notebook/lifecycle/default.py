"""The module-level helpers: the same walk over one default workspace, made on first use."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from tfi_notebook import settings
from tfi_notebook.contract import payloads
from tfi_notebook.contract.local import sample_fields
from tfi_notebook.lifecycle.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal
    from pathlib import Path

    from tfi_notebook.contract.payloads import TalkingVideoPayload
    from tfi_notebook.contract.records import Project
    from tfi_notebook.lifecycle.job import Job, JobList
    from tfi_notebook.settings import ApiKey, Limits

_lock = threading.Lock()
_default: Workspace | None = None


def connect(
    api_key: str | ApiKey | None = None,
    base_url: str | None = None,
    *,
    local: bool | None = None,
    ledger: str | Path | None = None,
    outputs: str | Path | None = None,
    limits: Limits | None = None,
) -> Workspace:
    """Open a workspace and make it the default one of the module-level helpers.

    Args:
        api_key: key of the live API; default `TFI_API_KEY`. Better the environment variable: a
            literal key stays in the cell and in the history.
        base_url: address of the API; default the public one.
        local: True forces the local service (with `base_url`: one that is served there); False
            the live API; None takes the live API exactly when there is a key.
        ledger: the ledger's file; default one in the user's data folder.
        outputs: folder for finished videos; default `tfi_outputs` in the current folder.
        limits: other cadences and limits than the defaults.

    Returns:
        The workspace; also a context manager.

    Raises:
        SettingsError: `local=False` without a key, or a base URL that must not carry a key.
        LedgerError: the ledger cannot be opened.
        MissingExtraError: the local service is meant, and its packages are not installed.

    Example:
        >>> with tfi.connect(local=True) as workspace:      # doctest: +SKIP
        ...     workspace.submit(workspace.build_payload(version=5)).wait()
    """
    global _default  # noqa: PLW0603 - one default per process is what the helpers promise
    workspace = Workspace(
        settings.resolve(
            api_key, base_url, local=local, ledger=ledger, outputs=outputs, limits=limits
        )
    )
    with _lock:
        _default = workspace
    return workspace


def default_workspace() -> Workspace:
    """Return the workspace of the helpers, made with `connect()` at its first use."""
    with _lock:
        current = _default
    return current if current is not None and not current.closed else connect()


def build_payload(**fields: Any) -> TalkingVideoPayload:  # noqa: ANN401 - validated
    """Build and check a payload; one keyword for each field of the API.

    Against the local service, picture, voice and project default to the toolkit's samples, so
    that `build_payload()` just works there. On the live API these three must be given.

    Returns:
        The frozen payload.

    Raises:
        PayloadError: naming every wrong, missing or unknown field.
    """
    current = _default
    known = current.settings if current and not current.closed else settings.resolve()
    samples = sample_fields(known.base_url) if known.local else {}
    return payloads.build_payload(**(samples | fields))


build_payload.__signature__ = payloads.build_payload.__signature__  # type: ignore[attr-defined]


def submit(payload: TalkingVideoPayload | Mapping[str, Any], *, force: bool = False) -> Job:
    """Submit a payload once and return its job at once; see `Workspace.submit`."""
    return default_workspace().submit(payload, force=force)


def job(job_id: str) -> Job:
    """Take up a job by its id, after any restart; see `Workspace.job`."""
    return default_workspace().job(job_id)


def jobs(limit: int | None = None) -> JobList:
    """Return everything that was ever submitted, newest first; see `Workspace.jobs`."""
    return default_workspace().jobs(limit)


def asset(path: str | Path) -> str:
    """Put a local file where the service can fetch it, and return its URL."""
    return default_workspace().asset(path)


def credits() -> Decimal:  # noqa: A001 - the API's own word; the builtin is a notice for the shell
    """Return the credits left on the account (0 locally: rendering here costs nothing)."""
    return default_workspace().credits()


def projects() -> list[Project]:
    """Return the account's active projects."""
    return default_workspace().projects()
