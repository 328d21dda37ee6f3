from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import DARK, LIGHT, themed
from tests.helpers.pictures import cartoon_face, on_canvas
from tests.helpers.sounds import ESPEAK_EN
from tfi_notebook.local.renderer.canvas import face_square
from tfi_notebook.media.face import find_face
from tfi_notebook.media.frames import encode_png, read_picture
from tfi_notebook.samples import PORTRAIT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Locator, Page

    from tests.browser.conftest import Lab

pytestmark = pytest.mark.browser

ATTACK = '<img src=x onerror="window.attacked = true">'
FORM = """
import tfi_notebook as tfi
from typing import Annotated
from tfi_notebook.contract.about import About
from tfi_notebook.contract.payloads import TalkingVideoPayload
from tfi_notebook.contract.records import MappingFields, Project
from tfi_notebook.widgets.form import Form, form
tfi.connect(local=True)
view = form()
view
"""
MOOD = """
class Mine(TalkingVideoPayload):
    mood: Annotated[str, About("a test")] = "calm"
view.close()
view = Form(tfi.connect(local=True), model=Mine)
view
"""
FOREIGN = f"""
attack = {ATTACK!r}
project = "468ea7a0-66e1-4357-a760-236e54167f3e"
view.offer_projects([Project(project, attack, attack)])
view.fill({{"project_id": project, "values": [attack], "language": attack}})
view.remember("image_url", attack + ".png", open({str(PORTRAIT)!r}, "rb").read())
view.blame("image_url", attack)
"""
TEMPLATE = f"""
attack = {ATTACK!r}
told = {{"fields": {{"a": {{"label": attack, "instructionType": "text"}}}}}}
view.offer_mapping(MappingFields.parse(told))
"""
SHOW = "print('PAYLOAD', view.values())"
BESIDE = "() => document.querySelector('.tfi-frame').dataset.square"
HEARD = "() => document.querySelector('.tfi-field-audio_url audio')?.currentTime > 0.2"


@pytest.fixture(scope="module")
def notebook(jupyter_lab: Lab, chromium: Browser) -> Iterator[Page]:
    """JupyterLab with one notebook for the whole module: opening it takes longer than a test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 1700})
    context.set_default_timeout(30_000)
    page = context.new_page()
    jupyter_lab.notebook("form.ipynb", FORM, SHOW, MOOD, FOREIGN, TEMPLATE)
    jupyter_lab.open(page, "form.ipynb")
    yield page
    context.close()


@pytest.fixture
def page(jupyter_lab: Lab, notebook: Page) -> Page:
    """The page with a form of its own, whose samples have been looked at."""
    notebook.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    notebook.wait_for_selector(".tfi-form", state="detached")
    jupyter_lab.run(notebook, 0)
    notebook.wait_for_selector(".tfi-frame")
    notebook.wait_for_selector(".tfi-wave")
    return notebook


def control(page: Page, field: str) -> Locator:
    """The control that holds a field's entry, beside a slider if there is one."""
    inside = page.locator(f".tfi-field-{field}")
    return inside.locator("input:not([type=range]):not([type=file]), select, textarea").first


def message(page: Page, field: str) -> Locator:
    return page.locator(f".tfi-message-{field}")


def entered(jupyter_lab: Lab, page: Page, text: str) -> None:
    """Ask the kernel what is entered, once it knows all of it, and wait for a text in it."""
    expect(page.locator(".tfi-form")).not_to_contain_text("uploading")
    page.wait_for_selector(".tfi-form[data-entered=known]")
    jupyter_lab.run(page, 1)
    expect(page.locator(".jp-OutputArea-output:has-text('PAYLOAD')")).to_contain_text(text)


def test_everything_is_filled_in_by_keyboard_alone(page: Page, jupyter_lab: Lab) -> None:
    control(page, "image_url").focus()
    keys = page.keyboard
    keys.press("Control+a")
    keys.type("https://cdn.example.com/a.png")
    for _ in range(3):  # upload, sample, the next field
        keys.press("Tab")
    keys.press("Control+a")
    keys.type("https://cdn.example.com/a.mp3")
    expect(page.locator(".tfi-wave")).to_have_count(0)  # nor its button
    for _ in range(3):
        keys.press("Tab")
    keys.press("Control+a")
    keys.type("468ea7a0-66e1-4357-a760-236e54167f3e")
    expect(control(page, "project_id")).to_be_focused()
    keys.press("Tab")
    expect(page.locator(".tfi-template")).to_be_focused()
    keys.press("Tab")
    keys.type("tts")
    keys.press("Tab")
    keys.press("Control+a")
    keys.type("pt-br")
    keys.press("Tab")
    keys.press("ArrowLeft")
    keys.press("Tab")
    keys.press("ArrowRight")  # the slider: one step of 8 px
    for _ in range(2):
        keys.press("Tab")
    keys.press("Tab")
    keys.press("Control+a")
    keys.type("7")
    for _ in range(3):
        keys.press("Tab")
    keys.press("Space")
    entered(jupyter_lab, page, "'crop': False")
    shown = page.locator(".jp-OutputArea-output:has-text('PAYLOAD')").inner_text()
    for text in (
        "https://cdn.example.com/a.png", "a.mp3", "'project_id': '468ea7a0-66e1-4357-a760-236e54",
        "'job_type': 'tts'", "'language': 'pt-br'", "'version': 5", "'output_size': 408",
        "'iteration_count': 7",
    ):  # fmt: skip
        assert text in shown
    expect(page.locator(".tfi-summary")).to_have_text("every field is right")


@pytest.mark.parametrize(
    ("field", "entry", "reason"),
    [
        ("image_url", "file:///etc/passwd", "must be an http or https URL"),
        ("audio_url", "https://user:pass@host/a.mp3", "must not carry a user name"),
        ("project_id", "my project", "must be a UUID"),
        ("language", "german please", "must be a language tag"),
        ("output_size", "5000", "must be between 64 and 2048, not 5000"),
        ("output_size", "large", "must be a whole number such as 20, not text"),
        ("iteration_count", "1.5", "must be a whole number such as 20, not 1.5"),
        ("dynamic_scale", "0,5", "must be a number such as 1.5, not text"),
        ("dynamic_scale", "1e400", "must be a number"),
        ("iteration_count", "1e9", "must be between 1 and 100, not 1000000000"),
        ("expand_ratio", "-1", "must be between 0 and 2, not -1"),
    ],
)
def test_a_wrong_entry_is_told_beside_it_while_typing(
    page: Page, field: str, entry: str, reason: str
) -> None:
    field_box = control(page, field)
    below = page.locator("fieldset").last.bounding_box()
    field_box.fill(entry)
    expect(message(page, field)).to_contain_text(reason)
    expect(field_box).to_be_focused()
    expect(field_box).to_have_value(entry)
    expect(field_box).to_have_attribute("aria-invalid", "true")
    assert page.locator("fieldset").last.bounding_box() == below, "something has jumped"
    summary = page.locator(".tfi-summary")
    expect(summary).to_contain_text("1 field needs a look")
    page.locator(".tfi-reset").focus()
    summary.locator("button").click()
    expect(field_box).to_be_focused()
    page.locator(".tfi-reset").click()
    expect(message(page, field)).to_have_text("")
    expect(summary).to_have_text("every field is right")
    expect(page.locator(".tfi-default:visible")).to_have_count(10)


@pytest.mark.parametrize(
    ("field", "default"),
    [
        ("output_size", "400"),
        ("iteration_count", "10"),
        ("dynamic_scale", "1"),
        ("expand_ratio", "0.5"),
        ("language", "en"),
    ],
)
def test_an_emptied_box_shows_on_leaving_what_will_be_sent(
    page: Page, jupyter_lab: Lab, field: str, default: str
) -> None:
    box = control(page, field)
    box.fill("7")
    box.fill("")
    page.wait_for_selector(".tfi-form[data-entered=known]")
    expect(box).to_have_value("")  # nothing is put under the hands of who types
    page.keyboard.press("Tab")
    expect(box).to_have_value(default)
    expect(page.locator(".tfi-summary")).to_have_text("every field is right")
    entered(jupyter_lab, page, f"'{field}': {default!r}" if field == "language" else default)


def test_the_caret_stays_where_it_is_while_the_kernel_answers(page: Page) -> None:
    box = control(page, "output_size")
    box.fill("6.40")
    box.evaluate("box => box.setSelectionRange(1, 1)")
    page.keyboard.type("0")
    expect(message(page, "output_size")).to_contain_text("must be a whole number")
    assert box.input_value() == "60.40"
    assert box.evaluate("box => box.selectionStart") == 2


@pytest.mark.parametrize("upright", [True, False], ids=["sample", "wide"])
def test_the_frame_is_what_the_renderer_cuts(page: Page, tmp_path: Path, *, upright: bool) -> None:
    picture = PORTRAIT
    if not upright:
        picture = tmp_path / "wide.png"
        face = read_picture(PORTRAIT)[:240, 90:400]
        picture.write_bytes(encode_png(on_canvas(face, 900, 300, 30, 20)))
        upload(page, "image_url", picture)
        expect(page.locator(".tfi-of-picture")).to_contain_text("wide.png · 900 \u00d7 300 px")
    rgb = read_picture(picture)
    landmarks = find_face(rgb).landmarks
    slider = page.locator(".tfi-field-expand_ratio input[type=range]")
    slider.focus()
    seen = []
    for key, ratio in (("Home", 0.0), ("ArrowRight", 0.05), ("PageUp", None), ("End", 2.0)):
        page.keyboard.press(key)
        value = float(control(page, "expand_ratio").input_value())
        assert ratio is None or value == pytest.approx(ratio)
        x, y, side = map(int, page.evaluate(BESIDE).split())
        expected = np.array(face_square(landmarks, rgb.shape[:2], value))
        seen.append(side)
        assert np.abs(expected - [x, y, x + side, y + side]).max() <= 1, (value, expected, x, y)
    assert seen == sorted(seen)
    assert seen[-1] > seen[0]
    page.locator(".tfi-field-crop input").uncheck()
    expect(page.locator(".tfi-frame")).to_be_hidden()
    expect(message(page, "expand_ratio")).to_contain_text("without effect")


def upload(page: Page, field: str, path: Path) -> None:
    with page.expect_file_chooser() as choosing:
        page.click(f".tfi-upload-{field}")
    choosing.value.set_files(str(path))


def test_uploads_become_urls_and_are_seen_and_heard(
    page: Page, jupyter_lab: Lab, tmp_path: Path
) -> None:
    two = tmp_path / "two.png"
    face = cartoon_face(300)
    two.write_bytes(encode_png(on_canvas(np.hstack([face, face]), 700, 400, 40, 60)))
    upload(page, "image_url", two)
    local = re.compile(r"^http://tfi.localhost/assets/")
    expect(control(page, "image_url")).to_have_value(local)
    expect(page.locator(".tfi-of-picture")).to_contain_text("two.png · 700 \u00d7 400 px")
    expect(message(page, "image_url")).to_contain_text("2 faces")
    page.wait_for_function(
        "() => document.querySelector('.tfi-preview-image_url').naturalWidth > 0"
    )
    upload(page, "audio_url", ESPEAK_EN)
    expect(page.locator(".tfi-of-sound")).to_contain_text("espeak_en.wav")
    assert len(page.locator(".tfi-wave path").get_attribute("d") or "") > 1000
    page.click(".tfi-of-sound button")
    page.wait_for_function(HEARD)
    entered(jupyter_lab, page, "http://tfi.localhost/assets/")


def test_a_file_that_is_no_picture_says_so(page: Page, tmp_path: Path) -> None:
    text = tmp_path / "note.png"
    text.write_text("no picture")
    upload(page, "image_url", text)
    expect(message(page, "image_url")).to_contain_text("note.png: the file is none of PNG")
    expect(page.locator(".tfi-summary")).to_contain_text("1 field needs a look: Picture")
    expect(page.locator(".tfi-of-picture")).to_have_text("no preview: nothing is entered")
    page.click(".tfi-field-image_url button:has-text('Sample')")
    expect(message(page, "image_url")).to_have_text("")
    expect(page.locator(".tfi-of-picture")).to_contain_text("portrait.png")


def test_a_dropped_file_is_an_upload(page: Page) -> None:
    data = files("tfi_notebook").joinpath("samples", "portrait.png").read_bytes()
    drop: Any = """([node, bytes]) => {
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([new Uint8Array(bytes)], 'dropped.png'));
        const given = {dataTransfer, bubbles: true, cancelable: true};
        node.dispatchEvent(new DragEvent('drop', given)) }"""
    node = page.locator(".tfi-field-image_url").element_handle()
    page.evaluate(drop, [node, list(data)])
    expect(page.locator(".tfi-of-picture")).to_contain_text("dropped.png")


def test_tags_come_and_go_by_keyboard(page: Page, jupyter_lab: Lab) -> None:
    box = control(page, "values")
    box.focus()
    page.keyboard.type("one")
    page.keyboard.press("Enter")
    page.keyboard.type("two,three")
    page.keyboard.press("Enter")
    tags = page.locator(".tfi-tags li")
    expect(tags).to_have_count(3)
    page.keyboard.press("Backspace")
    expect(tags).to_have_count(2)
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(tags).to_have_count(1)
    expect(box).to_be_focused()
    expect(message(page, "values")).to_contain_text("without effect")
    entered(jupyter_lab, page, "'values': ['two']")


def test_a_template_is_filled_in_with_its_own_fields(page: Page, jupyter_lab: Lab) -> None:
    page.locator(".tfi-template").focus()
    page.keyboard.press("Space")
    picture = page.locator("[class~='tfi-field-values.image']")
    expect(picture).to_contain_text("Picture")
    expect(page.locator(".tfi-template")).to_be_focused()
    expect(page.locator(".tfi-field-output_size")).to_have_count(0)
    picture.locator("button:has-text('Sample')").click()
    expect(picture.locator("img")).to_be_visible()
    page.locator("[class~='tfi-field-values.audio'] input").first.fill("no url")
    expect(page.locator("[class~='tfi-message-values.audio']")).to_contain_text("must not hold")
    page.locator("[class~='tfi-field-values.audio'] button:has-text('Sample')").click()
    entered(
        jupyter_lab, page, "'image': {'image_url': 'http://tfi.localhost/samples/portrait.png'}"
    )
    page.locator(".tfi-template").uncheck()
    expect(control(page, "output_size")).to_have_value("400")


def test_a_new_field_of_the_model_appears_by_itself(page: Page, jupyter_lab: Lab) -> None:
    jupyter_lab.run(page, 2)
    box = control(page, "mood")
    expect(box).to_have_value("calm")
    expect(page.locator(".tfi-field-mood")).to_contain_text("a test")
    box.fill("angry")
    entered(jupyter_lab, page, "'mood': 'angry'")


def test_foreign_text_stays_text(page: Page, jupyter_lab: Lab) -> None:
    jupyter_lab.run(page, 3)
    expect(message(page, "image_url")).to_contain_text(ATTACK)
    expect(page.locator(".tfi-of-picture")).to_contain_text(ATTACK)
    expect(page.locator(".tfi-tags li")).to_contain_text(ATTACK)
    expect(page.locator(".tfi-form img")).to_have_count(1)
    jupyter_lab.run(page, 4)
    expect(page.locator("[class~='tfi-field-values.a']")).to_contain_text(ATTACK)
    expect(page.locator(".tfi-form img")).to_have_count(0)
    assert page.evaluate("() => window.attacked") is None


THEMES = [LIGHT, DARK, "JupyterLab Dark High Contrast"]


@pytest.mark.parametrize("theme", THEMES)
def test_no_serious_violation_in_any_theme_or_width(page: Page, theme: str) -> None:
    control(page, "language").fill("german please")
    control(page, "output_size").fill("401")
    control(page, "values").fill("a,b")
    control(page, "values").press("Enter")
    expect(message(page, "language")).to_contain_text("must be")
    form = page.locator(".tfi-form")
    form.evaluate("form => { form.style.width = '480px' }")
    with themed(page, theme):
        found = Axe().run(page, context=".tfi-form").response["violations"]
    assert [one["id"] for one in found if one["impact"] in {"serious", "critical"}] == []
    assert form.evaluate("form => form.scrollWidth <= form.clientWidth")
