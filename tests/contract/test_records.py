from __future__ import annotations

import pickle
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfi_notebook.contract.records import (
    JobRecord,
    JobStatus,
    MappingField,
    MappingFields,
    Project,
    SignedUrl,
    SubmitReceipt,
    error_text,
    parse_credits,
    parse_triggered,
)
from tfi_notebook.errors import BadResponseError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

ID = "15a6331b-7f5e-4f0c-9a43-0c6fd6f2a111"


@pytest.mark.parametrize(
    "body",
    [
        {"jobId": ID, "status": "queued", "message": "ok"},
        {"message": "ok", "job": {"uuid": ID, "job_status": "QUEUED", "job_type": "video"}},
        {"message": "ok", "job.uuid": ID, "job.job_status": "QUEUED"},
        {"uuid": ID, "job_status": "QUEUED", "message": "ok"},
        {"id": ID, "status": "Queued", "message": "ok", "surprise": [1, 2]},
    ],
)
def test_a_receipt_of_either_generation_is_read(body: dict[str, Any]) -> None:
    receipt = SubmitReceipt.parse(body)
    assert (receipt.job_id, receipt.status, receipt.message) == (ID, JobStatus.QUEUED, "ok")


def test_a_receipt_that_names_no_status_is_accepted_and_no_more() -> None:
    receipt = SubmitReceipt.parse({"job": {"id": ID}})
    assert (receipt.status, receipt.raw_status) == (JobStatus.ACCEPTED, "")
    assert not receipt.status.is_final


@pytest.mark.parametrize(
    "body",
    [None, [], "text", {}, {"message": "Job update accepted"}, {"jobId": None}, {"jobId": "../x"},
     {"jobId": "a" * 200}, {"jobId": {"uuid": ID}}],
)  # fmt: skip
def test_a_receipt_without_a_usable_id_is_an_error(body: Any) -> None:
    with pytest.raises(BadResponseError):
        SubmitReceipt.parse(body)


ROW = {
    "uuid": ID, "user_id": "u", "template_id": "t", "input": {}, "values": {},
    "output": {"output": "/ai-talking-videos/p/outputs/j.mp4"}, "job_status": "SUCCESS",
    "job_type": "ai_talking_video", "credit_used": "12.5", "created_at": "…", "updated_at": "…",
}  # fmt: skip


def test_a_job_row_is_read() -> None:
    record = JobRecord.parse(ROW)
    assert record.status is JobStatus.DONE
    assert record.output == "ai-talking-videos/p/outputs/j.mp4"
    assert record.credit_used == Decimal("12.5")


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("queued", JobStatus.QUEUED), ("QUEUED", JobStatus.QUEUED),
        ("processing", JobStatus.PROCESSING), ("STARTED", JobStatus.PROCESSING),
        ("IN_PROGRESS", JobStatus.PROCESSING), ("done", JobStatus.DONE),
        ("SUCCESS", JobStatus.DONE), ("failed", JobStatus.FAILED), ("FAILED", JobStatus.FAILED),
    ],
)  # fmt: skip
def test_both_vocabularies_are_understood(word: str, status: JobStatus) -> None:
    assert JobRecord.parse({"uuid": ID, "job_status": word}).status is status
    assert JobRecord.parse({"jobId": ID, "status": word}).status is status


def test_an_unknown_word_is_kept_and_ends_nothing() -> None:
    record = JobRecord.parse({"uuid": ID, "job_status": "ON_HOLD"})
    assert record.status is JobStatus.OTHER
    assert record.raw_status == "ON_HOLD"
    assert not record.status.is_final


@pytest.mark.parametrize(
    ("output", "kept"),
    [
        ({"output": "a/b.mp4"}, "a/b.mp4"),
        ({"output_url": "https://cdn.example.com/b.mp4"}, "https://cdn.example.com/b.mp4"),
        ("/a/b.mp4", "a/b.mp4"),
        ({}, None),
        (None, None),
        (5, None),
    ],
)
def test_the_output_is_found_wherever_it_is_put(output: Any, kept: str | None) -> None:
    assert JobRecord.parse(ROW | {"output": output}).output == kept


def test_a_200_that_says_not_found_is_not_found() -> None:
    with pytest.raises(NotFoundError):
        JobRecord.parse({"message": "Job not found"})


@pytest.mark.parametrize("body", [None, "<html>", [], {}, {"uuid": ID}, {"job_status": "done"}])
def test_what_is_no_row_is_an_error(body: Any) -> None:
    with pytest.raises(BadResponseError):
        JobRecord.parse(body)


def test_the_expiry_is_taken_from_the_field_else_from_the_url() -> None:
    url = "https://cdn.example.com/a.mp4?token=canary&expires=1733054400"
    stated = SignedUrl.parse({"signedUrl": url, "expiresAt": "2024-12-02T12:00:00Z"})
    assert stated.expires_at == datetime(2024, 12, 2, 12, tzinfo=UTC)
    assert SignedUrl.parse({"signedUrl": url}).expires_at == datetime(2024, 12, 1, 12, tzinfo=UTC)
    assert SignedUrl.parse({"signedUrl": "https://cdn.example.com/a.mp4"}).expires_at is None


def test_a_signed_url_does_not_show_itself() -> None:
    signed = SignedUrl.parse({"signedUrl": "https://cdn.example.com/a.mp4?token=canary"})
    assert "canary" not in repr(signed)


@pytest.mark.parametrize(
    "body",
    [{"error": "Path query parameter is required"}, {"signedUrl": ""}, {"signedUrl": "file:///x"}],
)
def test_a_signing_answer_without_a_url_is_an_error(body: Any) -> None:
    with pytest.raises(BadResponseError):
        SignedUrl.parse(body)


@pytest.mark.parametrize("amount", [1250, 1250.0, "1250", "1250.0"])
def test_credits_are_a_number_or_a_number_as_text(amount: Any) -> None:
    assert parse_credits({"credits": amount}) == Decimal(1250)


@pytest.mark.parametrize("body", [{}, {"credits": None}, {"credits": "many"}, {"credits": "NaN"}])
def test_credits_that_are_no_number_are_an_error(body: Any) -> None:
    with pytest.raises(BadResponseError):
        parse_credits(body)


def test_projects_are_read_and_rows_without_an_id_left_out() -> None:
    row = {"projectId": ID, "projectName": "Spring", "projectType": "ai_talking_video"}
    body = {"message": "Success", "data": [row, {"projectName": "no id"}, "text"]}
    assert Project.parse_all(body) == [Project(ID, "Spring", "ai_talking_video")]
    assert Project.parse_all({"data": None}) == []


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"message": "bad"}, "bad"),
        ({"message": ["a", "b"]}, "a; b"),
        ({"error": "bad"}, "bad"),
        ({"error": {"message": "bad"}}, "bad"),
        ({"detail": "bad"}, "bad"),
        ("<html>", ""),
        ({}, ""),
    ],
)
def test_the_error_text_is_found_wherever_it_is_put(body: Any, text: str) -> None:
    assert error_text(body) == text


PARSERS: list[Callable[[object], object]] = [
    JobRecord.parse, SubmitReceipt.parse, SignedUrl.parse, Project.parse_all, MappingFields.parse,
    parse_credits, parse_triggered, error_text,
]  # fmt: skip
KEYS = [
    *ROW, "jobId", "status", "job", "message", "error", "detail", "data", "fields", "projectId",
    "startDate", "signedUrl", "expiresAt", "credits", "progress",
]  # fmt: skip
WORDS = [ID, "SUCCESS", "not found", "https://cdn.example.com/a?expires=1e30", "http://[", "1e999"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(WORDS),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=6) | JSON)
def test_whatever_the_service_answers_is_read_or_refused_with_a_typed_error(body: Any) -> None:
    for parse in PARSERS:
        try:
            repr(parse(body)).encode()  # what was read can be shown and stored
        except (BadResponseError, NotFoundError) as error:
            assert error.message  # noqa: PT017 - both outcomes are right


@pytest.mark.parametrize("parse", PARSERS[:-1])
def test_an_error_of_a_parser_holds_no_signature_and_no_page(parse: Any) -> None:
    body = {"message": "no: https://cdn.example.com/a?token=canary " + "x" * 5000, "error": 1}
    if parse is parse_triggered:
        body = {"message": "No job found: https://cdn.example.com/a?token=canary " + "x" * 5000}
    with pytest.raises((BadResponseError, NotFoundError)) as caught:
        parse(body)
    assert "canary" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_half_characters_are_made_storable() -> None:
    record = JobRecord.parse({"uuid": ID, "job_status": "\ud800", "message": "a\udfffb"})
    assert (record.raw_status, record.message, record.status) == ("?", "a?b", JobStatus.OTHER)


def test_what_a_failed_row_says_about_the_failure_is_kept_wherever_it_says_it() -> None:
    row = ROW | {"job_status": "FAILED"}
    assert JobRecord.parse(row | {"message": "no face"}).message == "no face"
    assert JobRecord.parse(row | {"error": {"message": "no face"}}).message == "no face"
    assert JobRecord.parse(row | {"output": {"error": "no face"}}).message == "no face"


def test_times_are_read_and_what_is_no_time_is_left_out() -> None:
    record = JobRecord.parse(
        ROW | {"created_at": "2026-04-01T10:00:00.000Z", "updated_at": "2026-04-01T10:02:16"}
    )
    assert record.created_at == datetime(2026, 4, 1, 10, tzinfo=UTC)
    assert record.updated_at == datetime(2026, 4, 1, 10, 2, 16, tzinfo=UTC)
    assert JobRecord.parse(ROW | {"created_at": 5}).created_at is None


def test_a_project_has_its_dates() -> None:
    row = {"projectId": ID, "startDate": "2026-04-01T00:00:00.000Z", "endDate": None}
    project = Project.parse_all({"data": [row]})[0]
    assert (project.name, project.start_date, project.end_date) == (
        "", datetime(2026, 4, 1, tzinfo=UTC), None,
    )  # fmt: skip
    with pytest.raises(BadResponseError, match="out of order"):
        Project.parse_all({"error": "out of order"})


def test_mapping_fields_are_read() -> None:
    fields = {
        "headline": {"label": "Headline", "instructionType": "text"},
        "avatar": {"label": "", "instructionType": 5},
        "odd": "text",
    }
    data = {"projectId": ID, "projectName": "Spring", "projectType": "video", "fields": fields,
            "fetchedAt": "2026-04-01T00:00:00.000Z"}  # fmt: skip
    found = MappingFields.parse({"message": "Success", "data": data})
    assert (found.project_id, found.name, found.project_type) == (ID, "Spring", "video")
    assert found.fetched_at == datetime(2026, 4, 1, tzinfo=UTC)
    assert found.fields == {
        "headline": MappingField("Headline", "text"),
        "avatar": MappingField("avatar"),
        "odd": MappingField("odd"),
    }
    assert pickle.loads(pickle.dumps(found)) == found
    assert MappingFields.parse({"data": {"fields": {}}}).fields == {}


@pytest.mark.parametrize("body", [None, {}, {"data": {}}, {"data": {"fields": [1]}}])
def test_an_answer_without_mapping_fields_is_an_error(body: Any) -> None:
    with pytest.raises(BadResponseError):
        MappingFields.parse(body)
