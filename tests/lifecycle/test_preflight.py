"""What is told of a payload's files before a submit; and it raises for no file."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.helpers.fake_api import ScriptedApi
from tests.helpers.faulty_server import FaultyServer, reply
from tests.helpers.payloads import GOOD
from tests.helpers.pictures import cartoon_face, one_colour_png
from tests.helpers.sounds import tone, wav
from tfi_notebook import settings
from tfi_notebook.contract.templates import TemplatePayload
from tfi_notebook.errors import PayloadError
from tfi_notebook.lifecycle.workspace import Workspace
from tfi_notebook.media.frames import encode_jpeg, encode_png

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tfi_notebook.lifecycle.preflight import Preflight

ROOT = Path(__file__).parents[2]
FACE = encode_png(cartoon_face(256))
SECRET = "0af1-signature-of-somebody"
ATTACK = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def files() -> dict[str, tuple[bytes, str]]:
    """Path → file and the type that the server tells."""
    return {
        "/face.png": (FACE, "image/png"),
        "/face.jpg": (FACE, "image/png"),
        "/download": (encode_jpeg(cartoon_face(256)), "application/octet-stream"),
        "/called_text.png": (FACE, "text/html"),
        "/plain.png": (one_colour_png(300, 300), "image/png"),
        "/broken.png": (FACE[:2000], "image/png"),
        "/bomb.png": (one_colour_png(20_000, 20_000), "image/png"),
        "/login.png": (b"<!DOCTYPE html><html>Sign in</html>", "text/html"),
        "/voice.wav": (wav(tone(2.5)), "audio/x-wav"),
        "/short.wav": (wav(tone(1.0)), "audio/wav"),
        "/silent.wav": (wav(np.zeros(48_000, np.float32)), "audio/wav"),
        "/noise.mp3": (b"ID3 but nothing else", "audio/mpeg"),
    }


@pytest.fixture(scope="module")
def server(files: dict[str, tuple[bytes, str]]) -> Iterator[FaultyServer]:
    def behave(_method: str, path: str, _body: bytes) -> bytes:
        name = path.partition("?")[0]
        if name not in files:
            return reply(403, {"message": ATTACK})
        data, media_type = files[name]
        return reply(200, data, f"content-type: {media_type}")

    with FaultyServer(behave) as opened:
        yield opened


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A workspace with the real local service, which may fetch from this machine."""
    monkeypatch.setenv("TFI_LOCAL_PRIVATE_URLS", "1")
    with Workspace(settings.resolve(local=True)) as workspace:
        yield workspace


@contextmanager
def live() -> Iterator[tuple[Workspace, FaultyServer]]:
    """A workspace on a server that plays the live API."""
    api = ScriptedApi()
    with FaultyServer(api) as opened:
        api.base_url = opened.url
        with Workspace(settings.resolve("key", opened.url, local=False)) as workspace:
            yield workspace, opened


def states(report: Preflight, field: str) -> dict[str, str]:
    return {check.name: str(check.state) for check in report.checks if check.field == field}


def words(report: Preflight, field: str, name: str) -> str:
    return next(c.words for c in report.checks if (c.field, c.name) == (field, name))


def test_the_samples_are_fine_and_are_handed_on(local: Workspace) -> None:
    report = local.preflight(local.build_payload())
    assert report.ok
    assert report.warnings() == {}
    assert {check.state for check in report.checks} == {"ok"}
    name, data = report.found["image_url"]
    assert (name, data[:4]) == ("portrait.png", b"\x89PNG")
    assert report.facts["image_url"]["width_px"] == 512
    assert report.facts["audio_url"]["duration_s"] == pytest.approx(7.9, abs=0.1)
    assert repr(report).startswith("sources checked: no problems\n")


def test_a_file_of_the_service_is_read_and_not_fetched(
    local: Workspace, server: FaultyServer, tmp_path: Path
) -> None:
    before = server.connections
    (tmp_path / "me.png").write_bytes(FACE)
    payload = local.build_payload(image_url=local.asset(tmp_path / "me.png"))
    assert local.preflight(payload).ok
    assert server.connections == before


def test_what_was_looked_at_is_fetched_once(local: Workspace, server: FaultyServer) -> None:
    payload = local.build_payload(
        image_url=f"{server.url}/face.png", audio_url=f"{server.url}/voice.wav"
    )
    before = len(server.requests)
    for _ in range(2):
        report = local.preflight(payload)
        assert report.ok, report
    assert len(server.requests) - before == 2
    assert report.found["image_url"] == ("face.png", FACE)
    assert words(report, "audio_url", "length") == "2.5 s"
    assert words(report, "image_url", "size").startswith("256 x 256 px, ")


def by_state(report: Preflight, field: str) -> dict[str, str]:
    """State → names of a field's checks that are in it; those that are fine are left out."""
    found = states(report, field)
    return {
        state: " ".join(name for name in found if found[name] == state)
        for state in ("bad", "warn", "not checked")
    }


@pytest.mark.parametrize(
    ("path", "bad", "warned", "unknown"),
    [
        ("/nothing.png", "reachable", "", "type size decodable face"),
        ("/login.png", "type decodable", "", "face"),
        ("/plain.png", "face", "", ""),
        ("/broken.png", "decodable", "", "face"),
        ("/bomb.png", "size", "", "decodable face"),
        ("/face.jpg", "", "type", ""),
        ("/called_text.png", "", "type", ""),
        ("/download", "", "", ""),
        ("/voice.wav", "type decodable", "", "face"),
    ],
)
def test_pictures(
    local: Workspace, server: FaultyServer, path: str, bad: str, warned: str, unknown: str
) -> None:
    report = local.preflight(local.build_payload(image_url=server.url + path))
    assert by_state(report, "image_url") == {"bad": bad, "warn": warned, "not checked": unknown}
    assert report.ok is not bool(bad)
    assert ("image_url" in report.found) is report.ok
    assert set(report.problems()) == ({"image_url"} if bad else set())


@pytest.mark.parametrize(
    ("path", "bad", "warned", "unknown"),
    [
        ("/voice.wav", "", "", ""),
        ("/short.wav", "", "length", ""),
        ("/silent.wav", "sound", "", "length"),
        ("/noise.mp3", "decodable", "", "length sound"),
        ("/face.png", "type decodable", "", "length sound"),
    ],
)
def test_sounds(
    local: Workspace, server: FaultyServer, path: str, bad: str, warned: str, unknown: str
) -> None:
    report = local.preflight(local.build_payload(audio_url=server.url + path))
    assert by_state(report, "audio_url") == {"bad": bad, "warn": warned, "not checked": unknown}
    assert report.ok is not bool(bad)


def test_the_name_of_a_found_file_ends_as_what_it_is(
    local: Workspace, server: FaultyServer
) -> None:
    report = local.preflight(local.build_payload(image_url=f"{server.url}/download"))
    assert report.found["image_url"][0] == "download.jpeg"


def test_no_signature_and_no_foreign_markup_is_shown(
    local: Workspace, server: FaultyServer
) -> None:
    payload = local.build_payload(
        image_url=f"{server.url}/gone.png?X-Amz-Signature={SECRET}",
        audio_url=f"{server.url}/voice.wav?token={SECRET}",
    )
    report = local.preflight(payload)
    shown = f"{report!r}{report.html()}{report.checks}{report.problems()}{report.facts}"
    assert not report.ok
    assert "answered HTTP 403" in shown
    assert SECRET not in shown
    assert report.found["audio_url"][0] == "voice.wav"
    odd = local.preflight(payload.replace(image_url=f"{server.url}/{ATTACK.replace(' ', '%20')}"))
    assert "<img" not in odd.html()


def test_the_static_table_has_neither_script_nor_style_block(local: Workspace) -> None:
    page = local.preflight(local.build_payload())._repr_html_()
    assert page.count("<tr>") == 12
    assert "<script" not in page
    assert "<style" not in page


def test_addresses_of_this_machine_are_refused_by_default(
    local: Workspace, server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    payload = local.build_payload(image_url=f"{server.url}/face.png")
    local.close()
    monkeypatch.delenv("TFI_LOCAL_PRIVATE_URLS")
    before = server.connections
    with Workspace(settings.resolve(local=True)) as workspace:
        report = workspace.preflight(payload)
    assert "is a loopback address" in words(report, "image_url", "reachable")
    assert server.connections == before


def test_a_wrong_field_is_an_error_as_at_a_submit(local: Workspace) -> None:
    with pytest.raises(PayloadError, match="verson: is not a field; did you mean version"):
        local.preflight({"verson": 5} | GOOD)


def test_before_a_live_submit_nothing_is_asked_of_the_api(
    server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TFI_LOCAL_PRIVATE_URLS", "1")
    urls = {"image_url": f"{server.url}/plain.png", "audio_url": f"{server.url}/voice.wav"}
    with live() as (workspace, api):
        report = workspace.preflight(GOOD | urls)
        assert states(report, "image_url")["face"] == "bad"
        template = TemplatePayload(
            job_type="ai_talking_video",
            project_id="spring",
            values={"logo": {"image_url": urls["image_url"]}, "headline": "Hi"},
        )
        report = workspace.preflight(template)
        assert states(report, "values.logo.image_url")["face"] == "warn"
        assert report.ok
        assert api.requests == []


def test_a_url_whose_signature_was_not_kept_is_bad_and_asks_nobody(server: FaultyServer) -> None:
    before = server.connections
    with live() as (workspace, _):
        report = workspace.preflight(
            GOOD | {"image_url": f"{server.url}/face.png?signature=not-kept"}
        )
    assert "its signature was not kept" in words(report, "image_url", "reachable")
    assert server.connections == before


def test_a_payload_without_files_says_so(local: Workspace) -> None:
    report = local.preflight(TemplatePayload(job_type="tts", project_id="spring"))
    assert report.ok
    assert repr(report) == "sources checked: the payload names no files"


def test_without_the_extra_what_needs_decoding_is_not_checked(
    server: FaultyServer, tmp_path: Path
) -> None:
    """In a process of its own, in which the packages cannot be found."""
    code = f"""
import importlib.util, sys
find_spec = importlib.util.find_spec
hidden = ("numpy", "cv2", "av", "fastapi")
importlib.util.find_spec = lambda name, *a: None if name in hidden else find_spec(name, *a)
for name in hidden:
    sys.modules[name] = None
import tfi_notebook as tfi
tfi.connect("a-key", "http://127.0.0.1:9", local=False)
payload = tfi.build_payload(image_url="{server.url}/face.jpg", audio_url="{server.url}/voice.wav",
                            project_id="{GOOD["project_id"]}")
report = tfi.preflight(payload)
print(report)
assert report.found.keys() == {{"image_url", "audio_url"}}
tfi.default_workspace().close()
"""
    env = {"TFI_HOME": str(tmp_path), "TFI_LOCAL_PRIVATE_URLS": "1", "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=env, cwd=ROOT,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[0] == "sources checked: 1 warning"
    assert "image_url type warn PNG, but its name ends as one of JPEG does" in lines
    assert lines.count('image_url face not checked needs pip install "tfi-notebook[local]"') == 1
    assert sum("not checked" in line for line in lines) == 5


def test_what_was_found_out_of_a_sound_tells_durations_apart(
    local: Workspace, server: FaultyServer
) -> None:
    payload = local.build_payload(audio_url=f"{server.url}/voice.wav")
    body: dict[str, Any] = payload.body()
    assert local.engine.narrations.seconds(body) is None
    local.preflight(payload)
    assert local.engine.narrations.seconds(body) == pytest.approx(2.5)
