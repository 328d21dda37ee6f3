"""What a person hands in by mistake: every public call takes it, or says what it wanted instead."""

from __future__ import annotations

import copy
import inspect
import pickle
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import tfi_notebook as tfi
from tests.helpers.fake_api import ScriptedApi
from tests.helpers.faulty_server import FaultyServer
from tests.helpers.payloads import GOOD, good_payload
from tfi_notebook.errors import (
    ArgumentError,
    LedgerError,
    NotFoundError,
    PayloadError,
    SettingsError,
    SourceError,
)
from tfi_notebook.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REFUSAL_MAX_CHARS = 1000
ENDS_S = 10.0
CANARY = "canary-secret-key-1234"
FAST = Limits(
    request_timeout_s=2.0, submit_timeout_s=2.0, poll_first_s=0.01, poll_max_s=0.02, read_tries=1
)
ODD: dict[str, Any] = {
    "None": None, "5": 5, "-1": -1, "2.5": 2.5, "nan": float("nan"), "inf": float("inf"),
    "True": True, "empty": "", "blank": " ", "x": "x", "newline": "a\nb", "unicode": "ü\u202e",
    "half a character": "\ud800", "nul": "\0", "no bytes": b"", "bytes": b"x", "no list": [],
    "[None]": [None], "{}": {}, "{5: 6}": {5: 6}, "object": object(), "huge text": "x" * 100_000,
    "huge number": 10**400, "no set": set(), "function": repr, "canary": CANARY,
    "folder": Path(), "status": tfi.JobStatus.DONE, "open bracket": "http://[::1",
    "ftp": "ftp://x", "query": "https://x.example/?token=canary-signature",
    "port": "https://x.example:abc", "large port": "https://x.example:99999",
}  # fmt: skip
TEXTS = {name for name, value in ODD.items() if isinstance(value, str)}
NAMES = {"x", "newline", "unicode", "canary", "status"}
"""Words that a file can be called."""


class Bench:
    """A workspace on a service that knows every job, and one finished job."""

    def __init__(self, workspace: tfi.Workspace) -> None:
        self.workspace = workspace
        self.job = workspace.submit(good_payload()).wait(30)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("odd")
    api = ScriptedApi()
    with pytest.MonkeyPatch.context() as patch, FaultyServer(api) as server:
        patch.setenv("TFI_HOME", str(folder / "home"))
        api.base_url = server.url
        with tfi.connect(CANARY, server.url, outputs=folder / "out", limits=FAST) as workspace:
            yield Bench(workspace)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path that is taken leads nowhere else."""
    monkeypatch.chdir(tmp_path)


def fate(call: Callable[[], object]) -> str:
    """Make a call; return `taken`, or the text of the error, which must have a hint."""
    try:
        call()
    except tfi.TfiError as error:
        refusal = error
    else:
        return "taken"
    assert refusal.hint, f"{type(refusal).__name__} without a hint: {refusal}"
    assert len(str(refusal)) < REFUSAL_MAX_CHARS
    assert "canary-signature" not in str(refusal)
    return str(refusal)


CALLS: dict[str, tuple[Callable[[Bench, Any], object], set[str]]] = {
    "submit": (lambda bench, odd: bench.workspace.submit(odd), set()),
    "preview": (lambda bench, odd: bench.workspace.preview(odd), set()),
    "force": (lambda bench, odd: bench.workspace.submit(good_payload(), force=odd), {"True"}),
    "job": (lambda bench, odd: bench.workspace.job(odd), {"x", "canary", "status"}),
    "adopt": (lambda bench, odd: bench.job.adopt(odd), set()),
    "wait": (lambda bench, odd: bench.job.wait(odd), {"None", "5", "2.5", "inf"}),
    "ids": (lambda bench, odd: bench.workspace.trigger_job(odd, confirm=True), set()),
    "mapping_fields": (lambda bench, odd: bench.workspace.mapping_fields(odd), set()),
    "asset": (lambda bench, odd: bench.workspace.asset(odd), set()),
    "subscribe": (lambda bench, odd: bench.workspace.subscribe(odd), {"function"}),
    "to_csv": (lambda bench, odd: bench.workspace.jobs(1).to_csv(odd), NAMES),
    "to_excel": (lambda bench, odd: bench.workspace.jobs(1).to_excel(odd), NAMES),
    "Workspace": (lambda _, odd: tfi.Workspace(odd), set()),
    "panel": (lambda _, odd: odd is None or tfi.panel(odd), {"None"}),
    "form": (lambda _, odd: odd is None or tfi.form(odd), {"None"}),
    "board": (lambda _, odd: odd is None or tfi.board(odd), {"None"}),
    "preflight": (lambda bench, odd: bench.workspace.preflight(odd), set()),
    "build_payload": (lambda _, odd: tfi.build_payload(**GOOD, values=odd), {"no list", "no set"}),
    "limit": (lambda bench, odd: bench.workspace.jobs(odd), {"None", "5"}),
    "status": (
        lambda bench, odd: bench.workspace.jobs(status=odd),
        {"None", "status", "no list", "no set"},
    ),
    "service": (
        lambda bench, odd: bench.workspace.jobs(service=odd),
        {"None", "no list", "no set"},
    ),
    "since": (lambda bench, odd: bench.workspace.jobs(since=odd), {"None", "5", "2.5"}),
    "version": (
        lambda bench, odd: bench.workspace.jobs(version=odd),
        {"None", "5", "-1", "no list", "no set"},
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_every_call_takes_what_it_can_and_refuses_the_rest_with_a_way_out(
    bench: Bench, name: str
) -> None:
    call, taken = CALLS[name]
    fates = {label: fate(lambda odd=odd: call(bench, odd)) for label, odd in ODD.items()}  # type: ignore[misc] # a default of a lambda
    assert {label for label, said in fates.items() if said == "taken"} == taken
    if name != "asset":  # which repeats the path that it was given
        assert not [said for said in fates.values() if CANARY in said]


CONNECTIONS: dict[str, set[str]] = {
    "api_key": {"None", "x", "canary", "status", "open bracket", "ftp", "query", "port",
                "large port", "huge text"},
    "base_url": set(),
    "local": {"None", "True"},
    "ledger": {"None"} | NAMES,
    "outputs": {"None", "folder"} | NAMES,
    "assets": {"None"} | TEXTS,
    "limits": {"None"},
}  # fmt: skip


@pytest.mark.parametrize("name", CONNECTIONS)
def test_connect_refuses_what_an_argument_cannot_be(name: str, tmp_path: Path) -> None:
    fates: dict[str, str] = {}
    for number, (label, odd) in enumerate(ODD.items()):
        if (name, odd) == ("base_url", None):
            continue  # no address given: the public one
        given: dict[str, Any] = {"local": True, "ledger": tmp_path / f"{number}.sqlite", name: odd}
        if name == "base_url":
            given |= {"api_key": CANARY, "local": None}
        fates[label] = fate(lambda given=given: tfi.connect(**given).close())  # type: ignore[misc] # a default of a lambda
    assert {label for label, said in fates.items() if said == "taken"} == CONNECTIONS[name]
    refused = [said for said in fates.values() if said != "taken"]
    assert not [said for said in refused if CANARY in said]


def test_every_public_function_is_walked() -> None:
    """A new public function must find its place in one of the tables, or here."""
    without_arguments = {
        "credits", "default_workspace", "login", "logout", "projects", "resume", "unresolved",
    }  # fmt: skip
    elsewhere = {"build_template_payload", "connect", "jobs"}
    functions = {name for name in tfi.__all__ if inspect.isfunction(getattr(tfi, name))}
    walked = without_arguments | elsewhere | CALLS.keys()
    assert functions - walked - SWEEPS == set(), "walk these as well"


SWEEPS = {"run", "uniform", "uniform_int", "log_uniform", "choice"}
"""Those of sweeps are tested in their own room."""


@pytest.mark.parametrize("name", ["parallel_requests", "request_timeout_s", "submit_retry_s"])
@pytest.mark.parametrize("odd", [-1, -0.5, float("nan"), float("inf"), "5", None, True])
def test_a_limit_must_be_a_number_that_is_not_negative(name: str, odd: Any) -> None:
    with pytest.raises(ArgumentError) as refused:
        Limits(**{name: odd})
    assert refused.value.field == name


def test_a_limit_that_would_let_nothing_through_is_refused() -> None:
    assert Limits(submit_retry_s=0).submit_retry_s == 0
    with pytest.raises(ArgumentError, match="more than 0"):
        Limits(parallel_requests=0)


# -- addresses and keys --------------------------------------------------------------------


@pytest.mark.parametrize("address", ["http://127.0.0.1:8765", "https://api.example.com"])
def test_an_address_without_a_key_is_not_quietly_the_local_service(address: str) -> None:
    with pytest.raises(SettingsError, match="no key for it") as refused:
        tfi.connect(base_url=address)
    assert "api_key=" in refused.value.hint
    assert "connect(local=True)" in refused.value.hint


def test_an_address_in_the_environment_without_a_key_is_told_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TFI_BASE_URL", "https://api.example.com")
    with pytest.raises(SettingsError, match="TFI_BASE_URL"):
        tfi.default_workspace()
    with tfi.connect(local=True) as workspace:
        assert workspace.settings.embedded


@pytest.mark.parametrize("key", ["two\nlines", "two words", "schlüssel"])
def test_what_is_no_key_in_the_environment_is_told_by_its_name(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("TFI_API_KEY", key)
    with pytest.raises(SettingsError, match="TFI_API_KEY is not a key") as refused:
        tfi.connect()
    assert key not in str(refused.value)


def test_a_blank_key_in_the_environment_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFI_API_KEY", " \n")
    with tfi.connect() as workspace:
        assert workspace.settings.local


# -- files where folders are meant, and the other way round --------------------------------


def test_a_home_that_is_a_file_is_told(tfi_home: Path) -> None:
    tfi_home.write_text("not a folder")
    with pytest.raises(SettingsError, match="TFI_HOME: is a file"):
        tfi.connect()


def test_a_home_below_a_file_is_told(tfi_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tfi_home.write_text("not a folder")
    monkeypatch.setenv("TFI_HOME", str(tfi_home / "deeper"))
    with pytest.raises(SettingsError, match="TFI_HOME: lies below a file"):
        tfi.connect()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no folder that nobody can write to")
def test_a_home_that_cannot_be_written_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFI_HOME", "/proc/self/tfi")
    with pytest.raises(LedgerError) as refused:
        tfi.connect(local=True)
    assert refused.value.hint


def test_outputs_that_are_a_file_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(ArgumentError, match="outputs: is a file"):
        tfi.connect(local=True, outputs=tmp_path / "taken")


@pytest.mark.skipif(sys.platform == "win32", reason="a folder in use cannot be deleted there")
def test_a_working_folder_that_was_deleted_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(ArgumentError, match="working folder, which has been deleted") as refused:
        tfi.connect(local=True)
    assert "os.chdir" in refused.value.hint


def test_a_ledger_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="ledger: is a folder"):
        tfi.connect(local=True, ledger=tmp_path)


@pytest.mark.parametrize("odd", ["https://x.example/me.jpg", "", None, Path(), "\0"])
def test_an_asset_must_be_a_file_of_this_machine(bench: Bench, odd: Any) -> None:
    with pytest.raises(SourceError) as refused:
        bench.workspace.asset(odd)
    assert refused.value.hint


# -- payloads as mappings ------------------------------------------------------------------


def test_the_body_of_a_template_job_is_taken_for_what_it_is(bench: Bench) -> None:
    payload = tfi.build_template_payload(
        job_type="tts", template_id=GOOD["project_id"], values={"headline": "Hi"}
    )
    first = bench.workspace.submit(payload)
    assert bench.workspace.submit(first.payload).id == first.id
    again = bench.workspace.submit(bench.job.payload)  # form A: found, and not made once more
    assert again.snapshot.fingerprint == bench.job.snapshot.fingerprint


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"version": 5}, "image_url"),
        ({**GOOD, "verson": 5}, "verson"),
        ({"job_type": "tts", "values": {}, "headline": "Hi"}, "headline"),
        ({5: 6}, "5"),
    ],
)
def test_a_slip_in_a_mapping_is_named_and_not_sent(
    bench: Bench, fields: dict[Any, Any], field: str
) -> None:
    with pytest.raises(PayloadError) as refused:
        bench.workspace.submit(fields)
    assert field in refused.value.problems


# -- handles -------------------------------------------------------------------------------


@pytest.mark.parametrize("spread", [copy.copy, copy.deepcopy, pickle.dumps])
def test_handles_stay_in_their_kernel_and_say_what_to_do(
    bench: Bench, spread: Callable[[object], object]
) -> None:
    with pytest.raises(TypeError, match=r"tfi\.connect\(\)"):
        spread(bench.workspace)
    with pytest.raises(TypeError, match=r"tfi\.job\('job-1'\)"):
        spread(bench.job)


@pytest.mark.parametrize("odd", ["", None, 5, "a b", "../x"])
def test_a_job_is_adopted_by_an_id_only(bench: Bench, odd: Any) -> None:
    with pytest.raises(NotFoundError, match="job id"):
        bench.job.adopt(odd)


def test_a_closed_workspace_says_so_whatever_is_asked_of_it() -> None:
    workspace = tfi.connect(local=True)
    workspace.close()
    asked: dict[str, Callable[[], object]] = {
        "submit": lambda: workspace.submit(good_payload()),
        "job": lambda: workspace.job("x"),
        "mapping_fields": lambda: workspace.mapping_fields("x"),
        "trigger_job": lambda: workspace.trigger_job(["x"], confirm=True),
        "panel": lambda: tfi.panel(workspace),
        "asset": lambda: workspace.asset(__file__),
    }
    for name in ("jobs", "snapshots", "unresolved", "credits", "projects", "resume"):
        asked[name] = getattr(workspace, name)
    for name, ask in asked.items():
        with pytest.raises(SettingsError, match="this workspace is closed"):
            ask()
        assert name


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no folder that nobody can write to")
def test_a_connection_that_fails_half_way_leaves_nothing_open(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TFI_HOME", "/proc/self/tfi")

    def fail() -> None:
        with pytest.raises(SettingsError, match="local service's folder cannot be used"):
            tfi.connect(local=True, ledger=tmp_path / "ledger.sqlite")

    fail()  # it may begin what the whole process shares
    before = set(threading.enumerate())
    fail()
    begun = set(threading.enumerate()) - before
    for thread in begun:
        thread.join(ENDS_S)
    assert not [thread.name for thread in begun if thread.is_alive()]
