"""The table of scores: complete, in order, and safe to show, keep and send."""

from __future__ import annotations

import pickle
import subprocess
import sys
from math import isnan
from pathlib import Path

import pytest

from tfi_notebook.quality.scores import Scores
from tfi_notebook.quality.table import NAMES, SCORES

ROOT = Path(__file__).parent.parent.parent


def test_every_score_says_what_it_is() -> None:
    assert NAMES[0] == "lip_sync"
    assert len(set(NAMES)) == len(NAMES)
    for info in SCORES:
        assert info.meaning, info.name
        assert (info.anchor is not None) or info.direction != "near", info.name


def test_every_score_stands_in_the_documentation() -> None:
    text = (ROOT / "docs" / "scores.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"`{name}`" not in text] == []


def test_a_table_of_scores_is_a_mapping_in_order() -> None:
    scores = Scores.of({"lag_ms": 12, "lip_sync": 0.5}, ["closure_rate: no words"])
    assert list(scores) == list(NAMES)
    assert scores["lag_ms"] == 12.0
    assert isnan(scores["jitter"])
    assert dict(scores)["lip_sync"] == 0.5
    with pytest.raises(KeyError):
        scores["no such score"]


def test_it_survives_pickling() -> None:
    scores = Scores.of(dict.fromkeys(NAMES, 0.25), ["a note"])
    again = pickle.loads(pickle.dumps(scores))
    assert again == scores
    assert again.notes == ("a note",)


def test_it_shows_itself_as_text_and_as_html() -> None:
    scores = Scores.of({"lip_sync": 0.512, "size_bytes": 1_234_567}, ["<script>alert(1)</script>"])
    text, html = repr(scores), scores._repr_html_()
    assert "0.512" in text
    assert "1,234,567 bytes" in text
    assert "note: <script>" in text
    assert "<td" in html
    assert "real video: 0.2528" in html
    assert "<script>" not in html


def test_without_the_local_extra_the_table_is_there_and_scoring_says_what_is_missing() -> None:
    code = """
import sys
for name in ("numpy", "cv2", "av"):
    sys.modules[name] = None
from tfi_notebook.quality.scores import Scores
from tfi_notebook.quality.table import SCORES
from tfi_notebook.errors import MissingExtraError
print(len(SCORES) == len(Scores.of({})))
try:
    from tfi_notebook.quality.many import score_many
except MissingExtraError as error:
    print(error)
"""
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert shown.stdout.startswith("True")
    assert 'pip install "tfi-notebook[local]"' in shown.stdout
