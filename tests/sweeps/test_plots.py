"""Charts: one output for Lab, GitHub and a terminal; nothing fetched, nothing left unsaid."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tfi_notebook.errors import SweepError

pd = pytest.importorskip("pandas", reason="needs the extra data")
pytest.importorskip("altair", reason="needs the extra data")
vl_convert = pytest.importorskip("vl_convert", reason="needs the extra data")

from tests.helpers.sweeps import table  # noqa: E402 - needs pandas
from tfi_notebook.sweeps.plots import MIME, POINTS_MAX, Plot, plot_of  # noqa: E402 - the same

EVIL = '<img src=x onerror="alert(1)">'


@pytest.fixture(scope="module")
def plot() -> Plot:
    return plot_of(table(voices=3), "iteration_count", "lip_sync", "version")


def data(plot: Plot) -> list[dict[str, Any]]:
    values: list[dict[str, Any]] = plot.spec()["data"]["values"]
    return values


def test_one_output_holds_specification_picture_and_text(plot: Plot) -> None:
    bundle, about = plot._repr_mimebundle_()
    assert set(bundle) == {MIME, "image/png", "text/plain"}
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert len(bundle["image/png"]) < 120_000
    assert 300 < about["image/png"]["width"] < 700
    json.dumps(bundle)


def test_the_picture_is_drawn_and_lets_the_page_through(plot: Plot) -> None:
    cv2 = pytest.importorskip("cv2", reason="looks at the picture")
    np = pytest.importorskip("numpy")
    picture = cv2.imdecode(np.frombuffer(plot.png(), np.uint8), cv2.IMREAD_UNCHANGED)
    opaque = picture[..., 3] > 0
    assert 0.02 < opaque.mean() < 0.5
    assert not opaque[0, 0]
    # ink and marks are of middle lightness: seen on white as on black
    lightness = picture[..., :3][picture[..., 3] > 200].mean(axis=-1)
    assert 60 < np.percentile(lightness, 5) < np.percentile(lightness, 95) < 200


def test_nothing_in_a_chart_is_fetched(plot: Plot) -> None:
    spec = plot.spec()
    text = json.dumps(spec | {"$schema": ""})
    assert "http" not in text.replace("http://www.w3.org", "")
    assert "url" not in spec["data"]


def test_every_video_is_a_point_and_every_median_on_a_line(plot: Plot) -> None:
    rows = data(plot)
    assert sum(row["kind"] == "video" for row in rows) == 27
    medians = {(r["color"], r["x"]): r["y"] for r in rows if r["kind"] == "median"}
    frame = table(voices=3)
    chosen = frame[(frame["version"] == 5) & (frame["iteration_count"] == 10)]
    assert medians[5, 10] == pytest.approx(chosen["lip_sync"].median())
    assert len(medians) == 9


def test_the_text_is_a_table_of_the_medians(plot: Plot) -> None:
    head, titles, *lines = repr(plot).splitlines()
    assert head == "lip_sync by iteration_count, medians"
    assert titles.split() == ["version", "5", "10", "20"]
    assert [line.split()[0] for line in lines[:3]] == ["4", "5", "6"]


def test_axes_have_units_and_the_caption_what_is_left_out() -> None:
    frame = table()
    frame.loc[0, ["render_s", "status"]] = [pd.NA, "failed"]
    frame.loc[1, ["render_s", "status"]] = [pd.NA, "invalid"]
    spec = plot_of(frame, "iteration_count", "render_s").spec()
    text = json.dumps(spec)
    assert "time of rendering (s)" in text
    assert "7 of 9 points (left out: 1 failed, 1 invalid)" in text


def test_a_measured_column_across_has_no_line() -> None:
    rows = data(plot_of(table(), "credits", "lip_sync", "version"))
    assert {row["kind"] for row in rows} == {"video"}


def test_facets_make_a_chart_for_each_value() -> None:
    spec = plot_of(table(), "iteration_count", "lip_sync", facet="version").spec()
    assert spec["facet"]["field"] == "facet"
    assert {row["facet"] for row in spec["data"]["values"]} == {4, 5, 6}


def test_a_large_run_is_thinned_out_and_says_so() -> None:
    frame = pd.concat([table(voices=3)] * 400, ignore_index=True)
    rows = data(made := plot_of(frame, "iteration_count", "lip_sync", "version"))
    assert sum(row["kind"] == "video" for row in rows) <= POINTS_MAX
    assert "10,800 of 10,800 points, 1,800 of them drawn" in repr(made)


def test_foreign_texts_stay_text() -> None:
    frame = table(voices=1).assign(audio_url=EVIL)
    made = plot_of(frame, "audio_url", "lip_sync", "version")
    assert "<img" not in made.svg()
    assert "&lt;img" in made.svg()


def test_what_cannot_be_drawn_is_an_error_that_says_why() -> None:
    frame = table()
    with pytest.raises(SweepError, match="'audio_url' holds no numbers"):
        plot_of(frame, "version", "audio_url")
    with pytest.raises(SweepError, match="no point has both"):
        plot_of(frame.assign(credits=pd.array([None] * 9, dtype="Float64")), "version", "credits")


def test_the_specification_is_valid_for_the_version_that_lab_draws(plot: Plot) -> None:
    vega = vl_convert.vegalite_to_vega(json.dumps(plot.spec()), vl_version="5.20")
    assert any(mark["type"] == "group" or mark.get("marks") for mark in vega["marks"])
