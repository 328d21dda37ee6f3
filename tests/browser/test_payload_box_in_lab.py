"""The payload box as a person meets it: tabs by keyboard, real copies, a paste."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import ARTIFACTS, DARK, LIGHT, themed
from tests.helpers.payloads import good_payload
from tfi_notebook.contract.pasted import read_back

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from tests.browser.conftest import Lab

pytestmark = pytest.mark.browser

SECRET = "0af1d3-signature"
SIGNED = "https://b.example.com/a.png?X-Amz-Signature=SIGNATURE"
"""The notebook's code, which is saved, must not hold the secret either: the kernel puts it in."""
ATTACK = '<img src=x onerror="window.attacked = true">'
SHOW = """
from IPython.display import display
from tests.helpers.payloads import good_payload
from tfi_notebook.widgets.front import css
from tfi_notebook.widgets.payload_box import PayloadBox
PayloadBox._css = css("base.css", "payload_box.css")  # alone, without the form that brings it
box, pasted = PayloadBox(), []
box.on_paste(lambda fields: (pasted.append(fields), box.show(fields)))
image_url = {image_url!r}.replace("SIGNATURE", "-".join(["0af1d3", "signature"]))
box.show(good_payload(image_url=image_url, values=["it's", {attack!r}]).body())
display(box)
"""
AGAIN = "box.show(good_payload(version=4).body())"
MODES = {"light": LIGHT, "dark": DARK}


@pytest.fixture
def image_url() -> str:
    return "https://cdn.example.com/image.png"


@pytest.fixture
def box(
    jupyter_lab: Lab, page: Page, request: pytest.FixtureRequest, image_url: str
) -> Iterator[Page]:
    """A page with JupyterLab on a notebook that shows a box; it may use the clipboard."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=jupyter_lab.url)
    name = f"{request.node.originalname}.ipynb"
    jupyter_lab.notebook(name, SHOW.format(image_url=image_url, attack=ATTACK), AGAIN)
    jupyter_lab.open(page, name)
    jupyter_lab.run(page, 0)
    page.wait_for_selector(".tfi-payload-box .tfi-json")
    yield page
    assert page.evaluate("() => window.attacked") is None


def clipboard(page: Page) -> str:
    return str(page.evaluate("() => navigator.clipboard.readText()"))


def panel(page: Page) -> Any:
    return page.locator(".tfi-payload-panel:not([hidden])")


def tab(page: Page, name: str) -> Any:
    return page.get_by_role("tab", name=name, exact=True)


def test_every_tab_is_copied_as_it_stands(box: Page) -> None:
    payload = good_payload(values=["it's", ATTACK]).body()
    for name in ("JSON", "Python", "cURL"):
        tab(box, name).click()
        box.get_by_role("button", name="Copy", exact=True).click()
        expect(box.locator(".tfi-payload-status")).to_have_text("copied")
        text = clipboard(box)
        assert text == panel(box).locator("pre").text_content()
        assert read_back(text) == payload
    assert "$TFI_API_KEY" in text
    box.evaluate("() => { ClipboardItem = undefined }")  # a page without the clipboard's rights
    tab(box, "JSON").click()
    copy = box.get_by_role("button", name="Copy", exact=True)
    copy.focus()
    box.keyboard.press("Enter")
    expect(box.locator(".tfi-payload-status")).to_have_text("copied")
    assert read_back(clipboard(box)) == payload
    expect(copy).to_be_focused()


def test_keys_change_the_tab_and_a_pasted_command_goes_into_the_form(box: Page) -> None:
    tab(box, "JSON").focus()
    for key, name in [
        ("ArrowRight", "Python"), ("ArrowRight", "cURL"), ("ArrowRight", "Paste"),
        ("ArrowRight", "JSON"), ("ArrowLeft", "Paste"), ("Home", "JSON"), ("End", "Paste"),
    ]:  # fmt: skip
        box.keyboard.press(key)
        expect(tab(box, name)).to_be_focused()
        expect(tab(box, name)).to_have_attribute("aria-selected", "true")
        expect(panel(box)).to_have_accessible_name(name)
    box.keyboard.press("Tab")
    expect(box.locator(".tfi-paste")).to_be_focused()
    wanted = good_payload(version=5, values=["a 'quoted' one"])
    area = box.get_by_label("JSON, a cURL command")
    area.fill('{"verson": 5}')
    box.get_by_role("button", name="Load into form").click()
    alert = box.get_by_role("alert").filter(has_text="did you mean version")
    expect(alert).to_be_visible()
    expect(area).to_have_attribute("aria-invalid", "true")
    expect(area).to_be_focused()
    area.fill(json.dumps(wanted.body()))
    box.get_by_role("button", name="Load into form").click()
    expect(box.locator(".tfi-json")).to_contain_text('"version": 5,')
    expect(box.locator(".tfi-payload-status")).to_have_text("loaded into the form")
    expect(tab(box, "JSON")).to_be_focused()
    assert json.loads(box.locator(".tfi-json").text_content() or "") == wanted.body()


def test_an_update_keeps_tab_focus_scroll_and_size(box: Page, jupyter_lab: Lab) -> None:
    tab(box, "cURL").click()
    shown = panel(box)
    shown.evaluate("panel => { panel.style.height = '9em'; panel.scrollTop = 20; panel.focus() }")
    before = box.locator(".tfi-payload-box").bounding_box()
    box.evaluate("() => { window.seen = document.activeElement }")
    jupyter_lab.run(box, 1)
    expect(box.locator(".tfi-curl")).to_contain_text('"version": 4,')
    assert shown.evaluate("panel => panel.scrollTop") == 20
    after = box.locator(".tfi-payload-box").bounding_box()
    assert before is not None
    assert after is not None
    assert before["height"] == after["height"]
    shown.evaluate("panel => { panel.style.height = '' }")
    expect(tab(box, "cURL")).to_have_attribute("aria-selected", "true")
    heights: set[int] = set()
    for name in ("JSON", "Python", "cURL", "Paste"):
        tab(box, name).click()
        height = box.locator(".tfi-payload-box").evaluate("box => box.offsetHeight")
        heights.add(height)
    assert len(heights) == 1


@pytest.mark.parametrize("image_url", [SIGNED])
def test_a_signature_is_copied_and_never_saved(box: Page, jupyter_lab: Lab) -> None:
    assert SECRET not in box.content()
    expect(box.locator(".tfi-payload-cut")).to_contain_text("Signatures are not shown")
    tab(box, "Python").click()
    box.get_by_role("button", name="Copy", exact=True).click()
    expect(box.locator(".tfi-payload-status")).to_have_text("copied")
    assert read_back(clipboard(box))["image_url"] == SIGNED.replace("SIGNATURE", SECRET)
    box.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    saved = jupyter_lab.folder / "test_a_signature_is_copied_and_never_saved.ipynb"
    box.wait_for_function(
        "() => !window.jupyterapp.shell.currentWidget.context.model.dirty", timeout=20_000
    )
    outputs = json.loads(saved.read_text())["cells"][0]["outputs"]
    assert outputs
    assert SECRET not in json.dumps(outputs)


def test_axe_finds_nothing_serious(box: Page) -> None:
    ARTIFACTS.mkdir(exist_ok=True)
    root = box.locator(".tfi-payload-box")
    for mode, theme in MODES.items():
        root.evaluate("box => { box.style.width = '' }")
        with themed(box, theme):
            for name in ("Paste", "cURL"):
                tab(box, name).click()
                found = Axe().run(box, context=".tfi-payload-box").response["violations"]
                assert [rule for rule in found if rule["impact"] in {"serious", "critical"}] == []
            root.screenshot(path=ARTIFACTS / f"payload_box_{mode}.png")
            root.evaluate("box => { box.style.width = '480px' }")
            assert root.evaluate("box => box.scrollWidth - box.clientWidth") == 0
            root.screenshot(path=ARTIFACTS / f"payload_box_480_{mode}.png")
            tab(box, "Paste").click()
            root.screenshot(path=ARTIFACTS / f"payload_box_paste_480_{mode}.png")
