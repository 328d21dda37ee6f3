"""The local service in both generations of the API's pages, asked raw and through the client."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.local.conftest import KEY, Caller, face_png, sample_body, until, voice_wav
from tfi_notebook import http, settings
from tfi_notebook.api.client import AsyncClient
from tfi_notebook.contract.local import LOCAL_PROJECT_ID, SAMPLE_PORTRAIT_PATH, SAMPLE_VOICE_PATH
from tfi_notebook.contract.payloads import TalkingVideoPayload
from tfi_notebook.contract.records import JobRecord, JobStatus, MappingField, SubmitReceipt
from tfi_notebook.contract.templates import TemplatePayload, build_template_payload
from tfi_notebook.errors import (
    BadResponseError,
    NotAPictureError,
    NotFoundError,
    PayloadError,
    SettingsError,
)
from tfi_notebook.local.service import LocalService, create_app
from tfi_notebook.media.frames import video_info
from tfi_notebook.settings import LOCAL_BASE_URL

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tfi_notebook.local.dialect import DialectName
    from tfi_notebook.local.store import Store

UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"
IMAGE_URL = LOCAL_BASE_URL + SAMPLE_PORTRAIT_PATH
AUDIO_URL = LOCAL_BASE_URL + SAMPLE_VOICE_PATH
VALUES: dict[str, Any] = {"image": {"image_url": IMAGE_URL}, "audio": {"audio_url": AUDIO_URL}}


def template(**changes: Any) -> dict[str, Any]:
    """Return a template request that the local service renders, with some fields changed."""
    body = {"job_type": "ai_talking_video", "template_id": LOCAL_PROJECT_ID, "values": VALUES}
    return body | changes


@pytest.fixture
def current(store: Store) -> Caller:
    """Ask a service that speaks as the later pages do."""
    rung: list[bool] = []
    app = create_app(
        store, api_key=KEY, base_url=LOCAL_BASE_URL, on_enqueued=lambda: rung.append(True),
        dialect="current",
    )  # fmt: skip
    return Caller(app, rung=rung)


def play_worker(store: Store, *, fails: bool) -> None:
    """End the oldest waiting job as a worker would."""
    claim = store.claim("test")
    assert claim is not None
    if fails:
        store.fail(claim.token, "image_url: could not")
        return
    store.files.part_path(claim.part).write_bytes(b"video")
    store.files.publish(claim.part, claim.output, "{}")
    store.finish(claim.token, claim.output, "rendered")


def through_client(app: Any, ask: Callable[[AsyncClient], Awaitable[Any]]) -> Any:
    """Run one call of the toolkit's client against an app in this process."""

    async def run() -> Any:
        connection = settings.resolve(KEY, "https://tfi.localhost", local=True)
        client = AsyncClient(connection, http.asgi_transport(app))
        try:
            return await ask(client)
        finally:
            await client.aclose()

    return asyncio.run(run())


def test_the_reference_dialect_is_the_page_of_the_submit(caller: Caller, store: Store) -> None:
    answer = caller.submit()
    assert answer.status_code == 202
    receipt = answer.json()
    assert set(receipt) == {"jobId", "status", "message"}
    words = [caller.row(receipt["jobId"])["status"]]
    claim = store.claim("test")
    words.append(caller.row(receipt["jobId"])["status"])
    assert claim is not None
    store.fail(claim.token, "could not")
    words.append(caller.row(receipt["jobId"])["status"])
    second = caller.submit().json()["jobId"]
    play_worker(store, fails=False)
    words.append(caller.row(second)["status"])
    assert words == ["queued", "processing", "failed", "done"]


def test_the_current_dialect_is_the_later_pages(current: Caller, store: Store) -> None:
    answer = current.submit()
    assert answer.status_code == 201
    receipt = answer.json()
    assert receipt["message"] == "Job update accepted and processing"
    assert receipt["job"] == {
        "uuid": receipt["job"]["uuid"], "job_status": "QUEUED", "job_type": "ai_talking_video",
        "template_id": LOCAL_PROJECT_ID,
    }  # fmt: skip
    row = current.row(receipt["job"]["uuid"])
    assert set(row) == {
        "uuid", "user_id", "template_id", "input", "output", "values", "job_status", "job_type",
        "credit_used", "created_at", "updated_at", "message", "progress", "queue_position", "eta_s",
        "eta_from_jobs",
    }  # fmt: skip
    assert (row["job_status"], row["credit_used"]) == ("QUEUED", "0")
    play_worker(store, fails=False)
    row = current.row(receipt["job"]["uuid"])
    assert row["job_status"] == "SUCCESS"
    signed = current.get("/storage/generate-signed-path", params={"path": row["output"]["output"]})
    assert set(signed.json()) == {"signedUrl"}
    assert current.get(signed.json()["signedUrl"], headers={"x-api-key": ""}).content == b"video"


def test_the_current_dialect_says_not_found_with_the_status_of_a_success(current: Caller) -> None:
    job = current.get(f"/jobs/{UNKNOWN_ID}")
    assert (job.status_code, job.json()) == (200, {"message": "Job not found"})
    triggered = current.ask("POST", "/jobs/trigger-job", json={"ids": [UNKNOWN_ID]})
    assert (triggered.status_code, triggered.json()) == (201, {"message": "No job found"})
    unsigned = current.get("/storage/generate-signed-path")
    assert unsigned.status_code == 200
    assert unsigned.json() == {"error": "Path query parameter is required"}


def test_the_current_dialect_signs_a_key_that_does_not_exist(current: Caller) -> None:
    signed = current.get("/storage/generate-signed-path", params={"path": "no/such.mp4"})
    assert signed.status_code == 200
    url = signed.json()["signedUrl"]
    assert current.get(url, headers={"x-api-key": ""}).status_code == 404
    endless = current.get("/storage/generate-signed-path", params={"path": "x" * 2000})
    assert endless.status_code == 404


def test_the_current_dialect_flattens_the_project_of_the_mapping_fields(current: Caller) -> None:
    answer = current.get(f"/api/provider/projects/{LOCAL_PROJECT_ID}/mapping-fields").json()
    assert set(answer) == {"message", "projectId", "projectName", "projectType", "data"}
    assert set(answer["data"]) == {"fields", "fetchedAt"}


@pytest.mark.parametrize("dialect", ["reference", "current"])
def test_the_client_walks_the_same_way_in_either_dialect(
    store: Store, dialect: DialectName
) -> None:
    app = create_app(
        store, api_key=KEY, base_url=LOCAL_BASE_URL, on_enqueued=lambda: None, dialect=dialect
    )

    async def walk(client: AsyncClient) -> JobRecord:
        receipt: SubmitReceipt = await client.create_job(TalkingVideoPayload(**sample_body()))
        assert receipt.status is JobStatus.QUEUED
        play_worker(store, fails=False)
        assert (await client.sign((await client.get_job(receipt.job_id)).output or "")).url
        with pytest.raises(NotFoundError):
            await client.get_job(UNKNOWN_ID)
        fields = await client.mapping_fields((await client.projects())[0].project_id)
        assert fields.project_id == LOCAL_PROJECT_ID
        assert fields.fields["audio"] == MappingField("Narration", "audio")
        assert fields.fetched_at is not None
        with pytest.raises(BadResponseError if dialect == "current" else NotFoundError):
            await client.sign("" if dialect == "current" else "no/such.mp4")
        return await client.get_job(receipt.job_id)

    record = through_client(app, walk)
    assert record.status is JobStatus.DONE
    assert (record.credit_used, record.project_id) == (0, LOCAL_PROJECT_ID)
    assert record.created_at is not None


# -- templates -----------------------------------------------------------------------------


def test_a_template_is_taken_as_it_is_and_kept_as_the_input(current: Caller, store: Store) -> None:
    body = template(session_id="mine", output_size=128, something_new=[1])
    answer = current.ask("POST", "/jobs/v2", json=body)
    assert answer.status_code == 201
    row = current.row(answer.json()["job"]["uuid"])
    assert row["input"] == body | {"version": 2}
    assert row["values"] == VALUES
    assert row["template_id"] == LOCAL_PROJECT_ID
    claim = store.claim("test")
    assert claim is not None
    assert claim.output.startswith(f"ai-talking-videos/{LOCAL_PROJECT_ID}/outputs/")


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"job_type": "tts"}, "job_type", "renders ai_talking_video only"),
        ({"job_type": 5}, "job_type", "must be one of"),
        ({"template_id": UNKNOWN_ID}, "template_id", "one project"),
        ({"template_id": None}, "template_id", "one project"),
        ({"template_id": None, "project_id": "spring"}, "project_id", "one project"),
        ({"template_id": "spring"}, "template_id", "UUID"),
        ({"values": VALUES | {"headline": "Hi"}}, "values.headline", "no field of the local"),
        ({"values": {"image": VALUES["image"]}}, "values.audio", "audio_url"),
        ({"values": VALUES | {"image": IMAGE_URL}}, "values.image", "image_url"),
        ({"values": VALUES | {"image": {"image_url": "file:///x"}}}, "values.image", "http"),
        ({"values": ["x"]}, "values", "object"),
        ({"iteration_count": 1000}, "iteration_count", "between 1 and 100"),
    ],
)
def test_a_template_that_cannot_be_rendered_is_refused_naming_the_field(
    current: Caller, store: Store, changes: dict[str, Any], field: str, says: str
) -> None:
    answer = current.ask("POST", "/jobs/v2", json=template(**changes))
    assert answer.status_code == 400
    assert list(answer.json()["problems"]) == [field]
    assert says in answer.json()["problems"][field]
    assert not store.has_work()


def test_a_close_name_of_a_value_is_guessed(current: Caller) -> None:
    values = {"images": VALUES["image"], "audio": VALUES["audio"]}
    problems = current.ask("POST", "/jobs/v2", json=template(values=values)).json()["problems"]
    assert problems["values.images"].endswith("did you mean image?")
    assert "values.image" in problems


def test_a_picture_without_a_face_is_told_at_its_place_in_the_values(current: Caller) -> None:
    url = current.upload(b"no picture at all", "a.png")
    values = VALUES | {"image": {"image_url": url}}
    answer = current.ask("POST", "/jobs/v2", json=template(values=values)).json()
    assert (answer["field"], answer["code"]) == ("values.image.image_url", "not_a_picture")


def test_the_reference_dialect_knows_no_templates(caller: Caller) -> None:
    answer = caller.ask("POST", "/jobs/v2", json=template())
    assert answer.status_code == 400
    assert {"template_id", "values", "image_url", "audio_url"} <= set(answer.json()["problems"])


@pytest.mark.render
def test_a_template_is_rendered(tmp_path: Path) -> None:
    with LocalService(tmp_path / "room", api_key=KEY, dialect="current") as service:
        caller = Caller(service.app)
        audio_url = caller.upload(voice_wav(0.6), "a.wav")
        payload = build_template_payload(
            job_type="ai_talking_video",
            template_id=LOCAL_PROJECT_ID,
            values=VALUES | {"audio": {"audio_url": audio_url, "effects": ["echo"]}},
            extra={"output_size": 128},
        )
        receipt = caller.ask("POST", "/jobs/v2", json=payload.body()).json()
        job_id = SubmitReceipt.parse(receipt).job_id

        def ended() -> JobRecord | None:
            record = JobRecord.parse(caller.row(job_id))
            return record if record.status.is_final else None

        record: JobRecord = until(ended, "the video")
        assert record.status is JobStatus.DONE, record.message
        assert record.message.endswith("no effect locally: values.audio.effects")
        path = service.store.files.output_path(record.output or "")
        assert path is not None
        info = video_info(path)
        assert (info.width_px, info.has_audio) == (128, True)
        assert info.duration_s == pytest.approx(0.6, abs=0.1)


# -- queueing again ------------------------------------------------------------------------


def test_a_failed_job_is_queued_again_and_the_others_stay(caller: Caller, store: Store) -> None:
    failed, done, waiting = (caller.submit().json()["jobId"] for _ in range(3))
    play_worker(store, fails=True)
    play_worker(store, fails=False)
    caller.rung.clear()
    answer = caller.ask("POST", "/jobs/trigger-job", json={"ids": [failed, done, waiting, failed]})
    assert answer.status_code == 201
    assert answer.json()["message"].startswith("Job triggered")
    assert caller.rung == [True]
    words = [caller.row(job_id)["status"] for job_id in (failed, done, waiting)]
    assert words == ["queued", "done", "queued"]
    claim = store.claim("test")
    assert claim is not None
    assert (claim.job_id, claim.tries) == (failed, 1)  # in its old place, with all its tries


def test_one_unknown_id_leaves_everything_as_it_was(caller: Caller, store: Store) -> None:
    failed = caller.submit().json()["jobId"]
    play_worker(store, fails=True)
    caller.rung.clear()
    answer = caller.ask("POST", "/jobs/trigger-job", json={"ids": [failed, UNKNOWN_ID]})
    assert (answer.status_code, answer.json()["message"]) == (404, ["No job found"])
    assert caller.row(failed)["status"] == "failed"
    assert caller.rung == []


@pytest.mark.parametrize("body", [{}, {"ids": []}, {"ids": "x"}, {"ids": [5]}, {"ids": None}])
def test_queueing_again_wants_ids(caller: Caller, body: Any) -> None:
    answer = caller.ask("POST", "/jobs/trigger-job", json=body)
    assert (answer.status_code, list(answer.json()["problems"])) == (400, ["ids"])


def test_the_client_queues_again_only_when_that_is_confirmed(current: Caller, store: Store) -> None:
    job_id = current.submit().json()["job"]["uuid"]
    play_worker(store, fails=True)
    with pytest.raises(PayloadError):
        through_client(current.app, lambda client: client.trigger_job([job_id]))
    assert current.row(job_id)["job_status"] == "FAILED"
    through_client(current.app, lambda client: client.trigger_job([job_id], confirm=True))
    assert current.row(job_id)["job_status"] == "QUEUED"
    with pytest.raises(NotFoundError):
        through_client(current.app, lambda client: client.trigger_job([UNKNOWN_ID], confirm=True))


# -- what is not offered -------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["reference", "current"])
def test_no_job_can_be_changed_from_outside(
    caller: Caller, current: Caller, dialect: DialectName
) -> None:
    asked = caller if dialect == "reference" else current
    job_id = SubmitReceipt.parse(asked.submit().json()).job_id
    before = asked.row(job_id)
    answer = asked.ask("PUT", f"/jobs/{job_id}", json={"job_status": "SUCCESS"})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert answer.json()["message"] == ["Method Not Allowed"]
    assert asked.row(job_id) == before


def test_a_path_that_there_is_not_is_answered_in_the_apis_form(caller: Caller) -> None:
    answer = caller.get("/no/such/path")
    assert (answer.status_code, answer.json()["message"]) == (404, ["Not Found"])


@pytest.mark.parametrize(
    ("content", "field"), [(b'{"values": ["\\ud800"]}', "values"), (b'{"\\ud800": 1}', "payload")]
)
def test_half_a_character_breaks_no_answer(caller: Caller, content: bytes, field: str) -> None:
    answer = caller.ask("POST", "/jobs/v2", content=content)
    assert answer.status_code == 400
    assert field in answer.json()["problems"]


def test_an_endless_expiry_is_no_defect(caller: Caller) -> None:
    answer = caller.get("/files/a.mp4", params={"token": "x", "expires": "9" * 5000})
    assert answer.status_code == 403


def test_a_dialect_has_to_be_one_of_two(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="reference, current"):
        LocalService(tmp_path, dialect="old")  # type: ignore[arg-type]


def test_a_typed_error_comes_back_from_a_template_as_itself(current: Caller) -> None:
    url = current.upload(face_png()[:200], "cut.png")
    payload = TemplatePayload(**template(values=VALUES | {"image": {"image_url": url}}))
    with pytest.raises(NotAPictureError) as caught:
        through_client(current.app, lambda client: client.create_job(payload))
    assert caught.value.field == "values.image.image_url"
