"""Where the key comes from, where it is kept, and that it shows nowhere."""

from __future__ import annotations

import copy
import dataclasses
import getpass
import inspect
import os
import pickle
import stat
import subprocess
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import tfi_notebook as tfi
from tests.helpers.kernel import run_notebook
from tfi_notebook import keys, keystore, settings, signin
from tfi_notebook.errors import SettingsError
from tfi_notebook.keys import ApiKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CANARY = "canary-key-77aa31"
OTHER = "other-key-5150ff"


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No key from an earlier test, and never the developer's own keyring."""
    monkeypatch.setitem(sys.modules, "keyring", None)
    keystore.forget()
    yield
    keystore.forget()


class MemoryKeyring(types.ModuleType):
    """The part of the `keyring` package that is used, over a dict."""

    def __init__(self, *, priority: float = 1, keeps: bool = True) -> None:
        super().__init__("keyring")
        self.kept: dict[tuple[str, str], str] = {}
        self.asked = 0
        self.priority = priority
        self.keeps = keeps

    def get_keyring(self) -> MemoryKeyring:
        return self

    def get_password(self, service: str, name: str) -> str | None:
        self.asked += 1
        return self.kept.get((service, name))

    def set_password(self, service: str, name: str, text: str) -> None:
        if self.keeps:
            self.kept[service, name] = text

    def delete_password(self, service: str, name: str) -> None:
        del self.kept[service, name]


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> MemoryKeyring:
    ring = MemoryKeyring()
    monkeypatch.setitem(sys.modules, "keyring", ring)
    return ring


def key_file(home: Path, text: str = CANARY, mode: int = 0o600) -> Path:
    home.mkdir(exist_ok=True)
    path = home / keystore.KEY_FILE
    path.write_text(f"{text}\n")
    path.chmod(mode)
    return path


def colab(monkeypatch: pytest.MonkeyPatch, answer: Callable[[str], str]) -> None:
    userdata = types.ModuleType("google.colab.userdata")
    userdata.get = answer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    monkeypatch.setitem(sys.modules, "google.colab.userdata", userdata)


def kaggle(monkeypatch: pytest.MonkeyPatch, answer: Callable[[object, str], str]) -> None:
    module = types.ModuleType("kaggle_secrets")
    module.UserSecretsClient = type("UserSecretsClient", (), {"get_secret": answer})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "kaggle_secrets", module)
    monkeypatch.setenv("KAGGLE_USER_SECRETS_TOKEN", "kaggles-own")


def found() -> tuple[str, str] | None:
    key = settings.find_key()
    return (key.source, key.reveal()) if key else None


# -- where it is found ---------------------------------------------------------------------


def test_each_place_goes_before_the_next(
    monkeypatch: pytest.MonkeyPatch, keyring: MemoryKeyring, tfi_home: Path
) -> None:
    assert found() is None
    key_file(tfi_home)
    assert found() == ("key file", CANARY)
    keyring.kept[keystore.KEYRING_SERVICE, "TFI_API_KEY"] = "key-of-the-keyring"
    assert found() == ("keyring", "key-of-the-keyring")
    kaggle(monkeypatch, lambda _, name: f"kaggle-{name}")
    assert found() == ("Kaggle secrets", "kaggle-TFI_API_KEY")
    colab(monkeypatch, lambda name: f"colab-{name}")
    assert found() == ("Colab secrets", "colab-TFI_API_KEY")
    monkeypatch.setenv("TFI_API_KEY", OTHER)
    assert found() == ("TFI_API_KEY", OTHER)
    given = settings.find_key(CANARY)
    assert given is not None
    assert (given.source, given.reveal()) == ("argument", CANARY)


def refuse(*_: object) -> str:
    raise RuntimeError("no such secret, access denied, locked")


def test_a_place_that_refuses_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, keyring: MemoryKeyring, tfi_home: Path
) -> None:
    colab(monkeypatch, refuse)
    kaggle(monkeypatch, refuse)
    monkeypatch.setattr(keyring, "get_password", refuse)
    key_file(tfi_home)
    assert found() == ("key file", CANARY)


def test_a_module_named_like_kaggles_is_not_asked_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kaggle(monkeypatch, lambda _, name: name)
    monkeypatch.delenv("KAGGLE_USER_SECRETS_TOKEN")
    assert found() is None


def test_a_keyring_is_asked_once_and_the_file_every_time(
    keyring: MemoryKeyring, tfi_home: Path
) -> None:
    file = key_file(tfi_home)
    assert found() == ("key file", CANARY)
    file.write_text(OTHER)
    assert found() == ("key file", OTHER)
    keyring.kept[keystore.KEYRING_SERVICE, "TFI_API_KEY"] = CANARY
    asked = keyring.asked
    assert [found() for _ in range(3)] == [("keyring", CANARY)] * 3
    assert keyring.asked == asked + 1


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps rights elsewhere")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_file_that_others_may_read_is_refused(tfi_home: Path, mode: int) -> None:
    path = key_file(tfi_home, mode=mode)
    with pytest.raises(SettingsError, match="others may read") as caught:
        settings.resolve()
    assert f"chmod 600 {path}" in caught.value.hint
    assert CANARY not in str(caught.value)
    path.chmod(0o600)
    assert not settings.resolve().local


def test_a_key_file_that_is_no_file_is_told(tfi_home: Path) -> None:
    (tfi_home / keystore.KEY_FILE).mkdir(parents=True)
    with pytest.raises(SettingsError, match="IsADirectoryError"):
        settings.resolve()


def test_a_local_service_never_gets_the_stored_key(
    monkeypatch: pytest.MonkeyPatch, tfi_home: Path
) -> None:
    key_file(tfi_home, mode=0o644)  # it is not even looked at
    assert settings.resolve(local=True).api_key.reveal() == "local"
    served = settings.resolve(base_url="http://127.0.0.1:8765", local=True)
    assert served.api_key.reveal() == "local"
    monkeypatch.setenv("TFI_API_KEY", CANARY)
    assert settings.resolve(local=True).api_key.reveal() == "local"


def test_what_is_no_key_is_refused_by_the_name_of_its_place(
    monkeypatch: pytest.MonkeyPatch, tfi_home: Path
) -> None:
    key_file(tfi_home, "two words")
    with pytest.raises(SettingsError, match="what is in key file"):
        settings.resolve()
    monkeypatch.setenv("TFI_API_KEY", "two words")
    with pytest.raises(SettingsError, match="what is in TFI_API_KEY"):
        settings.resolve()


# -- login and logout ----------------------------------------------------------------------


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> list[str]:
    """Answer every question of getpass; return the questions."""
    asked: list[str] = []

    def reply(question: str) -> str:
        asked.append(question)
        return text

    monkeypatch.setattr(getpass, "getpass", reply)
    return asked


def test_login_keeps_the_key_in_the_keyring(
    monkeypatch: pytest.MonkeyPatch, keyring: MemoryKeyring, tfi_home: Path
) -> None:
    asked = answer(monkeypatch, f" {CANARY}\n")
    assert repr(signin.ask_and_store()) == "<ApiKey from keyring>"
    assert "keyring" in asked[0]
    assert list(keyring.kept.values()) == [CANARY]
    assert not (tfi_home / keystore.KEY_FILE).exists()
    assert settings.resolve().api_key.source == "keyring"
    assert signin.remove_stored() == ["keyring"]
    assert settings.resolve().local


@pytest.mark.parametrize("ring", [None, MemoryKeyring(priority=0), MemoryKeyring(keeps=False)])
def test_without_a_keyring_that_keeps_it_login_says_where_the_file_is(
    monkeypatch: pytest.MonkeyPatch, tfi_home: Path, ring: MemoryKeyring | None
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", ring)
    asked = answer(monkeypatch, CANARY)
    assert repr(signin.ask_and_store()) == "<ApiKey from key file>"
    path = tfi_home / keystore.KEY_FILE
    if ring is None or not ring.priority:
        assert str(path) in asked[0]
    assert path.read_text() == CANARY
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [item.name for item in tfi_home.iterdir()] == [keystore.KEY_FILE]
    assert settings.resolve().api_key.source == "key file"
    assert signin.remove_stored() == ["key file"]
    assert signin.remove_stored() == []


def test_login_replaces_the_key_of_before(monkeypatch: pytest.MonkeyPatch, tfi_home: Path) -> None:
    path = key_file(tfi_home, OTHER, mode=0o644)
    answer(monkeypatch, CANARY)
    signin.ask_and_store()
    assert found() == ("key file", CANARY)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_login_says_that_the_environment_goes_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFI_API_KEY", OTHER)
    asked = answer(monkeypatch, CANARY)
    signin.ask_and_store()
    assert "TFI_API_KEY is set and goes before it" in asked[0]
    assert found() == ("TFI_API_KEY", OTHER)


def test_an_answer_that_is_no_key_is_not_kept(
    monkeypatch: pytest.MonkeyPatch, tfi_home: Path
) -> None:
    answer(monkeypatch, "two words")
    with pytest.raises(SettingsError) as caught:
        signin.ask_and_store()
    assert "two words" not in str(caught.value)
    assert not (tfi_home / keystore.KEY_FILE).exists()


def test_login_asks_nobody_who_is_not_there(tmp_path: Path, tfi_home: Path) -> None:
    """Neither a script without a terminal nor a notebook without a front end."""
    code = "from tfi_notebook import signin\nsignin.ask_and_store()"
    shell = subprocess.run(
        [sys.executable, "-c", code], input=f"{CANARY}\n", capture_output=True, text=True,
        check=False, start_new_session=True,
    )  # fmt: skip
    assert "SettingsError: there is nobody here to ask" in shell.stderr
    assert CANARY not in shell.stdout + shell.stderr
    try_it = (
        f"try:\n    {'; '.join(code.splitlines())}\nexcept Exception as e: told = e\nprint(told)"
    )
    assert "set TFI_API_KEY instead" in run_notebook(tmp_path, try_it).text(0)
    assert not (tfi_home / keystore.KEY_FILE).exists()


def test_a_folder_that_cannot_be_written_is_told(
    monkeypatch: pytest.MonkeyPatch, tfi_home: Path
) -> None:
    (tfi_home / "api_key").mkdir(parents=True)  # a folder where the file should be
    answer(monkeypatch, CANARY)
    with pytest.raises(SettingsError, match="cannot be written"):
        signin.ask_and_store()


def test_after_login_and_logout_the_helpers_connect_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, CANARY)
    before = tfi.connect(local=True)
    assert tfi.login().source == "key file"
    assert before.closed
    live = tfi.default_workspace()
    assert (live.settings.local, live.settings.api_key.reveal()) == (False, CANARY)
    assert tfi.logout() == ["key file"]
    assert live.closed
    with tfi.default_workspace() as after:
        assert after.settings.local


# -- it shows nowhere ----------------------------------------------------------------------


def test_a_key_can_be_used_but_not_seen() -> None:
    key = ApiKey(CANARY, source="argument")
    shown = [repr(key), str(key), f"{key}", f"{key!r:>40}", f"{key:>40}", "%s %r" % (key, key)]  # noqa: UP031 - on purpose
    parts = [repr(getattr(key, name)) for name in dir(key) if name != "__doc__"]
    members = [repr(value) for _, value in inspect.getmembers(key)]
    assert CANARY not in " ".join(shown + parts + members)
    assert key.reveal() == CANARY
    with pytest.raises(TypeError):
        vars(key)


@pytest.mark.parametrize("take", [copy.copy, copy.deepcopy, ApiKey.__getstate__])
def test_a_key_is_not_copied(take: Callable[[ApiKey], Any]) -> None:
    with pytest.raises(TypeError, match="neither pickled nor copied"):
        take(ApiKey(CANARY, source="argument"))


def test_settings_do_not_show_the_key() -> None:
    known = settings.resolve(CANARY)
    assert CANARY not in repr(known)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError):
            pickle.dumps(known, protocol)
    with pytest.raises(TypeError) as caught:
        dataclasses.asdict(known)
    assert CANARY not in str(caught.value)


def test_text_loses_every_key_that_is_in_use() -> None:
    own = "canary-of-this-test"
    key, short = ApiKey(own, source="argument"), ApiKey("local", source="local service")
    text = f"the key {own} is not valid for local jobs ({own})"
    assert keys.mask(text) == "the key *** is not valid for local jobs (***)"
    del key, short
    assert keys.mask(text) == text


VERBOSE = """
%xmode Verbose
import os
from tfi_notebook import settings
given = lambda: os.environ["THE_KEY"]
"""
FAILURES = (
    'settings.resolve(given(), "http://plain.example.com")',
    "settings.resolve(given() + ' and more')",
    "settings.find_key(given() + ' and more')",
    "settings.resolve(given(), limits=1 / 0)",
    "settings.resolve(given(), ledger='~no-such-user/x')",
    "settings.resolve(outputs='~no-such-user/x')",
    "import dataclasses; dataclasses.asdict(settings.resolve(given()))",
    "import pickle; pickle.dumps(settings.resolve(given()))",
    "vars(settings.resolve(given()).api_key)",
    'f"{settings.resolve(given()).api_key:d}"',
    "settings.resolve(given()).api_key + 1",
)


def test_verbose_tracebacks_do_not_show_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("THE_KEY", "TFI_API_KEY"):
        monkeypatch.setenv(name, CANARY)
    caught = "from IPython import get_ipython; shell = get_ipython()\n"
    caught += "\n".join(
        f"shell.run_cell({failure!r}).error_in_exec or 1 / 0" for failure in FAILURES
    )
    ran = run_notebook(tmp_path, VERBOSE, caught)
    errors = [out for out in ran.outputs(1) if "Traceback" in str(out)]
    assert len(errors) == len(FAILURES)
    assert "base_url: must be https" in ran.saved()
    assert CANARY not in ran.saved()
    assert CANARY not in str(ran.messages)


def test_no_statement_of_the_package_names_the_whole_environment() -> None:
    """A verbose traceback prints the value of everything that the failing statement names."""
    package = Path(keys.__file__).parent
    named = [path.name for path in package.rglob("*.py") if "os.environ" in path.read_text()]
    allowed = {"process.py", "cli.py", "doctor.py", "browser.py"}  # outside of notebooks
    assert set(named) <= allowed, "use os.getenv"


def test_only_a_key_that_stands_in_a_cell_is_warned_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_KEY", CANARY)
    passed = "import os\nfrom tfi_notebook import settings\nsettings.resolve(os.environ['THE_KEY'])"
    ran = run_notebook(tmp_path, passed, f"settings.resolve({OTHER!r}).local")
    assert "KeyInNotebookWarning" not in str(ran.outputs(0))
    warned = str(ran.outputs(1))
    assert "KeyInNotebookWarning" in warned
    assert "tfi.login()" in warned
    assert OTHER not in warned, "the warning itself must not print the line with the key"


def test_a_script_is_not_warned() -> None:
    settings.resolve(CANARY)  # warnings are errors in these tests
