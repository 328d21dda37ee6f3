from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pytest

from tests.helpers.faulty_server import reply
from tests.helpers.payloads import GOOD
from tests.helpers.pictures import cartoon_face, on_canvas
from tests.helpers.sounds import tone, wav
from tfi_notebook.contract.about import About
from tfi_notebook.contract.payloads import TalkingVideoPayload, field_names
from tfi_notebook.contract.records import MappingFields, Project
from tfi_notebook.contract.templates import TemplatePayload
from tfi_notebook.errors import ArgumentError, NotAPictureError
from tfi_notebook.media.frames import encode_png
from tfi_notebook.samples import PORTRAIT, VOICE
from tfi_notebook.settings import Limits
from tfi_notebook.widgets.advice import advice
from tfi_notebook.widgets.fields import GROUPS, described
from tfi_notebook.widgets.form import Form, form
from tfi_notebook.widgets.sources import Picture, Sound, look

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.helpers.fake_api import ScriptedApi
    from tfi_notebook.errors import TfiError
    from tfi_notebook.lifecycle.workspace import Workspace

PROJECT_ID = GOOD["project_id"]
SIGNED = "https://b.example.com/a.png?X-Amz-Signature=0af0af0af0af&X-Amz-Expires=60"
MAPPING = {
    "projectId": PROJECT_ID,
    "fields": {
        "headline": {"label": "Headline", "instructionType": "text"},
        "voice": {"label": "Voice", "instructionType": "audio"},
        "avatar": {"label": "Avatar", "instructionType": "image"},
    },
}
KINDS = {
    "image_url": "url", "audio_url": "url", "project_id": "uuid", "job_type": "choice",
    "language": "text", "version": "toggle", "output_size": "int", "iteration_count": "int",
    "dynamic_scale": "float", "crop": "flag", "expand_ratio": "float",
    "is_clone_required": "flag", "values": "tags",
}  # fmt: skip


@pytest.fixture
def view(local: Workspace) -> Iterator[Form]:
    made = Form(local)
    yield made
    made.close()


@pytest.fixture
def live_view(live: Workspace) -> Iterator[Form]:
    made = Form(live, values=GOOD)
    yield made
    made.close()


class Page:
    """The browser's side of a form: what it says, and what it is told."""

    def __init__(self, view: Form, *, opens: bool = True) -> None:
        self._view = view
        self.told: list[tuple[dict[str, Any], list[bytes]]] = []
        self._changed = threading.Condition()
        view._page._send = self._hear
        self.count = 0
        if opens:
            self.say({"type": "open"})

    def say(self, content: dict[str, Any], *buffers: bytes) -> None:
        self._view._handle_custom_msg(content, [memoryview(data) for data in buffers])

    def enter(self, **changes: Any) -> None:
        self.count += 1
        self.say({"type": "entered", "view": "me", "count": self.count, "changes": changes})

    def upload(self, field: str, name: str, data: bytes, part: int = 100_000) -> None:
        about = {"field": field, "number": name}
        self.say({"type": "upload", "name": name, "size": len(data)} | about)
        for at in range(0, len(data), part):
            self.say({"type": "part"} | about, data[at : at + part])

    def wait(self, wanted: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Wait for a message that is wanted, and return it."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._found(wanted), 30), self.told[-3:]
            return self._found(wanted) or {}

    def state(self) -> dict[str, Any]:
        """Return the newest state that was told."""
        return self.wait(lambda told: told["type"] == "state")

    def _found(self, wanted: Callable[[dict[str, Any]], object]) -> dict[str, Any] | None:
        return next((told for told, _ in reversed(self.told) if wanted(told)), None)

    def _hear(self, content: dict[str, Any], buffers: list[bytes]) -> None:
        with self._changed:
            self.told.append((json.loads(json.dumps(content)), buffers))
            self._changed.notify_all()


def template() -> MappingFields:
    return MappingFields.parse({"data": MAPPING})


# -- the fields ----------------------------------------------------------------------------


def test_every_field_is_described_from_the_model() -> None:
    fields = described(TalkingVideoPayload)
    assert {field["name"]: field["kind"] for field in fields} == KINDS
    assert [field["name"] for field in fields] == [n for names in GROUPS.values() for n in names]
    assert all(field["help"] and field["source"] and field["title"] for field in fields)
    assert json.loads(json.dumps(fields)) == fields


def test_sliders_keep_to_the_guards_of_the_contract() -> None:
    size = next(field for field in described(TalkingVideoPayload) if field["name"] == "output_size")
    assert (size["minimum"], size["maximum"], size["step"], size["default"]) == (64, 2048, 8, 400)


def test_a_new_field_of_the_model_appears_by_itself(local: Workspace) -> None:
    class Mine(TalkingVideoPayload):
        mood: Annotated[str, About("a test", {"calm": "Calm"})] = "calm"

    view = Form(local, model=Mine)
    shown = view.spec["fields"][-1]
    assert (shown["name"], shown["group"], shown["kind"]) == ("mood", "Render", "text")
    assert shown["options"] == [["calm", "Calm"]]
    view.fill({"mood": "angry"})
    payload = view.payload
    assert isinstance(payload, Mine)
    assert payload.mood == "angry"
    view.close()


# -- entries -------------------------------------------------------------------------------


def test_an_untouched_form_is_the_documented_example(live_view: Form) -> None:
    assert live_view.payload == TalkingVideoPayload(**GOOD)
    assert sorted(live_view.values()) == sorted(field_names())


def test_locally_the_samples_are_entered(view: Form, local: Workspace) -> None:
    assert view.payload == local.build_payload()


def test_what_is_filled_in_comes_out_as_the_payload(view: Form) -> None:
    changes: dict[str, Any] = {
        "language": "pt-BR", "version": 4, "output_size": np.int64(512), "crop": False,
        "dynamic_scale": 1.25, "iteration_count": 7, "is_clone_required": True,
        "values": ("a", "b", "a"), "job_type": "video",
    }  # fmt: skip
    view.fill(GOOD | changes)
    assert view.payload == TalkingVideoPayload(**(GOOD | changes))
    view.reset()
    assert view.values()["output_size"] == 400
    assert view.values()["image_url"].endswith("/samples/portrait.png")


def test_a_field_that_there_is_not_is_refused_by_name(view: Form) -> None:
    with pytest.raises(ArgumentError, match="did you mean version") as caught:
        view.fill({"verson": 5})
    assert caught.value.field == "verson"


@pytest.mark.parametrize(
    ("field", "entry", "reason"),
    [
        ("image_url", "", "is required"),
        ("image_url", "portrait.png", "must be an http or https URL"),
        ("project_id", "my project", "must be a UUID"),
        ("language", "german please", "must be a language tag"),
        ("output_size", "large", "must be a whole number such as 20, not text"),
        ("output_size", 1.5, "must be a whole number such as 20, not 1.5"),
        ("output_size", 5000, "must be between 64 and 2048, not 5000"),
        ("iteration_count", 1e9, "must be between 1 and 100, not 1000000000"),
        ("dynamic_scale", "half", "must be a number such as 1.5, not text"),
        ("dynamic_scale", -1e-5, "must be between 0 and 3, not -0.00001"),
        ("dynamic_scale", 1e300, "is far too large"),
        ("expand_ratio", float("nan"), "must be finite"),
    ],
)
def test_a_wrong_entry_has_its_reason(view: Form, field: str, entry: Any, reason: str) -> None:
    page = Page(view)
    view.fill({field: entry})
    assert view.payload is None
    assert list(view.problems()) == [field]
    assert reason in view.problems()[field]
    assert reason in page.state()["problems"][field]
    assert view.problem_titles() == [TalkingVideoPayload.model_fields[field].title]
    view.reset()
    assert view.problems() == {}


@pytest.mark.parametrize("nothing", ["", " ", None])
def test_what_is_filled_with_nothing_shows_the_default_that_is_sent(
    view: Form, nothing: str | None
) -> None:
    page = Page(view)
    view.fill({"iteration_count": nothing, "language": nothing})
    entered = page.state()["entered"]
    assert (entered["iteration_count"], entered["language"]) == (10, "en")
    assert view.payload is not None


def test_a_box_that_is_empty_while_somebody_types_is_left_alone(view: Form) -> None:
    page = Page(view)
    page.enter(iteration_count="")
    assert page.state()["entered"]["iteration_count"] == ""
    assert view.payload is not None


def test_what_the_service_said_stays_until_the_field_changes(view: Form) -> None:
    view.blame("image_url", "there is no face")
    view.blame("nothing", "is not shown anywhere")
    assert view.problems() == {"image_url": "there is no face"}
    assert view.payload is not None, "the same may be tried again"
    view.fill({"output_size": 200, "image_url": view.values()["image_url"]})
    assert view.problems() == {"image_url": "there is no face"}
    view.fill({"image_url": "https://cdn.example.com/other.png"})
    assert view.problems() == {}


def test_a_project_is_chosen_by_name_and_sent_by_id(live_view: Form) -> None:
    page = Page(live_view)
    live_view.offer_projects([Project(PROJECT_ID, "Spring\u202e", "x"), Project("raw-id", "", "x")])
    offered = page.wait(lambda told: told.get("offered"))["offered"]
    assert offered == [f"Spring · {PROJECT_ID}", "raw-id"]
    page.enter(project_id=offered[0])
    assert live_view.values()["project_id"] == PROJECT_ID


def test_listeners_hear_of_each_change_and_a_broken_one_stops_nobody(
    view: Form, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[int] = []
    stop = view.on_change(lambda: heard.append(1))
    view.on_change(lambda: 1 / 0)
    view.fill({"output_size": 200})
    Page(view).enter(output_size=201)
    assert len(heard) == 2
    assert "a listener of the form failed" in caplog.text
    stop()
    view.reset()
    assert len(heard) == 2


def test_the_page_is_told_which_of_its_entries_the_answer_knows(view: Form) -> None:
    page = Page(view)
    page.enter(output_size="40")
    state = page.told[-1][0]
    assert state["seen"] == ["me", 1]
    assert state["entered"]["output_size"] == "40"


@pytest.mark.parametrize(
    "junk", [{}, {"type": "what"}, {"type": "sample", "field": "x"}, {"type": "entered"}]
)
def test_a_message_that_makes_no_sense_changes_nothing(view: Form, junk: dict[str, Any]) -> None:
    before = view.values()
    Page(view).say(junk)
    assert view.values() == before


# -- pictures and sounds -------------------------------------------------------------------


def test_samples_are_looked_at_once_a_page_is_there(view: Form) -> None:
    page = Page(view, opens=False)
    view.enter({"output_size": 200})
    assert page.told == [], "what nobody sees is not told"
    assert view.sources == {}
    page.say({"type": "open"})
    sound = page.wait(lambda told: told.get("kind") == "sound")
    picture = page.wait(lambda told: told.get("kind") == "picture")
    assert sound["duration"] == 7.9
    assert 0 < len(sound["peaks"]) <= 400
    assert picture["size"] == [512, 512]
    states = [json.dumps(told) for told, _ in page.told if told["type"] == "state"]
    assert len(states) == len(set(states)), "the same was told twice"
    known = view.sources["image_url"]
    assert isinstance(known, Picture)
    assert known.face_count == 1
    assert len(known.jpeg) < 15_000
    page.say({"type": "play", "field": "audio_url"})
    view.fill({"image_url": "https://cdn.example.com/typed.png"})
    assert "image_url" not in view.sources, "a typed URL is not fetched"
    assert page.wait(lambda told: told.get("field") == "image_url")["kind"] == ""


def test_an_upload_in_parts_becomes_the_url(view: Form) -> None:
    page = Page(view)
    page.upload("image_url", "me.png", PORTRAIT.read_bytes())
    page.wait(lambda told: told.get("file") == "me.png")
    assert view.values()["image_url"].startswith("http://tfi.localhost/assets/")
    assert page.wait(lambda told: told["type"] == "state")["notes"]["image_url"] == ""


def test_nothing_is_sent_with_the_old_picture_while_a_new_one_is_on_its_way(view: Form) -> None:
    page, data = Page(view), PORTRAIT.read_bytes()
    about = {"field": "image_url", "number": 1}
    page.say({"type": "upload", "name": "me.png", "size": len(data)} | about)
    page.say({"type": "part"} | about, data[:1000])
    assert view.check() is None
    assert view.problem_titles() == [TalkingVideoPayload.model_fields["image_url"].title]
    page.say({"type": "part"} | about, data[1000:])
    page.wait(lambda state: "assets" in state.get("entered", {}).get("image_url", ""))
    assert view.check() is not None


@pytest.mark.parametrize(
    ("field", "data", "told"),
    [
        ("image_url", b"no picture at all", "bad.bin: the file is none of PNG"),
        ("image_url", PORTRAIT.read_bytes()[:9000], "bad.bin: the PNG file is damaged"),
        ("image_url", b"", "bad.bin is empty"),
        ("audio_url", b"no sound at all", "bad.bin: "),
    ],
    ids=["text", "cut short", "empty", "no sound"],
)
def test_a_file_that_cannot_be_read_keeps_the_form_from_being_sent(
    view: Form, field: str, data: bytes, told: str
) -> None:
    page = Page(view)
    page.upload(field, "bad.bin", data)
    page.wait(lambda state: told in state.get("problems", {}).get(field, ""))
    assert view.check() is None
    assert view.problem_titles() == [TalkingVideoPayload.model_fields[field].title]
    good = PORTRAIT if field == "image_url" else VOICE
    page.upload(field, good.name, good.read_bytes())
    page.wait(lambda state: "assets" in state.get("entered", {}).get(field, ""))
    assert view.problems() == {}
    assert view.check() is not None


def test_a_file_that_cannot_be_read_is_not_handed_to_the_service(view: Form) -> None:
    page = Page(view)
    page.upload("image_url", "me.png", b"no picture at all")
    page.wait(lambda state: state.get("problems", {}).get("image_url"))
    assert not [told for told, _ in page.told if "assets" in json.dumps(told.get("entered", ""))]


def test_a_templates_picture_that_cannot_be_read_keeps_it_from_being_sent(
    live_view: Form,
) -> None:
    live_view.offer_mapping(template())
    assert live_view.check() is not None, "a value may be left empty"
    live_view.blame("values.avatar", "there is no face")
    assert live_view.check() is None, "but not one that was tried"
    live_view.enter({"values.avatar": GOOD["image_url"]})
    assert live_view.check() is not None


def test_a_preview_that_comes_is_announced_and_one_that_does_not_has_its_reason(
    view: Form,
) -> None:
    page = Page(view)
    page.wait(lambda told: told.get("kind") == "picture")
    said = [told.get("blank", "") for told, _ in page.told if told.get("field") == "image_url"]
    assert said == ["drawing the preview …", ""]
    view.fill({"image_url": "https://cdn.example.com/typed.png"})
    assert page.told[-1][0]["blank"] == "no preview: a typed address is not fetched"
    view.enter({"image_url": ""})
    assert page.told[-1][0]["blank"] == "no preview: nothing is entered"


def test_a_file_that_is_too_large_is_refused_before_it_comes(local: Workspace) -> None:
    object.__setattr__(local.settings, "limits", Limits(upload_max_bytes=1000))
    errors: list[TfiError] = []
    view = Form(local, on_error=errors.append)
    page = Page(view)
    page.upload("image_url", "big.png", b"x" * 1001)
    assert "larger than 1" in view.problems()["image_url"]
    assert errors[0].field == "image_url"
    assert view.payload is None, "another picture than the one that was meant"
    view.close()


def test_a_service_without_files_says_what_to_do(live_view: Form) -> None:
    Page(live_view).upload("image_url", "me.png", b"xx")
    assert "takes no files" in live_view.problems()["image_url"]
    assert "TFI_ASSET_STORE" in live_view.problems()["image_url"]
    assert live_view.spec["takes_files"] is False


def test_what_a_preflight_fetched_can_be_remembered(live_view: Form) -> None:
    page = Page(live_view)
    live_view.remember("audio_url", "voice.wav", VOICE.read_bytes())
    page.wait(lambda told: told.get("kind") == "sound")
    sound = live_view.sources["audio_url"]
    assert isinstance(sound, Sound)
    assert sound.duration_s == pytest.approx(7.89, abs=0.01)


# -- form B --------------------------------------------------------------------------------


def test_a_template_builds_form_b(live_view: Form) -> None:
    live_view.offer_mapping(template())
    fields = {field["name"]: field["kind"] for field in live_view.spec["fields"]}
    assert fields == {
        "project_id": "uuid", "job_type": "choice", "values.headline": "lines",
        "values.voice": "url", "values.avatar": "url",
    }  # fmt: skip
    assert "may need it" in live_view.advice()["values.headline"]
    Page(live_view).enter(
        **{
            "values.headline": "Spring\nis here",
            "values.avatar": GOOD["image_url"],
            "values.voice": GOOD["audio_url"],
        }
    )
    assert live_view.payload == TemplatePayload(
        job_type="ai_talking_video",
        template_id=PROJECT_ID,
        values={
            "headline": "Spring\nis here",
            "avatar": {"image_url": GOOD["image_url"]},
            "voice": {"audio_url": GOOD["audio_url"]},
        },
    )
    live_view.offer_mapping(None)
    assert live_view.check() == TalkingVideoPayload(**GOOD)


def test_problems_of_a_template_stand_at_its_controls(live_view: Form) -> None:
    live_view.offer_mapping(template())
    Page(live_view).enter(**{"values.avatar": "here.png", "project_id": "spring"})
    assert sorted(live_view.problems()) == ["project_id", "values.avatar"]
    Page(live_view).enter(**{"values.avatar": GOOD["image_url"], "project_id": PROJECT_ID})
    live_view.blame("values.avatar.image_url", "no face")
    assert live_view.problems() == {"values.avatar": "no face"}


def test_locally_a_template_lacks_what_is_empty(view: Form) -> None:
    future = view.load_template()
    assert future is not None
    future.result(60)
    assert view.payload is None
    assert view.problems() == {"values.image": "is required", "values.audio": "is required"}
    view.enter({"values.image": GOOD["image_url"], "values.audio": GOOD["audio_url"]})
    assert isinstance(view.payload, TemplatePayload)


def test_a_payload_of_form_b_is_loaded_with_all_that_has_no_control(
    live_view: Form, api: ScriptedApi
) -> None:
    api.answers["GET /api/provider/projects/"] = reply(200, {"data": MAPPING})
    voice = {"audio_url": GOOD["audio_url"], "effects": [{"gain": 2}]}
    payload = TemplatePayload(
        job_type="ai_talking_video", template_id=PROJECT_ID, session_id="mine",
        values={"headline": "Hi", "voice": voice},
    )  # fmt: skip
    page = Page(live_view)
    live_view.fill(payload.body())
    page.wait(lambda told: told.get("template"))
    assert live_view.payload == payload
    live_view.fill(GOOD)
    assert live_view.check() == TalkingVideoPayload(**GOOD)


def test_the_switch_asks_the_service_for_the_template(live_view: Form, api: ScriptedApi) -> None:
    page = Page(live_view)
    page.enter(project_id="spring")
    page.say({"type": "template", "on": True})
    assert page.told[-1][0]["template"] is False
    page.enter(project_id=PROJECT_ID)
    api.answers["GET /api/provider/projects/"] = reply(404, {"message": "Project not found"})
    page.say({"type": "template", "on": True})
    page.wait(lambda told: told.get("problems", {}).get("project_id"))
    assert live_view.payload is not None
    api.answers["GET /api/provider/projects/"] = reply(200, {"data": MAPPING})
    page.say({"type": "template", "on": True})
    page.wait(lambda told: told.get("template"))
    page.say({"type": "template", "on": False})
    assert len(live_view.spec["fields"]) == 13


# -- advice --------------------------------------------------------------------------------


def picture(face: tuple[float, float, float, float] | None = None, **facts: Any) -> Picture:
    given: dict[str, Any] = {"width_px": 500, "height_px": 800, "face_count": 1, "jpeg": b""}
    return Picture("a.png", face=face or (200.0, 200.0, 300.0, 330.0), **(given | facts))


def sound(duration_s: float, peak: int) -> Sound:
    return Sound("a.wav", duration_s, peak == 0, (peak,))


FACELESS = Picture("a.png", 500, 800, 0, None, b"")
TINY = (200.0, 200.0, 260.0, 280.0)


@pytest.mark.parametrize(
    ("values", "sources", "local", "field", "told"),
    [
        ({"output_size": 401}, {}, True, "output_size", "rendered as 402"),
        ({"output_size": 400}, {}, True, "", ""),
        ({"output_size": 400}, {}, False, "output_size", "give 384"),
        ({"output_size": 512}, {}, False, "", ""),
        ({"output_size": 640}, {"image_url": picture()}, True, "", ""),
        (
            {"output_size": 640, "crop": True}, {"image_url": picture()}, True,
            "output_size", "500 px",
        ),
        ({"output_size": 900}, {"image_url": picture()}, True, "output_size", "800 px"),
        ({}, {"image_url": FACELESS}, True, "image_url", "no clear face"),
        ({}, {"image_url": picture(TINY)}, True, "image_url", "10% of its height"),
        ({}, {"image_url": picture(face_count=3)}, True, "image_url", "3 faces"),
        ({}, {"audio_url": sound(1.2, 9)}, True, "audio_url", "lasts 1.2 s"),
        ({}, {"audio_url": sound(9.0, 0)}, True, "audio_url", "silent"),
        ({}, {"audio_url": sound(9.0, 9)}, True, "", ""),
        ({"crop": False, "expand_ratio": 1.0}, {}, True, "expand_ratio", "no crop"),
        ({"crop": False, "expand_ratio": 0.5}, {}, True, "", ""),
        (
            {"crop": True, "expand_ratio": 1.5}, {"image_url": picture()}, True,
            "expand_ratio", "past 1.42",
        ),
        ({"crop": True, "expand_ratio": 1.4}, {"image_url": picture()}, True, "", ""),
        ({"iteration_count": 21}, {}, True, "iteration_count", "past 20"),
        ({"iteration_count": 30}, {}, False, "", ""),
        ({"iteration_count": 31}, {}, False, "iteration_count", "past 30"),
        ({"is_clone_required": True}, {}, True, "is_clone_required", "without effect"),
        ({"is_clone_required": True, "values": ["a"]}, {}, False, "", ""),
        ({"values": ["a"]}, {}, True, "values", "without effect"),
    ],
)  # fmt: skip
def test_warnings_are_given_where_they_are_true_and_nowhere_else(
    values: dict[str, Any], sources: dict[str, Any], *, local: bool, field: str, told: str
) -> None:
    given = advice(values, sources, local=local)
    assert list(given) == ([field] if field else [])
    assert told in given.get(field, "")


def test_pictures_and_sounds_are_measured() -> None:
    face = cartoon_face(300)
    two = look(
        "picture", "two.png", encode_png(on_canvas(np.hstack([face, face]), 700, 400, 40, 60))
    )
    assert isinstance(two, Picture)
    assert (two.width_px, two.height_px, two.face_count) == (700, 400, 2)
    plain = look("picture", "plain.png", encode_png(np.full((300, 300, 3), 90, np.uint8)))
    assert isinstance(plain, Picture)
    assert (plain.face_count, plain.face) == (0, None)
    short = look("sound", "short.wav", wav(tone(1.5, level=0.5)))
    assert isinstance(short, Sound)
    assert short.duration_s == pytest.approx(1.5, abs=0.02)
    assert max(short.peaks) == pytest.approx(50, abs=2)
    silent = look("sound", "silent.wav", wav(np.zeros(48_000, np.float32)))
    assert isinstance(silent, Sound)
    assert silent.silent
    with pytest.raises(NotAPictureError):
        look("picture", "note.png", b"no picture")


# -- what is saved -------------------------------------------------------------------------


def test_neither_state_nor_snapshot_holds_what_opens_a_url(live_view: Form) -> None:
    live_view.fill({"image_url": SIGNED, "values": ["<b>"], "output_size": 401})
    bundle, _ = live_view._repr_mimebundle_()
    static = bundle["text/html"] + bundle["text/plain"] + repr(live_view)
    assert "0af0af0af0af" not in static + json.dumps(live_view.get_state())
    assert "b.example.com/a.png" in bundle["text/html"]
    assert "<b>" not in bundle["text/html"]
    assert "<script" not in bundle["text/html"]
    assert "public models of this kind give 384" in bundle["text/html"]
    payload = live_view.payload
    assert payload is not None
    assert payload.urls()["image_url"] == SIGNED


def test_a_form_opens_in_few_bytes(view: Form) -> None:
    state = json.dumps(view.get_state())
    assert len(state) < 28_000, len(state)


def test_form_needs_an_open_workspace(local: Workspace) -> None:
    with pytest.raises(ArgumentError, match="must be a Workspace"):
        form("here")  # type: ignore[arg-type]
    view = form(local)
    assert view.payload is not None
    view.close()
