"""What a workspace does besides jobs: files, previews, and what the account has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfi_notebook.errors import SourceError
from tfi_notebook.lifecycle.given import checked_id, checked_payload, file_content
from tfi_notebook.lifecycle.onloop import OnLoop
from tfi_notebook.lifecycle.preflight import preflight

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from decimal import Decimal
    from typing import Any

    from tfi_notebook.contract.model import Payload
    from tfi_notebook.contract.records import MappingFields, Project
    from tfi_notebook.display.preview import PreviewView
    from tfi_notebook.lifecycle.embedded import Previews
    from tfi_notebook.lifecycle.engine import Engine
    from tfi_notebook.lifecycle.outlook import Outlook
    from tfi_notebook.lifecycle.preflight import Preflight
    from tfi_notebook.settings import Settings


class Account(OnLoop):
    """Files and account of one connection; a `Workspace` is one.

    Attributes:
        known_projects: the account's projects, as they were listed last; none before that.
    """

    settings: Settings
    known_projects: tuple[Project, ...] = ()
    _engine: Engine
    _previews: Previews

    def asset(self, path: str | os.PathLike[str]) -> str:
        """Put a local file where the service can fetch it, and return its URL.

        Raises:
            SourceError: there is no such file, it is empty or too large.
            SettingsError: the live API is meant, and no asset store is set.
        """
        content = file_content(path, self.settings.limits.upload_max_bytes)
        return self.run(self.asset_async(*content))

    async def asset_async(self, data: bytes, name: str) -> str:
        """Like `asset`, for bytes and as a coroutine for `start`."""
        most = self.settings.limits.upload_max_bytes
        if not 0 < len(data) <= most:
            what = f"too large (at most {most:,} bytes)" if data else "empty"
            raise SourceError(f"the file {name!r} is {what}", hint="check the file")
        return await self._engine.put_asset(data, name)

    def preview(
        self, payload: Payload | Mapping[str, Any], seconds: float = 2.0, size_px: int = 256
    ) -> PreviewView:
        """Render the beginning of a payload's video at once, on this machine; nothing is submitted.

        What was found out about a picture and a sound is kept, so that after the first call a
        changed parameter takes a fraction of a second. The pictures are those of the local job
        with the same payload at `output_size=size_px`, as far as the first 30 s of the voice
        tell; they are not TFI's model, on a live connection either.

        Args:
            payload: as for `submit`.
            seconds: length of the clip from the narration's start, at most 10.
            size_px: long edge, 64 to 2048.

        Returns:
            The clip: plays as the last expression of a cell; `.data`, `.save(path)`.

        Raises:
            ArgumentError, PayloadError: a length, size or field is wrong.
            SourceError: the picture or the sound cannot be used, or fetched from here.
            RenderError: the rendering failed.
            MissingExtraError: the packages of the local service are not installed.

        Example:
            >>> tfi.preview(tfi.build_payload(version=5))      # doctest: +SKIP
        """
        return self.run(self.preview_async(checked_payload(payload), seconds, size_px))

    async def preview_async(self, payload: Payload, seconds: float, size_px: int) -> PreviewView:
        """Like `preview`, as a coroutine for `start`."""
        return await self._previews.make(payload, seconds, size_px)

    def preflight(self, payload: Payload | Mapping[str, Any]) -> Preflight:
        """Look at the picture and the sound of a payload before anything is submitted.

        Each file is fetched from here by the rules of the local service (no private addresses,
        bounded size and time), or read where it lies in the local service; and it is decoded in a
        process of its own: is there a file, is it what its name says, does the picture hold a face,
        is the sound audible and 2 s long. What the live service itself can reach, this cannot tell.

        Args:
            payload: as for `submit`.

        Returns:
            The checks: `.ok`, `.problems()`, `.warnings()`; a table as a cell's last expression.
            No bad file raises an error.

        Raises:
            PayloadError: a field is wrong.

        Example:
            >>> tfi.preflight(tfi.build_payload())      # doctest: +SKIP
        """
        return self.run(self.preflight_async(checked_payload(payload)))

    async def preflight_async(self, payload: Payload) -> Preflight:
        """Like `preflight`, as a coroutine for `start`."""
        engine = self._engine
        report = await preflight(
            payload,
            local=self.settings.local,
            outgoing=engine.assets.outgoing,
            look_up=self._previews.look_up,
        )
        for field, url in payload.urls().items():
            if length_s := report.facts[field].get("duration_s"):
                engine.narrations.remember(url, length_s)
        return report

    def outlook(self, payload: Payload | Mapping[str, Any]) -> Outlook:
        """Return what earlier jobs tell of this payload's cost and time; only the ledger is asked.

        Args:
            payload: as for `submit`.

        Returns:
            Credits and seconds, each with the number of jobs that they come from, or None where
            nothing is known; and the job that has this payload already, if there is one.

        Raises:
            PayloadError: a field is wrong.
            LedgerError: the ledger cannot be read.

        Example:
            >>> tfi.default_workspace().outlook(tfi.build_payload()).words()  # doctest: +SKIP
            'costs nothing · takes about 4 s (from 12 like it)'
        """
        return self.run(self.outlook_async(checked_payload(payload)))

    async def outlook_async(self, payload: Payload) -> Outlook:
        """Like `outlook`, as a coroutine for `start`."""
        return await self._engine.outlooks.of(payload)

    def credits(self) -> Decimal:
        """Return the credits left on the account (0 locally: rendering here costs nothing)."""
        return self.run(self.credits_async())

    async def credits_async(self) -> Decimal:
        """Like `credits`, as a coroutine for `start`."""
        return await self._engine.client.credits()

    def projects(self) -> list[Project]:
        """Return the account's active projects."""
        return self.run(self.projects_async())

    async def projects_async(self) -> list[Project]:
        """Like `projects`, as a coroutine for `start`."""
        found = await self._engine.client.projects()
        self.known_projects = tuple(found)
        return found

    def mapping_fields(self, project_id: str) -> MappingFields:
        """Return the fields that a project's template takes in `values`.

        Raises:
            NotFoundError: there is no such project for this key.
        """
        name = checked_id(project_id, "project", "tfi.projects() lists the projects")
        return self.run(self._engine.client.mapping_fields(name))
