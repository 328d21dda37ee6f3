"""The key of the live API, as an object that can be used but not seen.

Text that holds a key is a local variable nowhere an error can be raised: with `%xmode Verbose`
IPython prints the local variables of every frame into the notebook, and whatever the failing
statement names. For the same reason this package reads the environment with `os.getenv`.
"""

from __future__ import annotations

import sys
import threading
import warnings
import weakref
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import quote

from tfi_notebook.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

ARGUMENT = "argument"
"""The source of a key that was handed to `connect`."""
MASK = "***"
_MASKED_MIN_CHARS = 8
"""Shorter keys are words of everyday text (`local`), which masking would only spoil."""

_lock = threading.Lock()
_alive: weakref.WeakSet[ApiKey] = weakref.WeakSet()


class KeyInNotebookWarning(UserWarning):
    """A key stands in the text of a cell, and so in the notebook and in IPython's history."""


class ApiKey:
    """A key that can be used but not seen.

    Its repr is masked, it is neither pickled nor copied, and its text is no attribute of it, so
    that neither `vars`, `dataclasses.asdict` nor a traceback with local variables shows it.

    Args:
        secret: the key itself.
        source: where it comes from, in words.

    Attributes:
        source: where it comes from, in words.

    Example:
        >>> key = ApiKey("secret-value", source="argument")
        >>> key
        <ApiKey from argument>
        >>> key.reveal()
        'secret-value'
    """

    __slots__ = ("__weakref__", "_reveal", "source")
    _reveal: Callable[[], str]

    def __init__(self, secret: str, *, source: str) -> None:
        self._reveal = lambda: secret  # a closure hides it from whatever looks at attributes
        self.source = source
        if len(secret) >= _MASKED_MIN_CHARS:
            with _lock:
                _alive.add(self)

    def reveal(self) -> str:
        """Return the key itself. Only the transport calls this, once per request."""
        return self._reveal()

    def __repr__(self) -> str:
        """Name the key's source and nothing of its text."""
        return f"<ApiKey from {self.source}>"

    def __format__(self, spec: str) -> str:
        """Format the masked text."""
        return format(repr(self), spec)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse pickling and copying: a pickle would hold the key in clear.

        Raises:
            TypeError: always.
        """
        raise TypeError("an ApiKey is neither pickled nor copied")

    def __getstate__(self) -> NoReturn:
        """Refuse to hand out what it is made of.

        Raises:
            TypeError: always.
        """
        raise TypeError("an ApiKey is neither pickled nor copied")


def mask(text: str) -> str:
    """Return a text with every key that is in use taken out of it.

    Services repeat a wrong key in their answers, and such answers are shown, logged and stored.

    Example:
        >>> key = ApiKey("secret-value", source="argument")
        >>> mask("401: the key secret-value is not valid")
        '401: the key *** is not valid'
    """
    with _lock:
        known = tuple(_alive)
    for key in known:
        for form in {key.reveal(), quote(key.reveal(), safe="")}:
            text = text.replace(form, MASK)
    return text


def seal(given: str | ApiKey | None, *, source: str = ARGUMENT) -> ApiKey | None:
    """Close the text of a key away; what is an `ApiKey` already, or None, stays what it is.

    It never raises and looks at nothing, so that a function that was given a key can put the
    sealed one in its place before anything can go wrong: `api_key = seal(api_key)`.

    What is no text (bytes, a number) is closed away as an empty key, which `check` refuses.

    Args:
        given: the key's text; blanks around it are dropped.
        source: where it comes from, in words.
    """
    if given is None or isinstance(given, ApiKey):
        return given
    return ApiKey(given.strip() if isinstance(given, str) else "", source=source)


def check(key: ApiKey) -> ApiKey:
    """Return a key that can be one.

    A key that somebody typed into a cell is warned about: it stays in the notebook and in the
    history. A key that was only passed along (from the environment, from a vault) is not.

    Raises:
        SettingsError: its text cannot be a key. The text is not repeated.
    """
    if not _is_plausible(key):
        name = "api_key" if key.source == ARGUMENT else f"what is in {key.source}"
        raise SettingsError(f"{name} is not a key", hint="give the key alone, as text")
    if key.source == ARGUMENT and _stands_in_a_cell(key):
        warnings.warn(
            "the key stands in the text of a cell, so it is saved with the notebook and in the "
            "history; tfi.login() keeps it out of both",
            KeyInNotebookWarning,
            stacklevel=1,  # Python prints the line that is blamed, and the caller's has the key
        )
    return key


def _is_plausible(key: ApiKey) -> bool:
    text = key.reveal()
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


def _stands_in_a_cell(key: ApiKey) -> bool:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    cells = getattr(getattr(shell, "history_manager", None), "input_hist_raw", ())
    return any(key.reveal() in str(cell) for cell in cells)
