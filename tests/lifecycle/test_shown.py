"""What a service says is shown by jobs and lists of jobs as text, and never as anything else."""

from __future__ import annotations

import json
import threading
import unicodedata
from typing import TYPE_CHECKING

import pytest

from tests.display.test_html import ATTACKS, HARMLESS, Shape
from tests.helpers.faulty_server import FaultyServer, reply
from tests.helpers.payloads import good_payload
from tfi_notebook import settings
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.lifecycle.joblist import JobList
from tfi_notebook.lifecycle.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.lifecycle.job import Job

TEXTS = (HARMLESS, *ATTACKS)
FAST = settings.Limits(poll_first_s=0.01, poll_max_s=5.0, poll_budget_per_s=500.0)


def hostile(method: str, path: str, body: bytes) -> bytes:
    """A service whose every word about job n is the n-th text."""
    if method == "POST":
        number = int(json.loads(body)["values"][0])
        answer = {"jobId": f"job-{number}", "status": TEXTS[number], "message": TEXTS[number]}
        return reply(202, answer)
    text = TEXTS[int(path.rpartition("-")[2])]
    row = {"job_status": text, "message": text, "output": {"output": text}, "credit_used": text}
    return reply(200, row | {"uuid": path.rpartition("/")[2], "progress": text})


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A workspace that has heard every text about a job of its own, over real HTTP."""
    folder = tmp_path_factory.mktemp("shown")
    heard: set[str] = set()
    all_heard = threading.Event()

    def listen(row: JobSnapshot) -> None:
        if row.status is JobStatus.OTHER and row.output:
            heard.add(row.key)
        if len(heard) == len(TEXTS):
            all_heard.set()

    with FaultyServer(hostile) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFI_HOME", str(folder / "home"))
        known = settings.resolve("key", server.url, outputs=folder, limits=FAST)
        with Workspace(known) as opened:
            opened.subscribe(listen)
            for number in range(len(TEXTS)):
                opened.submit(good_payload(values=[str(number)]))
            assert all_heard.wait(30)
            yield opened


def job_about(workspace: Workspace, text: str) -> Job:
    return workspace.job(f"job-{TEXTS.index(text)}")


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_job_shows_foreign_words_as_text(workspace: Workspace, attack: str) -> None:
    attacked, harmless = job_about(workspace, attack), job_about(workspace, HARMLESS)
    assert attacked.status is JobStatus.OTHER, "the service's word for it is unknown"
    for show in (lambda job: job, lambda job: JobList(workspace, [job])):
        shown, plain = (show(job)._repr_mimebundle_() for job in (attacked, harmless))
        assert Shape(shown["text/html"]).tags == Shape(plain["text/html"]).tags
        assert Shape(shown["text/html"]).styles == Shape(plain["text/html"]).styles
        assert_calm(shown["text/plain"])
        assert_calm(repr(show(attacked)))


def test_the_whole_board_has_one_row_for_each_job(workspace: Workspace) -> None:
    jobs = workspace.jobs()
    shape = Shape(jobs._repr_mimebundle_()["text/html"])
    assert len(jobs) == len(TEXTS)
    assert sum(tag == "tr" for tag, _ in shape.tags) == 1 + len(TEXTS)
    assert not {tag for tag, _ in shape.tags} & {"script", "img", "svg", "iframe", "style", "a"}
    assert_calm(repr(jobs))


def assert_calm(text: str) -> None:
    """Nothing in a text moves the cursor, hides or reorders what is read."""
    strange = {char for char in text if unicodedata.category(char) in {"Cc", "Cf"}} - {"\n"}
    assert strange == set()
