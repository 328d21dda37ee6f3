from __future__ import annotations

import asyncio
import io
import socket
import wave
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.helpers.faulty_server import FaultyServer, reply
from tests.helpers.pictures import one_colour_png
from tests.helpers.sounds import tone, wav
from tests.local.conftest import Caller, face_png, sample_body, voice_wav
from tfi_notebook import samples
from tfi_notebook.contract.payloads import TalkingVideoPayload
from tfi_notebook.errors import NoFaceError
from tfi_notebook.local.checks import MAX_BYTES, look
from tfi_notebook.local.sources import Admission, Admitted
from tfi_notebook.media.frames import encode_png
from tfi_notebook.settings import LOCAL_BASE_URL

if TYPE_CHECKING:
    from pathlib import Path

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


@pytest.mark.parametrize(
    ("field", "name", "code"),
    [
        ("image_url", "0" * 64 + ".png", "picture_too_large"),
        ("audio_url", "1" * 64 + ".wav", "audio_too_long"),
    ],
)
def test_a_file_over_the_limit_is_refused(
    caller: Caller, store: Store, field: str, name: str, code: str
) -> None:
    with (store.root / "assets" / name).open("wb") as sparse:
        sparse.truncate(MAX_BYTES[field] + 1)
    body = refusal(caller, store, **{field: f"{LOCAL_BASE_URL}/assets/{name}"})
    assert (body["code"], body["field"]) == (code, field)
    assert f"larger than {MAX_BYTES[field]:,} bytes" in body["message"][0]


def test_a_sound_of_more_than_fifteen_minutes_is_refused(caller: Caller, store: Store) -> None:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setparams((1, 1, 8000, 0, "NONE", ""))
        sound.writeframes(bytes([128, 160]) * (4000 * 901))
    body = refusal(caller, store, audio_url=caller.upload(buffer.getvalue(), "long.wav"))
    assert (body["code"], body["field"]) == ("audio_too_long", "audio_url")
    assert "longer than 900 s" in body["message"][0]


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
    store: Store,
) -> None:
    looks: list[str] = []

    def counted(path: Path, field: str) -> dict[str, Any]:
        looks.append(field)
        return look(path, field)

    files = {"/face.png": face_png(), "/voice.wav": wav(tone(0.5))}

    async def submit_many(url: str) -> set[Admitted]:
        admission = Admission(store, base_url=LOCAL_BASE_URL, allow_private_urls=True, look=counted)
        payload = TalkingVideoPayload(
            **sample_body(image_url=f"{url}/face.png", audio_url=f"{url}/voice.wav")
        )
        return set(await asyncio.gather(*(admission.admit(payload) for _ in range(20))))

    with FaultyServer(lambda _method, path, _body: reply(200, files[path])) as server:
        admitted = asyncio.run(submit_many(server.url))
        assert sorted(head.split()[1] for head in server.requests) == sorted(files)
    assert sorted(looks) == ["audio_url", "image_url"]
    (found,) = admitted
    assert found.voice_s == pytest.approx(0.5, abs=0.01)
    for asset in (found.image, found.audio):
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


@pytest.mark.parametrize(
    "start",
    [b"GIF89a\1\0\1\0", b"II*\0", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7",
     b"\0\0\0\x1cftypavif", b"\0\0\0\x0cjP  \r\n\x87\n", b"#?RADIANCE\n", b"P6 1 1 255 "],
    ids=["gif", "tiff", "svg", "pdf", "avif", "jpeg 2000", "hdr", "ppm"],
)  # fmt: skip
def test_only_four_kinds_of_picture_are_read(caller: Caller, store: Store, start: bytes) -> None:
    body = refusal(caller, store, image_url=caller.upload(start + bytes(500), "a.png"))
    assert (body["code"], body["field"]) == ("not_a_picture", "image_url")
    assert "none of PNG, JPEG, WebP and BMP" in body["message"][0]


@pytest.mark.parametrize(
    "text",
    ["#EXTM3U\n{}\n", "ffconcat version 1.0\nfile '{}'\n", "<MPD><BaseURL>{}</BaseURL></MPD>"],
)
def test_a_list_of_files_is_no_sound_although_the_file_it_names_is_one(
    caller: Caller, store: Store, text: str
) -> None:
    listed = text.format(samples.VOICE).encode()
    body = refusal(caller, store, audio_url=caller.upload(listed, "voice.wav"))
    assert (body["code"], body["field"]) == ("not_audio", "audio_url")
