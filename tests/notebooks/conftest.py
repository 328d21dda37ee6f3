"""The tutorials, run by pytest-notebook in an empty folder with an empty home."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_notebook.nb_regression import NBRegressionFixture

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("[0-9]*.ipynb"))
POSTER = re.compile(r"data:image/jpeg;base64,([A-Za-z0-9+/=]{1000,})")
CHART = "application/vnd.vegalite.v5+json"
CELL_TIMEOUT_S = 300
# what is different at every run; and pictures, whose bytes are compressed: they are looked at
# one by one, as numbers are, see `test_notebooks`
REPLACE = (
    ("/cells/*/outputs", r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4,12}", "<id>"),
    ("/cells/*/outputs", POSTER.pattern, "<jpeg>"),
    ("/cells/*/outputs/*/data/image/png", r"iVBORw0KGgo[A-Za-z0-9+/=\n]{1000,}", "<png>"),
    ("/cells/*/outputs", r"([0-9]+ min )?[0-9.]+\s(s|kB|MB)\b", "<quantity>"),
    ("/cells/*/outputs", r"[0-9.]+ x real time", "<speed>"),
    ("/cells/*/outputs", r"[0-9,]+ (bytes|levels²|kbit/s)", "<quantity>"),
    # a share of few: 1 or 15 of 16
    ("/cells/*/outputs", r"closure_rate(</td><td [^>]*>| +)[0-9.]+", "closure_rate <share>"),
)
# processors of different kinds round differently: a score moves by some hundredths
NUMBER = re.compile(r"-?\b[0-9]+\.[0-9]+\b")
NUMBERS = (("/cells/*/outputs", rf" *{NUMBER.pattern} *", " <number> "),)


@pytest.fixture
def checked(
    nb_regression: NBRegressionFixture, tmp_path: Path, tfi_home: Path
) -> NBRegressionFixture:
    """pytest-notebook, told what may differ."""
    nb_regression.exec_timeout = CELL_TIMEOUT_S
    nb_regression.exec_cwd = str(tmp_path)
    nb_regression.exec_env = {"TFI_HOME": str(tfi_home)}
    nb_regression.post_processors = ("coalesce_streams", "tfi_strip_widgets")
    nb_regression.diff_ignore = (
        "/metadata/language_info",
        "/cells/*/metadata/execution",
        "/cells/*/execution_count",
        "/cells/*/outputs/*/execution_count",
        "/cells/*/outputs/*/metadata",
        f"/cells/*/outputs/*/data/{CHART}",
    )
    nb_regression.diff_replace = REPLACE + NUMBERS
    nb_regression.diff_use_color = False
    return nb_regression
