from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from tests.helpers.snapshots import NOW, snapshot
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.display import html, words

if TYPE_CHECKING:
    from collections.abc import Callable

ATTACKS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    '" onmouseover="alert(1)',
    "' onfocus='alert(1)' autofocus='",
    "</span></td></tr></table><h1>big",
    "<a href='javascript:alert(1)'>x</a>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<math><mtext><style><img src onerror=alert(1)>",
    "<style>*{display:none}</style>",
    "<!-- comment -->",
    "--><script>alert(1)</script><!--",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?php echo 1 ?>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;",
    "&lt",
    "<",
    "</",
    "<b",
    "a\x00<script\x00>",
    "<scr\nipt>",
    "\u202e<gnp.exe>",
    "\u2066hidden\u2069",
    "expression(alert(1));color:red",
    "1);background:url(javascript:alert(1)",
    "`${alert(1)}`",
    "$\\href{javascript:alert(1)}{x}$",
    "\\(\\unicode{<img src=x onerror=alert(1)>}\\)",
    "{{constructor.constructor('alert(1)')()}}",
    "\ufeff\u200b<object data=x>",
)
HARMLESS = "harmless"
JPEG = b"\xff\xd8\xff\xe0 not really a picture, but it starts as one"


def everything(text: str) -> dict[str, Callable[[], str]]:
    """Every function that makes HTML, with the text in every place that is foreign to it."""
    body = dict.fromkeys(("version", "iteration_count", "output_size"), text)
    row = snapshot(
        key=text, service=text, body=body, status=JobStatus.OTHER, raw_status=text,
        job_id=text, message=text, output=text,
    )  # fmt: skip
    return {
        "board": lambda: html.board([row, row], now=NOW, badge_words=text),
        "job_card": lambda: html.job_card(row, NOW),
        "poster_card": lambda: html.poster_card(
            row, now=NOW, poster=JPEG, size_bytes=1, file_name=text, href=text
        ),
        "form_table": lambda: html.form_table([(text, text, text), ("values", [text], "")]),
        "code_block": lambda: html.code_block(f"{{\n  {text}\n}}"),
        "problem_line": lambda: html.problem_line(text),
        "error_line": lambda: html.error_line(text, text),
        "quiet_line": lambda: html.quiet_line(text),
        "heading": lambda: html.heading(text),
        "badge": lambda: html.badge(text),
    }


class Shape(HTMLParser):
    """What a browser would build: tags with their attributes, without the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.styles: list[str | None] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.styles += [value for name, value in attrs if name == "style"]

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.tags.append(("comment", (data,)))

    def handle_decl(self, decl: str) -> None:
        self.tags.append(("declaration", (decl,)))

    def unknown_decl(self, data: str) -> None:
        self.tags.append(("declaration", (data,)))

    def handle_pi(self, data: str) -> None:
        self.tags.append(("instruction", (data,)))


@pytest.mark.parametrize("name", list(everything("")))
@pytest.mark.parametrize("attack", ATTACKS)
def test_foreign_text_adds_no_tag_no_attribute_and_no_style(name: str, attack: str) -> None:
    attacked = Shape(everything(attack)[name]())
    harmless = Shape(everything(HARMLESS)[name]())
    assert attacked.tags == harmless.tags
    assert attacked.styles == harmless.styles


@pytest.mark.parametrize("attack", ATTACKS)
def test_foreign_text_stays_readable(attack: str) -> None:
    assert words.readable(attack) in Shape(html.quiet_line(attack)).text


def test_no_script_no_style_block_and_no_handler() -> None:
    shapes = [Shape(make()) for make in everything(HARMLESS).values()]
    tags = {tag for shape in shapes for tag, _ in shape.tags}
    attributes = {name for shape in shapes for _, names in shape.tags for name in names}
    assert not tags & {"script", "style", "link", "iframe", "object"}
    assert not {name for name in attributes if name.startswith("on")}


def test_the_board_draws_fifty_rows_of_a_thousand_and_counts_the_rest() -> None:
    rows = [snapshot(f"{n:032x}", message="rendered locally in 1.9 s") for n in range(1000)]
    text = html.board(rows, now=NOW)
    shape = Shape(text)
    assert sum(tag == "tr" for tag, _ in shape.tags) == 1 + words.ROWS_MAX
    assert "1,000 jobs: 1000 processing" in shape.text
    assert "… and 950 older" in shape.text
    assert len(text.encode()) < 80_000


def test_every_local_row_says_so_and_no_other() -> None:
    local, live = snapshot("a"), snapshot("b", local=False, service="https://api.example.com")
    assert Shape(html.board([local, local, live], now=NOW)).text.count("LOCAL") == 2


def test_an_empty_board_says_so() -> None:
    assert Shape(html.board([], now=NOW)).text == "no jobs yet"


def test_foreign_text_is_bounded() -> None:
    assert len(html.job_card(snapshot(message="x" * 100_000), NOW)) < 2_000


def test_what_is_no_jpeg_is_no_poster() -> None:
    row = snapshot(status=JobStatus.DONE, finished_at=NOW)
    assert "data:image/jpeg" in html.poster_card(row, now=NOW, poster=JPEG)
    assert "<img" not in html.poster_card(row, now=NOW, poster=b"<svg onload=alert(1)>")


def test_a_card_says_how_long_the_job_took() -> None:
    row = snapshot(status=JobStatus.DONE, finished_at=NOW - 60)
    card = html.poster_card(row, now=NOW, size_bytes=1_250_000, file_name="a.mp4", href="out/a.mp4")
    shape = Shape(card)
    assert "took 5 s · 1.2 MB" in shape.text
    assert ("a", ("href",)) in shape.tags


def test_a_running_job_shows_its_share_as_a_bar_where_the_service_tells_it() -> None:
    running = snapshot(progress=0.42)
    for drawn in (html.job_card(running, NOW), html.board([running], now=NOW)):
        assert "processing 42%" in drawn
        assert "width:42%" in drawn
    for other in (snapshot(), snapshot(progress=0.0, status=JobStatus.QUEUED)):
        assert "width:" not in html.pill(other).replace("max-width", "")
