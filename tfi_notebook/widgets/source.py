"""A picture or a sound: its URL, a button to upload a file instead, and a preview.

The preview only shows bytes that are here already (an upload, a sample of the package). A URL
that somebody typed is never fetched by the kernel.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import ipywidgets

from tfi_notebook.widgets.controls import Control

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic.fields import FieldInfo

    from tfi_notebook.widgets.look import Look

PICTURES = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp", ".bmp": "bmp"}
SOUNDS = {".wav": "wav", ".mp3": "mpeg", ".m4a": "mp4", ".flac": "flac", ".ogg": "ogg"}
SAMPLES = ("portrait.png", "voice.wav")


class SourceControl(Control):
    """The URL of a picture or a sound, with an upload and a preview.

    Args:
        name: the field's name; `audio_url` takes sounds, every other pictures.
        field: pydantic's description of it.
        look: the panel's shared layouts and styles.
        value: what stands in it at first; None for nothing.
        uploads: whether the service takes files; TFI's API takes URLs only.

    Attributes:
        upload: the button that takes a file.
    """

    def __init__(
        self, name: str, field: FieldInfo, look: Look, value: str | None, *, uploads: bool
    ) -> None:
        title = field.title or name
        text = ipywidgets.Text(
            value=value or "",
            description=title,
            tooltip=f"{name}: {field.description}",
            placeholder="https://…",
            layout=look.grow,
            style=look.text_style,
            _dom_classes=(f"tfi-field-{name}",),
        )
        super().__init__(name, title, text, look)
        self._formats = SOUNDS if name == "audio_url" else PICTURES
        self._known: dict[str, tuple[str, bytes]] = {}
        self._preview: Any = None
        self.upload = self._upload_button(uploads=uploads)
        self._row = ipywidgets.HBox([text, self.upload], layout=look.row)
        if uploads and value:
            self._remember_sample(value)

    def remember(self, url: str, file_name: str, data: bytes) -> None:
        """Keep the bytes behind a URL, so that it can be previewed while it stands in the form."""
        suffix = PurePath(file_name).suffix.lower()
        if suffix in self._formats:
            self._known[url] = (self._formats[suffix], data)

    def on_upload(self, take: Callable[[SourceControl, str, bytes], object]) -> None:
        """Call `take` with this control, the file's name and its bytes after every upload."""

        def changed(_: object) -> None:
            for item in self.upload.value:
                take(self, str(item["name"]), bytes(item["content"]))

        self.upload.observe(changed, names="value")

    def parts(self) -> list[Any]:
        """Return URL and button in a row, the message, and the preview if there is one."""
        known = self._known.get(self.widget.value)
        return super().parts() + ([self._shown(*known)] if known else [])

    def row(self) -> Any:  # noqa: ANN401 - ipywidgets publishes no types
        """Return the URL and the upload button."""
        return self._row

    def _upload_button(self, *, uploads: bool) -> Any:  # noqa: ANN401 - ipywidgets publishes no types
        return ipywidgets.FileUpload(
            accept=",".join(self._formats),
            disabled=not uploads,
            tooltip="Upload a file" if uploads else "TFI's API takes no files: give a public URL",
            layout=self._look.fixed,
            style=self._look.button_style,
            _dom_classes=(f"tfi-upload-{self.name}",),
        )

    def _remember_sample(self, url: str) -> None:
        """The local service's samples are files of this package."""
        name = next((sample for sample in SAMPLES if url.endswith(f"/samples/{sample}")), None)
        if name is not None:
            self.remember(url, name, files("tfi_notebook").joinpath("samples", name).read_bytes())

    def _shown(self, kind: str, data: bytes) -> Any:  # noqa: ANN401 - ipywidgets publishes no types
        """Put bytes into the one preview of this control."""
        if self._preview is None:
            self._preview = self._new_preview(kind, data)
        elif self._preview.value != data:
            self._preview.format, self._preview.value = kind, data
        return self._preview

    def _new_preview(self, kind: str, data: bytes) -> Any:  # noqa: ANN401 - ipywidgets publishes no types
        given = {"value": data, "format": kind, "_dom_classes": (f"tfi-preview-{self.name}",)}
        if self._formats is PICTURES:
            return ipywidgets.Image(layout=self._look.picture, **given)
        return ipywidgets.Audio(autoplay=False, loop=False, layout=self._look.line, **given)
