"""A run as a table: a line for each point, columns with types, nothing that must not leave."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.runs import MADE, LedgerRun, job, run_of
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.errors import ArgumentError, SettingsError, SweepError
from tfi_notebook.quality.table import NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from tfi_notebook.lifecycle.workspace import Workspace

np = pytest.importorskip("numpy", reason="needs the extra data")
pd = pytest.importorskip("pandas", reason="needs the extra data")

SIGNED = "https://b.example.com/a.png?X-Amz-Signature=canary"


@pytest.fixture
def run(idle: Workspace, tmp_path: Path) -> LedgerRun:
    points = [{"version": v, "dynamic_scale": s} for v in (5, 6) for s in (0.5, 1.0)]
    failed = {"status": JobStatus.FAILED, "message": f"no face in {SIGNED}", "credit_used": None}
    open_end = {"status": JobStatus.PROCESSING, "finished_at": None, "credit_used": None}
    return run_of(
        idle,
        (points[0], job(0, points[0], path=tmp_path / "elsewhere" / "a.mp4")),
        (points[1], job(1, points[1], **failed)),
        (points[2], job(2, points[2], **open_end)),
        (points[3], None),
        ({"version": 7, "dynamic_scale": 1.0}, "version: must be 4, 5 or 6"),
    )


def test_there_is_a_line_for_each_point_and_a_column_for_each_axis(run: LedgerRun) -> None:
    table = run.results(scores=False)
    assert list(table) == [
        "version", "dynamic_scale", "status", "queue_s", "render_s", "credits", "job_id", "path",
        "problem",
    ]  # fmt: skip
    assert list(table["status"]) == ["done", "failed", "processing", "new", "invalid"]
    assert list(table["version"]) == [5, 5, 6, 6, 7]
    assert table.loc[0, ["queue_s", "render_s", "credits"]].tolist() == [2.0, 10.0, 12.5]


def test_what_is_not_known_is_missing_and_never_0(run: LedgerRun) -> None:
    table = run.results(scores=False)
    assert table["credits"].isna().tolist() == [False, True, True, True, True]
    assert table["render_s"].isna().tolist() == [False, False, True, True, True]
    assert table["queue_s"].isna().tolist() == [False, False, False, True, True]


def test_columns_have_the_types_of_their_values(run: LedgerRun) -> None:
    kinds = run.results(scores=False).dtypes.astype(str).to_dict()
    assert kinds["version"] == "Int64"
    assert {kinds[name] for name in ("dynamic_scale", "queue_s", "render_s", "credits")} == {
        "Float64"
    }
    assert kinds["status"] == "category"
    assert {kinds[name] for name in ("job_id", "path", "problem")} == {"string"}


def test_a_wrong_value_leaves_the_numbers_of_its_axis_numbers(idle: Workspace) -> None:
    points = [{"iteration_count": count} for count in (5, 10)]
    run = run_of(
        idle,
        *((point, job(at, point)) for at, point in enumerate(points)),
        ({"iteration_count": "x"}, "iteration_count: must be a whole number such as 20, not text"),
        ({"iteration_count": 1000}, "iteration_count: must be between 1 and 100"),
    )
    column = run.results(scores=False)["iteration_count"]
    assert str(column.dtype) == "Int64"
    assert column.isna().tolist() == [False, False, True, False]
    assert run.recommend(minimize="credits").setting == {"iteration_count": 5}


@pytest.mark.parametrize(
    ("ask", "named"),
    [
        (lambda run: run.front(5, 6), "no column 5"),
        (lambda run: run.front("lip_synk", None), "no column 'lip_synk'"),
        (lambda run: run.plot(1, 2), "x: must be the name"),
        (lambda run: run.plot(None, None), "x: must be the name"),
        (lambda run: run.plot("version", None), "y: must be the name"),
        (lambda run: run.plot("version", "credits", color=5), "no column 5"),
        (lambda run: run.recommend(maximize=5), "no column 5"),
        (lambda run: run.recommend(minimize="credits", within=5), "within: must be a mapping"),
        (lambda run: run.recommend(minimize="credits", within={5: 5}), "no column 5"),
    ],
)
def test_what_is_no_column_is_told_and_not_traced(
    run: LedgerRun, ask: Callable[[LedgerRun], object], named: str
) -> None:
    with pytest.raises((SweepError, ArgumentError), match=named) as caught:
        ask(run)
    assert caught.value.hint


def test_a_bound_may_be_a_number_of_numpy_or_a_decimal(run: LedgerRun) -> None:
    bounds: list[Any] = [np.int64(100), np.float32(100), Decimal(100), (None, np.int64(100))]
    for bound in bounds:
        asked = run.recommend(minimize="credits", within={"render_s": bound})
        assert "render_s at most 100" in asked.reason


def test_statuses_sort_in_the_order_of_a_jobs_life(run: LedgerRun) -> None:
    table = run.results(scores=False).sort_values("status")
    assert list(table["status"]) == ["new", "invalid", "processing", "done", "failed"]


def test_neither_signatures_nor_folders_are_in_the_table(run: LedgerRun, tmp_path: Path) -> None:
    table = run.results(scores=False)
    shown = table.to_csv()
    assert "canary" not in shown
    assert str(tmp_path) not in shown
    assert table.loc[0, "path"] == "a.mp4"
    assert table.loc[1, "problem"] == "no face in https://b.example.com/a.png"
    assert table.loc[4, "problem"] == "version: must be 4, 5 or 6"


def test_a_path_below_the_working_folder_can_be_opened_from_there(
    idle: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    video = tmp_path / "out" / "a.mp4"
    video.write_bytes(b"mp4")
    table = run_of(idle, ({"version": 5}, job(0, {"version": 5}, path=video))).results(scores=False)
    assert Path(table.loc[0, "path"]).read_bytes() == b"mp4"


def test_axes_may_be_texts_lists_and_flags(idle: Workspace) -> None:
    values = {"crop": True, "values": ["a", "b"], "image_url": SIGNED}
    table = run_of(idle, (values, None), (values | {"crop": None}, None)).results(scores=False)
    assert str(table["crop"].dtype) == "boolean"
    assert table.loc[0, "values"] == '["a", "b"]'
    assert table.loc[0, "image_url"] == "https://b.example.com/a.png"
    assert table["crop"].isna().tolist() == [False, True]


def test_a_run_without_points_is_an_empty_table(idle: Workspace) -> None:
    table = LedgerRun(idle, ("version",), []).results()
    assert len(table) == 0
    assert {"version", "status", "lip_sync"} <= set(table)


def test_scores_stand_before_the_job_with_lip_sync_first(run: LedgerRun) -> None:
    columns = list(run.results())
    assert columns[6 : 6 + len(NAMES)] == list(NAMES)
    assert columns[6] == "lip_sync"
    assert columns[-3:] == ["job_id", "path", "problem"]


def test_without_the_packages_scores_are_left_out_with_a_warning(
    run: LedgerRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tfi_notebook.quality.many", None)
    monkeypatch.delitem(sys.modules, "tfi_notebook.lifecycle.judged", raising=False)
    with pytest.warns(UserWarning, match=r"tfi-notebook\[local\]"):
        table = run.results()
    assert "lip_sync" not in table
    assert "tfi-notebook[local]" in table.attrs["notes"][0]
    with pytest.warns(UserWarning, match="left out"), pytest.raises(SweepError) as caught:
        run.plot("version", "lip_sync")
    assert "tfi-notebook[local]" in caught.value.hint


def test_a_column_that_is_not_there_is_named_with_what_may_be_meant(run: LedgerRun) -> None:
    with pytest.raises(SweepError, match="did you mean render_s") as caught:
        run.plot("version", "render")
    assert "queue_s" in caught.value.hint


FORMULA = "=HYPERLINK(1)"


def exported(idle: Workspace) -> LedgerRun:
    values = {"language": FORMULA}
    bad = job(0, {}, status=JobStatus.FAILED, message=FORMULA, credit_used=Decimal("-2.5"))
    return run_of(idle, (values, bad), ({"language": "en"}, None))


def test_no_text_in_a_csv_is_a_formula(idle: Workspace, tmp_path: Path) -> None:
    exported(idle).to_csv(tmp_path / "run.csv")
    back = pd.read_csv(tmp_path / "run.csv")
    assert back.loc[0, ["language", "problem"]].tolist() == [f"'{FORMULA}", f"'{FORMULA}"]
    assert back.loc[0, "credits"] == -2.5


def test_every_text_in_a_workbook_is_text(idle: Workspace, tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl", reason="reads the workbook back")
    exported(idle).to_excel(tmp_path / "run.xlsx")
    head, line, _ = openpyxl.load_workbook(tmp_path / "run.xlsx").active.iter_rows()
    cells: dict[str, Any] = {str(a.value): b for a, b in zip(head, line, strict=True)}
    assert (cells["language"].value, cells["language"].data_type) == (FORMULA, "s")
    assert (cells["credits"].value, cells["credits"].data_type) == (-2.5, "n")


def test_parquet_keeps_values_and_types(idle: Workspace, tmp_path: Path) -> None:
    run = exported(idle)
    run.to_parquet(tmp_path / "run.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "run.parquet"), run.results())


@pytest.mark.parametrize("write", ["to_csv", "to_excel", "to_parquet", "report"])
def test_a_file_that_cannot_be_written_is_told(run: LedgerRun, tmp_path: Path, write: str) -> None:
    with pytest.raises(SettingsError, match="cannot be written"):
        getattr(run, write)(tmp_path / "no" / "such" / "folder.bin")


def test_a_report_needs_a_path(run: LedgerRun) -> None:
    with pytest.raises(ArgumentError, match="path"):
        run.report("")


def test_times_are_those_that_the_ledger_saw(idle: Workspace) -> None:
    slow = job(0, {"version": 5}, started_at=MADE + 60.1234, finished_at=MADE + 61)
    table = run_of(idle, ({"version": 5}, slow)).results(scores=False)
    assert table.loc[0, ["queue_s", "render_s"]].tolist() == [60.123, 0.877]
