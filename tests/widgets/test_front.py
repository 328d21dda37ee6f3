"""What the browser gets of the files in `widgets/front`."""

from __future__ import annotations

import base64
import gzip
import re

import pytest

from tfi_notebook.widgets.front import css, esm, module

SCRIPTS = ("actions", "alive", "board", "form", "form_parts", "form_sources", "instant_preview",
           "payload_box", "result", "result_pair", "tabs")  # fmt: skip


def sent(*names: str) -> str:
    """The module that a browser runs, unpacked."""
    (packed,) = re.findall(r'atob\("([^"]+)"\)', esm(*names))
    return gzip.decompress(base64.b64decode(packed)).decode()


@pytest.mark.parametrize("name", SCRIPTS)
def test_lines_come_without_indentation_and_no_text_spans_them(name: str) -> None:
    lines = sent(f"{name}.js").splitlines()
    assert not [line for line in lines if line.startswith(("//", " "))]
    assert not [line for line in lines if line.count("`") % 2], "a text that spans lines is changed"
    assert lines[-1] == module(f"{name}.js").splitlines()[-1]


def test_a_style_sheet_keeps_what_its_blanks_tell_apart() -> None:
    sheet = css("base.css", "board.css")
    assert ".tfi :focus-visible{" in sheet
    assert '::after{content:" ▾";}' in sheet
    assert "@container (max-width:1050px){.tfi-rows thead tr th[scope=col]{" in sheet
    assert "/*" not in css("tabs.css")
