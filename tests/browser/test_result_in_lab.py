from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import DARK, FILM_S, LIGHT, themed
from tests.helpers.films import FPS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from tests.browser.conftest import Lab

pytestmark = pytest.mark.browser

RENDER_MS = 60_000  # on a busy machine
FRAME_S = 1 / FPS
# both parts live on the panel's page, which brings this sheet
BASE = """
from IPython.display import HTML, display
from tfi_notebook.widgets.front import css
display(HTML(f"<style>{css('base.css')}</style>"))
"""
ATTACK = '<img src=x onerror="window.attacked = true">'
# three finished jobs of one source in the ledger, and the newest of them on display
RESULT = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
import tfi_notebook as tfi
from tests.helpers.snapshots import snapshot
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.widgets.result import Result
workspace = tfi.connect(local=True)
def finished(name, foreign={{}}, **fields):
    payload = workspace.build_payload(**fields)
    return snapshot(name, status=JobStatus.DONE, fingerprint=payload.fingerprint,
        body=payload.body() | foreign, path=Path({folder!r}) / f"{{name}}.mp4", finished_at=990.0)
rows = [finished("v4_i5", version=4), finished("v5_i10", {{"language": {attack!r}}}, version=5),
        finished("v6_i20", version=6)]
for row in rows:
    workspace.engine.ledger.put(row)
result = Result(workspace)
result.show(rows[-1]).result(60)
result
"""
PREVIEW = """
import ipywidgets
import tfi_notebook as tfi
from tfi_notebook.widgets.instant_preview import InstantPreview
workspace = tfi.connect(local=True)
preview = InstantPreview(workspace)
sliders = {
    "iteration_count": ipywidgets.IntSlider(10, 1, 50),
    "expand_ratio": ipywidgets.FloatSlider(0.3, min=0, max=1, step=0.1),
}
def settle(_=None):
    fields = {name: slider.value for name, slider in sliders.items()}
    preview.show(workspace.build_payload(**fields))
for slider in sliders.values():
    slider.observe(settle, "value")
settle()
display(*sliders.values())
preview
"""
VIDEO = "document.querySelector('.tfi-result .tfi-video')"
PLAYS = f"() => {VIDEO}?.duration > 0 && {VIDEO}.readyState >= 3"
TIMES = "() => [...document.querySelectorAll('.tfi-stage video')].map(film => film.currentTime)"
TOGETHER = f"""([from_s, apart_s]) => {{
    const times = ({TIMES})();
    return times.length === 2 && times[0] >= from_s
        && Math.abs(times[0] - times[1]) <= apart_s }}"""
CLIP = "document.querySelector('.tfi-clip video')"


@pytest.fixture(scope="module")
def notebook(
    jupyter_lab: Lab, chromium: Browser, films: Path, request: pytest.FixtureRequest
) -> Iterator[Page]:
    """One notebook for the whole module: opening it takes longer than a test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 1500}, accept_downloads=True)
    page = context.new_page()
    root = str(request.config.rootpath)
    code = RESULT.format(root=root, folder=str(films), attack=ATTACK)
    jupyter_lab.notebook("result.ipynb", BASE + code, BASE + PREVIEW)
    jupyter_lab.open(page, "result.ipynb")
    yield page
    page.evaluate("() => window.jupyterapp?.serviceManager.sessions.shutdownAll()")
    context.close()


@pytest.fixture
def result(jupyter_lab: Lab, notebook: Page) -> Page:
    """The page with a result of its own that is ready to play."""
    notebook.emulate_media(color_scheme="light", reduced_motion="no-preference")
    notebook.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    notebook.wait_for_selector(".tfi-result", state="detached")
    jupyter_lab.run(notebook, 0)
    notebook.wait_for_function(PLAYS)
    return notebook


@pytest.fixture
def preview(jupyter_lab: Lab, notebook: Page) -> Page:
    """The page with an instant preview whose first clip plays."""
    notebook.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    notebook.wait_for_selector(".tfi-instant", state="detached")
    jupyter_lab.run(notebook, 1)
    notebook.wait_for_function(f"() => {CLIP}?.currentTime > 0")
    return notebook


def violations(page: Page, root: str) -> list[Any]:
    found = Axe().run(page, context=root).response["violations"]
    return [item["id"] for item in found if item["impact"] in {"serious", "critical"}]


def test_a_result_plays_in_a_loop_at_a_speed_and_frame_by_frame(result: Page) -> None:
    assert result.evaluate(f"() => {VIDEO}.duration") == pytest.approx(FILM_S, abs=0.1)
    result.evaluate(f"() => {{ {VIDEO}.muted = true; return {VIDEO}.play() }}")
    result.wait_for_function(f"() => {VIDEO}.currentTime > 0.3")
    result.get_by_label("speed").select_option("2")
    assert result.evaluate(f"() => {VIDEO}.playbackRate") == 2
    loop = result.get_by_role("button", name="loop")
    loop.click()
    expect(loop).to_have_attribute("aria-pressed", "true")
    result.evaluate(f"() => {{ {VIDEO}.currentTime = {FILM_S - 0.4} }}")
    result.wait_for_function(f"() => {{ const t = {VIDEO}.currentTime; return t > 0.1 && t < 3 }}")
    loop.focus()
    result.keyboard.press(",")
    at = result.evaluate(f"() => {VIDEO}.currentTime")
    result.keyboard.press(".")
    result.keyboard.press(".")
    now = result.evaluate(f"() => {VIDEO}.currentTime")
    assert now - at == pytest.approx(2 * FRAME_S, abs=1e-3)
    assert result.evaluate(f"() => {VIDEO}.paused")
    expect(result.locator(".tfi-caption")).to_contain_text("version 6 · 10 iterations")


def test_the_download_is_the_very_file(result: Page, films: Path) -> None:
    with result.expect_download() as coming:
        result.get_by_role("button", name="download").click()
    assert coming.value.suggested_filename == "v6_i20.mp4"
    digests = [hashlib.sha256(Path(path).read_bytes()).hexdigest()
               for path in (coming.value.path(), films / "v6_i20.mp4")]  # fmt: skip
    assert digests[0] == digests[1]


def test_an_earlier_video_of_the_source_plays_beside_it_in_step(result: Page) -> None:
    choice = result.get_by_label("compare with")
    labels = choice.locator("option").all_text_contents()
    # other tests of this JupyterLab may have made jobs of the same source: they are older
    assert labels[1:3] == [f"language {ATTACK}, version 5", "version 4"]
    choice.select_option(label="version 4")
    result.wait_for_selector(".tfi-two video >> nth=1")
    start = result.locator(".tfi-start")
    expect(start).to_have_text("play both")
    start.click()
    # a machine with other work starts them apart; then they must come together
    result.wait_for_function(TOGETHER, arg=[3, FRAME_S])
    start.click()
    result.wait_for_function(f"() => {VIDEO}.paused")
    result.keyboard.press(".")
    one, two = result.evaluate(TIMES)
    assert one == two
    choice.select_option("")
    expect(result.locator(".tfi-stage video")).to_have_count(1)
    assert result.evaluate(f"() => {VIDEO}.controls")
    assert result.evaluate("() => window.attacked") is None


def test_its_bytes_are_in_no_saved_notebook(result: Page, jupyter_lab: Lab) -> None:
    result.get_by_label("compare with").select_option(label="version 4")
    result.wait_for_selector(".tfi-two")
    result.evaluate("""async () => {
        const { shell, commands } = window.jupyterapp;
        const manager = shell.currentWidget.context;
        await commands.execute('docmanager:save') }""")
    saved = (jupyter_lab.folder / "result.ipynb").read_text()
    assert "tfi-outputs" not in saved
    assert len(saved) < 60_000
    assert "image/jpeg" in saved  # the poster stays
    assert "ftyp" not in saved
    assert "AAAAIGZ0eX" not in saved  # an mp4's beginning in Base64


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_nothing_keeps_anybody_out(result: Page, theme: str) -> None:
    with themed(result, theme):
        result.get_by_label("compare with").select_option(label="version 4")
        result.wait_for_selector(".tfi-two")
        assert violations(result, ".tfi-result") == []


def test_a_moved_control_replaces_the_clip_and_the_newest_wins(preview: Page) -> None:
    first = preview.evaluate(f"() => {CLIP}.src")
    note = preview.locator(".tfi-clip + .tfi-muted")
    expect(note).to_contain_text("iteration_count 10")
    preview.locator(".noUi-handle").first.focus()
    for _ in range(7):
        preview.keyboard.press("ArrowRight")
    expect(note).to_contain_text("iteration_count 17, expand_ratio 0.3", timeout=RENDER_MS)
    preview.wait_for_function(f"old => {CLIP}.src !== old && {CLIP}.currentTime > 0", arg=first)
    assert preview.evaluate(f"() => {CLIP}.duration") == pytest.approx(2, abs=0.1)
    expect(preview.locator(".tfi-mark")).to_have_text("local preview, not TFI's model")
    assert violations(preview, ".tfi-instant") == []


def test_the_switch_ends_the_rendering_and_brings_it_back(preview: Page) -> None:
    switch = preview.get_by_label("Instant preview")
    note = preview.locator(".tfi-clip + .tfi-muted")
    switch.uncheck()
    expect(preview.locator(".tfi-clip")).to_be_hidden()
    handle = preview.locator(".noUi-handle").first
    handle.focus()
    preview.keyboard.press("ArrowLeft")
    switch.check()
    expect(note).to_contain_text("iteration_count 9,", timeout=RENDER_MS)


def test_where_motion_is_not_wanted_it_waits_for_a_click(notebook: Page, jupyter_lab: Lab) -> None:
    notebook.emulate_media(reduced_motion="reduce")
    notebook.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    notebook.wait_for_selector(".tfi-instant", state="detached")
    jupyter_lab.run(notebook, 1)
    notebook.wait_for_function(f"() => {CLIP}?.readyState >= 2")
    assert notebook.evaluate(f"() => {CLIP}.paused")
    notebook.get_by_role("button", name="play", exact=True).click()
    notebook.wait_for_function(f"() => {CLIP}.currentTime > 0.2")
