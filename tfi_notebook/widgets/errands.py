"""What takes a form time: it is done on the background loop, and no failure of it is lost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tfi_notebook.display import words
from tfi_notebook.errors import (
    MissingExtraError,
    NotAPictureError,
    NotAudioError,
    SourceError,
    TfiError,
)
from tfi_notebook.widgets.sources import look

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from concurrent.futures import Future

    from tfi_notebook.lifecycle.workspace import Workspace
    from tfi_notebook.widgets.form import Form
    from tfi_notebook.widgets.form_page import Page
    from tfi_notebook.widgets.previews import Previews
    from tfi_notebook.widgets.sources import Picture, Sound
    from tfi_notebook.widgets.uploads import Upload


class Errands:
    """Uploads, looks at files and asks the service, for one form.

    Args:
        form: the form, which is told how it went.
        workspace: the connection.
        page: says which URLs stand in the form.
        previews: the files that are looked at.
    """

    def __init__(self, form: Form, workspace: Workspace, page: Page, previews: Previews) -> None:
        self._form, self._workspace = form, workspace
        self._page, self._previews = page, previews
        self._pending: set[Future[None]] = set()

    def upload(self, upload: Upload) -> None:
        """Hand a file to the service and enter its URL; not one that is known to be of no use."""
        _, media = self._page.urls()[upload.field]
        self._start(self._upload(upload, media), upload.field)

    def look(self) -> None:
        """Look at files that are here and new; at samples only once there is a page."""
        for field, (url, media) in self._page.urls().items():
            if self._previews.take_new(url, samples=self._page.is_open):
                self._start(self._look(field, url, media), field)

    def load_projects(self) -> Future[None] | None:
        """Ask for the account's projects and offer them."""
        return self._start(self._load_projects(), "project_id")

    def load_template(self, project_id: str) -> Future[None] | None:
        """Ask for a project's template and offer its fields."""
        return self._start(self._load_template(project_id), "project_id")

    def close(self) -> None:
        """Stop what is under way."""
        for future in tuple(self._pending):
            future.cancel()

    def _start(self, work: Coroutine[Any, Any, None], field: str) -> Future[None] | None:
        future = self._form.begin(self._beside(work, field))
        if future is not None:
            self._pending.add(future)
            future.add_done_callback(self._pending.discard)
        return future

    async def _beside(self, work: Coroutine[Any, Any, None], field: str) -> None:
        """An error is shown beside the control that it is about."""
        try:
            await work
        except TfiError as error:
            error.field = field
            self._form.failed(error)

    async def _upload(self, upload: Upload, media: str) -> None:
        data = bytes(upload.data)
        try:
            found = await self._looked_at(upload, media, data)
            url = await self._workspace.asset_async(data, upload.file_name)
        except TfiError:
            self._form.enter({upload.field: ""})  # what stood there is not what was meant
            raise
        finally:
            self._form.note(upload.field, "")
        self._previews.remember(url, upload.file_name, data, found)
        self._form.enter({upload.field: url})

    async def _looked_at(self, upload: Upload, media: str, data: bytes) -> Picture | Sound | None:
        """Look at an upload; None where that is not possible, or too much for this machine only.

        Raises:
            SourceError: nobody can use it, or the local service cannot.
        """
        try:
            return await asyncio.to_thread(look, media, upload.file_name, data)
        except MissingExtraError:
            return None
        except SourceError as error:
            is_hopeless = isinstance(error, (NotAPictureError, NotAudioError))
            if is_hopeless or self._workspace.settings.local:
                error.message = f"{words.readable(upload.file_name, 60)}: {error.message}"
                raise
            return None

    async def _look(self, field: str, url: str, media: str) -> None:
        try:
            await self._previews.look(url, media)
        except SourceError as error:
            self._form.blame(field, error.message)
        finally:
            self._form.show()

    async def _load_projects(self) -> None:
        self._form.offer_projects(await self._workspace.projects_async())

    async def _load_template(self, project_id: str) -> None:
        self._form.note("project_id", "asking for its template …")
        try:
            found = await self._workspace.engine.client.mapping_fields(project_id)
        finally:
            self._form.note("project_id", "")
        self._form.offer_mapping(found)
