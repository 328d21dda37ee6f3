from __future__ import annotations

from decimal import Decimal

import pytest

from tests.helpers.snapshots import NOW, snapshot
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.display import html, words


def test_a_local_service_never_claims_to_be_the_model() -> None:
    assert words.service_badge(local=True).startswith("LOCAL ")
    assert "not TFI's model" in words.service_badge(local=True)
    assert "127.0.0.1:8080" in words.service_badge(local=True, host="127.0.0.1:8080")


def test_a_live_badge_names_host_and_credits() -> None:
    text = words.service_badge(local=False, host="api.example.com", credit=Decimal("1250.5"))
    assert text == "LIVE · api.example.com · credits 1,250.5"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.9, "0 s"),
        (59.99, "59 s"),
        (60, "1 min 00 s"),
        (3599, "59 min 59 s"),
        (7380, "2 h 03 min"),
    ],
)
def test_durations_at_their_borders(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


def test_an_unknown_status_word_is_shown_as_it_came() -> None:
    assert words.status_word(snapshot(status=JobStatus.OTHER, raw_status="PAUSED")) == "PAUSED"


def test_a_silent_service_is_named_until_the_job_has_ended() -> None:
    silent = snapshot(stale_since=NOW - 40, message="status not known")
    assert words.remark(silent, NOW) == "no answer for 40 s · status not known"
    assert words.remark(silent.having(status=JobStatus.DONE, message=""), NOW) == ""


def test_the_text_of_a_job_says_everything_that_its_card_says() -> None:
    text = words.job_text(snapshot(progress=0.42, message="hello"), NOW)
    for part in ("LOCAL", "job-k1", "processing 42%", "1 min 05 s", "version 6", "400 px", "hello"):
        assert part in text


def test_one_iteration_is_said_as_one() -> None:
    one = snapshot(body={"version": 6, "iteration_count": 1, "output_size": 400})
    assert "(version 6, 1 iteration, 400 px)" in words.job_text(one, NOW)
    assert "version 6 · 1 iteration · 400 px" in html.poster_card(one, now=NOW, poster=None)


def test_a_job_without_the_usual_fields_still_has_a_line() -> None:
    odd = snapshot(body={"values": {"headline": "x"}}, job_id=None)
    assert f"version {words.NOTHING}" in words.job_text(odd, NOW)


def test_the_text_board_counts_what_it_leaves_out() -> None:
    rows = [snapshot(str(n), status=JobStatus.DONE, finished_at=NOW) for n in range(52)]
    lines = words.board_text(rows, now=NOW, badge_words="LOCAL · x").splitlines()
    assert lines[:2] == ["LOCAL · x", "52 jobs: 52 done"]
    assert lines[-1] == "… and 2 older"
    assert len(lines) == 2 + words.ROWS_MAX + 1
