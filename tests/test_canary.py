"""No secret out: a key and a signature that are searched for in everything a session leaves.

A real kernel with `%xmode Verbose` and every logger at DEBUG goes through the whole walk and all
its failures against a server that repeats the key and signed URLs wherever it can. Afterwards the
key and the signature must be nowhere: not in the notebook with its widget state, in no message to
the front end, no HTML, no log, no pickle, not in the ledger, and not in the outputs folder.
"""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter

from tests.helpers.faulty_server import FaultyServer, reply
from tests.helpers.kernel import new_notebook
from tests.helpers.payloads import GOOD
from tfi_notebook import http
from tfi_notebook.keys import ApiKey
from tfi_notebook.media.frames import write_video

KEY = "canary-key-0b5e77d1"
SIGNATURE = "canary-signature-93ac"
SIGNED = f"https://cdn.example.com/a.mp4?X-Amz-Signature={SIGNATURE}&token={SIGNATURE}"
TELLTALE = f"the key {KEY} may not read {SIGNED} (x-api-key: {KEY}), /a.mp4?token={SIGNATURE}"
HANDED_IN = {
    "image_url": f"https://cdn.example.com/in/face.png?expires=1900000000&token={SIGNATURE}",
    "audio_url": f"https://cdn.example.com/get?access_token={SIGNATURE}#key={SIGNATURE}",
}
"""What a person copies out of a browser, with signatures that no large store makes."""


@dataclass
class Gossip:
    """A service that repeats secrets. What a job does is the word in its payload's `values`."""

    video: bytes
    base_url: str = ""
    words: dict[str, str] = field(default_factory=dict)
    pictures: list[str] = field(default_factory=list)
    polls: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Number the jobs from one."""
        self._numbers = count(1)

    def __call__(self, method: str, path: str, body: bytes) -> bytes | str:
        """Answer one request."""
        if method == "POST":
            return self._submit(json.loads(body))
        for part in path.replace("?", "/").replace("%2F", "/").split("/"):
            word = self.words.get(part.removesuffix(".mp4"), "")
            if word:
                return (
                    self._job(word, part) if path.startswith("/jobs/") else self._file(word, path)
                )
        return self._account(path)

    def _submit(self, body: dict[str, Any]) -> bytes | str:
        word = (body.get("values") or ["fine"])[0]
        self.pictures.append(body["image_url"])
        told: dict[str, bytes | str] = {
            "http-400": reply(400, {"message": TELLTALE}),
            "http-401": reply(401, {"message": TELLTALE}),
            "http-404": reply(404, {"error": {"message": TELLTALE}}),
            "http-429": reply(429, {"message": TELLTALE}, "retry-after: 900"),
            "http-500": reply(500, {"detail": TELLTALE}),
            "http-302": reply(302, {}, f"location: {SIGNED}"),
            "login-page": reply(200, f"<html>{TELLTALE}</html>".encode()),
            "no-id": reply(202, {"jobId": SIGNED, "message": TELLTALE}),
            "reset": "reset",
            "hang": "hang",
        }
        if word in told:
            return told[word]
        job_id = f"job-{next(self._numbers)}"
        self.words[job_id] = word
        return reply(202, {"jobId": job_id, "status": "queued", "message": TELLTALE})

    def _job(self, word: str, job_id: str) -> bytes:
        polled = self.polls[job_id] = self.polls.get(job_id, 0) + 1
        if word == "poll-500" and polled < 3:
            return reply(500, {"message": TELLTALE})
        if word == "poll-403":
            return reply(403, {"message": TELLTALE})
        row = {"uuid": job_id, "job_status": "STARTED", "message": TELLTALE}
        if word == "strange" and polled < 3:
            return reply(200, row | {"job_status": f"WAITING {SIGNED} {KEY}"})
        if polled < 2:
            return reply(200, row)
        if word == "failed":
            return reply(200, row | {"job_status": "FAILED"})
        output = f"outputs/{job_id}.mp4"
        if word == "absolute":
            output = f"{self.base_url}/cdn/{output}?X-Amz-Signature={SIGNATURE}"
        return reply(200, row | {"job_status": "SUCCESS", "output": {"output": output}})

    def _file(self, word: str, path: str) -> bytes | str:
        if path.startswith("/storage/"):
            if word == "no-signing":
                return reply(500, {"message": TELLTALE})
            key = parse_qs(urlsplit(path).query)["path"][0]
            url = f"{self.base_url}/cdn/{key}?X-Amz-Signature={SIGNATURE}"
            return reply(200, {"signedUrl": url, "expiresAt": "2030-01-01T00:00:00Z"})
        told: dict[str, bytes | str] = {
            "file-403": reply(403, TELLTALE.encode()),
            "file-302": reply(302, {}, f"location: {SIGNED}"),
            "file-reset": "reset",
            "file-no-video": reply(200, TELLTALE.encode()),
            "file-short": b"HTTP/1.1 200 X\r\ncontent-length: 99999\r\n\r\n\x00\x00\x00\x18ftyp",
        }
        return told.get(word, reply(200, self.video))

    def _account(self, path: str) -> bytes:
        if path.startswith("/api/provider/projects/active"):
            project = {"projectId": GOOD["project_id"], "projectName": "P", "projectType": "x"}
            return reply(200, {"data": [project]})
        if path.startswith("/auth/credits"):
            return reply(200, {"credits": 1250})
        return reply(404, {"message": TELLTALE})


SUBMIT_FAULTS = (
    "http-400", "http-401", "http-404", "http-429", "http-500", "http-302", "login-page", "no-id",
    "reset", "hang",
)  # fmt: skip
WATCH_FAULTS = ("failed", "poll-500", "poll-403", "strange", "absolute")
FILE_FAULTS = (
    "no-signing", "file-403", "file-302", "file-reset", "file-no-video", "file-short",
)  # fmt: skip

SETUP = """
%xmode Verbose
import logging, os
logging.basicConfig(filename="debug.log", level=logging.DEBUG, force=True)
import tfi_notebook as tfi
from tfi_notebook import settings
limits = settings.Limits(
    request_timeout_s=0.5, submit_timeout_s=0.5, poll_first_s=0.02, poll_max_s=0.05,
    poll_floor_s=0.02, poll_head_max_s=0.05, poll_budget_per_s=100.0, soft_errors_max=4,
    submit_retry_s=0.1, read_retry_s=0.1, retry_first_s=0.05, retry_max_s=0.1,
    retry_after_max_s=0.1, probe_first_s=0.05, probe_max_s=0.1, outage_failures=1000,
)
workspace = tfi.connect(outputs="outputs", limits=limits)
fields = FIELDS
def payload(word):
    return tfi.build_payload(**fields, values=[word])
def given():
    return os.getenv("TFI_API_KEY")
def problem(run):
    try:
        run()
    except Exception as error:
        return error
"""
WALK = """
job = tfi.submit(payload("fine"))
job
"""
AFTER = """
job.wait(30)
print(job, job.snapshot, job.payload, job.message, vars(job), workspace, workspace.settings)
print(repr(payload("x")), tfi.credits(), tfi.projects())
job.video()
"""
WATCH = """
job = tfi.submit(payload(WORD))
problem(lambda: job.wait(30))
print(repr(job), job.message, job.snapshot)
job.download()
"""
CALLBACKS = """
def listener(row):
    raise RuntimeError("listening to " + os.getenv("TELLTALE"))
workspace.subscribe(listener)
def draw():
    raise RuntimeError("drawing " + os.getenv("TELLTALE"))
workspace.painter.follow(draw, print)
tfi.submit(payload("second")).wait(30)
"""
PANEL = """
panel = tfi.panel()
panel.form.fill(fields)
panel
"""
PANEL_WALK = """
panel.submit().result(30)
panel.form.fill({"values": ["http-400"]})
panel.submit().result(30)
panel.form.fill({"values": ["absolute"], "version": 5})
panel.submit().result(30)
tfi.jobs()[0].wait(30)
print(panel, panel.error)
panel
"""
OPENED = """
handed_in = tfi.build_payload(**fields | {
    "image_url": os.getenv("HANDED_IN_IMAGE"), "audio_url": os.getenv("HANDED_IN_AUDIO"),
})
opened = tfi.submit(handed_in)
print(handed_in, opened.payload, opened.snapshot.body)
opened.wait(30)
problem(lambda: workspace.submit(opened.payload, force=True))
opened
"""
BOARD = """
jobs = tfi.jobs()
print([job.snapshot for job in jobs])
jobs
"""
TABLE = """
import time
from tfi_notebook.lifecycle.export import job_frame, write_csv
table = job_frame([job.snapshot for job in jobs], now=time.time())
write_csv(table, "outputs/jobs.csv")
table.T
"""
PICKLES = """
import copy, dataclasses, pathlib, pickle, shutil
shutil.copytree(workspace.settings.data_dir, "home-alive")  # a closed ledger has no -wal
known = workspace.settings
errors = [
    problem(lambda word=word: tfi.submit(payload(word), force=True)) for word in SUBMIT_FAULTS
]
things = [known, known.api_key, known.limits, job, jobs, job.snapshot, payload("x"), workspace,
          panel, table, fields, *errors, *[job.snapshot for job in jobs]]
written = 0
for n, thing in enumerate(things):
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        try:
            data = pickle.dumps(thing, protocol)
        except Exception as error:
            print(type(thing).__name__, error)
        else:
            pathlib.Path(f"thing-{n}-{protocol}.pickle").write_bytes(data)
            written += 1
    for turn in (copy.copy, copy.deepcopy, dataclasses.asdict, vars, dir, str, repr):
        print(problem(lambda turn=turn, thing=thing: print(turn(thing))))
written
"""
RAISED_AS_IT_IS = (
    "workspace.start(workspace.submit_async(payload('http-500'), force=True)).result(30)"
)
WRONG = (
    "tfi.connect(base_url='http://plain.example.com')",
    "tfi.connect(given(), 'http://plain.example.com')",
    "tfi.connect(given() + ' and more')",
    "tfi.connect(given(), ledger='~no-such-user/ledger')",
)
CLOSED = "workspace.close()\njob.download()"
CLOSED_SUBMIT = "workspace.submit(payload('late'))"
"""The last cells: what a closed workspace says."""


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Left:
    """Run the whole session once and return what it leaves."""
    folder = tmp_path_factory.mktemp("canary")
    service = Gossip(short_video(tmp_path_factory.mktemp("video") / "short.mp4"))
    with FaultyServer(service) as server:
        service.base_url = server.url
        session = Left(folder, server.url)
        session.run()
        session.keys_seen = {
            line.partition(": ")[2]
            for head in server.requests
            for line in head.split("\r\n")
            if line.lower().startswith("x-api-key:")
        }
        session.pictures_seen = service.pictures
        session.paths_seen = [head.split(" ", 2)[1] for head in server.requests]
    return session


def short_video(path: Path) -> bytes:
    """Return a real MP4 of a fifth of a second."""
    frames = (np.full((64, 64, 3), 40 * n, np.uint8) for n in range(5))
    write_video(path, frames, 25, np.zeros(3200, np.float32), 16_000)
    return path.read_bytes()


def cells() -> list[str]:
    submits = [f"tfi.submit(payload({word!r}))" for word in SUBMIT_FAULTS]
    watches = [WATCH.replace("WORD", repr(word)) for word in (*WATCH_FAULTS, *FILE_FAULTS)]
    return [
        SETUP.replace("FIELDS", repr(GOOD)), WALK, AFTER, *submits, *watches, CALLBACKS,
        PANEL, PANEL_WALK, OPENED, BOARD, TABLE,
        PICKLES.replace("SUBMIT_FAULTS", repr(SUBMIT_FAULTS)),
        RAISED_AS_IT_IS, "tfi.job('no-such-job')", *WRONG, CLOSED, CLOSED_SUBMIT,
    ]  # fmt: skip


class Left:
    """A session in a folder of its own, and everything that it leaves."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.messages: list[Any] = []
        self.keys_seen: set[str] = set()
        self.paths_seen: list[str] = []
        self.pictures_seen: list[str] = []

    def run(self) -> None:
        """Run the cells, whatever they raise; save the notebook and its HTML."""
        left = self

        class Listening(NotebookClient):  # type: ignore[misc] # mypy skips this library
            def process_message(self, message: dict[str, Any], *rest: Any) -> Any:
                buffers = [bytes(buffer) for buffer in message.get("buffers", ())]
                left.messages.append((message["content"], buffers))
                return super().process_message(message, *rest)

        book = new_notebook(*cells())
        client = Listening(
            book, timeout=120, allow_errors=True, store_widget_state=True,
            ipython_hist_file=str(self.folder / "history.sqlite"),
            resources={"metadata": {"path": str(self.folder)}},
        )  # fmt: skip
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TFI_API_KEY", KEY)
            patch.setenv("TFI_BASE_URL", self.url)
            patch.setenv("TFI_HOME", str(self.folder / "home"))
            patch.setenv("IPYTHONDIR", str(self.folder / "ipython"))
            patch.setenv("TELLTALE", TELLTALE)
            patch.setenv("HANDED_IN_IMAGE", HANDED_IN["image_url"])
            patch.setenv("HANDED_IN_AUDIO", HANDED_IN["audio_url"])
            client.execute()
        self.notebook = client.nb
        (self.folder / "saved.ipynb").write_text(nbformat.writes(self.notebook))
        (self.folder / "messages.txt").write_text(repr(self.messages))
        exporter = HTMLExporter()  # type: ignore[no-untyped-call]
        page, _ = exporter.from_notebook_node(self.notebook)
        (self.folder / "page.html").write_text(page)

    def errors(self) -> list[str]:
        """Return the name of each error that a cell ended with."""
        outputs = [out for cell in self.notebook.cells for out in cell.outputs]
        return [out["ename"] for out in outputs if out["output_type"] == "error"]

    def files(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file()]


def where(left: Left, canary: str) -> list[str]:
    """Return where a canary is, each with the text around it."""
    found = []
    for path in left.files():
        data = path.read_bytes()
        at = data.find(canary.encode())
        if at >= 0:
            around = data[max(0, at - 300) : at + 60].decode("utf-8", "replace")
            found.append(f"{path.relative_to(left.folder)}: …{around}…")
    return found


def test_the_session_has_gone_through_everything(left: Left) -> None:
    """Without this the other tests would pass on a session that did nothing."""
    assert left.keys_seen == {KEY}
    assert any(SIGNATURE in path for path in left.paths_seen), "signed URLs were fetched"
    assert left.pictures_seen.count(HANDED_IN["image_url"]) == 1, "sent whole, and not again cut"
    errors = left.errors()
    assert len(errors) >= len(SUBMIT_FAULTS) + 12, errors
    assert {"RejectedError", "AuthError", "NotFoundError", "RateLimitedError",
            "SubmitUnknownError", "JobFailedError", "DownloadError",
            "SettingsError"} <= set(errors)  # fmt: skip
    names = {path.name for path in left.files()}
    expected = {
        "saved.ipynb", "page.html", "debug.log", "ledger.sqlite", "ledger.sqlite-wal", "jobs.csv",
        "job-1.mp4", "history.sqlite",
    }  # fmt: skip
    assert expected <= names
    assert sum(name.endswith(".pickle") for name in names) > 50
    log = (left.folder / "debug.log").read_text()
    assert all(name in log for name in ("httpx", "httpcore", "tfi_notebook.lifecycle.feed"))
    assert left.notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]


def test_every_logger_of_the_package_is_cleaned() -> None:
    """Tracebacks too: what a library or a listener raises may hold whatever it was given."""
    package = Path(http.__file__).parent
    key = ApiKey(KEY, source="argument")
    for path in package.rglob("*.py"):
        if "getLogger(__name__)" not in path.read_text():
            continue
        name = ".".join(["tfi_notebook", *path.relative_to(package).with_suffix("").parts])
        record = logging.LogRecord(name, logging.ERROR, "", 1, "%s", (TELLTALE,), raised())
        assert logging.getLogger(name).filter(record)
        text = logging.Formatter().format(record)
        assert "RuntimeError" in text
        assert KEY not in text, name
        assert SIGNATURE not in text, name
    assert key.reveal() == KEY, "a key is masked while it is in use"


def raised() -> Any:
    """Return the exc_info of an error whose text holds the canaries."""
    try:
        raise RuntimeError(TELLTALE)  # noqa: TRY301 - it is the traceback that is wanted
    except RuntimeError:
        return sys.exc_info()


def test_the_key_is_nowhere(left: Left) -> None:
    assert where(left, KEY) == []


def test_no_signature_is_anywhere(left: Left) -> None:
    assert where(left, SIGNATURE) == []
