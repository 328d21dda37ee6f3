"""The service you run yourself: the API in this process, with a real renderer on this CPU.

Nothing here is TFI's model. The packages it needs are the extra `local`; `require` is the one
place that looks for them, so that a client of the live API never loads them.
"""

from __future__ import annotations

from importlib.util import find_spec

from tfi_notebook.errors import MissingExtraError

_PACKAGES = ("fastapi", "numpy", "cv2", "av")


def is_installed(packages: tuple[str, ...] = _PACKAGES) -> bool:
    """Tell whether packages, by default those of the extra `local`, are there to be imported."""
    return all(find_spec(name) is not None for name in packages)


def require(what: str = "the local service", packages: tuple[str, ...] = _PACKAGES) -> None:
    """Check that the packages of the extra `local` can be imported, without importing them.

    Args:
        what: what needs them, for the message.
        packages: import names to look for.

    Raises:
        MissingExtraError: naming what needs them and how to install them.

    Example:
        >>> require("the example", ("no_such_package",))
        Traceback (most recent call last):
        ...
        tfi_notebook.errors.MissingExtraError: the example needs packages that are not installed
          → pip install "tfi-notebook[local]"
    """
    if not is_installed(packages):
        raise MissingExtraError(what, extra="local")
