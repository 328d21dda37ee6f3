from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import KERNEL_READY
from tfi_notebook.samples import PORTRAIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Locator, Page

    from tests.browser.conftest import Lab

pytestmark = pytest.mark.browser

PANEL = "import tfi_notebook as tfi\npanel = tfi.panel()\npanel"
QUIET = "import tfi_notebook as tfi\npanel = tfi.panel()\npanel.preview.on = False\npanel"
RENDER_S = 180
RENDER_MS = 1000 * RENDER_S
PREVIEW_S = 3.0  # 0.8 s is promised of a machine that does nothing else
# what of each tab comes last
DRAWN = {"Video": ".tfi-submit", "Sweep": ".tfi-plan :text('see the form')",
         "History": ".tfi-board[class] .tfi-place:not(:empty)"}  # fmt: skip
RESTART = "() => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()"
CRASH = """() => { window.jupyterapp.shell.currentWidget.sessionContext.session.kernel
    .requestExecute({ code: "import os; os.kill(os.getpid(), 9)" }) }"""
# notes every status that the board's first row shows, in the order of their coming
WATCH_STATUS = """() => {
    window.statuses = [];
    const look = () => {
        const cell = document.querySelector('.tfi-board tbody tr');
        const found = cell && /queued|processing|done|failed/.exec(cell.textContent);
        const word = found ? found[0] : '';
        if (word && window.statuses.at(-1) !== word) window.statuses.push(word);
    };
    const everything = {childList: true, subtree: true, characterData: true};
    new MutationObserver(look).observe(document.querySelector('.tfi-panel'), everything);
}"""
HAS_VIDEO = "() => document.querySelector('.tfi-video')?.duration > 0"
PLAY = """async () => {
    const video = document.querySelector('.tfi-video');
    video.muted = true; await video.play();
}"""
HAS_PLAYED = "() => document.querySelector('.tfi-video').currentTime > 0.3"
# notes what stands in the places of previews, from the first moment on
NOTE_BLANKS = """() => {
    window.blanks = new Set();
    const look = () => document.querySelectorAll('.tfi-clip p, .tfi-preview p')
        .forEach((place) => window.blanks.add(place.textContent));
    const everything = {childList: true, subtree: true, characterData: true};
    new MutationObserver(look).observe(document, everything);
}"""
CLIP = "() => document.querySelector('.tfi-clip video').src"
PREVIEW_PLAYS = "() => document.querySelector('.tfi-instant video')?.currentTime > 0.1"
ATTACK = '<img src=x onerror="window.attacked = true">'
NO_OVERFLOW = """() => {
    const panel = document.querySelector('.tfi-panel');
    return panel.scrollWidth <= panel.clientWidth + 1; }"""


def opened(lab: Lab, page: Page, name: str, *cells: str) -> Page:
    """Open a notebook of these cells and run the first, which shows a panel."""
    lab.notebook(f"{name}.ipynb", *cells)
    lab.open(page, f"{name}.ipynb")
    lab.run(page, 0)
    page.wait_for_selector(".tfi-submit:enabled")
    return page


@pytest.fixture
def panel(jupyter_lab: Lab, page: Page, request: pytest.FixtureRequest) -> Page:
    """A page with JupyterLab on a notebook, in which `tfi.panel()` has run."""
    name = re.sub(r"\W", "_", request.node.name)
    return opened(jupyter_lab, page, name, QUIET, "import time; time.sleep(4)")


def enter(page: Page, field: str, text: str) -> None:
    """Type a value into a field, as with the keyboard."""
    box = page.locator(f".tfi-field-{field} input:not([type=range])")
    box.fill(text)
    box.press("Enter")
    expect(page.locator(".tfi-json")).to_contain_text(f'"{field}": {text},')


def test_a_click_makes_a_video_that_plays_inline(panel: Page, jupyter_lab: Lab) -> None:
    enter(panel, "output_size", "200")
    enter(panel, "iteration_count", "2")
    panel.evaluate(WATCH_STATUS)
    panel.dblclick(".tfi-submit")
    expect(panel.locator(".tfi-reason")).to_contain_text("submitted as job")
    jupyter_lab.run(panel, 1)  # the kernel's main thread sleeps; the board goes on
    panel.wait_for_function("() => window.statuses.at(-1) === 'done'", timeout=RENDER_MS)
    panel.wait_for_function(HAS_VIDEO)
    assert "processing" in panel.evaluate("() => window.statuses")
    panel.evaluate(PLAY)
    panel.wait_for_function(HAS_PLAYED)
    expect(panel.locator(".tfi-caption")).to_contain_text("tfi_outputs/")
    expect(panel.locator(".tfi-submit")).to_have_text("Show its result")


def test_a_wrong_field_says_why_not_and_a_right_one_submits_again(panel: Page) -> None:
    expect(panel.locator(".tfi-badge")).to_contain_text("not TFI's model")
    url = panel.locator(".tfi-field-image_url input:not([type=file])")
    url.fill("file:///etc/passwd")
    expect(panel.locator(".tfi-message-image_url")).to_contain_text("must be an http or https URL")
    expect(panel.locator(".tfi-submit")).to_be_disabled()
    expect(panel.locator(".tfi-reason")).to_contain_text("Picture")
    url.fill("https://cdn.example.com/image.png")
    expect(panel.locator(".tfi-submit")).to_be_enabled()
    expect(panel.locator(".tfi-message-image_url")).to_have_text("")


def test_a_picture_that_cannot_be_read_cannot_be_submitted(panel: Page, tmp_path: Path) -> None:
    cut = tmp_path / "cut.png"
    cut.write_bytes(PORTRAIT.read_bytes()[:9000])
    chosen = panel.locator(".tfi-field-image_url input[type=file]")
    chosen.set_input_files(cut)
    expect(panel.locator(".tfi-message-image_url")).to_contain_text("damaged or cut short")
    expect(panel.locator(".tfi-submit")).to_be_disabled()
    expect(panel.locator(".tfi-reason")).to_have_text("cannot be submitted yet: see Picture")
    chosen.set_input_files(PORTRAIT)
    expect(panel.locator(".tfi-submit")).to_be_enabled()
    expect(panel.locator(".tfi-message-image_url")).to_have_text("")


def test_the_keyboard_alone_fills_submits_and_turns_the_tabs(panel: Page) -> None:
    panel.locator(".tfi-field-output_size input:not([type=range])").focus()
    panel.keyboard.press("Control+a")
    panel.keyboard.type("128")
    expect(panel.locator(".tfi-json")).to_contain_text('"output_size": 128,')
    for _ in range(60):
        panel.keyboard.press("Tab")
        if panel.evaluate("() => document.activeElement.classList.contains('tfi-submit')"):
            break
    panel.keyboard.press("Enter")
    expect(panel.locator(".tfi-reason")).to_contain_text("submitted as job")
    panel.get_by_role("tab", name="Video").focus()
    panel.keyboard.press("ArrowRight")
    expect(panel.locator(".tfi-axis-version")).to_be_visible()
    panel.keyboard.press("ArrowRight")
    expect(panel.locator("table[aria-label=History] tbody tr").first).to_be_visible()


def test_what_was_submitted_before_a_restart_is_in_the_history(
    jupyter_lab: Lab, page: Page
) -> None:
    submit = "import tfi_notebook as tfi\ntfi.submit(tfi.build_payload(output_size=72)).wait().id"
    lab, name = jupyter_lab, "restarted.ipynb"
    lab.notebook(name, submit, QUIET)
    lab.open(page, name)
    lab.run(page, 0)
    output = page.locator(".jp-OutputArea-output").last
    expect(output).to_have_text(re.compile(r"'[0-9a-f-]{36}'"), timeout=RENDER_MS)
    job_id = output.inner_text().strip().strip("'")
    page.evaluate(RESTART)
    lab.run(page, 1)
    page.wait_for_selector(".tfi-submit:enabled")
    page.get_by_role("tab", name="History").click()
    row = page.locator("table[aria-label=History] tbody tr", has_text=job_id)
    row.get_by_role("button", name="load").click()
    expect(page.locator(".tfi-json")).to_contain_text('"output_size": 72,')
    expect(page.locator(".tfi-submit")).to_have_text("Show its result")
    page.click(".tfi-submit")
    page.wait_for_function(HAS_VIDEO)


@pytest.mark.parametrize("end", [RESTART, CRASH], ids=["restart", "crash"])
def test_a_kernel_that_was_restarted_is_told_and_nothing_can_be_pressed(
    panel: Page, end: str
) -> None:
    panel.evaluate(end)
    gone = "The kernel was restarted: run the cell again."
    expect(panel.get_by_role("alert").filter(has_text=gone)).to_have_count(1)
    expect(panel.locator(".tfi-reason")).to_have_text(gone)
    expect(panel.locator(".tfi-submit")).to_be_disabled()
    expect(panel.locator(".tfi-panel").locator("button:enabled, input:enabled")).to_have_count(0)


def test_a_job_goes_on_after_its_kernel_has_crashed(panel: Page, jupyter_lab: Lab) -> None:
    panel.click(".tfi-submit")
    panel.wait_for_selector(".tfi-board .tfi-processing")
    panel.evaluate(CRASH)
    panel.click(".jp-Dialog .jp-mod-accept")  # JupyterLab says that it starts a new kernel
    panel.evaluate(KERNEL_READY)
    jupyter_lab.run(panel, 0)
    panel.wait_for_selector(".tfi-submit:enabled")
    panel.get_by_role("tab", name="History").click()
    row = panel.locator("table[aria-label=History] tbody tr").first
    expect(row.locator(".tfi-pill")).to_have_text("done", timeout=RENDER_MS)


@pytest.fixture(scope="module")
def previewed(jupyter_lab: Lab, chromium: Browser) -> Iterator[Page]:
    """A panel whose first preview plays."""
    context = chromium.new_context(viewport={"width": 1280, "height": 1800})
    context.add_init_script(f"({NOTE_BLANKS})()")
    page = opened(jupyter_lab, context.new_page(), "previewed", PANEL)
    expect(page.locator(".tfi-instant")).to_contain_text("iteration_count 10", timeout=RENDER_MS)
    page.wait_for_function(PREVIEW_PLAYS)
    yield page
    page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")
    context.close()


def test_while_previews_come_nothing_says_that_there_are_none(previewed: Page) -> None:
    blanks = previewed.evaluate("() => [...window.blanks]")
    assert "drawing the preview …" in blanks
    assert not [text for text in blanks if text.startswith("no preview")]


@pytest.mark.parametrize("field", ["iteration_count", "expand_ratio"])
def test_a_dragged_control_shows_a_new_preview(
    previewed: Page, field: str, record_testsuite_property: Callable[[str, object], None]
) -> None:
    times_s = []
    for share in (0.3, 0.5, 0.4):
        before = previewed.evaluate(CLIP)
        drag(previewed, previewed.locator(f".tfi-field-{field} input[type=range]"), share)
        released = time.perf_counter()
        previewed.wait_for_function(f"before => ({CLIP})() !== before", arg=before, polling=20)
        times_s.append(time.perf_counter() - released)
    value = previewed.locator(f".tfi-field-{field} .tfi-number").input_value()
    expect(previewed.locator(".tfi-instant")).to_contain_text(f"{field} {value}")
    expect(previewed.locator(".tfi-instant")).to_contain_text("not TFI's model")
    record_testsuite_property(f"{field}_release_to_new_clip_s", times_s)
    assert min(times_s) < PREVIEW_S, times_s


def drag(page: Page, slider: Locator, share: float) -> None:
    """Drag a slider's handle over half of its length to a place, and let it go."""
    box = slider.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.9, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * share, y, steps=8)
    page.mouse.up()


def test_a_preview_that_is_not_of_what_is_entered_is_dimmed(previewed: Page) -> None:
    clip = previewed.locator(".tfi-clip")
    url = previewed.locator(".tfi-field-image_url input:not([type=file])")
    expect(clip).not_to_have_class(re.compile("tfi-stale"))
    url.fill("https://cdn.example.com/another.png")
    expect(previewed.locator(".tfi-instant")).to_contain_text("nothing is fetched unasked")
    expect(clip).to_have_class(re.compile("tfi-stale"))
    expect(clip.locator("video")).to_have_css("opacity", "0.3")
    previewed.click(".tfi-field-image_url button:has-text('Sample')")
    expect(clip).not_to_have_class(re.compile("tfi-stale"))
    expect(clip.locator("video")).to_have_css("opacity", "1")


def test_what_a_check_of_the_sources_finds_is_marked_at_its_field(panel: Page) -> None:
    url = panel.locator(".tfi-field-image_url input:not([type=file])")
    url.fill("http://tfi.localhost/samples/voice.wav")
    panel.wait_for_selector(".tfi-form[data-entered=known]")
    expect(url).to_have_attribute("aria-invalid", "false")
    panel.click("button.tfi-preflight")
    expect(panel.locator("div.tfi-preflight")).to_contain_text(re.compile("[1-9] problem"))
    expect(url).to_have_attribute("aria-invalid", "true")
    expect(panel.locator(".tfi-message-image_url")).to_contain_text("none of PNG, JPEG")
    expect(panel.locator(".tfi-summary")).to_contain_text("1 field needs a look: Picture")
    panel.click(".tfi-field-image_url button:has-text('Sample')")
    expect(url).to_have_attribute("aria-invalid", "false")
    expect(panel.locator(".tfi-summary")).to_have_text("every field is right")


@pytest.mark.parametrize("width_px", [480, 1280])
def test_it_is_accessible_and_fits(jupyter_lab: Lab, page: Page, width_px: int) -> None:
    page.set_viewport_size({"width": width_px, "height": 1500})
    opened(jupyter_lab, page, f"axe{width_px}", QUIET)
    page.evaluate("""() => {
        const shell = window.jupyterapp.shell;
        shell.collapseLeft(); shell.mode = 'single-document'; }""")
    page.locator(".tfi-field-image_url input:not([type=file])").fill("no address")
    expect(page.locator(".tfi-submit")).to_be_disabled()
    for tab, drawn in DRAWN.items():
        page.get_by_role("tab", name=tab).click()
        page.wait_for_selector(drawn)
        found = Axe().run(page, context=".tfi-panel").response["violations"]
        serious = [item for item in found if item["impact"] in {"serious", "critical"}]
        assert not serious, [(item["id"], item["nodes"][0]["html"]) for item in serious]
        page.wait_for_function(NO_OVERFLOW, timeout=5_000)
    page.get_by_role("tab", name="Sweep").click()
    # the axes are beside the form, or where there is no room above it: a click changes the view
    axes, form = (page.locator(name).bounding_box() for name in (".tfi-sweep", ".tfi-form"))
    assert axes
    assert form
    assert axes["y"] <= form["y"] + 1
    page.keyboard.press("Tab")
    first = ".tfi-sweep" if axes["y"] < form["y"] - 100 else ".tfi-form"
    expect(page.locator(f"{first} :focus")).to_have_count(1)


def test_markup_in_a_field_stays_text(panel: Page) -> None:
    panel.locator(".tfi-field-image_url input:not([type=file])").fill(ATTACK)
    panel.locator(".tfi-field-project_id input").fill(ATTACK)
    panel.locator(".tfi-field-language input").fill(ATTACK)
    expect(panel.locator(".tfi-json")).to_contain_text("<img src=x onerror=")
    expect(panel.locator(".tfi-json img")).to_have_count(0)
    assert panel.evaluate("() => window.attacked") is None
