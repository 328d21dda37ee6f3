"""The form: generated from the payload's fields, checked by the payload's own rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets

from tfi_notebook.contract.payloads import TalkingVideoPayload
from tfi_notebook.display import html
from tfi_notebook.errors import PayloadError
from tfi_notebook.widgets.controls import Control, ProjectControl, make_control
from tfi_notebook.widgets.source import SourceControl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pydantic.fields import FieldInfo

    from tfi_notebook.contract.records import Project
    from tfi_notebook.widgets.look import Look

GROUPS = {
    "Source": ("image_url", "audio_url"),
    "Project": ("project_id", "job_type", "language"),
    "Render": (
        "version",
        "output_size",
        "iteration_count",
        "dynamic_scale",
        "crop",
        "expand_ratio",
        "is_clone_required",
        "values",
    ),
}
REST = "Render"
"""The group in which a field appears that is named in none."""


class Form:
    """The controls of all fields.

    Args:
        look: the panel's shared layouts and styles.
        values: what stands in the controls at first, by field; the rest takes its default.
        uploads: whether the service takes files.

    Attributes:
        controls: field name → control, in the order of the reference page.
        boxes: one box of controls for each group.
    """

    def __init__(self, look: Look, values: Mapping[str, Any], *, uploads: bool) -> None:
        self._look = look
        fields = TalkingVideoPayload.model_fields
        first = {name: f.default for name, f in fields.items() if not f.is_required()} | dict(
            values
        )
        self.controls = {
            name: _control(name, field, look, first.get(name), uploads=uploads)
            for name, field in fields.items()
        }
        self.controls["crop"].observe(self._follow_crop)
        self._follow_crop()
        self._check()
        self._heads = {title: self._heading(title) for title in GROUPS}
        self.boxes = [
            ipywidgets.VBox(self._parts(title), layout=look.group) for title in self._heads
        ]

    @property
    def sources(self) -> list[SourceControl]:
        """The controls that take a picture or a sound."""
        return [item for item in self.controls.values() if isinstance(item, SourceControl)]

    def values(self) -> dict[str, Any]:
        """Return what is entered, by field; fields without an entry are left out."""
        entered = {name: control.value for name, control in self.controls.items()}
        return {name: value for name, value in entered.items() if value is not None}

    def fill(self, values: Mapping[str, Any]) -> None:
        """Put values into the controls; fields that are not named stay as they are."""
        for name, value in values.items():
            self.controls[name].fill(value)

    def check(self) -> TalkingVideoPayload | None:
        """Check what is entered, show each message below its control, return a valid payload."""
        payload = self._check()
        self._place()
        return payload

    def blame(self, field: str | None, problem: str) -> None:
        """Show a problem that the service found below the control of its field."""
        if field in self.controls:
            self.controls[field].say(problem)
            self._place()

    def offer_projects(self, projects: Iterable[Project]) -> None:
        """Offer the account's projects in the project control."""
        found = list(projects)
        for control in self.controls.values():
            if isinstance(control, ProjectControl):
                control.offer(found)

    def observe(self, changed: Callable[[Any], None]) -> None:
        """Call `changed` after every change of any control."""
        for control in self.controls.values():
            control.observe(changed)

    def problems(self) -> list[str]:
        """Return the titles of the fields that have a message now."""
        return [control.title for control in self.controls.values() if control.problem]

    def snapshot_html(self) -> str:
        """Return the form as a static table."""
        return html.form_table(
            (item.title, "" if item.value is None else item.value, item.problem)
            for item in self.controls.values()
        )

    def _check(self) -> TalkingVideoPayload | None:
        payload, problems = self._checked()
        for name, control in self.controls.items():
            control.say(problems.get(name, ""))
        return payload

    def _checked(self) -> tuple[TalkingVideoPayload | None, dict[str, str]]:
        try:
            return TalkingVideoPayload(**self.values()), {}
        except PayloadError as error:
            return None, error.problems

    def _place(self) -> None:
        """Messages and previews come and go with what is entered."""
        for title, box in zip(self._heads, self.boxes, strict=True):
            parts = tuple(self._parts(title))
            if parts != box.children:
                box.children = parts

    def _parts(self, title: str) -> list[Any]:
        grouped = {name for names in GROUPS.values() for name in names}
        rest = [name for name in self.controls if name not in grouped] if title == REST else []
        controls = [self.controls[name] for name in (*GROUPS[title], *rest)]
        return [self._heads[title], *(part for item in controls for part in item.parts())]

    def _heading(self, title: str) -> ipywidgets.HTML:
        look = self._look
        return ipywidgets.HTML(html.heading(title), layout=look.block, style=look.html_style)

    def _follow_crop(self, _: object = None) -> None:
        """Without a crop there is no room around the face to set."""
        self.controls["expand_ratio"].widget.disabled = not self.controls["crop"].value


def _control(
    name: str,
    field: FieldInfo,
    look: Look,
    value: Any,  # noqa: ANN401 - as many types as fields
    *,
    uploads: bool,
) -> Control:
    extra = field.json_schema_extra
    if isinstance(extra, dict) and extra.get("format") == "uri":
        return SourceControl(name, field, look, value, uploads=uploads)
    return make_control(name, field, look, value)
