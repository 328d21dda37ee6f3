from __future__ import annotations

import copy
import inspect
import json
import pickle
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.helpers.payloads import GOOD, good_payload
from tfi_notebook.contract.fields import JOB_TYPES, UnlistedJobType
from tfi_notebook.contract.payloads import TalkingVideoPayload
from tfi_notebook.contract.templates import (
    PayloadNotice,
    TemplatePayload,
    build_template_payload,
    payload_from_body,
)
from tfi_notebook.errors import PayloadError

TEMPLATE_ID = "468ea7a0-66e1-4357-a760-236e54167f3e"
IMAGE = {"image_url": "https://cdn.example.com/image.png"}
AUDIO = {"audio_url": "https://cdn.example.com/audio.mp3", "effects": [{"gain": 0.5}, "echo"]}
FULL: dict[str, Any] = {
    "job_type": "ai_talking_video",
    "template_id": TEMPLATE_ID,
    "values": {"headline": "Spring is here", "voiceover": AUDIO, "avatar": IMAGE},
    "version": 2,
    "session_id": "notebook-7",
}


def template(**changes: Any) -> TemplatePayload:
    return TemplatePayload(**(FULL | changes))


def test_the_body_is_the_documented_one() -> None:
    assert template().body() == FULL
    json.dumps(template().body(), allow_nan=False)


def test_only_the_job_type_must_be_given() -> None:
    payload = TemplatePayload(job_type="tts")
    assert payload.body() == {"job_type": "tts", "values": {}, "version": 2}
    with pytest.raises(PayloadError) as caught:
        TemplatePayload()
    assert caught.value.problems == {"job_type": "is required"}


@pytest.mark.parametrize("job_type", JOB_TYPES)
def test_every_documented_job_type_is_taken(job_type: str) -> None:
    assert template(job_type=job_type).job_type == job_type


def test_extra_fields_stand_beside_the_others_in_the_body() -> None:
    payload = template(extra={"background": {"volume": np.float32(0.5), "loop": (1, 2)}})
    assert payload.body() == FULL | {"background": {"volume": 0.5, "loop": [1, 2]}}
    assert TemplatePayload.from_body(payload.body()) == payload


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"job_type": "talking_head"}, "job_type", "ai_talking_video"),
        ({"job_type": ["video"]}, "job_type", "ai_talking_video"),
        ({"template_id": "spring"}, "template_id", "UUID"),
        ({"project_id": ""}, "project_id", "1 to 200"),
        ({"project_id": "a\nb"}, "project_id", "printable"),
        ({"session_id": "x" * 201}, "session_id", "1 to 200"),
        ({"version": 2.5}, "version", "whole number"),
        ({"version": "2"}, "version", "whole number"),
        ({"version": True}, "version", "whole number"),
        ({"version": 2**53}, "version", "rounded"),
        ({"values": ["x"]}, "values", "object"),
        ({"values": "x"}, "values", "object"),
        ({"values": {"headline": 5}}, "values.headline", "must be text"),
        ({"values": {"headline": None}}, "values.headline", "must be text"),
        ({"values": {"headline": "\ud800"}}, "values.headline", "half characters"),
        ({"values": {" ": "x"}}, "values. ", "1 to 200"),
        ({"values": {5: "x"}}, "values.5", "1 to 200"),
        ({"values": {"a": {}}}, "values.a", "either image_url or audio_url"),
        ({"values": {"a": IMAGE | AUDIO}}, "values.a", "either image_url or audio_url"),
        ({"values": {"a": IMAGE | {"effects": []}}}, "values.a", "not hold effects beside"),
        ({"values": {"a": {"image_url": "portrait.png"}}}, "values.a", "tfi.asset"),
        ({"values": {"a": AUDIO | {"effects": "echo"}}}, "values.a", "effects must be a list"),
        ({"values": {"a": AUDIO | {"effects": [float("nan")]}}}, "values.a", "finite"),
        ({"extra": {"version": 6}}, "extra", "field of its own"),
        ({"extra": {"x": {1, 2}}}, "extra.x", "not set"),
        ({"extra": {"x": b"raw"}}, "extra.x", "not bytes"),
        ({"extra": {"x": float("inf")}}, "extra.x", "finite"),
        ({"extra": {"x": 2**60}}, "extra.x", "rounded"),
        ({"extra": [1]}, "extra", "object"),
        ({"image_url": "https://a.example/b.png"}, "image_url", "give it as a value"),
        ({"sesion_id": "x"}, "sesion_id", "did you mean session_id?"),
        ({"background": 1}, "background", "put it into extra"),
    ],
)
def test_a_wrong_value_is_refused_naming_its_place(
    changes: dict[str, Any], field: str, says: str
) -> None:
    with pytest.raises(PayloadError) as caught:
        template(**changes)
    assert list(caught.value.problems) == [field]
    assert says in caught.value.problems[field]
    assert "help(tfi.TemplatePayload)" in caught.value.hint


def test_nesting_has_an_end() -> None:
    deep: Any = "x"
    for _ in range(1000):
        deep = [deep]
    with pytest.raises(PayloadError, match="nested"):
        template(extra={"deep": deep})


def test_every_problem_is_told_at_once_and_no_input_repeated() -> None:
    with pytest.raises(PayloadError) as caught:
        TemplatePayload(
            version="canary", values={"a": 1, "b": {"image_url": "ftp://x/?token=canary"}}
        )
    assert set(caught.value.problems) == {"job_type", "version", "values.a", "values.b"}
    assert "canary" not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_checked_payload_cannot_be_changed_not_even_deep_inside() -> None:
    values = {"voiceover": {"audio_url": AUDIO["audio_url"], "effects": [{"gain": 1}]}}
    payload = template(values=values)
    before = payload.fingerprint
    values["voiceover"]["effects"] = []
    payload.body()["values"]["voiceover"]["effects"].append("another")
    with pytest.raises(ValidationError):
        payload.version = 3
    with pytest.raises(TypeError):
        payload.values["headline"] = "x"  # type: ignore[index]
    with pytest.raises(TypeError):
        payload.values["voiceover"]["effects"][0]["gain"] = 2
    assert payload.fingerprint == before


def test_it_is_copied_pickled_and_hashed_like_any_value() -> None:
    payload = template(extra={"a": [1]})
    for same in (pickle.loads(pickle.dumps(payload)), copy.deepcopy(payload), payload.replace()):
        assert same == payload
        assert hash(same) == hash(payload)
    assert len({payload, template()}) == 2


def test_replace_checks_again_and_keeps_the_rest() -> None:
    payload = template(extra={"a": 1})
    assert payload.replace(version=3).body() == payload.body() | {"version": 3}
    assert payload.replace(extra={}).body() == FULL
    with pytest.raises(PayloadError, match="version"):
        payload.replace(version=None)


def test_the_fingerprint_knows_what_is_asked_for() -> None:
    payload = template()
    assert payload.fingerprint == TemplatePayload(**dict(reversed(FULL.items()))).fingerprint
    assert payload.fingerprint == template(session_id="another").fingerprint
    changes: list[dict[str, Any]] = [
        {"job_type": "video"}, {"template_id": None}, {"project_id": "x"}, {"version": 3},
        {"values": {}}, {"extra": {"a": 1}},
    ]  # fmt: skip
    others = {template(**change).fingerprint for change in changes}
    assert len(others | {payload.fingerprint}) == len(changes) + 1


def test_every_url_is_named_by_its_place() -> None:
    assert template().urls() == {
        "values.voiceover.audio_url": AUDIO["audio_url"],
        "values.avatar.image_url": IMAGE["image_url"],
    }
    assert good_payload().urls() == {
        "image_url": GOOD["image_url"], "audio_url": GOOD["audio_url"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, []),
        ({"project_id": "spring"}, ["project_id: has no effect"]),
        ({"template_id": None}, ["template_id: is not given"]),
        ({"template_id": None, "project_id": "spring"}, []),
        ({"version": 6}, ["version: 6 is a workflow version"]),
    ],
)
def test_what_may_not_mean_what_it_seems_to_is_told(
    changes: dict[str, Any], told: list[str]
) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        payload = build_template_payload(**(FULL | changes))
    assert [str(item.message) for item in caught] == payload.notices()
    assert all(item.category is PayloadNotice for item in caught)
    assert all(item.filename == __file__ for item in caught)
    assert [
        notice[: len(text)] for notice, text in zip(payload.notices(), told, strict=True)
    ] == told


def test_the_builder_shows_its_keywords_in_plain_types() -> None:
    signature = inspect.signature(build_template_payload)
    assert set(signature.parameters) == set(TemplatePayload.model_fields)
    assert {item.kind for item in signature.parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
    assert "Annotated" not in str(signature)


def test_a_body_is_read_in_the_form_it_is_written_in() -> None:
    unlisted = good_payload(job_type=UnlistedJobType("podcast"))
    for payload in (good_payload(version=5), unlisted, template(), TemplatePayload(job_type="pdf")):
        again = payload_from_body(payload.body())
        assert again == payload
        assert type(again) is type(payload)
        assert again.fingerprint == payload.fingerprint
    with pytest.raises(PayloadError, match="audio_url: is required"):
        payload_from_body({"image_url": GOOD["image_url"], "project_id": TEMPLATE_ID})


def test_an_unlisted_job_type_survives_a_replace() -> None:
    payload = template(job_type=UnlistedJobType("podcast"))
    assert payload.replace(version=3).job_type == "podcast"
    with pytest.raises(PayloadError, match="job_type"):
        payload.replace(job_type="another")
    with pytest.raises(PayloadError, match="job_type"):
        template(job_type=UnlistedJobType(" "))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ASSETS = st.fixed_dictionaries(
    {}, optional={"image_url": st.just(IMAGE["image_url"]) | JSON, "effects": JSON, "x": JSON}
)


@given(
    st.fixed_dictionaries(
        {"job_type": st.sampled_from([*JOB_TYPES, "x", 1])},
        optional={
            "template_id": st.just(TEMPLATE_ID) | JSON,
            "project_id": JSON,
            "values": st.dictionaries(st.text(), st.text() | ASSETS | JSON, max_size=3) | JSON,
            "version": JSON,
            "session_id": JSON,
            "extra": st.dictionaries(st.text(), JSON, max_size=3) | JSON,
            "self": JSON,
        },
    )
)
def test_whatever_is_given_the_answer_is_a_payload_or_a_payload_error(fields: Any) -> None:
    try:
        payload = TemplatePayload(**fields)
    except PayloadError as error:
        assert error.problems  # noqa: PT017 - both outcomes are right, each is looked at
    else:
        assert payload_from_body(payload.body()) == payload
        json.dumps(payload.body(), allow_nan=False, ensure_ascii=False).encode()


@given(st.dictionaries(st.sampled_from([*FULL, "image_url", "audio_url", "x", "extra"]), JSON))
def test_whatever_body_comes_it_is_read_or_refused(body: Any) -> None:
    try:
        payload = payload_from_body(body)
    except PayloadError as error:
        assert error.problems  # noqa: PT017 - both outcomes are right
    else:
        assert isinstance(payload, (TemplatePayload, TalkingVideoPayload))
        assert body.keys() <= payload.body().keys() | {"template_id", "project_id", "session_id"}
