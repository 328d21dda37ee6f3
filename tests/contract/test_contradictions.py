"""Where the pages of the documentation contradict each other: what this toolkit makes of it.

One test at least for each contradiction, C1 to C20; those about HTTP ask a real server.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.faulty_server import ID, FaultyServer, reply
from tests.helpers.payloads import GOOD, good_payload
from tfi_notebook import settings
from tfi_notebook.api.client import AsyncClient
from tfi_notebook.contract.fields import JOB_TYPES, UnlistedJobType
from tfi_notebook.contract.records import (
    JobRecord,
    JobStatus,
    MappingField,
    MappingFields,
    SignedUrl,
    SubmitReceipt,
    error_text,
    parse_credits,
    parse_triggered,
)
from tfi_notebook.contract.templates import PayloadNotice, TemplatePayload, build_template_payload
from tfi_notebook.errors import (
    ApiError,
    BadResponseError,
    NotFoundError,
    PayloadError,
    SubmitUnknownError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

TEMPLATE_ID = "468ea7a0-66e1-4357-a760-236e54167f3e"
LIMITS = settings.Limits(request_timeout_s=5.0, submit_timeout_s=5.0)
OLD_RECEIPT = {"jobId": ID, "status": "queued", "message": "ok"}
NEW_RECEIPT = {
    "message": "Job update accepted and processing",
    "job": {"uuid": ID, "job_status": "QUEUED", "job_type": "video", "template_id": TEMPLATE_ID},
}
ROW = {
    "uuid": ID, "user_id": "u", "template_id": TEMPLATE_ID, "input": {}, "values": {},
    "output": {"output": "ai-talking-videos/p/outputs/j.mp4"}, "job_status": "SUCCESS",
    "job_type": "ai_talking_video", "credit_used": "12.5",
}  # fmt: skip


def call(url: str, ask: Callable[[AsyncClient], Awaitable[Any]]) -> Any:
    """Run one call of a client against a server."""

    async def run() -> Any:
        client = AsyncClient(settings.resolve("key", url, limits=LIMITS))
        try:
            return await ask(client)
        finally:
            await client.aclose()

    return asyncio.run(run())


def answered(answer: bytes, ask: Callable[[AsyncClient], Awaitable[Any]]) -> Any:
    """Run one call against a server that always gives this answer."""
    with FaultyServer(lambda *_: answer) as server:
        return call(server.url, ask)


@pytest.mark.parametrize(
    "body",
    [
        OLD_RECEIPT,
        NEW_RECEIPT,
        {"message": "ok", "job.uuid": ID, "job.job_status": "QUEUED"},
        {"uuid": ID, "job_status": "QUEUED"},
        {"job": {"id": ID, "job_status": "queued"}},
    ],
)
def test_c01_the_id_of_a_new_job_is_found_under_either_name(body: dict[str, Any]) -> None:
    receipt = SubmitReceipt.parse(body)
    assert (receipt.job_id, receipt.status) == (ID, JobStatus.QUEUED)


def test_c01_an_answer_without_an_id_does_not_prove_that_nothing_was_made() -> None:
    """Not even one that says "not found": read as a refusal, it would be sent a second time."""
    with pytest.raises(BadResponseError, match="Template not found"):
        SubmitReceipt.parse({"message": "Template not found"})


def test_c01_an_answer_without_an_id_is_unknown_says_what_came_and_is_not_repeated() -> None:
    answer = reply(200, {"message": "Template not found"})
    with FaultyServer(lambda *_: answer) as server:
        with pytest.raises(SubmitUnknownError, match="Template not found"):
            call(server.url, lambda client: client.create_job(good_payload()))
        assert server.made == 1


@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.parametrize("body", [OLD_RECEIPT, NEW_RECEIPT])
def test_c02_any_success_that_carries_an_id_is_a_submit(status: int, body: Any) -> None:
    receipt = answered(reply(status, body), lambda client: client.create_job(good_payload()))
    assert receipt.job_id == ID


@pytest.mark.parametrize("body", [{"error": "no"}, {"message": "no"}, {}])
def test_c02_a_success_without_an_id_is_none(body: Any) -> None:
    with pytest.raises(SubmitUnknownError):
        answered(reply(202, body), lambda client: client.create_job(good_payload()))


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        ("queued", "QUEUED", JobStatus.QUEUED),
        ("processing", "STARTED", JobStatus.PROCESSING),
        ("processing", "IN_PROGRESS", JobStatus.PROCESSING),
        ("done", "SUCCESS", JobStatus.DONE),
        ("failed", "FAILED", JobStatus.FAILED),
    ],
)
def test_c03_both_vocabularies_mean_the_same_and_stay_readable(
    old: str, new: str, status: JobStatus
) -> None:
    for word, key in ((old, "status"), (new, "job_status"), (new.title(), "job_status")):
        record = JobRecord.parse({"uuid": ID, key: word})
        assert (record.status, record.raw_status) == (status, word)


def test_c03_an_unknown_word_ends_nothing_and_is_kept() -> None:
    record = JobRecord.parse({"uuid": ID, "job_status": "ON_HOLD"})
    assert (record.status.is_final, record.raw_status) == (False, "ON_HOLD")


def test_c04_values_are_a_list_in_form_a_and_an_object_in_form_b() -> None:
    assert good_payload(values=["a"]).body()["values"] == ["a"]
    template = TemplatePayload(job_type="video", values={"headline": "Hi"})
    assert template.body()["values"] == {"headline": "Hi"}
    no_lists: list[Any] = [{"headline": "Hi"}, "text", 5, None]
    for wrong in no_lists:
        with pytest.raises(PayloadError, match="values"):
            good_payload(values=wrong)
    no_objects: list[Any] = [["a"], "text", 5, None]
    for wrong in no_objects:
        with pytest.raises(PayloadError, match="values"):
            TemplatePayload(job_type="video", values=wrong)


def test_c05_version_is_the_models_in_form_a_and_the_workflows_in_form_b() -> None:
    assert good_payload().version == 6
    with pytest.raises(PayloadError, match="version: must be 4, 5 or 6"):
        good_payload(version=2)
    assert TemplatePayload(job_type="video").version == 2
    with pytest.warns(PayloadNotice, match="workflow version"):
        odd = build_template_payload(job_type="video", template_id=TEMPLATE_ID, version=17)
    assert odd.body()["version"] == 17


def test_c06_form_a_needs_its_urls_and_project_form_b_neither() -> None:
    with pytest.raises(PayloadError) as caught:
        good_payload(image_url=None, audio_url=None, project_id=None)
    assert set(caught.value.problems) == {"image_url", "audio_url", "project_id"}
    assert "template_id" not in TemplatePayload(job_type="video").body()


def test_c06_a_template_wins_over_a_project_and_that_is_told() -> None:
    with pytest.warns(PayloadNotice, match="project_id: has no effect"):
        both = build_template_payload(
            job_type="video", template_id=TEMPLATE_ID, project_id="spring"
        )
    assert (both.body()["template_id"], both.body()["project_id"]) == (TEMPLATE_ID, "spring")


@pytest.mark.parametrize("status", [200, 404])
def test_c07_a_job_that_is_not_there_is_not_found_with_either_status(status: int) -> None:
    with pytest.raises(NotFoundError):
        answered(reply(status, {"message": "Job not found"}), lambda client: client.get_job(ID))


def test_c07_so_is_one_that_is_to_be_queued_again() -> None:
    with pytest.raises(NotFoundError):
        parse_triggered({"message": "No job found"})
    assert parse_triggered({"message": "Job triggered"}) == "Job triggered"
    with pytest.raises(NotFoundError):
        answered(
            reply(201, {"message": "No job found"}),
            lambda client: client.trigger_job([ID], confirm=True),
        )


def test_c07_a_row_that_only_talks_of_not_found_is_a_row() -> None:
    row = ROW | {"job_status": "FAILED", "message": "face not found"}
    record = answered(reply(200, row), lambda client: client.get_job(ID))
    assert (record.status, record.message) == (JobStatus.FAILED, "face not found")


def test_c08_the_expiry_is_stated_or_in_the_url_or_unknown() -> None:
    url = "https://cdn.example.com/a.mp4?token=canary&expires=1733054400"
    in_url = SignedUrl.parse({"signedUrl": url})
    assert in_url.expires_at == datetime(2024, 12, 1, 12, tzinfo=UTC)
    stated = SignedUrl.parse({"signedUrl": url, "expiresAt": "2024-12-02T12:00:00Z"})
    assert stated.expires_at == datetime(2024, 12, 2, 12, tzinfo=UTC)
    assert SignedUrl.parse({"signedUrl": "https://cdn.example.com/a.mp4"}).expires_at is None
    assert SignedUrl.parse({"signedUrl": url + "9" * 30}).expires_at is None


@pytest.mark.parametrize("status", [200, 400])
def test_c09_an_error_in_place_of_a_url_is_an_error_whatever_the_status(status: int) -> None:
    answer = reply(status, {"error": "Path query parameter is required"})
    with pytest.raises(ApiError, match="Path query parameter is required"):
        answered(answer, lambda client: client.sign("a.mp4"))


def test_c10_a_signature_proves_no_file() -> None:
    async def fetch(client: AsyncClient) -> None:
        signed = await client.sign("no/such.mp4")
        async with client.open_file(signed.url):
            pass

    def behave(_method: str, path: str, _body: bytes) -> bytes:
        if path.startswith("/storage/"):
            return reply(200, {"signedUrl": f"{server.url}/cdn/no/such.mp4?token=canary"})
        return reply(404, {})

    with FaultyServer(behave) as server, pytest.raises(NotFoundError) as caught:
        call(server.url, fetch)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"message": "bad"}, "bad"),
        ({"message": ["a", "b"], "error": "Bad Request"}, "a; b"),
        ({"error": "bad"}, "bad"),
        ({"error": {"message": "bad"}}, "bad"),
        ({"detail": "bad"}, "bad"),
        ("bad", "bad"),
        ("<html>bad gateway</html>", ""),
    ],
)
def test_c11_the_text_of_an_error_is_found_under_either_name(body: Any, text: str) -> None:
    assert error_text(body) == text


def test_c12_seven_of_the_eight_endpoints_are_offered() -> None:
    """All but `PUT /jobs/:id`, which could mark a job as done and take credits for it."""
    answers = {
        "POST /jobs/v2": OLD_RECEIPT,
        f"GET /jobs/{ID}": ROW,
        "POST /jobs/trigger-job": {"message": "Job triggered"},
        "GET /storage/generate-signed-path?path=a.mp4": {"signedUrl": "https://cdn.example.com/a"},
        "GET /auth/credits": {"credits": 1},
        "GET /api/provider/projects/active": {"data": []},
        f"GET /api/provider/projects/{ID}/mapping-fields": {"data": {"fields": {}}},
    }
    asked: list[str] = []

    def behave(method: str, path: str, _body: bytes) -> bytes:
        asked.append(f"{method} {path}")
        return reply(200, answers[asked[-1]])

    async def all_of_them(client: AsyncClient) -> None:
        await client.create_job(good_payload())
        await client.get_job(ID)
        await client.trigger_job([ID], confirm=True)
        await client.sign("a.mp4")
        await client.credits()
        await client.projects()
        await client.mapping_fields(ID)

    with FaultyServer(behave) as server:
        call(server.url, all_of_them)
        assert not any(request.startswith("PUT") for request in server.requests)
    assert asked == list(answers)
    assert not any("put" in name or "update" in name for name in dir(AsyncClient))


def test_c13_a_job_is_polled_and_no_payload_names_a_webhook() -> None:
    words = iter(["QUEUED", "IN_PROGRESS", "SUCCESS"])

    async def follow(client: AsyncClient) -> list[JobStatus]:
        return [(await client.get_job(ID)).status for _ in range(3)]

    with FaultyServer(lambda *_: reply(200, ROW | {"job_status": next(words)})) as server:
        seen = call(server.url, follow)
    assert seen == [JobStatus.QUEUED, JobStatus.PROCESSING, JobStatus.DONE]
    with pytest.raises(PayloadError, match="webhook_url: is not a field"):
        good_payload(webhook_url="https://hooks.example.com/x")


@pytest.mark.parametrize("amount", [12.5, "12.5"])
def test_c14_credits_are_a_number_or_a_number_as_text(amount: Any) -> None:
    assert parse_credits({"credits": amount}) == Decimal("12.5")
    assert JobRecord.parse(ROW | {"credit_used": amount}).credit_used == Decimal("12.5")


def test_c14_credits_that_are_no_number_are_not_made_up() -> None:
    assert JobRecord.parse(ROW | {"credit_used": "many"}).credit_used is None
    with pytest.raises(BadResponseError):
        parse_credits({"credits": "many"})


def test_c15_a_job_type_is_one_of_the_list_unless_it_is_said_to_be_unlisted() -> None:
    assert [good_payload(job_type=name).job_type for name in JOB_TYPES] == list(JOB_TYPES)
    with pytest.raises(PayloadError, match="job_type"):
        good_payload(job_type="podcast")
    payload = good_payload(job_type=UnlistedJobType("podcast"))
    assert payload.body()["job_type"] == "podcast"
    assert JobRecord.parse(ROW | {"job_type": "podcast"}).job_type == "podcast"


def test_c16_the_projects_alone_are_below_api() -> None:
    with FaultyServer(lambda *_: reply(200, {"credits": 1, "data": []})) as server:
        call(server.url, lambda client: client.credits())
        call(server.url, lambda client: client.projects())
        paths = [request.split(" ")[1] for request in server.requests]
    assert paths == ["/auth/credits", "/api/provider/projects/active"]
    assert "/api" not in settings.LIVE_BASE_URL.removeprefix("https://api.")


def test_c17_no_decision_hangs_on_the_text_of_a_success() -> None:
    for message in ("Job update accepted and processing", "Job failed", "done", ""):
        receipt = SubmitReceipt.parse(NEW_RECEIPT | {"message": message})
        assert (receipt.job_id, receipt.status) == (ID, JobStatus.QUEUED)


@pytest.mark.parametrize("key", ["template_id", "project_id"])
def test_c18_template_and_project_are_one_thing(key: str) -> None:
    row = {"uuid": ID, "job_status": "QUEUED", key: TEMPLATE_ID}
    assert JobRecord.parse(row).project_id == TEMPLATE_ID
    assert SubmitReceipt.parse({"job": row}).project_id == TEMPLATE_ID
    assert SubmitReceipt.parse(row).project_id == TEMPLATE_ID


@pytest.mark.parametrize(
    ("output", "kept"),
    [
        ({"output": "/a/b.mp4"}, "a/b.mp4"),
        ({"output_url": "https://cdn.example.com/b.mp4"}, "https://cdn.example.com/b.mp4"),
        ({"url": "https://cdn.example.com/b.mp4"}, "https://cdn.example.com/b.mp4"),
        ("a/b.mp4", "a/b.mp4"),
        (None, None),
    ],
)
def test_c19_the_video_is_found_as_a_key_or_as_a_url(output: Any, kept: str | None) -> None:
    record = JobRecord.parse(ROW | {"output": output})
    assert (record.output, record.signed_output) == (kept, None)


def test_c19_a_signed_url_is_kept_as_its_key_so_that_no_row_holds_a_credential() -> None:
    url = "https://cdn.example.com/ai-talking-videos/p%20q/j.mp4?token=canary&expires=1733054400"
    record = JobRecord.parse(ROW | {"output": {"output": url}})
    assert record.output == "ai-talking-videos/p q/j.mp4"
    assert record.signed_output is not None
    assert record.signed_output.url == url
    assert record.signed_output.expires_at == datetime(2024, 12, 1, 12, tzinfo=UTC)
    assert "canary" not in repr(record)


NAMED = {"projectId": ID, "projectName": "Spring", "projectType": "video"}
FIELDS = {"fields": {"avatar": {"label": "Avatar", "instructionType": "image"}}}


@pytest.mark.parametrize(
    "body",
    [
        {"message": "Success", "data": NAMED | FIELDS},
        {"message": "Success", "data": FIELDS} | NAMED,
        {"message": "Success"} | NAMED | FIELDS,
        {f"data.{key}": value for key, value in (NAMED | FIELDS).items()},
        {"data": NAMED | FIELDS, "projectId": "another", "fields": {}},
    ],
)
def test_c20_mapping_fields_are_read_nested_first_and_then_flat(body: Any) -> None:
    found = MappingFields.parse(body)
    assert (found.project_id, found.name, found.project_type) == (ID, "Spring", "video")
    assert found.fields == {"avatar": MappingField("Avatar", "image")}


def test_the_payload_of_a_submit_is_the_documented_one_in_either_form() -> None:
    bodies: list[bytes] = []

    def behave(_method: str, _path: str, body: bytes) -> bytes:
        bodies.append(body)
        return reply(202, OLD_RECEIPT)

    async def both(client: AsyncClient) -> None:
        values = {"a": "b"}
        await client.create_job(good_payload())
        await client.create_job(TemplatePayload(job_type="video", values=values))

    with FaultyServer(behave) as server:
        call(server.url, both)
    assert GOOD["image_url"].encode() in bodies[0]
    assert b'"values":{"a":"b"}' in bodies[1].replace(b" ", b"")
