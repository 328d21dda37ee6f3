from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.helpers.faulty_server import FaultyServer, reply
from tests.helpers.pictures import one_colour_png
from tests.helpers.sounds import tone, wav
from tests.local.conftest import Caller, face_png, sample_body, voice_wav
from tfi_notebook.contract.payloads import TalkingVideoPayload
from tfi_notebook.errors import NoFaceError
from tfi_notebook.local import sources
from tfi_notebook.local.sources import Admission
from tfi_notebook.media.frames import encode_png
from tfi_notebook.settings import LOCAL_BASE_URL

if TYPE_CHECKING:
    from tfi_notebook.local.store import Store


def no_face_png() -> bytes:
    """Return a picture of nothing: smooth noise."""
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    return encode_png(np.kron(noise, np.ones((4, 4, 1), np.uint8)))


def refusal(caller: Caller, store: Store, **changes: Any) -> dict[str, Any]:
    """Submit, and return the body of the 400 that comes back with nothing queued."""
    answer = caller.submit(**changes)
    assert answer.status_code == 400, answer.text
    assert not store.has_work()
    assert caller.rung == []
    body: dict[str, Any] = answer.json()
    assert body["error"] == "Bad Request"
    assert body["hint"]
    return body


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"this is no picture", "not_a_picture"),
        (face_png()[:2000], "not_a_picture"),
        (voice_wav(0.5), "not_a_picture"),
        (one_colour_png(20_000, 20_000), "picture_too_large"),
    ],
)
def test_a_bad_picture_is_refused(caller: Caller, store: Store, data: bytes, code: str) -> None:
    body = refusal(caller, store, image_url=caller.upload(data, "portrait.png"))
    assert (body["code"], body["field"]) == (code, "image_url")


def test_a_picture_without_a_face_is_refused_with_its_score(caller: Caller, store: Store) -> None:
    url = caller.upload(no_face_png(), "noise.png")
    for _ in range(2):  # the second answer comes from what was remembered
        body = refusal(caller, store, image_url=url)
        assert (body["code"], body["field"]) == ("no_face", "image_url")
        assert 0 <= body["score"] < 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"this is no sound", "not_audio"),
        (face_png(), "not_audio"),
        (voice_wav(0), "empty_audio"),
        (voice_wav(0.03), "empty_audio"),
        (wav(np.zeros(16_000, np.float32)), "empty_audio"),
    ],
)
def test_a_bad_sound_is_refused(caller: Caller, store: Store, data: bytes, code: str) -> None:
    body = refusal(caller, store, audio_url=caller.upload(data, "voice.wav"))
    assert (body["code"], body["field"]) == (code, "audio_url")


def test_a_file_over_the_limit_is_refused(
    caller: Caller, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "PICTURE_MAX_BYTES", 100)
    monkeypatch.setattr(sources, "SOUND_MAX_BYTES", 100)
    picture = refusal(caller, store)
    assert (picture["code"], picture["field"]) == ("picture_too_large", "image_url")
    monkeypatch.setattr(sources, "PICTURE_MAX_BYTES", 10_000_000)
    sound = refusal(caller, store, image_url=caller.upload(face_png(), "face.png"))
    assert (sound["code"], sound["field"]) == ("audio_too_long", "audio_url")


def test_an_unreachable_url_is_refused(caller: Caller, store: Store) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/voice.wav?signature=canary"
    body = refusal(caller, store, audio_url=url)
    assert (body["code"], body["field"]) == ("unreachable", "audio_url")
    assert "canary" not in str(body)


def test_a_file_url_is_refused_as_a_payload_error(caller: Caller, store: Store) -> None:
    answer = caller.submit(image_url="file:///etc/passwd")
    assert answer.status_code == 400
    assert (answer.json()["code"], answer.json()["field"]) == ("payload", "image_url")
    assert not store.has_work()


@pytest.mark.parametrize("path", ["/assets/" + "0" * 64 + ".png", "/assets/../signing.key", "/x"])
def test_a_file_the_service_does_not_have_is_refused(
    caller: Caller, store: Store, path: str
) -> None:
    body = refusal(caller, store, image_url=LOCAL_BASE_URL + path)
    assert (body["code"], body["field"]) == ("unreachable", "image_url")
    assert "tfi.asset" in body["hint"]


def test_the_first_of_two_bad_files_is_told(caller: Caller, store: Store) -> None:
    url = caller.upload(b"neither", "both.bin")
    assert refusal(caller, store, image_url=url, audio_url=url)["code"] == "not_a_picture"


def test_jobs_of_one_sweep_fetch_and_check_their_files_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    check = sources.check_picture

    def counted(path: Any) -> None:
        looks.append(path.name)
        check(path)

    monkeypatch.setitem(sources._CHECKS, "image_url", counted)
    files = {"/face.png": face_png(), "/voice.wav": wav(tone(0.5))}

    async def submit_many(url: str) -> set[tuple[str, str]]:
        admission = Admission(store, base_url=LOCAL_BASE_URL, allow_private_urls=True)
        payload = TalkingVideoPayload(
            **sample_body(image_url=f"{url}/face.png", audio_url=f"{url}/voice.wav")
        )
        return set(await asyncio.gather(*(admission.admit(payload) for _ in range(20))))

    with FaultyServer(lambda _method, path, _body: reply(200, files[path])) as server:
        admitted = asyncio.run(submit_many(server.url))
        assert sorted(head.split()[1] for head in server.requests) == sorted(files)
    assert len(admitted) == 1
    assert len(looks) == 1
    for asset in admitted.pop():
        path = store.files.asset_path(asset)
        assert path is not None
        assert path.read_bytes() in files.values()


def test_what_a_check_found_is_remembered_across_restarts(store: Store) -> None:
    asset = store.files.add_asset(no_face_png(), "noise.png")
    url = f"{LOCAL_BASE_URL}/assets/{asset}"
    payload = TalkingVideoPayload(**sample_body(image_url=url))

    def score() -> float:
        with pytest.raises(NoFaceError) as caught:
            asyncio.run(Admission(store, base_url=LOCAL_BASE_URL).admit(payload))
        return caught.value.score

    first = score()
    path = store.files.asset_path(asset)
    assert path is not None
    path.write_bytes(b"nobody looks at these bytes again")
    assert score() == first
