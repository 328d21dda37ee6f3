from __future__ import annotations

import inspect
import json
import uuid
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.helpers.payloads import GOOD, good_payload
from tfi_notebook.contract.model import fingerprint
from tfi_notebook.contract.payloads import TalkingVideoPayload, build_payload, field_names
from tfi_notebook.errors import PayloadError

REFERENCE_FIELDS = [
    "image_url", "audio_url", "job_type", "project_id", "is_clone_required", "language",
    "version", "output_size", "crop", "dynamic_scale", "iteration_count", "expand_ratio", "values",
]  # fmt: skip


def test_the_fields_are_those_of_the_reference_page_in_its_order() -> None:
    assert field_names() == REFERENCE_FIELDS


def test_the_body_holds_every_field_with_the_documented_example_values() -> None:
    assert good_payload().body() == {
        "image_url": "https://cdn.example.com/image.png",
        "audio_url": "https://cdn.example.com/audio.mp3",
        "job_type": "ai_talking_video",
        "project_id": "468ea7a0-66e1-4357-a760-236e54167f3e",
        "is_clone_required": False,
        "language": "en",
        "version": 6,
        "output_size": 400,
        "crop": True,
        "dynamic_scale": 1.0,
        "iteration_count": 10,
        "expand_ratio": 0.5,
        "values": [],
    }
    json.dumps(good_payload().body(), allow_nan=False)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("image_url", "file:///etc/passwd", "tfi.asset"),
        ("image_url", "portrait.png", "tfi.asset"),
        ("image_url", "ftp://example.com/a.png", "http"),
        ("image_url", "https:///a.png", "host"),
        ("image_url", "https://user:pw@example.com/a.png", "user name"),
        ("image_url", "https://good.example\\@evil.example/a.png", "backslashes"),
        ("image_url", "https://example.com/a b.png", "blanks"),
        ("image_url", "https://example.com:99999/a.png", "URL"),
        ("image_url", "https://example.com/" + "a" * 2048, "2048"),
        ("image_url", b"https://example.com/a.png", "not bytes"),
        ("image_url", None, "URL"),
        ("audio_url", "data:audio/wav;base64,AAAA", "http"),
        ("project_id", "spring campaign", "UUID"),
        ("project_id", 7, "UUID"),
        ("job_type", "talking_head", "ai_talking_video"),
        ("language", "english", "'en'"),
        ("language", "", "'en'"),
        ("language", 5, "'en'"),
        ("version", 7, "4, 5 or 6"),
        ("version", "6", "whole number"),
        ("version", True, "whole number"),
        ("version", 5.5, "whole number"),
        ("version", 10**400, "too large"),
        ("version", np.array([5, 6]), "whole number"),
        ("dynamic_scale", np.array([1.0, 2.0]), "number"),
        ("dynamic_scale", 10**400, "finite"),
        ("output_size", -400, "64"),
        ("output_size", 0, "64"),
        ("output_size", 100_000, "2048"),
        ("output_size", float("nan"), "whole number"),
        ("crop", 1, "True or False"),
        ("crop", "yes", "True or False"),
        ("is_clone_required", None, "True or False"),
        ("dynamic_scale", float("nan"), "finite"),
        ("dynamic_scale", float("inf"), "finite"),
        ("dynamic_scale", -0.1, "between 0 and 3"),
        ("dynamic_scale", "1", "number"),
        ("iteration_count", 0, "between 1 and 100"),
        ("iteration_count", 10**30, "too large"),
        ("iteration_count", None, "whole number"),
        ("expand_ratio", -1, "between 0 and 2"),
        ("expand_ratio", 1 + 2j, "number"),
        ("values", "text", "list of strings"),
        ("values", [1, 2], "strings only"),
        ("values", {"headline": "Hi"}, "template"),
        ("values", None, "list of strings"),
    ],
)
def test_a_wrong_value_is_refused_naming_the_field(field: str, value: Any, says: str) -> None:
    with pytest.raises(PayloadError) as caught:
        good_payload(**{field: value})
    assert caught.value.field == field
    assert list(caught.value.problems) == [field]
    assert says in caught.value.problems[field]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("verson", "version"), ("iterations_count", "iteration_count"), ("imageurl", "image_url")],
)
def test_an_unknown_field_is_refused_with_the_name_that_was_meant(typed: str, meant: str) -> None:
    with pytest.raises(PayloadError, match=f"did you mean {meant}"):
        good_payload(**{typed: 5})


def test_an_unknown_field_that_resembles_none_gets_no_guess() -> None:
    with pytest.raises(PayloadError, match=r"is not a field\n"):
        good_payload(zzz=1)


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(PayloadError) as caught:
        build_payload(version=3, crop="no", colour="red")
    assert set(caught.value.problems) == {
        "image_url", "audio_url", "project_id", "version", "crop", "colour",
    }  # fmt: skip
    assert caught.value.field is None
    assert all(name in str(caught.value) for name in caught.value.problems)


def test_the_error_does_not_repeat_the_input() -> None:
    with pytest.raises(PayloadError) as caught:
        good_payload(image_url="ftp://cdn.example.com/a.png?token=canary")
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_checked_payload_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        good_payload().version = 5


def test_replace_checks_again() -> None:
    payload = good_payload(version=4)
    assert payload.replace(iteration_count=25).iteration_count == 25
    with pytest.raises(PayloadError, match="version"):
        payload.replace(version=9)


@pytest.mark.parametrize(
    ("field", "given", "kept"),
    [
        ("version", np.int64(5), 5),
        ("iteration_count", 20.0, 20),
        ("iteration_count", np.float64(20), 20),
        ("expand_ratio", np.float32(0.5), 0.5),
        ("dynamic_scale", 1, 1.0),
        ("dynamic_scale", Fraction(1, 2), 0.5),
        ("crop", np.bool_(0), False),
        ("project_id", uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        ("language", "PT-br", "pt-BR"),
        ("language", "zh-hans-cn", "zh-Hans-CN"),
        ("values", ["a", "b"], ("a", "b")),
        ("image_url", "  https://example.com/a.png ", "https://example.com/a.png"),
    ],
)
def test_values_as_data_frames_and_arrays_hold_them_are_taken(
    field: str, given: Any, kept: Any
) -> None:
    assert getattr(good_payload(**{field: given}), field) == kept


def test_the_fingerprint_knows_the_video_and_not_the_order() -> None:
    body = good_payload().body()
    assert fingerprint(dict(reversed(body.items()))) == good_payload().fingerprint
    assert good_payload(dynamic_scale=1).fingerprint == good_payload(dynamic_scale=1.0).fingerprint
    changed = {name: good_payload(**{name: value}).fingerprint for name, value in CHANGES.items()}
    assert len({*changed.values(), good_payload().fingerprint}) == len(CHANGES) + 1


CHANGES: dict[str, Any] = {
    "image_url": "https://cdn.example.com/b.png",
    "audio_url": "https://cdn.example.com/b.mp3",
    "job_type": "video",
    "project_id": "468ea7a0-66e1-4357-a760-236e54167f3f",
    "is_clone_required": True,
    "language": "de",
    "version": 5,
    "output_size": 512,
    "crop": False,
    "dynamic_scale": 1.2,
    "iteration_count": 11,
    "expand_ratio": 0.6,
    "values": ["x"],
}


def test_the_fingerprint_is_stable_across_releases() -> None:
    expected = "d2e3f837623dfa75cbcc8df6"
    assert good_payload().fingerprint[:24] == expected


def test_build_payload_shows_its_keywords() -> None:
    signature = inspect.signature(build_payload)
    assert set(signature.parameters) == set(REFERENCE_FIELDS)
    assert {item.kind for item in signature.parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
    assert signature.parameters["iteration_count"].default == 10


@given(
    st.dictionaries(
        st.sampled_from([*REFERENCE_FIELDS, "verson", "x"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text()),
    )
)
def test_whatever_is_given_the_answer_is_a_payload_or_a_payload_error(fields: Any) -> None:
    try:
        payload = TalkingVideoPayload(**(GOOD | fields))
    except PayloadError as error:
        assert error.problems  # noqa: PT017 - both outcomes are right, each is looked at
    else:
        assert TalkingVideoPayload(**payload.body()) == payload
        json.dumps(payload.body(), allow_nan=False)


def test_a_payload_does_not_show_the_signature_of_its_urls() -> None:
    signed = "https://bucket.example.com/a.png?X-Amz-Expires=60&X-Amz-Signature=canary"
    payload = good_payload(image_url=signed)
    assert "canary" not in repr(payload) + str(payload)
    assert "iteration_count=10" in repr(payload)
    assert payload.body()["image_url"] == signed
