"""Files for the live API: uploaded once, and signed for one request. The store speaks real S3."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import pickle
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.helpers.fake_api import ScriptedApi
from tests.helpers.faulty_server import FaultyServer
from tests.helpers.payloads import good_payload
from tfi_notebook import settings
from tfi_notebook.contract import links
from tfi_notebook.errors import PayloadError, SettingsError, SourceError
from tfi_notebook.lifecycle import submit
from tfi_notebook.lifecycle.cloud import Assets, AssetStore
from tfi_notebook.lifecycle.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PICTURE = b"\x89PNG\r\n\x1a\n not really a picture"
BUCKET = "tfi-test-bucket"


class Cloud:
    """A store that is up, and a client of its own to look into it."""

    def __init__(self, url: str) -> None:
        s3fs = pytest.importorskip("s3fs")
        self.url = url
        self.location = f"s3://{BUCKET}/in/put"
        s3fs.S3FileSystem.clear_instance_cache()
        self._own = s3fs.S3FileSystem(skip_instance_cache=True, use_listings_cache=False)
        if not self._own.exists(BUCKET):
            self._own.mkdir(BUCKET, region_name="eu-central-1")

    def files(self) -> dict[str, Any]:
        """Return name → time of writing."""
        found = self._own.find(f"{BUCKET}/in", detail=True)
        return {name.rpartition("/")[2]: info["LastModified"] for name, info in found.items()}

    def kind(self, name: str) -> str:
        return str(self._own.info(f"{BUCKET}/in/put/{name}")["ContentType"])

    def remove(self) -> None:
        self._own.rm(f"{BUCKET}/in", recursive=True)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """moto's server: the S3 protocol over HTTP on loopback."""
    moto = pytest.importorskip("moto.server", reason="needs moto[server] (extra test)")
    running = moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def cloud(server: str, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret-access")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return Cloud(server)


@pytest.fixture
def store(cloud: Cloud) -> AssetStore:
    return AssetStore(cloud.location, life_s=600)


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return bytes(answer.read())


def status(url: str) -> int:
    try:
        fetch(url)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    return 200


def test_a_file_goes_up_once_under_the_hash_of_its_content(store: AssetStore, cloud: Cloud) -> None:
    url = store.put(PICTURE, "my holiday.PNG")
    name = f"tfi-{hashlib.sha256(PICTURE).hexdigest()}.png"
    assert urlsplit(url).path.endswith(f"/in/put/{name}")
    assert urlsplit(url).query == ""
    assert cloud.kind(name) == "image/png"
    before = cloud.files()
    assert list(before) == [name]
    assert store.put(PICTURE, "other name.png") == url
    assert AssetStore(cloud.location, life_s=600).put(PICTURE, "a.png") == url
    assert cloud.files() == before, "written once"
    assert store.put(PICTURE, "../../etc/passwd").endswith(name.removesuffix(".png"))


def test_the_plain_url_opens_nothing_and_the_signed_one_the_file(store: AssetStore) -> None:
    plain = store.put(PICTURE, "a.png")
    body = store.outgoing({"image_url": plain, "values": ["x"]}).body()
    assert status(plain) == 403
    assert fetch(body["image_url"]) == PICTURE
    assert body["image_url"].startswith(f"{plain}?")
    assert body["values"] == ["x"]
    query = parse_qs(urlsplit(body["image_url"]).query)
    assert query["X-Amz-Expires"] == ["600"]
    assert "/eu-central-1/s3/aws4_request" in query["X-Amz-Credential"][0]


def test_signed_urls_exist_in_the_outgoing_body_alone(
    store: AssetStore, cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assets = Assets(cloud.location, 600)
    plain = store.put(PICTURE, "a.png")
    payload = good_payload(image_url=plain)
    outgoing = asyncio.run(assets.outgoing(payload))
    signed = outgoing.body()["image_url"]
    (signature,) = parse_qs(urlsplit(signed).query)["X-Amz-Signature"]
    assert signature not in repr(outgoing) + str(vars(assets)) + repr(payload)
    assert payload.body()["image_url"] == plain
    with pytest.raises(TypeError, match="neither pickled nor copied"):
        pickle.dumps(outgoing)
    told = caplog.text
    assert "botocore" in told, "the library does log at DEBUG"
    assert signature not in told


def test_every_submit_is_signed_anew_in_any_kernel(store: AssetStore, cloud: Cloud) -> None:
    """A later kernel knows nothing of the upload: the plain URL in the ledger is enough."""
    payload = good_payload(image_url=store.put(PICTURE, "a.png"))
    later = Assets(cloud.location, 6000)
    body = asyncio.run(later.outgoing(payload)).body()
    assert fetch(body["image_url"]) == PICTURE
    assert body["audio_url"] == payload.audio_url


def test_urls_at_any_depth_are_signed(store: AssetStore) -> None:
    plain = store.put(PICTURE, "a.png")
    body = store.outgoing({"template_id": "t", "values": {"picture": plain, "all": [plain]}}).body()
    assert fetch(body["values"]["picture"]) == PICTURE
    assert fetch(body["values"]["all"][0]) == PICTURE


def test_a_file_that_is_gone_is_told_before_anything_is_sent(
    store: AssetStore, cloud: Cloud
) -> None:
    payload = good_payload(image_url=store.put(PICTURE, "a.png"))
    cloud.remove()
    with pytest.raises(SourceError, match="not in the asset store") as caught:
        asyncio.run(Assets(cloud.location, 600).outgoing(payload))
    assert "tfi.asset" in caught.value.hint


def test_a_bucket_that_is_not_there_is_told_without_credentials(cloud: Cloud) -> None:
    store = AssetStore("s3://no-such-bucket-here/x", life_s=600)
    with pytest.raises(SourceError, match="did not take the file") as caught:
        store.put(PICTURE, "a.png")
    assert "canary" not in str(caught.value)
    assert cloud.url not in str(caught.value)


def test_the_api_gets_a_signed_url_and_everything_else_a_plain_one(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole walk: asset, submit, the same once more, and submit again after a lost answer."""
    monkeypatch.setattr(submit, "LOOPBACK_HOSTS", frozenset())  # this store is on this machine
    file = tmp_path / "a.png"
    file.write_bytes(PICTURE)
    api = ScriptedApi()
    with FaultyServer(api) as server:
        api.base_url = server.url
        known = settings.resolve("key", server.url, outputs=tmp_path, assets=cloud.location)
        with Workspace(known) as workspace:
            payload = good_payload(image_url=workspace.asset(file))
            job = workspace.submit(payload)
            assert workspace.submit(payload).id == job.id
            workspace.submit(payload, force=True)
            shown = repr(payload) + repr(job.snapshot) + str(job._repr_mimebundle_())
            stored = [path.read_bytes() for path in known.data_dir.iterdir() if path.is_file()]
    first, second = (str(body["image_url"]) for body in api.bodies)
    for sent in (first, second):
        assert fetch(sent) == PICTURE
        (signature,) = parse_qs(urlsplit(sent).query)["X-Amz-Signature"]
        assert signature not in shown
        assert not any(signature.encode() in data for data in stored)
    assert any(payload.image_url.encode() in data for data in stored)


# -- without a store -----------------------------------------------------------------------

ASSET = f"https://bucket.example.com/in/{links.asset_name(64 * 'a', '.png')}"


def test_without_a_store_an_asset_is_told_how_to_get_one() -> None:
    with pytest.raises(SettingsError, match="public URLs") as caught:
        asyncio.run(Assets(None, 600).put(PICTURE, "a.png"))
    assert "TFI_ASSET_STORE" in caught.value.hint
    assert "s3://bucket/folder" in caught.value.hint


def test_without_a_store_an_asset_of_another_kernel_is_not_sent_unsigned() -> None:
    with pytest.raises(SettingsError, match="asset store"):
        asyncio.run(Assets(None, 600).outgoing(good_payload(image_url=ASSET)))


def test_other_payloads_go_out_as_they_are() -> None:
    payload = good_payload(image_url="https://cdn.example.com/a.png?v=3")
    assert asyncio.run(Assets(None, 600).outgoing(payload)) is payload


@pytest.mark.parametrize(
    "location",
    ["bucket/folder", "/tmp/folder", "s3://", "s3://id:secret@bucket", "s3://bucket?x=1",
     "file:///tmp", "nosuch://bucket"],
)  # fmt: skip
def test_what_is_no_bucket_is_refused(location: str) -> None:
    pytest.importorskip("fsspec", reason="needs the extra cloud")
    with pytest.raises(SettingsError) as caught:
        AssetStore(location, life_s=600)
    assert "secret" not in str(caught.value)


def test_a_store_that_cannot_sign_is_refused() -> None:
    pytest.importorskip("fsspec", reason="needs the extra cloud")
    with pytest.raises(SettingsError, match="cannot sign"):
        AssetStore("memory://folder", life_s=600)


@pytest.mark.parametrize("life_s", [0, 59, 8 * 86_400])
def test_a_link_lives_between_a_minute_and_a_week(life_s: float) -> None:
    with pytest.raises(SettingsError, match="7 days"):
        AssetStore("s3://bucket", life_s=life_s)


# -- what is kept of signed URLs that a person hands in ------------------------------------


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://b.s3.example.com/a.png?X-Amz-Algorithm=A&X-Amz-Signature=c",
         "https://b.s3.example.com/a.png?signature=not-kept"),
        ("https://b.s3.example.com/a.png?AWSAccessKeyId=i&Signature=c%3D&Expires=1&versionId=7",
         "https://b.s3.example.com/a.png?versionId=7&signature=not-kept"),
        ("https://s.example.com/b/a.png?GoogleAccessId=x&Expires=9&Signature=c",
         "https://s.example.com/b/a.png?signature=not-kept"),
        ("https://a.blob.example.com/c/a.png?sv=2024&se=2026-01-01&sr=b&sp=r&sig=c%2B",
         "https://a.blob.example.com/c/a.png?signature=not-kept"),
        ("https://cdn.example.com/a.png?v=3&token=abc",
         "https://cdn.example.com/a.png?v=3&signature=not-kept"),
        ("https://cdn.example.com/a.png?expires=never", "https://cdn.example.com/a.png?expires=never"),
        ("https://cdn.example.com/a.png", "https://cdn.example.com/a.png"),
    ],
)  # fmt: skip
def test_signatures_are_not_kept_and_everything_else_is(url: str, kept: str) -> None:
    assert links.kept(url) == kept
    assert links.kept(kept) == kept
    body = links.kept_body({"image_url": url, "values": {"more": [url, 3]}, "crop": True})
    assert body == {"image_url": kept, "values": {"more": [kept, 3]}, "crop": True}


def test_a_payload_without_its_signature_is_not_sent() -> None:
    cut = links.kept("https://b.s3.example.com/a.png?X-Amz-Signature=c")
    with pytest.raises(PayloadError, match="not kept") as caught:
        asyncio.run(Assets(None, 600).outgoing(good_payload(image_url=cut)))
    assert caught.value.field == "image_url"
