from __future__ import annotations

from itertools import groupby
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.faulty_server import FaultyServer, reply
from tfi_notebook import samples, settings
from tfi_notebook.contract.templates import TemplatePayload
from tfi_notebook.lifecycle.workspace import Workspace
from tfi_notebook.widgets.instant_preview import InstantPreview

if TYPE_CHECKING:
    from collections.abc import Callable

WAIT_S = 60.0


def wait_for(part: InstantPreview, holds: Callable[[dict[str, Any]], object]) -> None:
    """Wait until what is shown meets a condition."""
    met = Event()

    def look(_: object = None) -> None:
        if holds(part.state):
            met.set()

    part.observe(look, "state")
    look()
    assert met.wait(WAIT_S), part.state


def notes(part: InstantPreview) -> list[str]:
    """Return a list that grows with every note on a clip."""
    found: list[str] = []

    def look(_: object) -> None:
        note = str(part.state["note"])
        if note and note not in found:
            found.append(note)

    part.observe(look, "state")
    return found


@pytest.mark.render
def test_what_moves_is_rendered_once_it_rests_and_the_newest_wins(local: Workspace) -> None:
    part = InstantPreview(local)
    told = notes(part)
    for count in range(1, 6):
        part.show(local.build_payload(iteration_count=count))
    wait_for(part, lambda state: "iteration_count 5" in state["note"] and not state["busy"])
    assert len(told) == 1, "while it moves, nothing is rendered"
    assert part.clip is not None
    assert part.clip.duration_s == 2

    part.show(local.build_payload(iteration_count=8))
    wait_for(part, lambda state: state["busy"])
    part.show(local.build_payload(iteration_count=9))
    part.show(local.build_payload(iteration_count=10))
    wait_for(part, lambda state: "iteration_count 10" in state["note"] and not state["busy"])
    assert [note.split(",")[1] for note in told] == [
        " iteration_count 5", " iteration_count 8", " iteration_count 10",
    ]  # fmt: skip
    assert len(local.jobs()) == 0
    assert "not TFI's model: version 6, iteration_count 10" in part.snapshot_html().replace(
        "&#x27;", "'"
    )

    last = part.clip
    part.show(None)
    part.show(local.build_payload(iteration_count=10))
    part.on = False
    part.show(local.build_payload(iteration_count=11))
    assert part.clip is last
    part.on = True
    wait_for(part, lambda state: "iteration_count 11" in state["note"])


@pytest.mark.render
def test_in_place_of_the_first_clip_stands_whether_one_comes(local: Workspace) -> None:
    part = InstantPreview(local)
    said: list[str] = []
    part.observe(lambda change: said.append(change["new"]["blank"]), "state")
    part.show(None)
    part.show(local.build_payload(image_url="https://cdn.example.com/typed.png"))
    wait_for(part, lambda state: "nothing is fetched unasked" in state["problem"])
    wait_for(part, lambda state: state["blank"] == "no preview")
    part.show(local.build_payload(iteration_count=1))
    wait_for(part, lambda state: state["busy"] and not state["problem"])
    wait_for(part, lambda state: state["note"] and not state["busy"])
    coming = "drawing the preview …"
    assert [text for text, _ in groupby(said)] == [
        "no preview: a field of the form needs a look", coming, "no preview", coming,
    ]  # fmt: skip


@pytest.mark.render
def test_what_cannot_be_rendered_is_a_calm_line(local: Workspace) -> None:
    part = InstantPreview(local)
    part.show(local.build_payload(image_url="http://tfi.localhost/assets/none.png"))
    wait_for(part, lambda state: "image_url: the local service has no file" in state["problem"])
    assert not part.state["note"]
    part.show(TemplatePayload(job_type="ai_talking_video"))
    wait_for(part, lambda state: "mapping fields" in state["problem"])
    part.show(local.build_payload(iteration_count=1))
    wait_for(part, lambda state: state["note"] and not state["problem"])


@pytest.mark.render
def test_a_typed_address_is_fetched_only_after_it_was_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TFI_LOCAL_PRIVATE_URLS", "1")
    answer = reply(200, samples.PORTRAIT.read_bytes(), "content-type: image/png")
    with (
        FaultyServer(lambda *_: answer) as server,
        Workspace(settings.resolve(local=True)) as local,
    ):
        url = f"{server.url}/face.png"
        part = InstantPreview(local)
        part.show(local.build_payload(image_url=url))
        wait_for(part, lambda state: "nothing is fetched unasked" in state["problem"])
        assert "image_url" in str(part.state["problem"])
        assert server.connections == 0
        part.trust(url)
        wait_for(part, lambda state: state["note"] and not state["problem"])
        assert server.connections == 1


def test_without_the_packages_it_says_what_to_install(
    live: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tfi_notebook.local.is_installed", lambda *_: False)
    part = InstantPreview(live)
    sample = "http://tfi.localhost/samples"
    part.show(
        live.build_payload(
            image_url=f"{sample}/portrait.png",
            audio_url=f"{sample}/voice.wav",
            project_id="468ea7a0-66e1-4357-a760-236e54167f3e",
        )
    )
    wait_for(part, lambda state: 'pip install "tfi-notebook[local]"' in state["problem"])
    part.close()
