from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.local.conftest import KEY, Caller, face_png, sample_body
from tfi_notebook import samples
from tfi_notebook.contract.local import LOCAL_PROJECT_ID
from tfi_notebook.contract.records import (
    JobRecord,
    JobStatus,
    Project,
    SignedUrl,
    SubmitReceipt,
    parse_credits,
)
from tfi_notebook.errors import NotFoundError, ServiceError
from tfi_notebook.local import routes
from tfi_notebook.local.service import create_app
from tfi_notebook.settings import LOCAL_BASE_URL

if TYPE_CHECKING:
    from tfi_notebook.local.store import Store

UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"


def finished_job(store: Store, video: bytes = b"0123456789") -> str:
    """Play the worker for one job and return its storage key."""
    store.enqueue(sample_body(values=[]), "picture.png", "voice.wav")
    claim = store.claim("test")
    assert claim is not None
    store.files.part_path(claim.part).write_bytes(video)
    store.files.publish(claim.part, claim.output, '{"fps": 25}')
    assert store.finish(claim.token, claim.output, "done")
    return claim.output


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/jobs/v2"),
        ("GET", f"/jobs/{UNKNOWN_ID}"),
        ("GET", "/storage/generate-signed-path?path=x"),
        ("GET", "/auth/credits"),
        ("GET", "/api/provider/projects/active"),
        ("GET", f"/api/provider/projects/{LOCAL_PROJECT_ID}/mapping-fields"),
        ("POST", "/local/assets?name=a.png"),
    ],
)
@pytest.mark.parametrize("key", ["", "another-key", KEY + "x", "schlüssel"])
def test_every_api_route_wants_the_key(caller: Caller, method: str, path: str, key: str) -> None:
    answer = caller.ask(method, path, headers={"x-api-key": key.encode()})
    assert answer.status_code == 401
    assert answer.json()["code"] == "auth"


def test_a_submit_is_queued_and_rings_for_the_worker(caller: Caller) -> None:
    answer = caller.submit()
    assert answer.status_code == 202
    receipt = SubmitReceipt.parse(answer.json())
    assert receipt.status is JobStatus.QUEUED
    assert caller.rung == [True]


def test_the_row_has_the_documented_keys(caller: Caller) -> None:
    body = sample_body(values=["a"], language="DE")
    job_id = caller.ask("POST", "/jobs/v2", json=body).json()["jobId"]
    row = caller.row(job_id)
    assert set(row) == {
        "jobId", "project_id", "input", "output", "values", "status", "job_type",
        "credit_used", "created_at", "updated_at", "message", "progress",
        "queue_position", "eta_s", "eta_from_jobs",  # the toolkit's own, for boards
    }  # fmt: skip
    assert row["jobId"] == job_id
    assert row["project_id"] == LOCAL_PROJECT_ID
    assert row["input"] == {**row["input"], **body, "language": "de"}
    assert len(row["input"]) == 13
    assert (row["status"], row["output"], row["credit_used"]) == ("queued", None, 0)
    assert (row["message"], row["queue_position"]) == ("queued locally", 0)
    second = caller.submit().json()["jobId"]
    assert caller.row(second)["queue_position"] == 1
    record = JobRecord.parse(row)
    assert record.status is JobStatus.QUEUED
    assert record.credit_used == 0
    assert record.progress == 0


def test_an_unknown_job_is_not_found(caller: Caller) -> None:
    answer = caller.get(f"/jobs/{UNKNOWN_ID}")
    assert (answer.status_code, answer.json()["message"]) == (404, ["Job not found"])
    with pytest.raises(NotFoundError):
        JobRecord.parse(answer.json())


def test_asking_for_a_job_whose_worker_is_gone_rings_for_a_new_one(
    caller: Caller, store: Store
) -> None:
    job_id = caller.submit().json()["jobId"]
    caller.rung.clear()
    assert store.claim("lives")
    caller.row(job_id)
    assert caller.rung == []
    store.release("lives")
    caller.row(job_id)
    assert caller.rung == [True]


def test_a_finished_video_is_signed_and_served_with_ranges(caller: Caller, store: Store) -> None:
    key = finished_job(store)
    answer = caller.get("/storage/generate-signed-path", params={"path": key})
    signed = SignedUrl.parse(answer.json())
    assert signed.expires_at is not None
    assert 3500 < signed.expires_at.timestamp() - time.time() <= 3600
    whole = caller.get(signed.url, headers={"x-api-key": ""})
    assert (whole.status_code, whole.content) == (200, b"0123456789")
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["x-content-type-options"] == "nosniff"
    part = caller.get(signed.url, headers={"range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")
    assert caller.ask("HEAD", signed.url).headers["content-length"] == "10"


def test_the_report_beside_the_video_can_be_signed_too(caller: Caller, store: Store) -> None:
    key = finished_job(store).replace(".mp4", ".json")
    url = caller.get("/storage/generate-signed-path", params={"path": key}).json()["signedUrl"]
    assert caller.get(url).json() == {"fps": 25}


def test_signing_wants_a_known_path(caller: Caller) -> None:
    missing = caller.get("/storage/generate-signed-path")
    assert missing.status_code == 400
    assert missing.json()["message"] == ["Path query parameter is required"]
    unknown = f"ai-talking-videos/{LOCAL_PROJECT_ID}/outputs/{UNKNOWN_ID}.mp4"
    answer = caller.get("/storage/generate-signed-path", params={"path": unknown})
    assert answer.status_code == 404


def test_a_changed_or_expired_link_is_refused(caller: Caller, store: Store) -> None:
    key = finished_job(store)
    other = finished_job(store)
    url = caller.get("/storage/generate-signed-path", params={"path": key}).json()["signedUrl"]
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    past = int(time.time()) - 1
    changed: list[tuple[str, dict[str, Any]]] = [
        (key, {}),
        (key, query | {"token": query["token"][::-1]}),
        (key, query | {"token": "é"}),
        (key, query | {"expires": int(query["expires"]) + 60}),
        (key, query | {"expires": "soon"}),
        (key, query | {"expires": "²"}),
        (other, query),
    ]
    for path, parameters in changed:
        answer = caller.get(f"/files/{path}", params=parameters)
        assert (answer.status_code, answer.json()["message"]) == (403, ["the link is not valid"])
    expired = {"expires": past, "token": store.files.sign(key, past)}
    answer = caller.get(f"/files/{key}", params=expired)
    assert (answer.status_code, answer.json()["message"]) == (403, ["the link has expired"])


@pytest.mark.parametrize(
    "key",
    [
        "../queue.sqlite", "..%2fqueue.sqlite", "%2e%2e/%2e%2e/signing.key", "/etc/passwd",
        "ai-talking-videos/../../signing.key", "..\\signing.key", "%00",
        f"ai-talking-videos/{LOCAL_PROJECT_ID}/outputs/../../../../signing.key",
    ],
)  # fmt: skip
def test_no_path_leads_out_of_the_files(caller: Caller, store: Store, key: str) -> None:
    """Not even with a token that was signed for that very path."""
    signed = caller.get("/storage/generate-signed-path", params={"path": key})
    assert signed.status_code == 404
    expires = int(time.time()) + 60
    for spelled in (key, key.replace("%2e", ".").replace("%2f", "/")):
        token = store.files.sign(spelled, expires)
        answer = caller.get(f"/files/{key}", params={"token": token, "expires": expires})
        assert answer.status_code in {403, 404}
    for folder in ("assets", "samples"):
        assert caller.get(f"/{folder}/{key}").status_code == 404


def test_an_upload_has_one_url_by_its_content(caller: Caller) -> None:
    data = face_png()
    url = caller.upload(data, "portrait.png")
    assert url == caller.upload(data, "copy.png")
    assert url.startswith(f"{LOCAL_BASE_URL}/assets/")
    answer = caller.get(url, headers={"x-api-key": ""})
    assert (answer.content, answer.headers["content-type"]) == (data, "image/png")


def test_an_upload_keeps_no_suffix_that_a_browser_would_run(caller: Caller) -> None:
    url = caller.upload(b"<script>alert(1)</script>", "page.html")
    assert url.endswith(".bin")
    answer = caller.get(url)
    assert "html" not in answer.headers["content-type"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_uploads_have_a_size(caller: Caller, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = caller.ask("POST", "/local/assets", params={"name": "a.png"}, content=b"")
    assert (empty.status_code, empty.json()["message"]) == (400, ["the file is empty"])
    monkeypatch.setattr(routes, "UPLOAD_MAX_BYTES", 1000)
    large = caller.ask("POST", "/local/assets", params={"name": "a.png"}, content=b"x" * 1001)
    assert large.status_code == 413
    assert not list((store.root / "assets").iterdir())
    assert not list((store.root / "parts").iterdir())


def test_the_samples_are_served(caller: Caller) -> None:
    for path in (samples.PORTRAIT, samples.VOICE):
        answer = caller.get(f"/samples/{path.name}", headers={"x-api-key": ""})
        assert answer.content == path.read_bytes()
    assert caller.get("/samples/README.md").status_code == 404


def test_credits_and_the_one_project(caller: Caller) -> None:
    assert parse_credits(caller.get("/auth/credits").json()) == 0
    projects = Project.parse_all(caller.get("/api/provider/projects/active").json())
    assert projects == [Project(LOCAL_PROJECT_ID, "Local project", "ai_talking_video")]
    path = "/api/provider/projects/{}/mapping-fields"
    data = caller.get(path.format(LOCAL_PROJECT_ID)).json()["data"]
    assert data["fields"]["audio"]["instructionType"] == "audio"
    assert caller.get(path.format(UNKNOWN_ID)).status_code == 404


def test_health_needs_no_key(caller: Caller) -> None:
    assert caller.get("/local/health", headers={"x-api-key": ""}).json()["status"] == "ok"


@pytest.mark.parametrize("host", ["evil.example", "", "evil.example:80", "[", "127.0.0.1.nip.io"])
def test_a_page_that_points_its_own_name_here_is_refused(caller: Caller, host: str) -> None:
    answer = caller.get("/local/health", headers={"host": host})
    assert answer.status_code == 403


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost", "[::1]:8765", "tfi.localhost"])
def test_a_service_on_loopback_answers_to_the_names_of_loopback(store: Store, host: str) -> None:
    app = create_app(
        store, api_key=KEY, base_url="http://127.0.0.1:8765/", on_enqueued=lambda: None
    )
    caller = Caller(app)
    assert caller.get("/local/health", headers={"host": host}).status_code == 200
    assert caller.upload(b"x", "a.png").startswith("http://127.0.0.1:8765/assets/")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "payload: the body is no JSON"),
        (b"[" * 100_000, "payload: the body is no JSON"),
        (b"\xff", "payload: the body is no JSON"),
        (b"[1]", "payload: must be a JSON object with the API's fields"),
    ],
)
def test_a_body_that_is_no_payload_is_refused(caller: Caller, content: bytes, problem: str) -> None:
    answer = caller.ask("POST", "/jobs/v2", content=content)
    assert answer.status_code == 400
    assert answer.json()["message"] == [problem]


def test_wrong_fields_are_all_named(caller: Caller, store: Store) -> None:
    answer = caller.submit(version=7, iteration_cout=3)
    assert answer.status_code == 400
    error = answer.json()
    assert (error["error"], error["code"], error["statusCode"]) == ("Bad Request", "payload", 400)
    assert set(error["problems"]) == {"version", "iteration_cout"}
    assert len(error["message"]) == 2
    other_type = caller.submit(job_type="tts").json()
    assert (other_type["field"], other_type["code"]) == ("job_type", "payload")
    assert not store.has_work()


def test_a_body_has_a_size(caller: Caller) -> None:
    content = json.dumps(sample_body(values=["x" * routes.BODY_MAX_BYTES])).encode()
    assert caller.ask("POST", "/jobs/v2", content=content).status_code == 413


def test_a_queue_that_cannot_be_written_says_that_nothing_was_made(
    caller: Caller, store: Store
) -> None:
    store.close()
    answer = caller.submit()
    assert (answer.status_code, "retry-after" in answer.headers) == (507, False)
    with pytest.raises(ServiceError):
        store.has_work()
