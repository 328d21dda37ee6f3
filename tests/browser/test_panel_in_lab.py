from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import Lab

pytestmark = pytest.mark.browser

PANEL = "import tfi_notebook as tfi\ntfi.panel()"
RENDER_S = 180
# notes every status that the board's first row shows, in the order of their coming
WATCH_STATUS = """() => {
    window.statuses = [];
    const look = () => {
        const cell = document.querySelector('.tfi-board td');
        const word = cell ? cell.textContent.split(' ')[0].trim() : '';
        if (word && window.statuses.at(-1) !== word) window.statuses.push(word);
    };
    const everything = {childList: true, subtree: true, characterData: true};
    new MutationObserver(look).observe(document.querySelector('.tfi-board'), everything);
}"""
HAS_VIDEO = "() => document.querySelector('.tfi-video')?.duration > 0"
PLAY = """async () => {
    const video = document.querySelector('.tfi-video');
    video.muted = true; await video.play();
}"""
HAS_PLAYED = "() => document.querySelector('.tfi-video').currentTime > 0.3"
ATTACK = '<img src=x onerror="window.attacked = true">'


@pytest.fixture
def panel(jupyter_lab: Lab, page: Page, request: pytest.FixtureRequest) -> Page:
    """A page with JupyterLab on a notebook, in which `tfi.panel()` has run."""
    name = f"{request.node.name}.ipynb"
    jupyter_lab.notebook(name, PANEL, "import time; time.sleep(4)")
    jupyter_lab.open(page, name)
    jupyter_lab.run(page, 0)
    page.wait_for_selector(".tfi-submit")
    return page


def enter_number(page: Page, field: str, number: int) -> None:
    """Type a number over a slider's readout."""
    readout = page.locator(f".tfi-field-{field} .widget-readout")
    readout.click()
    page.keyboard.press("Control+a")
    page.keyboard.type(str(number))
    page.keyboard.press("Enter")
    expect(page.locator(".tfi-json")).to_contain_text(f'"{field}": {number},')


def test_a_click_makes_a_video_that_plays_inline(panel: Page, jupyter_lab: Lab) -> None:
    enter_number(panel, "output_size", 200)
    enter_number(panel, "iteration_count", 2)
    panel.evaluate(WATCH_STATUS)
    panel.click(".tfi-submit")
    expect(panel.locator(".tfi-reason")).to_contain_text("submitted as job")
    jupyter_lab.run(panel, 1)  # the kernel's main thread sleeps; the board goes on
    panel.wait_for_function("() => window.statuses.at(-1) === 'done'", timeout=RENDER_S * 1000)
    panel.wait_for_function(HAS_VIDEO)
    statuses = panel.evaluate("() => window.statuses")
    assert set(statuses) <= {"intent", "queued", "processing", "done"}
    assert "processing" in statuses, statuses
    panel.evaluate(PLAY)
    panel.wait_for_function(HAS_PLAYED)
    expect(panel.locator(".tfi-board")).to_contain_text("not TFI's model")
    expect(panel.locator(".tfi-caption")).to_contain_text("tfi_outputs/")


def test_the_badge_says_local(panel: Page) -> None:
    expect(panel.locator(".tfi-badge")).to_contain_text("LOCAL")
    expect(panel.locator(".tfi-badge")).to_contain_text("not TFI's model")


def test_a_wrong_field_says_why_not_and_a_right_one_submits_again(panel: Page) -> None:
    url = panel.locator(".tfi-field-image_url input")
    url.fill("file:///etc/passwd")
    expect(panel.locator(".tfi-message-image_url")).to_contain_text("must be an http or https URL")
    expect(panel.locator(".tfi-submit")).to_be_disabled()
    expect(panel.locator(".tfi-reason")).to_contain_text("Picture")
    expect(panel.locator(".tfi-preview-image_url")).to_have_count(0)
    url.fill("https://cdn.example.com/image.png")
    expect(panel.locator(".tfi-submit")).to_be_enabled()
    expect(panel.locator(".tfi-message-image_url")).to_have_count(0)


def test_without_a_crop_there_is_no_room_to_set(panel: Page) -> None:
    panel.locator(".tfi-field-crop input").uncheck()
    readout = panel.locator(".tfi-field-expand_ratio .widget-readout")
    expect(readout).to_have_attribute("contenteditable", "false")


def test_an_uploaded_picture_becomes_the_url_and_the_preview(panel: Page) -> None:
    with panel.expect_file_chooser() as choosing:
        panel.click(".tfi-upload-image_url")
    choosing.value.set_files(str(files("tfi_notebook").joinpath("samples", "portrait.png")))
    url = panel.locator(".tfi-field-image_url input")
    expect(url).to_have_value(re.compile("^http://tfi.localhost/assets/"))
    panel.wait_for_function(
        "() => document.querySelector('.tfi-preview-image_url')?.naturalWidth > 0"
    )


def test_markup_in_a_field_stays_text(panel: Page) -> None:
    panel.locator(".tfi-field-image_url input").fill(ATTACK)
    panel.locator(".tfi-field-project_id input").fill(ATTACK)
    panel.locator(".tfi-field-language input").fill(ATTACK)
    expect(panel.locator(".tfi-json")).to_contain_text("<img src=x onerror=")
    expect(panel.locator(".tfi-json img")).to_have_count(0)
    assert panel.evaluate("() => window.attacked") is None
