"""The documentation builds without a warning, finds what one looks for, and its commands run."""

from __future__ import annotations

import functools
import http.server
import json
import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest

import tfi_notebook as tfi
from tests.helpers.links import LINK
from tfi_notebook import cli
from tfi_notebook.errors import by_code
from tfi_notebook.limits import Limits
from tfi_notebook.quality.table import NAMES
from tools import shell_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
TOOLS = ROOT / ".venv-docs" / "bin" / "python"
PAGES = shell_blocks.pages()
RESOURCE = re.compile(
    r"""<(?:script|link|img|iframe|source)\b[^>]*?\s(?:src|href)=["']?(https?:)?//"""
)
SOUGHT = {"poll_max_s": "settings", "NoFaceError": "errors", "lip_sync": "scores"}


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` builds it."""
    if not TOOLS.is_file():
        if os.environ.get("CI"):
            pytest.fail("`make docs` has not set up .venv-docs")
        pytest.skip("the site's tools are not here: `make docs` installs them")
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [TOOLS, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    assert "WARNING" not in built.stderr
    return folder


@pytest.fixture(scope="session")
def found(site: Path) -> dict[str, str]:
    """What the search looks through: the text of each place of the site."""
    places = json.loads((site / "search" / "search_index.json").read_text())["docs"]
    return {place["location"]: f"{place['title']} {place['text']}" for place in places}


def pages_with(found: dict[str, str], word: str) -> set[str]:
    return {place.split("#")[0] for place, text in found.items() if word in text}


def test_every_setting_error_and_score_is_found_on_its_page(found: dict[str, str]) -> None:
    for name in Limits.__slots__:
        assert "settings.html" in pages_with(found, name), name
    for cls in by_code().values():
        assert "errors.html" in pages_with(found, cls.__name__), cls
    for name in NAMES:
        assert "scores.html" in pages_with(found, name), name
    for name in tfi.TalkingVideoPayload.model_fields:
        assert "payload.html" in pages_with(found, name), name


def test_every_public_name_is_on_the_page_of_names(found: dict[str, str]) -> None:
    titles = {place.rsplit(".", 1)[-1] for place in found if place.startswith("api.html#")}
    assert {"TfiError"} | titles >= set(tfi.__all__)


def test_defaults_and_units_are_those_of_the_code(found: dict[str, str]) -> None:
    told = re.sub(r"(<[^>]+>|\s)+", " ", found["settings.html#limits"])
    assert f"poll_max_s {Limits().poll_max_s} s Longest" in told
    assert f"parallel_downloads {Limits().parallel_downloads} Videos" in told


def test_every_variable_that_is_read_is_told() -> None:
    sources = [path.read_text() for path in (ROOT / "tfi_notebook").rglob("*.py")]
    read = {name for text in sources for name in re.findall(r'"(TFI_[A-Z_]+)"', text)}
    page = (ROOT / "docs/settings.md").read_text()
    told = set(re.findall(r"^\| `(TFI_[A-Z_]+)`", page, re.MULTILINE))
    assert told == read


def test_every_contradiction_is_told_and_tested() -> None:
    rows = re.findall(r"^\| C(\d+) \|", (ROOT / "docs/contract.md").read_text(), re.MULTILINE)
    tests = (ROOT / "tests/contract/test_contradictions.py").read_text()
    assert {int(row) for row in rows} == {int(n) for n in re.findall(r"def test_c(\d+)_", tests)}
    assert len(rows) == len(set(rows)) == 20


def test_nothing_on_the_site_is_loaded_from_a_network(site: Path) -> None:
    for page in site.rglob("*.html"):
        assert not RESOURCE.search(page.read_text()), page.name
        assert "cdnjs" not in page.read_text(), page.name
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import )['\"]?(https?:)?//", sheet.read_text()), sheet.name


def test_every_link_of_a_tutorial_leads_to_a_page_of_the_site(site: Path) -> None:
    pages = sorted((site / "notebooks").glob("*.html"))
    assert len(pages) == 1 + len(list(ROOT.glob("notebooks/[0-9]*.ipynb")))
    for page in pages:
        links = re.findall(r'href="([^"#:?]+)[#"]', page.read_text())
        # a video is where a run of one's own writes it
        sought = [link for link in links if not link.startswith("tfi_outputs/")]
        dead = [link for link in sought if not (page.parent / unquote(link)).exists()]
        assert not dead, (page.name, dead)


@pytest.fixture
def served(site: Path) -> Iterator[str]:
    """The site on a loopback port."""
    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A file server that writes no log."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.browser
def test_the_search_finds_in_a_browser_that_asks_nobody_else(served: str) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    from tfi_notebook.browser import find_chromium  # noqa: PLC0415 - where there is one

    chromium = find_chromium()
    if chromium is None:
        pytest.skip("no Chromium here")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        page = browser.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        for word, target in SOUGHT.items():
            page.goto(f"{served}/index.html")
            page.click("input.md-search__input")
            page.locator("input.md-search__input").press_sequentially(word)
            first = page.locator(f".md-search-result__link[href*='{target}.html']").first
            first.wait_for(timeout=20_000)
        page.goto(f"{served}/notebooks/01_first_video.html")
        browser.close()
    assert {urlsplit(url).hostname for url in asked if "://" in url} == {"127.0.0.1"}


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", head).lower() for head in heads)
    return {re.sub(r"[^\w\- ]", "", head).strip().replace(" ", "-") for head in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text()):
        parts = urlsplit(link)
        if parts.scheme:
            assert parts.scheme == "https", link
            continue
        target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        assert target.exists(), link
        made_by_the_build = parts.fragment.startswith("tfi_notebook.")
        if parts.fragment and target.suffix == ".md" and not made_by_the_build:
            assert parts.fragment in anchors(target), link


def test_every_shell_block_is_tested_or_says_why_not() -> None:
    """Which every shell block of every page is, by a comment before it that no reader sees."""
    blocks = shell_blocks.blocks()
    assert [block.place for block in blocks if block.untested == ""] == []
    fences = [
        line
        for page in shell_blocks.pages()
        for line in page.read_text().splitlines()
        if re.fullmatch(r"\s*(```|~~~)\s*(bash|console|sh|shell|shell-session|zsh)\b.*", line)
    ]
    assert len(fences) == len(blocks), "one of them is not written so that it is found"


def test_a_block_without_a_mark_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shell_blocks, "ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text("text\n```console\nls\n```\n<!-- not tested: long -->\n```bash\nls\n```\n")
    unmarked, excused = shell_blocks.blocks_of(page)
    assert (unmarked.place, unmarked.untested) == ("page.md:2", "")
    assert excused.untested == "long"


def test_every_command_named_in_the_text_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = [
        (page.name, command.split())
        for page in PAGES
        for command in re.findall(r"`((?:make|tfi-notebook) [a-z][^`\n]*)`", page.read_text())
    ]
    for page, (program, *words) in named:
        if program == "make":
            assert words[0] in targets, (page, words)
        else:
            assert cli.parser().parse_args(words), (page, words)
    assert {"make", "tfi-notebook"} == {program for _, (program, *_) in named}


CHEAP = [block for block in shell_blocks.blocks() if not block.fresh and block.untested is None]


@pytest.fixture(scope="session")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean copy of the tree, whose commands are this environment's."""
    return shell_blocks.clean_copy(tmp_path_factory.mktemp("copy"))


@pytest.mark.render
@pytest.mark.parametrize("block", CHEAP, ids=lambda block: block.place)
def test_a_shell_block_runs_as_written(
    block: shell_blocks.Block, copy: Path, tmp_path: Path
) -> None:
    here = Path(sys.executable).parent
    shell_blocks.run(block, copy, tmp_path / "home", path=f"{here}{os.pathsep}{os.environ['PATH']}")


def test_a_shell_block_that_fails_is_told_with_its_place(tmp_path: Path) -> None:
    block = shell_blocks.Block("docs/x.md:3", "echo so far\nfalse\necho no\n")
    with pytest.raises(RuntimeError, match="so far") as caught:
        shell_blocks.run(block, tmp_path, tmp_path / "home")
    assert "docs/x.md:3" in str(caught.value)
    silent = shell_blocks.Block("docs/x.md:3", "echo nothing\n", until="http://")
    with pytest.raises(RuntimeError, match="nothing"):
        shell_blocks.run(silent, tmp_path, tmp_path / "home")


def test_a_server_that_names_its_address_but_does_not_answer_has_failed(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
    block = shell_blocks.Block("docs/x.md:3", f"echo {address}; sleep 60\n", until="http://")
    with pytest.raises(RuntimeError, match=re.escape(address)):
        shell_blocks.run(block, tmp_path, tmp_path / "home")
