"""A run's videos as a matrix: which stands where, what stands under it, and what is refused."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.films import nine_films
from tests.helpers.runs import LedgerRun, job, run_of
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.display.gallery import TILES_MAX
from tfi_notebook.display.gallery_sheet import poster_max_bytes
from tfi_notebook.errors import ArgumentError, SweepError
from tfi_notebook.sweeps.cell import Cell

if TYPE_CHECKING:
    from pathlib import Path

    from tfi_notebook.lifecycle.workspace import Workspace

pytest.importorskip("pandas", reason="needs the extra data")

SIGNED = "https://b.example.com/a.png?X-Amz-Signature=canary"
PLAIN = ("render_s", "credits")


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    return nine_films(tmp_path_factory.mktemp("films"), length_s=0.8)


@pytest.fixture
def run(idle: Workspace, films: dict[tuple[str, str], Path]) -> LedgerRun:
    """Versions and iteration counts, of which one has failed and one is not submitted."""
    points: list[tuple[dict[str, Any], Any]] = []
    for n, ((version, iterations), film) in enumerate(films.items()):
        values = {"version": int(version), "iteration_count": int(iterations)}
        points.append((values, job(n, values, path=film)))
    message = f"no face in {SIGNED}"
    failed = {"status": JobStatus.FAILED, "message": message, "path": None}
    points[1] = (points[1][0], job(1, points[1][0], **failed))
    points[2] = (points[2][0], None)
    return run_of(idle, *points)


def cells_only(workspace: Workspace, **axes: list[Any]) -> LedgerRun:
    """A grid of points that are not submitted yet."""
    rows = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    return LedgerRun(workspace, tuple(axes), [Cell(n, row, None) for n, row in enumerate(rows)])


def test_the_first_two_axes_are_rows_and_columns(run: LedgerRun) -> None:
    view = run.gallery(show=PLAIN)
    assert "version \\ iteration_count" in repr(view)
    assert [tile.row for tile in view.tiles] == ["4"] * 3 + ["5"] * 3 + ["6"] * 3
    other = run.gallery("iteration_count", show=PLAIN)
    assert [tile.row for tile in other.tiles[:3]] == ["5", "10", "20"]
    assert [tile.column for tile in other.tiles[:3]] == ["4", "4", "4"]


def test_values_that_read_the_same_are_shown_one_after_another(idle: Workspace) -> None:
    numbers = cells_only(idle, dynamic_scale=[1.0001, 1.0002]).gallery(show=PLAIN)
    assert [tile.column for tile in numbers.tiles] == ["1", "1 (point 1)"]
    mixed = cells_only(idle, version=[5, "5"], iteration_count=[5, "5"]).gallery(show=PLAIN)
    assert len({(tile.row, tile.column) for tile in mixed.tiles}) == 4
    with pytest.raises(SweepError, match="fall on") as caught:
        cells_only(idle, version=[5, "5"], iteration_count=[5, 6]).gallery("version", show=PLAIN)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"where": 5}, "where: must be a mapping"),
        ({"show": 5}, "show: must be names"),
        ({"show": [5]}, "no column 5"),
        ({"rows": 5}, "5 is no axis"),
    ],
)
def test_what_is_no_axis_or_column_is_told_and_not_traced(
    run: LedgerRun, asked: dict[str, Any], named: str
) -> None:
    with pytest.raises((SweepError, ArgumentError), match=named) as caught:
        run.gallery(**{"show": PLAIN} | asked)
    assert caught.value.hint


def test_a_tile_has_its_video_its_poster_and_the_numbers_that_are_asked_for(run: LedgerRun) -> None:
    tile = run.gallery(show=PLAIN).tiles[0]
    assert tile.path == run.found[0].snapshot.path  # type: ignore[union-attr]
    assert tile.numbers == {"render_s": "10", "credits": "12.5"}
    assert tile.poster is not None
    assert len(tile.poster) <= poster_max_bytes(9)


def test_the_score_is_the_headline(run: LedgerRun) -> None:
    tiles = run.gallery(where={"version": 6}).tiles
    assert [list(tile.numbers) for tile in tiles] == [["lip_sync", "render_s"]] * 3


def test_the_mouth_is_where_the_film_has_it(run: LedgerRun) -> None:
    mouth = run.gallery(show=PLAIN).tiles[-1].mouth
    assert mouth is not None
    assert mouth.left + mouth.width / 2 == pytest.approx(127 / 256, abs=0.03)
    assert mouth.top + mouth.height / 2 == pytest.approx(163 / 256, abs=0.05)
    assert 0.2 < mouth.width < 0.5


def test_a_point_without_a_video_says_why_and_tells_no_secret(run: LedgerRun) -> None:
    view = run.gallery(show=PLAIN)
    assert view.tiles[1].note == "failed: no face in https://b.example.com/a.png"
    assert view.tiles[2].note == "not submitted"
    assert "failed: no face in" in view.sheet()
    assert "canary" not in view.sheet() + str(view.spec()[0])


def test_one_axis_or_a_sample_is_shown_one_after_another(idle: Workspace) -> None:
    line = cells_only(idle, version=[4, 5, 6]).gallery(show=PLAIN)
    assert "version 5" in repr(line)
    sample = cells_only(idle, version=[4, 5, 6, 7], dynamic_scale=[0.1, 0.2, 0.3, 0.4])
    sample.found = [cell for cell in sample.found if cell.index % 5 == 0]  # a diagonal
    lines = repr(sample.gallery(show=PLAIN)).splitlines()
    assert lines[1] == "version 4 · dynamic_scale 0.1  not submitted"
    assert len(lines) == 5


def test_a_third_axis_has_to_be_fixed(idle: Workspace) -> None:
    run = cells_only(idle, version=[4, 5], iteration_count=[5, 10], output_size=[200, 400])
    with pytest.raises(SweepError, match="2 videos fall on 4 · 5: they differ in outp") as caught:
        run.gallery("version", "iteration_count", show=PLAIN)
    assert caught.value.hint == 'fix what else varies: where={"output_size": 200}'
    view = run.gallery("version", "iteration_count", where={"output_size": 400}, show=PLAIN)
    assert len(view.tiles) == 4
    assert repr(view).splitlines()[0] == "sweep-1 · 4 videos · output_size 400"
    assert len(run.gallery(show=PLAIN).tiles) == 8, "without axes asked for, all are shown"


def test_what_cannot_be_shown_says_what_can(run: LedgerRun, idle: Workspace) -> None:
    with pytest.raises(SweepError, match="'verson' is no axis of the run; did you mean version"):
        run.gallery("verson")
    with pytest.raises(SweepError, match="'size' is no axis of the run"):
        run.gallery(where={"size": 4})
    with pytest.raises(SweepError, match="no point has version 7") as caught:
        run.gallery(where={"version": 7})
    assert caught.value.hint == "version is one of 4, 5, 6"
    with pytest.raises(SweepError, match="no column 'rendr_s'; did you mean render_s"):
        run.gallery(show=("rendr_s",))
    many = cells_only(idle, version=[4, 5], iteration_count=list(range(TILES_MAX)))
    with pytest.raises(SweepError, match="at most 1,000 videos, not 2,000"):
        many.gallery()


def test_an_address_is_a_label_without_its_signature(idle: Workspace) -> None:
    run = cells_only(idle, image_url=[SIGNED, "https://b.example.com/b.png"], version=[4, 5])
    text = repr(run.gallery(show=PLAIN))
    assert "https://b.example.com/a.png" in text
    assert "canary" not in text
