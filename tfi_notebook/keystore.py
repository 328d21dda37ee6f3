"""The places where a key is found and kept.

In this order; the first that has a key decides:

1. the argument `api_key`,
2. the environment variable `TFI_API_KEY`,
3. the secrets of a hosted notebook (Colab, Kaggle), under the name `TFI_API_KEY`,
4. the system's keyring (extra `keyring`), written by `tfi.login()`,
5. a file in the data folder that only its owner can read, written by `tfi.login()`.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import stat
import sys
import threading
from typing import TYPE_CHECKING, Any

from tfi_notebook.errors import SettingsError
from tfi_notebook.keys import ApiKey, check, seal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY_NAME = "TFI_API_KEY"
"""Name of the key in the environment, in Colab's and Kaggle's secrets and in the keyring."""
KEYRING_SERVICE = "tfi-notebook"
KEYRING = "keyring"
KEY_FILE = "api_key"
_FILE_MAX_BYTES = 4096

_lock = threading.RLock()
_remembered: dict[str, ApiKey] = {}


def find(given: ApiKey | None, folder: Path, *, stored: bool = True) -> ApiKey | None:
    """Return the key of the first place that has one, or None.

    Args:
        given: the argument of `connect`, sealed, if there was one.
        folder: the data folder, where the key file may be.
        stored: whether to look beyond argument and environment.

    Raises:
        SettingsError: what was found is no key, or others may read the key file.
    """
    in_environment = seal(os.getenv(KEY_NAME, "").strip() or None, source=KEY_NAME)
    first = given or in_environment
    if first is not None:
        return check(first)
    return _from_stores(folder) if stored else None


def store(key: ApiKey, folder: Path) -> str:
    """Keep a key for later kernels: in the keyring where there is one, else in the key file.

    Returns:
        The place's name, as the `source` of the key when it is found there.

    Raises:
        SettingsError: neither could be written.
    """
    forget()
    if _into_keyring(key):
        return KEYRING
    _write_file(key, folder)
    return "key file"


def remove(folder: Path) -> list[str]:
    """Remove the key from keyring and key file; return the names of the places that had one.

    Raises:
        SettingsError: the key file is there and cannot be removed.
    """
    forget()
    removed = [KEYRING] if _out_of_keyring() else []
    path = folder / KEY_FILE
    try:
        path.unlink()
    except FileNotFoundError:
        return removed
    except OSError as error:
        reason = type(error).__name__
    else:
        return [*removed, "key file"]
    raise SettingsError(f"the key file cannot be removed ({reason})", hint=shown(path))


def forget() -> None:
    """Ask the places anew next time: what they had has changed."""
    with _lock:
        _remembered.clear()


def usable_keyring() -> Any:  # noqa: ANN401 - an optional package without types
    """Return the `keyring` package where it is installed and has a backend, else None."""
    if KEYRING not in sys.modules and importlib.util.find_spec(KEYRING) is None:
        return None
    try:
        keyring = importlib.import_module(KEYRING)
        return keyring if keyring.get_keyring().priority > 0 else None
    except Exception:  # noqa: BLE001 - a keyring that does not even load is none
        return None


def shown(path: Path) -> str:
    """Return a path as one types it, without the user's name where that can be."""
    home = os.path.expanduser("~")  # noqa: PTH111 - Path.home raises where there is none
    text = str(path)
    return f"~{text.removeprefix(home)}" if text.startswith(home + os.sep) else text


def _from_stores(folder: Path) -> ApiKey | None:
    with _lock:  # Colab answers one question at a time
        for source, look in _PLACES.items():
            key = _remembered.get(source) or seal(look(folder), source=source)
            if key is not None and look is not _in_file:
                _remembered[source] = key  # the others may ask the person, or the network
            if key is not None:
                return check(key)
    return None


def _in_colab(_: Path) -> str | None:
    if "google.colab" not in sys.modules:
        return None
    try:
        userdata = importlib.import_module("google.colab.userdata")
        return str(userdata.get(KEY_NAME)).strip() or None
    except Exception:  # noqa: BLE001 - no such secret, access denied, no front end: no key here
        return None


def _in_kaggle(_: Path) -> str | None:
    # without Kaggle's own token a module of that name would be somebody else's
    if os.getenv("KAGGLE_USER_SECRETS_TOKEN") is None:
        return None
    try:
        client = importlib.import_module("kaggle_secrets").UserSecretsClient()
        return str(client.get_secret(KEY_NAME)).strip() or None
    except Exception:  # noqa: BLE001 - no such secret, not attached, offline: no key here
        return None


def _in_keyring(_: Path) -> str | None:
    keyring = usable_keyring()
    try:
        text = keyring.get_password(KEYRING_SERVICE, KEY_NAME) if keyring else None
    except Exception:  # noqa: BLE001 - a keyring that is locked or broken has no key for us
        return None
    return str(text).strip() or None if text else None


def _in_file(folder: Path) -> str | None:
    path = folder / KEY_FILE
    try:
        with path.open("rb") as file:
            # Windows keeps rights elsewhere; its mode bits say nothing
            if os.name == "nt" or not stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                return file.read(_FILE_MAX_BYTES).decode("utf-8", "replace").strip() or None
        problem, hint = "others may read the key file", f"chmod 600 {shown(path)}"
    except FileNotFoundError:
        return None
    except OSError as error:
        problem, hint = f"the key file cannot be read ({type(error).__name__})", shown(path)
    raise SettingsError(problem, hint=hint)


_PLACES: dict[str, Callable[[Path], str | None]] = {
    "Colab secrets": _in_colab,
    "Kaggle secrets": _in_kaggle,
    KEYRING: _in_keyring,
    "key file": _in_file,
}


def _into_keyring(key: ApiKey) -> bool:
    """Write and read back: some backends take a password and keep nothing."""
    keyring = usable_keyring()
    if keyring is None:
        return False
    try:
        keyring.set_password(KEYRING_SERVICE, KEY_NAME, key.reveal())
        kept = keyring.get_password(KEYRING_SERVICE, KEY_NAME) == key.reveal()
    except Exception:  # noqa: BLE001 - locked, denied, broken: the file takes it
        return False
    return bool(kept)


def _out_of_keyring() -> bool:
    keyring = usable_keyring()
    try:
        if keyring is None or keyring.get_password(KEYRING_SERVICE, KEY_NAME) is None:
            return False
        keyring.delete_password(KEYRING_SERVICE, KEY_NAME)
    except Exception:  # noqa: BLE001 - what cannot be read there will not be found there either
        return False
    return True


def _write_file(key: ApiKey, folder: Path) -> None:
    """Write beside it and rename: at no moment is there a half key, or one that others read."""
    path = folder / KEY_FILE
    part = folder / f"{KEY_FILE}.{os.getpid()}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        part.unlink(missing_ok=True)
        with open(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:  # noqa: PTH123 - a mode is needed
            file.write(key.reveal().encode("ascii"))
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        reason = type(error).__name__
    else:
        return
    raise SettingsError(f"the key file cannot be written ({reason})", hint=shown(path))
