"""Asking for the key, and keeping it for later kernels.

The question is `getpass`'s: in a notebook only dots are shown, and nothing of the answer is saved.
A password widget would keep what was typed in its state, and so in the notebook's file.
"""

from __future__ import annotations

import getpass
import os
import warnings

from tfi_notebook import keys, keystore, settings
from tfi_notebook.errors import SettingsError
from tfi_notebook.keys import ApiKey

KEYS_PAGE = "https://app.techforgeinnovate.com/api-access"


def ask_and_store() -> ApiKey:
    """Ask for the key of the live API and keep it for this user.

    It goes into the system's keyring where there is one (extra `keyring`), else into a file in
    the data folder that only this user can read. The question says which, before it is answered.

    Returns:
        The key; its repr names where it is kept now.

    Raises:
        SettingsError: there is nobody to ask, the answer is no key, or it could not be kept.
    """
    folder = settings.data_dir()
    key = keys.check(_ask(_question()))
    return ApiKey(key.reveal(), source=keystore.store(key, folder))


def remove_stored() -> list[str]:
    """Remove the key that `ask_and_store` has kept.

    Returns:
        The places from which it was removed; `TFI_API_KEY` and hosted secrets are not touched.

    Raises:
        SettingsError: the key file is there and cannot be removed.
    """
    return keystore.remove(settings.data_dir())


def _question() -> str:
    place = "the system's keyring"
    if keystore.usable_keyring() is None:
        file = keystore.shown(settings.data_dir() / keystore.KEY_FILE)
        place = f"the file {file}, which only you can read"
    before = f" ({keystore.KEY_NAME} is set and goes before it)" if _in_environment() else ""
    return f"Key of the TFI API, from {KEYS_PAGE}. It will be kept in {place}{before}: "


def _in_environment() -> bool:
    return bool(os.getenv(keystore.KEY_NAME, "").strip())


def _ask(question: str) -> ApiKey:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)  # it would echo the key
            return ApiKey(getpass.getpass(question).strip(), source="the answer")
    except (EOFError, OSError, RuntimeError, getpass.GetPassWarning):
        pass  # also what a kernel without a front end raises: it is a RuntimeError
    raise SettingsError(
        "there is nobody here to ask for the key", hint=f"set {keystore.KEY_NAME} instead"
    )
