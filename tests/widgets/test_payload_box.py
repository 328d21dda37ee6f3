"""The payload as text: what is on display, what a copy has, what is taken back."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.helpers.payloads import GOOD, good_payload
from tfi_notebook.contract.code import as_curl, as_python
from tfi_notebook.contract.pasted import read_back
from tfi_notebook.errors import PayloadError
from tfi_notebook.keys import ApiKey
from tfi_notebook.settings import LOCAL_BASE_URL
from tfi_notebook.widgets.front import css, module
from tfi_notebook.widgets.payload_box import PayloadBox

SECRET = "0af1d3-signature"
SIGNED = f"https://b.example.com/a.png?versionId=3&X-Amz-Signature={SECRET}"
API = "https://api.example.com"


class Page:
    """What a page does with a box: sends it messages and keeps its answers."""

    def __init__(self, box: PayloadBox, monkeypatch: pytest.MonkeyPatch) -> None:
        self.box = box
        self.answers: list[dict[str, Any]] = []
        monkeypatch.setattr(box, "send", self.answers.append)

    def ask(self, **message: Any) -> dict[str, Any]:
        """Send a message, as the comm hands it over, and return the answer."""
        self.box._handle_custom_msg(message, [])
        return self.answers[-1]


@pytest.fixture
def box() -> PayloadBox:
    return PayloadBox(base_url=API)


@pytest.fixture
def page(box: PayloadBox, monkeypatch: pytest.MonkeyPatch) -> Page:
    return Page(box, monkeypatch)


def test_it_shows_a_payload_in_three_ways(box: PayloadBox) -> None:
    payload = good_payload(version=5)
    box.show(payload.body(), payload)
    assert json.loads(box.json_text) == payload.body()
    assert box.python_text == as_python(payload)
    assert box.curl_text == as_curl(payload, API)
    assert not box.is_cut
    assert repr(box) == box.json_text


@pytest.mark.parametrize("text", ['{"verson": 5}', '{"version": 5, "version": 6}'])
def test_what_is_wrong_with_a_paste_sends_nobody_to_a_python_prompt(page: Page, text: str) -> None:
    problem = page.ask(type="paste", text=text)["problem"]
    assert problem.startswith(("verson: is not a field", "version: is given twice"))
    assert "help(" not in problem


def test_it_shows_what_is_not_right_yet(box: PayloadBox) -> None:
    box.show({"image_url": "https:/", "output_size": "4oo"})
    assert json.loads(box.json_text) == {"image_url": "https:/", "output_size": "4oo"}
    assert 'output_size="4oo"' in box.python_text


def test_nothing_that_is_saved_holds_a_signature_and_a_copy_does(
    box: PayloadBox, page: Page
) -> None:
    payload = good_payload(image_url=SIGNED)
    box.show(payload.body(), payload)
    kept = f"{box.get_state()}{box.snapshot_html()}{box!r}{box._repr_mimebundle_()}"
    assert SECRET not in kept
    assert "versionId=3" in kept
    assert box.is_cut
    for name in ("json", "python", "curl"):
        text = page.ask(type="copy", name=name)["text"]
        assert read_back(text)["image_url"] == SIGNED
    box.show(GOOD)
    assert not box.is_cut


def test_a_user_in_a_url_leaves_a_mark_and_no_invented_query(box: PayloadBox) -> None:
    box.show(GOOD | {"image_url": "https://user:pw-canary@host.example.com/a.png"})
    assert json.loads(box.json_text)["image_url"] == "https://not-kept@host.example.com/a.png"
    assert "canary" not in str(box.get_state())
    assert box.is_cut


def test_a_key_that_was_typed_into_a_field_is_not_shown(box: PayloadBox) -> None:
    key = ApiKey("sk-0123456789-typed", source="argument")
    box.show(GOOD | {"values": [key.reveal()]})
    assert key.reveal() not in str(box.get_state())
    assert box.is_cut


def test_the_command_never_holds_a_key(box: PayloadBox) -> None:
    box.show(GOOD)
    assert '"x-api-key: $TFI_API_KEY"' in box.curl_text


def test_the_service_in_the_kernel_has_no_address(page: Page) -> None:
    assert page.box.curl_note == ""
    assert "tfi-notebook serve" in PayloadBox(base_url=LOCAL_BASE_URL).curl_note


def test_what_is_pasted_goes_to_whoever_takes_it(box: PayloadBox, page: Page) -> None:
    taken: list[dict[str, Any]] = []
    stop = box.on_paste(taken.append)
    command = as_curl(good_payload(version=4), API)
    assert page.ask(type="paste", text=command)["problem"] == ""
    assert taken == [good_payload(version=4).body()]
    stop()
    page.ask(type="paste", text=command)
    assert len(taken) == 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "is no JSON: .* in line 1"),
        ("", "text: is empty"),
        (None, "must be text"),
        ('{"verson": 5}', "verson: is not a field; did you mean version"),
        (f"curl {API} -H 'x-api-key: sk-0123456789'", "has no body"),
    ],
)
def test_what_cannot_be_read_is_told_and_goes_nowhere(
    box: PayloadBox, page: Page, text: str | None, problem: str
) -> None:
    taken: list[dict[str, Any]] = []
    box.on_paste(taken.append)
    told = page.ask(type="paste", text=text)["problem"]
    assert re.search(problem, told), told
    assert "sk-0123456789" not in told
    assert taken == []


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (PayloadError({"version": "must be 4, 5 or 6"}), "version: must be 4, 5 or 6"),
        (KeyError(f"https://h/a?sig={SECRET}"), "KeyError: 'https://h/a"),
    ],
)
def test_no_error_of_who_takes_it_is_lost(
    box: PayloadBox, page: Page, error: Exception, told: str
) -> None:
    def fail(_fields: dict[str, Any]) -> None:
        raise error

    box.on_paste(fail)
    answer = page.ask(type="paste", text='{"version": 7}')["problem"]
    assert answer.startswith(told)
    assert SECRET not in answer


def test_messages_that_mean_nothing_do_nothing(page: Page) -> None:
    for message in ({"type": "?"}, {}, "copy", None):
        page.box._handle_custom_msg(message, [])
    assert page.answers == []
    assert page.ask(type="copy", name="base_url")["text"] == ""


def test_the_saved_form_is_static_and_escaped(box: PayloadBox) -> None:
    box.show({"image_url": "<script>alert(1)</script>"})
    page = box.snapshot_html()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert box._repr_mimebundle_()[0]["text/html"] == page


def test_what_the_page_loads_is_small() -> None:
    own = module("payload_box.js") + css("payload_box.css").removeprefix(css())
    assert len(own) <= 7_000
    assert "import " not in own
    assert "innerHTML" not in own
