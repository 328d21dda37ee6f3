"""Thirty spoilt files on a served process; `benchmarks/fuzz_media.py` takes five hundred."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from benchmarks.fuzz_media import MEMORY_MB, fuzz, table

if TYPE_CHECKING:
    from pathlib import Path

COUNT = 30


@pytest.mark.render
def test_each_spoilt_file_gives_a_video_or_a_typed_refusal(tmp_path: Path) -> None:
    result = fuzz(COUNT, tmp_path)
    words = Counter(verdict.word for verdict in result.verdicts)
    assert result.broken == [], table(result)
    assert words["video"] > len(result.verdicts) - COUNT  # all good files, and some of the spoilt
    assert words["refused"] > COUNT / 4
    assert result.same_process
    assert sum(result.end_mb.values()) <= sum(result.start_mb.values()) + MEMORY_MB
