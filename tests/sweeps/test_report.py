"""The report: one page that needs nothing else, and gives nothing away."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from tests.helpers.runs import LedgerRun, job, run_of
from tfi_notebook.contract.records import JobStatus

if TYPE_CHECKING:
    from pathlib import Path

    from tfi_notebook.lifecycle.workspace import Workspace

pytest.importorskip("pandas", reason="needs the extra data")
pytest.importorskip("altair", reason="needs the extra data")
EVIL = '"><img src=http://evil.example.com/x onerror="alert(1)"><script>alert(1)</script>'
SIGNED = "https://b.example.com/a.png?X-Amz-Signature=canary"


class Links(HTMLParser):
    """Collects what a page would load, and the elements that it has."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.sources: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name in {"src", "href", "data", "action", "srcset", "poster"}:
                self.sources.append(value or "")
            if name.startswith("on"):
                self.handlers.append(name)


@pytest.fixture
def run(idle: Workspace, tmp_path: Path) -> LedgerRun:
    grid = [{"version": v, "iteration_count": n} for v in (5, 6) for n in (10, 20)]
    jobs = [
        job(at, values | {"image_url": SIGNED}, path=tmp_path / "secret-folder" / f"{at}.mp4")
        for at, values in enumerate(grid[:3])
    ]
    broken = job(3, grid[3], status=JobStatus.FAILED, message=EVIL)
    points = list(zip(grid, [*jobs, broken], strict=True))
    return run_of(idle, *points, ({"version": 6, "iteration_count": 7}, EVIL), name=EVIL)


@pytest.fixture
def page(run: LedgerRun, tmp_path: Path) -> str:
    return run.report(tmp_path / "sweep.html").read_text(encoding="utf-8")


def read(page: str) -> Links:
    links = Links()
    links.feed(page)
    return links


def test_the_page_has_plan_advice_charts_videos_and_table(page: str) -> None:
    assert re.findall(r"<h2>(.*?)</h2>", page) == [
        "Plan", "Recommendation", "Charts", "Videos", "Results",
    ]  # fmt: skip
    assert "5: 1 invalid, 3 done, 1 failed" in page
    assert "time of rendering" in page or "data:image/svg+xml" in page
    assert page.count("job-") >= 4


def test_the_page_loads_nothing_from_anywhere(page: str) -> None:
    links = read(page)
    assert links.sources
    assert all(source.startswith("data:image/") for source in links.sources)
    assert "default-src 'none'" in page
    assert not links.tags & {"script", "link", "iframe", "object", "base"}


def test_foreign_texts_are_escaped_everywhere(page: str) -> None:
    links = read(page)
    assert links.handlers == []
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_neither_signatures_nor_folders_are_on_the_page(page: str, tmp_path: Path) -> None:
    assert "canary" not in page
    assert "secret-folder" not in page
    assert str(tmp_path) not in page
    assert "https://b.example.com/a.png" in page


def test_a_run_without_results_still_has_a_page(idle: Workspace, tmp_path: Path) -> None:
    run = run_of(idle, ({"version": 5}, None), ({"version": 6}, None))
    page = run.report(tmp_path / "sweep.html").read_text(encoding="utf-8")
    assert "nothing to draw yet" in page
    assert "no point has" in page
