"""The trade-off front: what no other setting beats, and nothing else."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tfi_notebook.errors import SweepError

pd = pytest.importorskip("pandas", reason="needs the extra data")
np = pytest.importorskip("numpy", reason="needs the extra data")
pytest.importorskip("altair", reason="needs the extra data")

from tests.helpers.sweeps import AXES, table  # noqa: E402 - needs pandas
from tfi_notebook.sweeps.front import front_of  # noqa: E402 - the same


def random_table(count: int, seed: int) -> Any:
    random = np.random.default_rng(seed)
    columns = {name: random.integers(0, 12, count) for name in ("lip_sync", "credits", "render_s")}
    return pd.DataFrame({"version": range(count), **columns})


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("columns", [("lip_sync", "credits"), ("lip_sync", "credits", "render_s")])
def test_the_front_is_what_no_other_setting_beats(seed: int, columns: tuple[str, ...]) -> None:
    frame = random_table(60, seed)
    losses = frame[list(columns)].to_numpy() * [-1, 1, 1][: len(columns)]
    unbeaten = {
        at
        for at, one in enumerate(losses)
        if not any((other <= one).all() and (other < one).any() for other in losses)
    }
    assert set(front_of(frame, ("version",), columns).frame()["version"]) == unbeaten


def test_the_way_of_each_column_is_known_and_told() -> None:
    frame = table(voices=2).assign(lag_ms=np.linspace(-80, 80, 18))
    front = front_of(frame, AXES, ("lip_sync", "lag_ms"))
    assert "lip_sync (more is better)" in front.caption()
    assert "lag_ms (nearer to 0 is better)" in front.caption()
    middle = front.settings.table["lag_ms"].abs().idxmin()
    assert front.settings.table.loc[middle, "best"]


def test_the_front_is_of_settings_and_not_of_lucky_voices() -> None:
    front = front_of(table(voices=3), AXES, ("lip_sync", "credits"))
    assert len(front.settings.table) == 9
    assert set(front.frame()["tries"]) == {3}
    assert list(front.frame()["lip_sync"]) == sorted(front.frame()["lip_sync"], reverse=True)


def test_points_without_a_value_are_left_out() -> None:
    frame = table()
    frame.loc[frame["version"] == 6, "credits"] = pd.NA
    front = front_of(frame, AXES, ("lip_sync", "credits"))
    assert 6 not in set(front.settings.table["version"])


def test_what_is_the_same_for_all_is_told() -> None:
    free = table().assign(credits=pd.array([0.0] * 9, dtype="Float64"))
    front = front_of(free, AXES, ("lip_sync", "credits"))
    assert len(front.frame()) == 1
    assert front.caption().endswith("credits is the same for all")


@pytest.mark.parametrize("columns", [(), ("lip_sync",), ("lip_sync", "lip_sync")])
def test_a_trade_off_has_two_sides(columns: tuple[str, ...]) -> None:
    with pytest.raises(SweepError, match="two columns"):
        front_of(table(), AXES, columns)


def test_a_column_without_a_better_direction_is_refused() -> None:
    with pytest.raises(SweepError, match="more or less of 'iteration_count'") as caught:
        front_of(table(), AXES, ("lip_sync", "iteration_count"))
    assert "credits" in caught.value.hint


def test_the_front_is_shown_as_table_text_and_marked_chart() -> None:
    front = front_of(table(), AXES, ("lip_sync", "credits"))
    shown = front._repr_html_()
    assert shown.count("<tr>") == 1 + len(front.frame())
    assert re.search(r'src="data:image/png;base64,\w', shown)
    assert "iteration_count" in repr(front)
    kinds = [row["kind"] for row in front.plot().spec()["data"]["values"]]
    assert kinds.count("front") == len(front.frame())
    assert len(kinds) == 9
