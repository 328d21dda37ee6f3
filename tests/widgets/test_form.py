from __future__ import annotations

import ipywidgets
import pytest

from tests.helpers.payloads import GOOD
from tfi_notebook.contract.payloads import TalkingVideoPayload, field_names
from tfi_notebook.contract.records import Project
from tfi_notebook.widgets.controls import ProjectControl
from tfi_notebook.widgets.form import Form
from tfi_notebook.widgets.look import Look

WIDGETS = {
    "image_url": ipywidgets.Text,
    "audio_url": ipywidgets.Text,
    "job_type": ipywidgets.Dropdown,
    "project_id": ipywidgets.Combobox,
    "is_clone_required": ipywidgets.Checkbox,
    "language": ipywidgets.Combobox,
    "version": ipywidgets.ToggleButtons,
    "output_size": ipywidgets.IntSlider,
    "crop": ipywidgets.Checkbox,
    "dynamic_scale": ipywidgets.FloatSlider,
    "iteration_count": ipywidgets.IntSlider,
    "expand_ratio": ipywidgets.FloatSlider,
    "values": ipywidgets.TagsInput,
}


@pytest.fixture
def form() -> Form:
    return Form(Look(), GOOD, uploads=True)


def message(form: Form, field: str) -> str:
    """The text that stands directly below a field's control; empty if there is no line."""
    control = form.controls[field]
    for box in form.boxes:
        parts = list(box.children)
        if control.row() in parts:
            below = parts[parts.index(control.row()) + 1 :]
            marked = below and f"tfi-message-{field}" in below[0]._dom_classes
            return str(below[0].value) if marked else ""
    raise AssertionError(f"{field} is not in the form")


def test_every_field_of_the_payload_has_its_control(form: Form) -> None:
    assert {name: type(item.widget) for name, item in form.controls.items()} == WIDGETS
    for name, control in form.controls.items():
        field = TalkingVideoPayload.model_fields[name]
        assert f"tfi-field-{name}" in control.widget._dom_classes
        assert str(field.description) in control.widget.tooltip


def test_what_is_filled_in_comes_out_as_the_payload(form: Form) -> None:
    changes = {
        "language": "pt-BR",
        "version": 4,
        "output_size": 512,
        "crop": False,
        "dynamic_scale": 1.25,
        "iteration_count": 7,
        "is_clone_required": True,
        "values": ["a", "b", "a"],
        "job_type": "video",
    }
    form.fill(changes)
    assert form.check() == TalkingVideoPayload(**(GOOD | changes))


def test_an_untouched_form_is_the_documented_example(form: Form) -> None:
    assert form.check() == TalkingVideoPayload(**GOOD)


def test_sliders_keep_to_the_guards_of_the_contract(form: Form) -> None:
    sizes = form.controls["output_size"].widget
    assert (sizes.min, sizes.max, sizes.step) == (64, 2048, 8)
    sizes.value = 100_000
    payload = form.check()
    assert payload is not None
    assert payload.output_size == 2048


@pytest.mark.parametrize(
    ("field", "entry", "reason"),
    [
        ("image_url", "", "is required"),
        ("image_url", "portrait.png", "must be an http or https URL"),
        ("image_url", "http://user:pass@host/a.png", "must not carry a user name"),
        ("audio_url", "https://", "must name a host"),
        ("project_id", "", "is required"),
        ("project_id", "my project", "must be a UUID"),
        ("language", "german please", "must be a language tag"),
    ],
)
def test_a_wrong_entry_has_its_reason_directly_below(
    form: Form, field: str, entry: str, reason: str
) -> None:
    form.fill({field: entry})
    assert form.check() is None
    assert reason in message(form, field)
    assert form.problems() == [form.controls[field].title]
    others = [name for name in field_names() if name != field]
    assert [message(form, name) for name in others] == [""] * len(others)
    form.fill(GOOD | {"language": "en"})
    assert form.check() is not None
    assert message(form, field) == ""


def test_expand_needs_a_crop(form: Form) -> None:
    expand = form.controls["expand_ratio"].widget
    assert not expand.disabled
    form.fill({"crop": False})
    assert expand.disabled
    form.fill({"crop": True})
    assert not expand.disabled


def test_a_project_is_chosen_by_name_and_sent_by_id(form: Form) -> None:
    project_id = "468ea7a0-66e1-4357-a760-236e54167f3e"
    form.offer_projects([Project(project_id, "Spring campaign", "x"), Project("raw-id", "", "x")])
    control = form.controls["project_id"]
    assert isinstance(control, ProjectControl)
    first, second = control.widget.options
    assert "Spring campaign" in first
    assert second == "raw-id"
    control.fill(first)
    assert control.value == project_id


def test_a_preview_only_shows_bytes_that_are_here(form: Form) -> None:
    source = form.sources[0]
    kinds = [type(part) for part in source.parts()]
    assert kinds == [ipywidgets.HBox], "a URL that somebody typed is not fetched"
    source.remember("http://tfi.localhost/assets/a.png", "Portrait.PNG", b"\x89PNG")
    source.fill("http://tfi.localhost/assets/a.png")
    _, preview = source.parts()
    assert isinstance(preview, ipywidgets.Image)
    assert (preview.format, preview.value) == ("png", b"\x89PNG")
    source.fill("https://cdn.example.com/image.png")
    assert len(source.parts()) == 1


def test_a_file_of_another_kind_gets_no_preview(form: Form) -> None:
    source = form.sources[0]
    source.remember("http://tfi.localhost/assets/a.svg", "a.svg", b"<svg onload=alert(1)>")
    source.fill("http://tfi.localhost/assets/a.svg")
    assert len(source.parts()) == 1
