from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.helpers.kernel import Ran, run_notebook
from tests.helpers.snapshots import NOW, snapshot
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.display.player import relative_link, show_video, shown_path
from tfi_notebook.display.saved import WIDGET_VIEW
from tfi_notebook.media.video import poster, write_video

if TYPE_CHECKING:
    from pathlib import Path

SHOW = """
from pathlib import Path
from tests.helpers.snapshots import NOW, snapshot
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.display.player import show_video
from tfi_notebook.media.video import poster
clip = Path("{path}")
row = snapshot(status=JobStatus.DONE, finished_at=NOW)
show_video(clip, snapshot=row, poster=poster(clip), max_inline_bytes={cap})
"""


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A real film of half a second, in a folder with a blank in its name."""
    folder = tmp_path / "my outputs"
    folder.mkdir()
    frames = [np.full((64, 64, 3), 20 * n, np.uint8) for n in range(12)]
    write_video(folder / "clip.mp4", frames, 25.0, None)
    return folder / "clip.mp4"


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """The kernel of these tests imports this test package."""
    monkeypatch.setenv("PYTHONPATH", str(request.config.rootpath))


def shown(clip: Path, folder: Path, cap: int = 1_000_000) -> Ran:
    return run_notebook(folder, SHOW.format(path=clip, cap=cap))


@pytest.mark.usefixtures("repository")
def test_a_video_is_a_card_that_stays_and_a_player(clip: Path, tmp_path: Path) -> None:
    ran = shown(clip, tmp_path)
    card, player = (output["data"] for output in ran.outputs(0))
    assert "data:image/jpeg;base64," in card["text/html"]
    assert "my outputs/clip.mp4" in card["text/html"]
    assert "version 6 · 10 iterations · 400 px" in card["text/html"]
    assert WIDGET_VIEW in player
    assert list(player) == [WIDGET_VIEW]  # nothing is left of it in a saved notebook


@pytest.mark.usefixtures("repository")
def test_no_folder_of_this_machine_is_saved(clip: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    ran = shown(clip, elsewhere)
    outputs = str(ran.outputs(0))
    assert "clip.mp4" in outputs
    assert str(tmp_path) not in outputs
    assert "href" not in outputs


@pytest.mark.usefixtures("repository")
def test_above_the_cap_the_file_itself_is_played(clip: Path, tmp_path: Path) -> None:
    ran = shown(clip, tmp_path, cap=10)
    _, player = (output["data"] for output in ran.outputs(0))
    assert 'src="my%20outputs/clip.mp4"' in player["text/html"]
    assert WIDGET_VIEW not in player
    assert ran.times("comm_open") == [], "not one byte of it goes through a widget"


def test_in_a_terminal_a_video_is_its_name(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(clip.parent)
    row = snapshot(status=JobStatus.DONE, finished_at=NOW)
    view = show_video(clip, snapshot=row, poster=poster(clip))
    assert repr(view).startswith("<video clip.mp4, ")
    with pytest.raises(NotImplementedError):
        view._ipython_display_()


def test_links_are_relative_and_encoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    inside = tmp_path / "out" / 'a "b"#?.mp4'
    assert relative_link(inside) == "out/a%20%22b%22%23%3F.mp4"
    assert shown_path(inside) == 'out/a "b"#?.mp4'
    outside = tmp_path / ".." / "x.mp4"
    assert relative_link(outside) == ""
    assert shown_path(outside) == "x.mp4"
