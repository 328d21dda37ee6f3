"""The service does what its OpenAPI document says, asked by schemathesis in both dialects."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings

from tests.local.conftest import KEY, sample_body
from tfi_notebook.contract.local import SAMPLE_PORTRAIT_PATH, SAMPLE_VOICE_PATH
from tfi_notebook.contract.payloads import TalkingVideoPayload
from tfi_notebook.local.dialect import Reference
from tfi_notebook.local.service import create_app
from tfi_notebook.local.store import Store
from tfi_notebook.settings import LOCAL_BASE_URL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tfi_notebook.local.dialect import DialectName

schemathesis: Any = pytest.importorskip("schemathesis")
pytestmark = pytest.mark.filterwarnings("default")  # those of schemathesis are not ours to mend

HEADERS = {"x-api-key": KEY, "host": "tfi.localhost"}
EXAMPLES = 15
OPERATIONS = [
    ("POST", "/jobs/v2"),
    ("POST", "/jobs/trigger-job"),
    ("GET", "/jobs/{job_id}"),
    ("GET", "/storage/generate-signed-path"),
    ("GET", "/auth/credits"),
    ("GET", "/api/provider/projects/active"),
    ("GET", "/api/provider/projects/{project_id}/mapping-fields"),
    ("POST", "/local/assets"),
    ("GET", "/files/{key}"),
    ("GET", "/assets/{name}"),
    ("GET", "/samples/{name}"),
    ("GET", "/local/health"),
]
KEYED = [item for item in OPERATIONS if item[1] not in {"/local/health"} | {
    "/files/{key}", "/assets/{name}", "/samples/{name}"}]  # fmt: skip


def checks(*names: str) -> list[Any]:
    """Return checks of schemathesis by name."""
    schemathesis.checks.load_all_checks()
    return list(schemathesis.checks.CHECKS.get_by_names(list(names)))


def as_documented() -> list[Any]:
    return checks(
        "not_a_server_error", "status_code_conformance", "content_type_conformance",
        "response_schema_conformance",
    )  # fmt: skip


@pytest.fixture(scope="module", params=["reference", "current"])
def dialect(request: pytest.FixtureRequest) -> DialectName:
    name: DialectName = request.param
    return name


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with closing(Store(tmp_path_factory.mktemp("service"))) as opened:
        yield opened


@pytest.fixture(scope="module")
def api(store: Store, dialect: DialectName) -> Any:
    app = create_app(
        store, api_key=KEY, base_url=LOCAL_BASE_URL, on_enqueued=lambda: None, dialect=dialect
    )
    return schemathesis.openapi.from_asgi("/openapi.json", app, headers=HEADERS)


def each_case(strategy: Any, look: Callable[[Any], None]) -> None:
    """Look at a number of generated requests; always the same ones, so that nobody is surprised."""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def every_one(case: Any) -> None:
        look(case)

    every_one()


def reachable(body: Any) -> Any:
    """Put the samples in place of generated web addresses: no test goes to the network."""
    if isinstance(body, list):
        return [reachable(item) for item in body]
    if not isinstance(body, dict):
        return body
    samples = {"image_url": SAMPLE_PORTRAIT_PATH, "audio_url": SAMPLE_VOICE_PATH}
    return {
        name: LOCAL_BASE_URL + samples[name]
        if name in samples and isinstance(item, str) and item.lower().startswith("http")
        else reachable(item)
        for name, item in body.items()
    }


def send(case: Any, wanted: list[Any]) -> Any:
    case.body = reachable(case.body) if isinstance(case.body, dict) else case.body
    answer = case.call(headers=HEADERS)
    case.validate_response(answer, checks=wanted, headers=HEADERS)
    return answer


def test_the_document_lists_the_routes_of_the_api(api: Any) -> None:
    listed = {operation.ok().label for operation in api.get_all_operations()}
    assert listed == {f"{method} {path}" for method, path in OPERATIONS}


@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=lambda item: item)
def test_every_answer_is_a_documented_one(api: Any, method: str, path: str) -> None:
    strategy = api[path][method].as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE)
    wanted = as_documented()
    each_case(strategy, lambda case: send(case, wanted))


@pytest.mark.parametrize("dialect", ["reference"], indirect=True)
def test_whatever_the_document_allows_is_queued_if_its_files_are_there(api: Any) -> None:
    strategy = api["/jobs/v2"]["POST"].as_strategy(
        generation_mode=schemathesis.GenerationMode.POSITIVE
    )
    wanted = as_documented() + checks("positive_data_acceptance")
    statuses: set[int] = set()
    each_case(strategy, lambda case: statuses.add(send(case, wanted).status_code))
    assert statuses == {202}


def test_the_row_of_a_job_is_as_documented_at_every_stage(api: Any, store: Store) -> None:
    operation = api["/jobs/{job_id}"]["GET"]
    for job_id in jobs_of_every_kind(store):
        send(operation.Case(path_parameters={"job_id": job_id}), as_documented())


def test_a_signed_file_is_as_documented(api: Any, store: Store) -> None:
    done = store.job(jobs_of_every_kind(store)[-1])
    assert done is not None
    query = {"path": done["output"]}
    signed = send(api["/storage/generate-signed-path"]["GET"].Case(query=query), as_documented())
    address = urlsplit(signed.json()["signedUrl"])
    case = api["/files/{key}"]["GET"].Case(
        path_parameters={"key": address.path.removeprefix("/files/")},
        query=dict(parse_qsl(address.query)),
    )
    assert send(case, as_documented()).content == b"video"


@pytest.mark.parametrize("dialect", ["reference"], indirect=True)
def test_an_answer_beside_the_document_is_noticed(
    api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reference, "receipt", lambda *_: (202, {"id": "x"}))
    case = api["/jobs/v2"]["POST"].Case(body=sample_body(), media_type="application/json")
    with pytest.raises(BaseExceptionGroup) as caught:
        send(case, as_documented())
    assert any("jobId" in str(error) for error in caught.value.exceptions)


def jobs_of_every_kind(store: Store) -> list[str]:
    """Queue four jobs: one goes on waiting, one is begun, one fails and one ends well."""
    while store.claim("test"):  # whatever other tests have queued
        pass
    body = TalkingVideoPayload(**sample_body()).body()
    ids = [store.enqueue(body, "a.png", "a.wav") for _ in range(4)]
    failing, ending, _ = (store.claim("test") for _ in range(3))
    assert failing is not None
    assert ending is not None
    store.fail(failing.token, "could not")
    store.files.part_path(ending.part).write_bytes(b"video")
    store.files.publish(ending.part, ending.output, "{}")
    store.finish(ending.token, ending.output, "done")
    return [ids[0], ids[2], ids[3], ids[1]]


@pytest.mark.parametrize(("method", "path"), KEYED, ids=lambda item: item)
def test_so_is_the_answer_to_what_the_document_forbids(api: Any, method: str, path: str) -> None:
    strategy = api[path][method].as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)
    wanted = as_documented()
    if path in {"/jobs/v2", "/jobs/trigger-job"}:
        wanted += checks("negative_data_rejection")
    each_case(strategy, lambda case: send(case, wanted))
