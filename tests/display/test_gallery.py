from __future__ import annotations

import base64
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.display.test_html import ATTACKS, HARMLESS, JPEG, Shape
from tests.helpers.kernel import run_notebook
from tfi_notebook.display import gallery_sheet, words
from tfi_notebook.display.gallery import TILES_MAX, GalleryView, Tile, gallery
from tfi_notebook.display.player import INLINE_MAX_BYTES
from tfi_notebook.display.saved import WIDGET_VIEW
from tfi_notebook.media.video import write_video

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SHOW = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
from tfi_notebook.display.gallery import Tile, gallery
from tfi_notebook.media.video import poster
clip = Path({clip!r})
tiles = [
    Tile(v, n, path=clip, poster=poster(clip, width_px=64), numbers={{"lip_sync": f"0.{{v}}"}})
    for v in "45" for n in ("5", "10")
]
gallery(tiles, row_name="version", column_name="iteration_count", caption="four videos")
"""


def shown(tiles: Sequence[Tile], caption: str = "a sweep") -> GalleryView:
    return gallery(tiles, row_name="version", column_name="iteration_count", caption=caption)


def square(text: str, edge: int = 2, **changes: object) -> list[Tile]:
    """Tiles of a matrix of `edge` rows and columns, with the text in every place."""
    return [
        Tile(f"{text}{row}", f"{text}{column}", numbers={text: text}, note=text, **changes)  # type: ignore[arg-type]
        for row in range(edge)
        for column in range(edge)
    ]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A real film of noise: its bytes are recognised wherever they are kept."""
    noise = np.random.default_rng(1).integers(0, 255, (12, 64, 64, 3), np.uint8)
    write_video(tmp_path / "clip.mp4", noise, 25.0, None)
    return tmp_path / "clip.mp4"


def test_a_saved_gallery_is_a_sheet_and_a_view_without_any_video(
    clip: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    ran = run_notebook(folder, SHOW.format(root=str(request.config.rootpath), clip=str(clip)))
    sheet, view = (output["data"] for output in ran.outputs(0))
    assert list(view) == [WIDGET_VIEW], "JupyterLab shows nothing of a bundle with a lost widget"
    shape = Shape(sheet["text/html"])
    assert [tag for tag, _ in shape.tags].count("img") == 4
    assert "version 5" in shape.text
    assert "lip_sync 0.5" in shape.text
    assert "version \\ iteration_count" in sheet["text/plain"]
    state = ran.notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    assert not any(model.get("buffers") for model in state.values())
    assert "lip_sync" not in json.dumps(state)
    assert base64.b64encode(clip.read_bytes()[:3000]).decode() not in ran.saved()
    assert str(tmp_path) not in json.dumps([ran.outputs(0), state])


def test_the_page_gets_the_bytes_of_a_video_by_its_number(clip: Path) -> None:
    view = shown([Tile("4", "5", path=clip), Tile("4", "10", note="failed")])
    assert view.video(0) == clip.read_bytes()
    for number in (1, 2, -1, "0", None, 0.0):
        with pytest.raises(LookupError):
            view.video(number)


def test_a_video_that_is_gone_or_too_large_says_so(tmp_path: Path) -> None:
    large = tmp_path / "large.mp4"
    with large.open("wb") as file:
        file.truncate(INLINE_MAX_BYTES + 1)
    view = shown([Tile("4", "5", path=large), Tile("4", "10", path=tmp_path / "gone.mp4")])
    tiles = view.spec()[0]["tiles"]
    assert [tile["playable"] for tile in tiles] == [False, False]
    assert "25.0 MB are too much to play here: open large.mp4" in tiles[0]["note"]
    assert tiles[1]["note"] == "gone.mp4 is not there any more"
    with pytest.raises(LookupError, match=r"gone\.mp4 is not there any more"):
        view.video(1)


@pytest.mark.parametrize("edge", [1, 2])
@pytest.mark.parametrize("attack", ATTACKS)
def test_foreign_text_adds_no_tag_no_attribute_and_no_style(attack: str, edge: int) -> None:
    def sheet(text: str) -> Shape:
        tiles = square(text, edge, poster=JPEG)
        view = gallery(tiles, row_name=text, column_name=text, caption=text)
        return Shape(view.sheet())

    attacked, harmless = sheet(attack), sheet(HARMLESS)
    assert attacked.tags == harmless.tags
    assert attacked.styles == harmless.styles
    assert words.readable(attack) in attacked.text


def test_no_script_no_style_block_and_no_handler() -> None:
    shape = Shape(shown(square("x", poster=JPEG)).sheet())
    assert not {tag for tag, _ in shape.tags} & {"script", "style", "link", "iframe", "object"}
    assert not [name for _, names in shape.tags for name in names if name.startswith("on")]


def test_what_the_page_gets_is_readable_bounded_json() -> None:
    spec, posters = shown(square("\u202e" + "x" * 5000, poster=b"<svg>")).spec()
    assert len(json.dumps(spec)) < 8_000
    assert "\\u202e" not in json.dumps(spec)
    assert posters == [b""] * 4, "only a JPEG is a picture"
    assert not any(tile["has_poster"] for tile in spec["tiles"])


@pytest.mark.parametrize("edge", [3, 7, 30])
def test_posters_of_the_size_that_is_asked_for_fit_into_the_notebook(edge: int) -> None:
    poster = JPEG.ljust(gallery_sheet.poster_max_bytes(edge**2), b" ")
    sheet = shown(square("x", edge, poster=poster)).sheet()
    text = shown(square("x", edge)).sheet()
    assert sheet.count("<img") == min(edge**2, gallery_sheet.POSTERS_MAX)
    pictures = len(sheet) - len(text) - 150 * sheet.count("<img")
    assert pictures <= gallery_sheet.SHEET_MAX_CHARS
    assert "data:image/jpeg" not in text


def test_a_poster_that_is_too_large_is_left_out() -> None:
    large = JPEG.ljust(gallery_sheet.POSTER_MAX_CHARS, b" ")
    assert "<img" not in shown(square("x", poster=large)).sheet()


def test_rows_and_columns_stand_by_number_else_as_they_are_named() -> None:
    tiles = [Tile("b", "10"), Tile("b", "5"), Tile("a", "5", numbers={"lip_sync": "0.4"})]
    lines = repr(shown(tiles)).splitlines()
    assert lines == [
        "a sweep",
        "version \\ iteration_count  5             10",
        "b                          video         video",
        "a                          lip_sync 0.4",
    ]
    spec = shown(tiles).spec()[0]
    assert [(tile["row"], tile["column"]) for tile in spec["tiles"]] == [(0, 1), (0, 0), (1, 0)]


def test_a_single_row_flows() -> None:
    view = shown([Tile("6", str(n), note="not yet") for n in range(20)])
    assert view.spec()[0]["flows"]
    assert Shape(view.sheet()).text.count("version 6 · iteration_count") == 20
    assert "version 6 · iteration_count 3   not yet" in repr(view)


def test_two_videos_at_one_place_and_too_many_are_refused() -> None:
    with pytest.raises(ValueError, match="several videos have the same version and iteration_co"):
        shown([Tile("4", "5"), Tile("4", "5")])
    with pytest.raises(ValueError, match="at most 1,000 videos, not 1,001"):
        shown([Tile("4", str(n)) for n in range(TILES_MAX + 1)])


def test_without_anywidget_the_sheet_is_shown_and_says_what_is_missing() -> None:
    code = """
import sys
sys.modules["anywidget"] = None
from tfi_notebook.display.gallery import Tile, gallery
view = gallery([Tile("4", "5")], row_name="version", column_name="x", caption="a sweep")
bundle = view._repr_mimebundle_()
assert sorted(bundle) == ["text/html", "text/plain"], bundle
print(bundle["text/html"])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )  # fmt: skip
    assert "pip install &quot;tfi-notebook[data]&quot;" in done.stdout
