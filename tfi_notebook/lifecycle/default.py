"""The module-level helpers: the same walk over one default workspace, made on first use."""

from __future__ import annotations

import hmac
import os
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tfi_notebook import settings, signin
from tfi_notebook.contract import payloads, templates
from tfi_notebook.contract.local import sample_fields
from tfi_notebook.keys import seal
from tfi_notebook.lifecycle.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal
    from pathlib import Path

    from tfi_notebook.contract.payloads import TalkingVideoPayload
    from tfi_notebook.contract.records import MappingFields, Project
    from tfi_notebook.contract.templates import TemplatePayload
    from tfi_notebook.display.preview import PreviewView
    from tfi_notebook.lifecycle.job import Job
    from tfi_notebook.lifecycle.joblist import JobList
    from tfi_notebook.lifecycle.preflight import Preflight
    from tfi_notebook.lifecycle.resolve import UnresolvedJobs
    from tfi_notebook.settings import ApiKey, Limits, Settings

_lock = threading.RLock()
_default: Workspace | None = None


def connect(
    api_key: str | ApiKey | None = None,
    base_url: str | None = None,
    *,
    local: bool | None = None,
    ledger: str | Path | None = None,
    outputs: str | Path | None = None,
    assets: str | None = None,
    limits: Limits | None = None,
) -> Workspace:
    """Open a workspace and make it the default one of the module-level helpers.

    A cell that is run again opens nothing twice: while the default workspace is open and means
    the same, it is returned again.

    Args:
        api_key: key of the live API; default from `tfi_notebook.keystore`. Better `tfi.login()`:
            a literal key stays in the cell and in the history.
        base_url: address of the API; default the public one.
        local: True forces the local service (with `base_url`: one that is served there); False
            the live API; None takes the live API exactly when there is a key.
        ledger: the ledger's file; default one in the user's data folder.
        outputs: folder for finished videos; default `tfi_outputs` in the current folder.
        assets: where `asset` puts files for the live API, such as `s3://bucket/folder`; default
            `TFI_ASSET_STORE`.
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
    api_key = seal(api_key)  # before anything can fail: see `tfi_notebook.keys`
    known = settings.resolve(
        api_key, base_url, local=local, ledger=ledger, outputs=outputs, assets=assets,
        limits=limits,
    )  # fmt: skip
    with _lock:
        current = _default
        if current is None or current.closed or not _means_the_same(current.settings, known):
            current = _default = Workspace(known)
        return current


def login() -> ApiKey:
    """Ask for the key of the live API and keep it; see `tfi_notebook.signin.ask_and_store`.

    The next helper that is used connects anew, with this key.
    """
    key = signin.ask_and_store()
    _leave()
    return key


def logout() -> list[str]:
    """Remove the kept key and return the places it was in; see `tfi_notebook.signin`."""
    removed = signin.remove_stored()
    _leave()
    return removed


def _leave() -> None:
    """Close the default workspace: it was made with another key. Its jobs stay in the ledger."""
    global _default
    with _lock:
        current, _default = _default, None
    if current is not None:
        current.close()


def default_workspace() -> Workspace:
    """Return the workspace of the helpers, made with `connect()` at its first use."""
    with _lock:
        current = _default
        return current if current is not None and not current.closed else connect()


def _means_the_same(one: Settings, other: Settings) -> bool:
    """Compare all settings; of the keys their text, for each is its own object."""
    same_key = hmac.compare_digest(one.api_key.reveal().encode(), other.api_key.reveal().encode())
    return same_key and replace(one, api_key=other.api_key) == other


def _forget_after_fork() -> None:
    """A forked child opens its own workspace: the parent's threads are not in it."""
    global _lock, _default
    _lock, _default = threading.RLock(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)


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


def build_template_payload(**fields: Any) -> TemplatePayload:  # noqa: ANN401 - validated
    """Build and check a payload of the template form; see `TemplatePayload`."""
    return templates.build_template_payload(**fields)


build_template_payload.__signature__ = templates.build_template_payload.__signature__  # type: ignore[attr-defined]


def submit(payload: TalkingVideoPayload | Mapping[str, Any], *, force: bool = False) -> Job:
    """Submit a payload once and return its job at once; see `Workspace.submit`."""
    return default_workspace().submit(payload, force=force)


def preview(
    payload: TalkingVideoPayload | Mapping[str, Any], seconds: float = 2.0, size_px: int = 256
) -> PreviewView:
    """Render the beginning of a payload's video at once, on this machine; see `Workspace.preview`.

    Example:
        >>> tfi.preview(tfi.build_payload(version=5))      # doctest: +SKIP
    """
    return default_workspace().preview(payload, seconds, size_px)


def preflight(payload: TalkingVideoPayload | Mapping[str, Any]) -> Preflight:
    """Look at a payload's picture and sound before anything is paid; see `Workspace.preflight`.

    Example:
        >>> tfi.preflight(tfi.build_payload())      # doctest: +SKIP
    """
    return default_workspace().preflight(payload)


def job(job_id: str) -> Job:
    """Take up a job by its id, after any restart; see `Workspace.job`."""
    return default_workspace().job(job_id)


def jobs(limit: int | None = None, **conditions: Any) -> JobList:  # noqa: ANN401 - see there
    """Return everything that was ever submitted, newest first; see `Workspace.jobs`."""
    return default_workspace().jobs(limit, **conditions)


def unresolved() -> UnresolvedJobs:
    """Return the jobs whose submit had no answer; see `Workspace.unresolved`."""
    return default_workspace().unresolved()


def resume() -> None:
    """Go on after an outage at once, and watch what an earlier kernel has left."""
    default_workspace().resume()


def asset(path: str | os.PathLike[str]) -> str:
    """Put a local file where the service can fetch it, and return its URL."""
    return default_workspace().asset(path)


def credits() -> Decimal:  # noqa: A001 - the API's own word; the builtin is a notice for the shell
    """Return the credits left on the account (0 locally: rendering here costs nothing)."""
    return default_workspace().credits()


def projects() -> list[Project]:
    """Return the account's active projects."""
    return default_workspace().projects()


def mapping_fields(project_id: str) -> MappingFields:
    """Return the fields that a project's template takes in `values`."""
    return default_workspace().mapping_fields(project_id)
