"""A payload as text to copy, and back from what a person pastes."""

from __future__ import annotations

import json
import shutil
import subprocess
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tfi_notebook as tfi
from tests.helpers.payloads import GOOD, good_payload
from tfi_notebook.contract.code import as_curl, as_json, as_python
from tfi_notebook.contract.fields import JOB_TYPES
from tfi_notebook.contract.pasted import TEXT_MAX_CHARS, read_back
from tfi_notebook.contract.templates import PayloadNotice, TemplatePayload, payload_from_body
from tfi_notebook.errors import ArgumentError, PayloadError

if TYPE_CHECKING:
    from tfi_notebook.contract.model import Payload

API = "https://api.example.com"
KEY = "sk-very-secret-0123456789"
TEMPLATE_ID = "468ea7a0-66e1-4357-a760-236e54167f3e"

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
"""With quotes, dollars, backslashes, line breaks and NUL, as they come."""
names = st.text("abcäß_ -'\"$", min_size=1, max_size=12).filter(lambda name: bool(name.strip()))
urls = st.text("abc/%$'()!&=?~", max_size=20).map("https://cdn.example.com/a".__add__)
job_types = st.sampled_from(JOB_TYPES) | names.map(tfi.UnlistedJobType)
flat = st.builds(
    lambda **fields: tfi.TalkingVideoPayload(**(GOOD | fields)),
    image_url=urls,
    audio_url=urls,
    job_type=job_types,
    is_clone_required=st.booleans(),
    language=st.sampled_from(["en", "pt-BR"]),
    version=st.sampled_from([4, 5, 6]),
    output_size=st.integers(64, 2048),
    crop=st.booleans(),
    dynamic_scale=st.floats(0, 3),
    iteration_count=st.integers(1, 100),
    expand_ratio=st.floats(0, 2),
    values=st.lists(texts, max_size=4),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | texts
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts.filter(str.strip), inner),
    max_leaves=8,
)  # fmt: skip
assets = urls.map(lambda url: {"image_url": url}) | st.builds(
    lambda url, effects: {"audio_url": url, "effects": effects}, urls, st.lists(json_values)
)
extras = st.dictionaries(names.map("x_".__add__), json_values, max_size=3)


@st.composite
def templates(draw: st.DrawFn) -> TemplatePayload:
    fields: dict[str, Any] = {
        "job_type": draw(job_types),
        "template_id": draw(st.none() | st.just(TEMPLATE_ID)),
        "project_id": draw(st.none() | st.just("spring")),
        "values": draw(st.dictionaries(names, texts | assets, max_size=4)),
        "version": draw(st.integers(0, 9)),
        "session_id": draw(st.none() | st.just("notebook-7")),
        "extra": draw(extras),
    }
    try:
        return TemplatePayload(**fields)
    except PayloadError:  # a drawn name or value that is none: not what is tested here
        return TemplatePayload(job_type="tts", values={"headline": 'it\'s "$5"'})


payloads = st.one_of(flat, templates())


def built(code: str) -> Payload:
    """Run what a person would run in a cell."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PayloadNotice)
        payload: Payload = eval(code, {"tfi": tfi})
    return payload


@given(payloads)
def test_the_python_call_builds_an_equal_payload(payload: Payload) -> None:
    again = built(as_python(payload))
    assert again == payload
    assert again.body() == payload.body()


@given(payloads)
def test_all_three_are_read_back_to_the_same_payload(payload: Payload) -> None:
    for text in (as_json(payload), as_python(payload), as_curl(payload, API)):
        assert payload_from_body(read_back(text)) == payload


@given(payloads)
@settings(max_examples=25)
def test_a_real_shell_reads_the_command_as_it_is_meant(payload: Payload) -> None:
    command = as_curl(payload, API)
    script = "curl() { printf '%s\\0' \"$@\"; }\n" + command
    bash = shutil.which("bash") or "/bin/bash"
    done = subprocess.run(
        [bash, "-c", script], env={"TFI_API_KEY": KEY}, capture_output=True, check=True
    )
    said = done.stdout.decode().split("\0")[:-1]
    assert said[:2] == [f"{API}/jobs/v2", "-H"]
    assert f"x-api-key: {KEY}" in said
    assert json.loads(said[said.index("--data-raw") + 1]) == payload.body()


def test_the_call_names_only_what_differs_from_the_defaults() -> None:
    assert as_python(good_payload(version=5, values=["a", 'say "hi"'], crop=True)) == (
        "tfi.build_payload(\n"
        '    image_url="https://cdn.example.com/image.png",\n'
        '    audio_url="https://cdn.example.com/audio.mp3",\n'
        '    project_id="468ea7a0-66e1-4357-a760-236e54167f3e",\n'
        "    version=5,\n"
        '    values=["a", \'say "hi"\'],\n'
        ")"
    )


def test_what_is_too_long_for_a_line_takes_several() -> None:
    image = {"image_url": "https://cdn.example.com/" + "a" * 60}
    code = as_python(TemplatePayload(job_type="tts", values={"avatar": image, "text": "Hi"}))
    assert code == (
        "tfi.build_template_payload(\n"
        '    job_type="tts",\n'
        "    values={\n"
        '        "avatar": {\n'
        f'            "image_url": "{image["image_url"]}",\n'
        "        },\n"
        '        "text": "Hi",\n'
        "    },\n"
        ")"
    )


def test_what_is_not_right_yet_is_written_all_the_same() -> None:
    entered = {"image_url": "", "version": "six", "output_size": 400, "crop": 1}
    assert json.loads(as_json(entered)) == entered
    assert as_python(entered) == (
        'tfi.build_payload(\n    image_url="",\n    version="six",\n    crop=1,\n)'
    )
    assert as_python({}) == "tfi.build_payload()"


BODY = {"version": 5, "image_url": "https://h/it's.png"}
ESCAPED = json.dumps(BODY).replace("'", "\\'")
IN_DOUBLE = json.dumps(BODY).replace('"', '\\"')


@pytest.mark.parametrize(
    "command",
    [
        f"curl {API} -d $'{ESCAPED}'",
        f'curl {API} --data "{IN_DOUBLE}"',
        f"curl -sSd '{json.dumps(BODY).replace(chr(39), chr(39) + chr(92) + chr(39) * 2)}' {API}",
        f"$ curl -X POST {API} \\\n  -H 'x-api-key: {KEY}' \\\r\n  --json \\\r\n \"{IN_DOUBLE}\"\n",
        f'curl {API} --data-binary="{IN_DOUBLE}" --compressed',
        f'curl {API} -d"{IN_DOUBLE}"',
        f"curl {API} --data-raw $'{ESCAPED.replace('v', chr(92) + 'u0076', 1)}'",
    ],
)
def test_a_command_is_read_however_it_is_quoted(command: str) -> None:
    assert read_back(command) == BODY


def test_characters_that_browsers_escape_are_put_together_again() -> None:
    command = r"""curl h -d $'{"values": ["\ud83d\ude00 \xc3\xa9 \303\251 it\'s"], "version": 5}'"""
    assert read_back(command)["values"] == ["😀 é é it's"]


@pytest.mark.parametrize(
    "code",
    [
        "import tfi_notebook as tfi\npayload = tfi.build_payload(version=5)  # try it",
        "job = tfi.submit(build_payload(**{'version': 5}))",
        "TalkingVideoPayload(version=5)",
    ],
)
def test_a_call_is_found_in_the_code_around_it_and_has_its_defaults(code: str) -> None:
    found = read_back(code)
    assert (found["version"], found["output_size"], found["values"]) == (5, 400, [])
    assert "image_url" not in found


def test_a_dict_as_python_prints_it_is_taken_for_json() -> None:
    payload = good_payload(crop=False)
    assert payload_from_body(read_back(str(payload.body()))) == payload


@pytest.mark.parametrize(
    ("text", "field", "problem"),
    [
        ('{"version": 5,}', "payload", "is no JSON: .* in line 1, column 1[45]"),
        ('{"version": NaN}', "payload", "NaN or Infinity"),
        ('{"version": 5, "version": 6}', "version", "given twice"),
        ('{"verson": 5}', "verson", "is not a field; did you mean version"),
        ("{'version': 5", "payload", "neither JSON nor a dict"),
        ("[5]", "payload", "one JSON object, not list"),
        ("[" * 100_000, "payload", "is no JSON"),
        ('{"version": ' + "9" * 5000 + "}", "payload", "too long"),
        ('{"version": 1e999, "values": {}}', "version", "finite"),
        (f'{{"x-api-key": "{KEY}"}}', "x-api-key", "is a header"),
        ("curl h -X POST", "payload", "has no body"),
        ("curl h -d @body.json", "payload", "from a file"),
        ("curl h -d", "payload", "ends after -d"),
        ("curl h -d '{}' -d '{}'", "payload", "more than one body"),
        ("curl h -d '{", "payload", "a quote that is not closed"),
        ("curl h -d 'hello'", "payload", "is no JSON"),
        ('curl h -d $\'{"version": "\\xff"}\'', "payload", "no text"),
        ("hello", "payload", "neither JSON nor a cURL command, and no Python that builds"),
        ("hello there", "payload", "neither JSON nor a cURL command"),
        ("build_payload(5)", "payload", "an argument without a name"),
        ("build_payload(version=5); build_payload()", "payload", "more than one payload"),
        ("build_payload(version=2 + os.getpid())", "version", "must be written out"),
        ("build_payload(image_url=f'{key}')", "image_url", "must be written out"),
        ("build_payload(version=5, **{'version': 6})", "version", "given twice"),
        ("build_payload(values={1, 2})", "values", "must be text, a number"),
        ("build_payload(" + "-" * 200_000 + "1)", "payload", "neither JSON"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, field: str, problem: str) -> None:
    with pytest.raises(PayloadError, match=problem) as refused:
        read_back(text)
    assert list(refused.value.problems) == [field]
    assert KEY not in str(refused.value)


@pytest.mark.parametrize("given", [None, 5, b"{}", "", " \n", "x" * (TEXT_MAX_CHARS + 1)])
def test_what_is_no_text_to_read_is_an_argument_error(given: Any) -> None:
    with pytest.raises(ArgumentError, match="text: "):
        read_back(given)


def test_a_pasted_key_is_neither_kept_nor_repeated() -> None:
    said = f"curl {API} -H 'x-api-key: {KEY}' -u {KEY} --oauth2-bearer {KEY}"
    assert KEY not in str(read_back(f"{said} -d '{json.dumps(BODY)[:-1].replace(chr(39), '')}}}'"))
    for spoiled in (said, f"{said} -d '{{'", f"{said} -d {KEY}", f"{KEY} {said}"):
        with pytest.raises(PayloadError) as refused:
            read_back(spoiled)
        assert KEY not in str(refused.value)
        assert refused.value.__cause__ is None


@given(
    st.text(max_size=60) | st.text("curl -d'\"{}\\$u0x:[]@ \n", max_size=60).map("curl ".__add__)
)
def test_whatever_is_pasted_gives_fields_or_a_typed_error(text: str) -> None:
    with suppress(PayloadError, ArgumentError):
        assert isinstance(read_back(text), dict)
