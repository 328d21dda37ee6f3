"""What a panel shows before anything is entered: which connection, and its name."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tfi_notebook.display import html, words
from tfi_notebook.errors import ArgumentError

if TYPE_CHECKING:
    from decimal import Decimal

    from tfi_notebook.lifecycle.workspace import Workspace


def opened(workspace: Workspace | None, name: str) -> Workspace:
    """Return an open workspace: the one that is given, or else the default one.

    Args:
        workspace: what a person has given.
        name: the public function that was called, for the hint.

    Raises:
        ArgumentError: something else was given.
        ServiceError: it is closed.
        SettingsError, MissingExtraError: as of `connect`.
    """
    from tfi_notebook.lifecycle.default import default_workspace  # noqa: PLC0415 - opens a ledger
    from tfi_notebook.lifecycle.workspace import Workspace  # noqa: PLC0415 - the same

    known = default_workspace() if workspace is None else workspace
    if not isinstance(known, Workspace):
        raise ArgumentError(
            "must be a Workspace", field="workspace", hint=f"tfi.{name}() needs none"
        )
    known.check_open()
    return known


def badge_words(workspace: Workspace, amount: Decimal | None) -> str:
    """Name the service, with the credits once they are known."""
    known = workspace.settings
    host = "" if known.embedded else urlsplit(known.base_url).netloc
    return words.service_badge(local=known.local, host=host, credit=amount)


def badge_html(text: str) -> str:
    """Return the title of the panel with the badge of its service."""
    return html.root(f"<b>AI talking video</b> {html.badge(text)}")
