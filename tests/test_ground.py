"""Settings, errors and the shared HTTP helpers."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tfi_notebook import errors, http, settings

if TYPE_CHECKING:
    from pathlib import Path

CANARY = "canary-key-77aa"


def test_without_a_key_the_local_service_is_meant(tfi_home: Path) -> None:
    found = settings.resolve()
    assert (found.local, found.embedded, found.service_name) == (True, True, "local")
    assert found.ledger_path == tfi_home / "ledger.sqlite"


def test_with_a_key_the_live_api_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFI_API_KEY", CANARY)
    found = settings.resolve()
    assert (found.local, found.base_url) == (False, "https://api.techforgeinnovate.com")
    assert found.api_key.reveal() == CANARY
    assert found.api_key.source == "TFI_API_KEY"
    assert settings.resolve(local=True).embedded


def test_the_argument_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFI_API_KEY", "other")
    assert settings.resolve(CANARY).api_key.reveal() == CANARY


def test_a_served_local_service_keeps_its_address() -> None:
    found = settings.resolve(CANARY, "http://127.0.0.1:8765/", local=True)
    assert (found.local, found.embedded) == (True, False)
    assert found.service_name == "http://127.0.0.1:8765"


@pytest.mark.parametrize(
    "url",
    ["http://api.example.com", "ftp://localhost", "https://", "https://u:p@example.com",
     "https://example.com?x=1", "example.com"],
)  # fmt: skip
def test_a_base_url_that_must_not_carry_a_key_is_refused(url: str) -> None:
    with pytest.raises(errors.SettingsError):
        settings.resolve(CANARY, url)


@pytest.mark.parametrize("key", ["", "  ", "two words", "tab\there", "schlüssel"])
def test_what_is_no_key_is_refused_without_being_repeated(key: str) -> None:
    with pytest.raises(errors.SettingsError) as caught:
        settings.resolve(key)
    assert not key.strip() or key not in str(caught.value)


def test_the_live_api_without_a_key_is_refused() -> None:
    with pytest.raises(errors.SettingsError, match="TFI_API_KEY"):
        settings.resolve(local=False)


def test_a_key_does_not_show_and_does_not_travel() -> None:
    key = settings.ApiKey(CANARY, source="argument")
    assert CANARY not in repr(key) + str(key) + f"{key}" + repr(settings.resolve(key))
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError):
            pickle.dumps(key, protocol)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("GET https://x.example/a?token=s1 failed", "GET https://x.example/a failed"),
        ("'https://x.example/a#frag' gone", "'https://x.example/a' gone"),
        ("https://user:pw@x.example/a", "https://x.example/a"),
        (
            "HTTPS://x.example/a;sig=s1?token=s1 and //x.example/a?x=1",
            "HTTPS://x.example/a and //x.example/a",
        ),
        ("no file at /a.mp4?v=3&X-Amz-Signature=s1", "no file at /a.mp4?v=3"),
        ("s3://id:pw@bucket/a, retry=3", "s3://bucket/a, retry=3"),
        ("bell\x07 and \u202eright\u202c", "bell  and  right"),
        ("two\nlines", "two\nlines"),
    ],
)
def test_foreign_text_loses_queries_passwords_and_control_characters(text: str, kept: str) -> None:
    assert http.redact(text) == kept


def test_foreign_text_is_cut() -> None:
    assert len(http.redact("x" * 10_000)) == 500


def test_every_error_has_a_code_of_its_own_and_comes_back_by_it() -> None:
    classes = errors.by_code()
    found = [value for value in vars(errors).values() if isinstance(value, type)]
    assert set(classes.values()) == {cls for cls in found if issubclass(cls, errors.TfiError)}
    assert classes["no_face"] is errors.NoFaceError
    assert all(issubclass(cls, errors.TfiError) for cls in classes.values())


def test_an_error_tells_field_message_and_what_to_do() -> None:
    error = errors.NotAPictureError("the bytes are no picture", field="image_url")
    assert str(error).startswith("image_url: the bytes are no picture\n")
    assert "PNG" in error.hint


@pytest.mark.parametrize(
    "url",
    ["https://API.example.com", "https://api.example.com:443", "https://api.example.com./"],
)
def test_a_service_has_one_name_however_its_address_is_spelt(url: str) -> None:
    assert settings.resolve(CANARY, url).service_name == "https://api.example.com"


def test_a_key_that_a_service_repeats_in_disguise_is_masked() -> None:
    key = settings.ApiKey("canary/key+77aa", source="argument")
    for told in ("canary/key+77aa", "canary%2Fkey%2B77aa", "canary/\u200bkey+77aa"):
        assert http.redact(f"401: {told} is wrong") == "401: *** is wrong"
    assert key.source == "argument"


def test_httpx_comes_without_its_command_line_and_leaves_it_to_who_wants_it() -> None:
    code = """
import sys
import tfi_notebook.http
print(*{"click", "rich", "pygments", "httpx._main"} & set(sys.modules), "|")
import httpx._main
print(httpx._main.__name__)
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["|", "httpx._main"]
