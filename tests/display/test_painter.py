from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING

from tests.helpers.kernel import run_notebook
from tfi_notebook.api.loop import BackgroundLoop
from tfi_notebook.display.painter import Drawing, Painter

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

IN_A_KERNEL = """
import asyncio
from tfi_notebook.api.loop import background_loop
from tfi_notebook.display.painter import Drawing, Painter

painter = Painter(background_loop().start, interval_s=0.5)
state = {"n": 0}

async def work():
    while state["n"] < 200:
        await asyncio.sleep(0.015)
        state["n"] += 1
        painter.changed()

def draw():
    n = state["n"]
    return Drawing(f"<b>{n}</b>", f"{n} of 200", n < 200)
"""


def test_an_output_follows_in_a_real_kernel_at_most_twice_a_second(tmp_path: Path) -> None:
    ran = run_notebook(
        tmp_path,
        IN_A_KERNEL,
        "painter.show(draw)",
        "working = background_loop().start(work())\n"
        "import time\n"
        "working.result(60)\n"
        "while painter._followers: time.sleep(0.05)",
    )
    updates = ran.times("update_display_data")
    span = updates[-1] - updates[0]
    assert 4 <= len(updates) <= 2 * span + 2, "200 changes in 3 s and more are drawn as a few"
    shown = ran.outputs(1)[0]
    assert shown["data"] == {"text/html": "<b>200</b>", "text/plain": "200 of 200"}


def test_an_output_that_is_not_live_is_shown_once(tmp_path: Path) -> None:
    ran = run_notebook(tmp_path, IN_A_KERNEL, "state['n'] = 200; painter.show(draw);")
    assert len(ran.outputs(1)) == 1
    assert ran.times("update_display_data") == []


def test_outside_a_notebook_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    painter = Painter(BackgroundLoop().start)
    assert painter.show(lambda: Drawing("<b>x</b>", "x", live=True)) is False
    assert capsys.readouterr().out == ""


class Written:
    """A front end that takes drawings, and may refuse them."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.drawings: list[Drawing] = []
        self.ended = threading.Event()
        self._refuses = refuses

    def write(self, drawing: Drawing) -> None:
        self.drawings.append(drawing)
        if not drawing.live:
            self.ended.set()
        if self._refuses:
            raise ConnectionError("the front end is gone")


def test_only_changed_html_is_written() -> None:
    looks = iter([1, 1, 2, 3])

    def draw() -> Drawing:
        n = next(looks)
        return Drawing(f"<b>{n}</b>", "", live=n < 3)

    front = Written()
    Painter(BackgroundLoop().start, interval_s=0.01).follow(draw, front.write)
    assert front.ended.wait(20)
    assert [drawing.html for drawing in front.drawings] == ["<b>1</b>", "<b>2</b>", "<b>3</b>"]


def test_a_lost_front_end_is_logged_once_and_stops_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    looks = iter(range(3))

    def draw() -> Drawing:
        n = next(looks)
        return Drawing(f"<b>{n}</b>", "", live=n < 2)

    front = Written(refuses=True)
    with caplog.at_level(logging.ERROR, "tfi_notebook.display.painter"):
        Painter(BackgroundLoop().start, interval_s=0.01).follow(draw, front.write)
        assert front.ended.wait(20)
    assert len(front.drawings) == 3
    assert len(caplog.records) == 1


def test_a_drawing_that_fails_ends_its_own_following_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken() -> Drawing:
        raise ZeroDivisionError

    loop = BackgroundLoop()
    painter = Painter(loop.start, interval_s=0.01)
    front = Written()
    failing = painter.follow(broken, front.write)
    looks = iter(range(3))
    painter.follow(lambda: Drawing(f"{(n := next(looks))}", "", live=n < 2), front.write)
    assert front.ended.wait(20)
    assert not failing.active
    assert len(caplog.records) == 1


def test_closing_ends_what_would_be_followed_for_ever() -> None:
    loop = BackgroundLoop()
    painter = Painter(loop.start, interval_s=0.01)
    follower = painter.follow(lambda: Drawing("x", "x", live=True), lambda _: None)

    async def close() -> None:
        await asyncio.sleep(0)
        painter.close()

    loop.run(close(), timeout_s=20)
    assert not follower.active
