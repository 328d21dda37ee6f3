from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import FILM_S
from tests.helpers.films import FPS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tests.browser.conftest import Lab

pytestmark = pytest.mark.browser

FRAME_S = 1 / FPS
ATTACK = '<img src=x onerror="window.attacked = true">'
SHOW = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
from tests.helpers.films import ITERATIONS, VERSIONS
from tfi_notebook.display.gallery import Box, Tile, gallery
from tfi_notebook.media.video import poster
folder = Path({folder!r})
tiles = []
for version in VERSIONS:
    for iterations in ITERATIONS:
        film = folder / f"v{{version}}_i{{iterations}}.mp4"
        numbers = {{"lip_sync": f"0.{{version}}{{iterations}}", "render_s": "4.2"}}
        still, mouth = poster(film, width_px=200), Box(0.35, 0.55, 0.3, 0.2)
        tiles.append(Tile(version, iterations, film, still, numbers, mouth=mouth))
gallery(tiles, row_name="version", column_name="iteration_count", caption="sweep-7")
"""
MORE = f"""
attack = {ATTACK!r}
tiles += [Tile(attack, "5", note=attack, numbers={{attack: attack}})]
tiles += [Tile("6", str(n), film) for n in range(100, 160)]
"""
ALL_READY = """count => {
    const films = [...document.querySelectorAll('.tfi-tile video')];
    return films.filter(film => film.readyState >= 3).length === count }"""
TIMES = "() => [...document.querySelectorAll('.tfi-tile video')].map(film => film.currentTime)"
# what the decoder has put on the screen, which is what a person sees; not the clock of the element
SHOWN_FRAMES = """async () => {
    const films = [...document.querySelectorAll('.tfi-tile video')];
    const shown = film => new Promise(done =>
        film.requestVideoFrameCallback((now, frame) => done([now, frame.mediaTime])));
    return Promise.all(films.map(shown)) }"""
STANDING = (
    "() => [...document.querySelectorAll('.tfi-tile video')].every(v => v.paused && !v.seeking)"
)
IN_STEP = """limit_s => {
    const films = document.querySelectorAll('.tfi-tile video, .tfi-stage video');
    const times = [...films].map(film => film.currentTime);
    return Math.max(...times) - Math.min(...times) <= limit_s }"""
# one a little behind, one far: what seeks from now on is written down
PUT_OFF = """() => {
    const films = [...document.querySelectorAll('.tfi-tile video')];
    films[2].currentTime -= 0.15; films[4].currentTime -= 0.9;
    window.seeks = [];
    films.forEach((film, n) => film.addEventListener('seeking', () => window.seeks.push(n)));
    const times = films.map(film => film.currentTime);
    return Math.max(...times) - Math.min(...times) }"""
MUTED = "() => [...document.querySelectorAll('.tfi-tile video')].map(film => film.muted)"


@pytest.fixture(scope="module")
def code(films: Path, request: pytest.FixtureRequest) -> str:
    """A cell that shows nine films, and whatever tiles are added before its last line."""
    return SHOW.format(root=str(request.config.rootpath), folder=str(films))


@pytest.fixture(scope="module")
def notebook(jupyter_lab: Lab, chromium: Browser, code: str) -> Iterator[Page]:
    """JupyterLab with one notebook for the whole module: opening it takes longer than a test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 1500})
    page = context.new_page()
    jupyter_lab.notebook("gallery.ipynb", code)
    jupyter_lab.open(page, "gallery.ipynb")
    yield page
    context.close()


@pytest.fixture
def lab(jupyter_lab: Lab, notebook: Page) -> Page:
    """The page with a gallery of its own, whose nine videos are here."""
    notebook.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-cell-output')")
    notebook.wait_for_selector(".tfi-gallery", state="detached")
    jupyter_lab.run(notebook, 0)
    notebook.wait_for_function(ALL_READY, arg=9)
    return notebook


def paused_times(page: Page) -> list[float]:
    page.wait_for_function(STANDING)
    times: list[float] = page.evaluate(TIMES)
    return times


def test_nine_videos_play_within_one_frame_of_each_other(lab: Page) -> None:
    lab.click(".tfi-start")
    lab.wait_for_function(f"() => ({TIMES})()[0] >= 5")
    lab.wait_for_function(IN_STEP, arg=FRAME_S)  # a busy machine may start them further apart
    behind = [media_s - moment_ms / 1000 for moment_ms, media_s in lab.evaluate(SHOWN_FRAMES)]
    assert max(behind) - min(behind) <= 3 * FRAME_S, "a picture is on the screen far too late"
    expect(lab.locator(".tfi-sheet")).to_be_hidden()  # the gallery stands in its place


def test_a_video_that_falls_behind_catches_up(lab: Page) -> None:
    lab.click(".tfi-start")
    lab.wait_for_function(f"() => ({TIMES})()[0] > 1")
    assert lab.evaluate(PUT_OFF) > 0.5
    lab.wait_for_function(IN_STEP, arg=FRAME_S)
    assert set(lab.evaluate("() => window.seeks")) == {2, 4}, "no other one is made to jump"


def test_they_loop_in_step(lab: Page) -> None:
    lab.locator(".tfi-tile").nth(4).focus()
    lab.keyboard.press("End")
    assert paused_times(lab) == pytest.approx([FILM_S - FRAME_S / 2] * 9)
    lab.evaluate("() => { for (let n = 0; n < 20; n++) "
                 "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', "
                 "{key: 'ArrowLeft', bubbles: true})) }")  # fmt: skip
    lab.keyboard.press(" ")
    lab.wait_for_function(f"() => ({TIMES})()[0] > {FILM_S - 0.5}")
    lab.wait_for_function(f"() => {{ const t = ({TIMES})()[0]; return t > 1 && t < 3 }}")
    lab.wait_for_function(IN_STEP, arg=FRAME_S)


def test_keys_pause_and_step_all_by_frames(lab: Page) -> None:
    tile = lab.locator(".tfi-tile").first
    tile.focus()
    lab.keyboard.press(" ")
    lab.wait_for_function(f"() => ({TIMES})()[0] > 1")
    lab.keyboard.press(" ")
    (at, *others) = paused_times(lab)
    assert others == [at] * 8, "all show the same frame"
    lab.keyboard.press("ArrowRight")
    lab.keyboard.press("ArrowRight")
    assert paused_times(lab) == pytest.approx([at + 2 * FRAME_S] * 9)
    lab.keyboard.press("Shift+ArrowLeft")
    assert paused_times(lab) == pytest.approx([at + 2 * FRAME_S - 1] * 9)
    lab.keyboard.press("Home")
    assert paused_times(lab) == pytest.approx([FRAME_S / 2] * 9)
    expect(lab.locator(".tfi-scrub")).to_have_attribute("aria-valuetext", "0.00 s, frame 1 of 150")
    lab.locator(".tfi-scrub").fill("75")
    assert paused_times(lab) == pytest.approx([75.5 * FRAME_S] * 9)
    assert lab.locator(".jp-Cell").count() == 1, "JupyterLab took none of the keys"


def test_two_cells_are_compared_with_a_divider(lab: Page) -> None:
    tiles = lab.locator(".tfi-tile")
    tiles.nth(0).focus()
    lab.keyboard.press("a")
    expect(lab.locator(".tfi-status")).to_have_text("now choose B to compare with")
    lab.keyboard.press("ArrowDown")
    expect(tiles.nth(3)).to_be_focused()
    lab.keyboard.press("b")
    slider = lab.locator(".tfi-slider")
    expect(slider).to_be_focused()
    for _ in range(20):
        lab.keyboard.press("ArrowLeft")
    expect(lab.locator(".tfi-cover")).to_have_css("clip-path", "inset(0px 0px 0px 30%)")
    expect(lab.locator(".tfi-name").first).to_have_text("A · version 4 · iteration_count 5")
    box = lab.locator(".tfi-stage").bounding_box()
    assert box is not None
    lab.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 50)
    lab.mouse.down()
    lab.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 50)
    lab.mouse.up()
    expect(slider).to_have_value("80")
    lab.keyboard.press(" ")
    lab.wait_for_function(f"() => ({TIMES})()[0] > 1")
    expect(lab.locator(".tfi-tile video, .tfi-stage video")).to_have_count(11)
    lab.wait_for_function(IN_STEP, arg=FRAME_S)
    lab.keyboard.press("Escape")
    expect(lab.locator(".tfi-stage")).to_have_count(0)
    expect(tiles.nth(0)).to_be_focused()
    assert lab.locator(".jp-Cell").count() == 1, "JupyterLab took none of the keys"


def test_one_cell_is_heard_and_leads(lab: Page) -> None:
    assert all(lab.evaluate(MUTED))
    tiles = lab.locator(".tfi-tile")
    tiles.nth(2).focus()
    lab.keyboard.press("m")
    assert lab.evaluate(MUTED) == [n != 2 for n in range(9)]
    expect(lab.locator(".tfi-status")).to_have_text("sound of version 4 · iteration_count 20")
    lab.keyboard.press(" ")
    lab.wait_for_function(f"() => ({TIMES})()[2] > 2")
    lab.wait_for_function(IN_STEP, arg=FRAME_S)
    rate = lab.evaluate("() => document.querySelectorAll('.tfi-tile video')[2].playbackRate")
    assert rate == 1, "what is heard is never bent"
    tiles.nth(5).focus()
    lab.keyboard.press("m")
    assert lab.evaluate(MUTED) == [n != 5 for n in range(9)]
    lab.keyboard.press("m")
    assert all(lab.evaluate(MUTED))


def test_the_mouths_come_near_at_once_where_motion_is_not_wanted(lab: Page) -> None:
    lab.emulate_media(reduced_motion="reduce")
    lab.click(".tfi-button:has-text('Mouths')")
    film = lab.locator(".tfi-tile video").first
    frame = lab.locator(".tfi-frame").first.bounding_box()
    picture = film.bounding_box()
    assert frame is not None
    assert picture is not None
    scale = picture["width"] / frame["width"]
    assert scale == pytest.approx(0.62 / 0.3, rel=0.02)
    middle = picture["x"] + 0.5 * picture["width"]  # of the mouth: Box(0.35, _, 0.3, _)
    assert middle == pytest.approx(frame["x"] + frame["width"] / 2, abs=2)
    lab.click(".tfi-button:has-text('Mouths')")
    expect(film).to_have_css("transform", "none")


def test_many_videos_come_as_they_are_looked_at_and_text_stays_text(
    jupyter_lab: Lab, page: Page, code: str
) -> None:
    jupyter_lab.notebook("many.ipynb", code.replace("\ngallery(", f"{MORE}\ngallery("))
    jupyter_lab.open(page, "many.ipynb")
    jupyter_lab.run(page, 0)
    page.wait_for_selector(".tfi-tile")
    page.wait_for_function("() => document.querySelectorAll('.tfi-tile video[src]').length >= 12")
    expect(page.locator(".tfi-status")).to_have_text("")
    attached = "() => document.querySelectorAll('.tfi-tile video[src]').length"
    assert page.evaluate(attached) < 40, "what is out of sight has not been fetched"
    last = page.locator(".tfi-tile", has=page.locator("video")).last
    last.scroll_into_view_if_needed()
    page.wait_for_function(
        "() => [...document.querySelectorAll('.tfi-tile video')].at(-1).readyState >= 3"
    )
    assert page.evaluate(attached) < 40, "what has left the screen is let go"
    expect(page.locator(".tfi-note").first).to_have_text(ATTACK)
    assert page.evaluate("() => window.attacked") is None


def test_a_notebook_saved_and_opened_again_without_a_kernel_shows_the_sheet(
    jupyter_lab: Lab, page: Page, code: str
) -> None:
    jupyter_lab.notebook("saved.ipynb", code)
    jupyter_lab.open(page, "saved.ipynb")
    jupyter_lab.run(page, 0)
    page.wait_for_function(ALL_READY, arg=9)
    page.evaluate("async () => await window.jupyterapp.commands.execute('docmanager:save')")
    page.evaluate("async () => await window.jupyterapp.serviceManager.sessions.shutdownAll()")
    page.locator(".tfi-tile").first.focus()
    page.keyboard.press(" ")
    page.wait_for_function(f"() => ({TIMES})()[0] > 0.5")  # without its kernel it plays on
    expect(page.locator(".tfi-tile video[poster]")).to_have_count(9)
    saved = (jupyter_lab.folder / "saved.ipynb").read_text()
    assert len(saved) < 200_000
    assert "video/mp4" not in saved
    page.goto(f"{jupyter_lab.url}/lab/workspaces/reader/tree/saved.ipynb")
    sheet = page.locator(".tfi-sheet")
    expect(sheet).to_be_visible()
    expect(sheet).to_contain_text("lip_sync 0.620")
    expect(page.locator(".tfi-gallery")).to_have_count(0)
    widths = sheet.locator("img").evaluate_all("all => all.map(image => image.naturalWidth)")
    assert widths == [200] * 9
