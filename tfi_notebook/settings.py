"""Where the key comes from, and which service is meant.

Five environment variables are read here, and no others:

- `TFI_API_KEY`: the key of the live API. Without one, there or in another place that
  `tfi_notebook.keystore` looks into, everything runs against the local service.
- `TFI_BASE_URL`: another address than the public one (a proxy); it needs a key.
- `TFI_HOME`: the folder for the ledger and the local service's files.
- `TFI_ASSET_STORE`: where `tfi.asset` puts files for the live API, such as `s3://bucket/folder`.
- `TFI_QUIET`: 1 where waits are to say nothing of how far they are.

Those of the local service (its bound on the disk, private addresses) stand in
`tfi_notebook.local.preferences`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from tfi_notebook import arguments, keys, keystore
from tfi_notebook.errors import ArgumentError, SettingsError
from tfi_notebook.keys import ApiKey
from tfi_notebook.limits import Limits

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "LIVE_BASE_URL",
    "LOCAL_BASE_URL",
    "LOOPBACK_HOSTS",
    "ApiKey",
    "Limits",
    "Settings",
    "data_dir",
    "find_key",
    "is_quiet",
    "one_name",
    "resolve",
    "service_address",
]

LIVE_BASE_URL = "https://api.techforgeinnovate.com"
LOCAL_BASE_URL = "http://tfi.localhost"
"""Address of the in-process service. `.localhost` never leaves the machine (RFC 6761)."""

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})

_TWO_WAYS = (
    "give the service's key with it: connect(api_key=..., base_url=...), and local=True where "
    "`tfi-notebook serve` runs it; or connect(local=True) alone for the service in this process"
)
_LIMITS = "from tfi_notebook.limits import Limits; connect(limits=Limits(parallel_requests=8))"


@dataclass(frozen=True, slots=True)
class Settings:
    """One resolved connection: which service, which key, which folders."""

    base_url: str
    local: bool
    api_key: ApiKey
    data_dir: Path
    ledger_path: Path
    outputs_dir: Path
    asset_store: str | None = None
    limits: Limits = field(default_factory=Limits)

    @property
    def embedded(self) -> bool:
        """True when the service runs in this process."""
        return self.local and self.base_url == LOCAL_BASE_URL

    @property
    def takes_files(self) -> bool:
        """True when files of this machine can be handed in."""
        return self.local or self.asset_store is not None

    @property
    def service_name(self) -> str:
        """Name under which the ledger keeps this service's jobs."""
        return "local" if self.embedded else one_name(self.base_url)


def one_name(url: str) -> str:
    """Return the name of an address's service: all names of this machine mean one service."""
    parts = urlsplit(url)
    if parts.hostname not in LOOPBACK_HOSTS:
        return url
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://127.0.0.1{port}{parts.path}"


def is_quiet() -> bool:
    """Tell whether `TFI_QUIET` wants waits to say nothing; looked at by each wait."""
    return os.getenv("TFI_QUIET", "").strip().lower() not in ("", "0", "false", "no", "off")


def data_dir() -> Path:
    """Return the folder for ledger and local service: `TFI_HOME`, else the user's data folder.

    Raises:
        ArgumentError: `TFI_HOME` is no path, or a file.
    """
    home = os.getenv("TFI_HOME")
    if home:
        return arguments.folder("TFI_HOME", home, hint="set TFI_HOME to a folder, or unset it")
    from platformdirs import user_data_path  # noqa: PLC0415 - not needed when TFI_HOME is set

    return user_data_path("tfi_notebook", appauthor=False)


def find_key(api_key: str | ApiKey | None = None) -> ApiKey | None:
    """Return the key from the first place that has one, or None; see `tfi_notebook.keystore`.

    Raises:
        SettingsError: what was found is no key, or others may read the key file.
    """
    api_key = keys.seal(api_key)  # before anything can fail: see `keys`
    return keystore.find(api_key, data_dir())


def resolve(
    api_key: str | ApiKey | None = None,
    base_url: str | None = None,
    *,
    local: bool | None = None,
    ledger: str | Path | None = None,
    outputs: str | Path | None = None,
    assets: str | None = None,
    limits: Limits | None = None,
) -> Settings:
    """Decide which service is meant and with which key.

    Args:
        api_key: key of the live API; default as `tfi_notebook.keystore` finds it.
        base_url: address of the API; default `TFI_BASE_URL`, else the public one.
        local: True forces the local service (with `base_url`: one that is served there), False
            the live API; None takes the live API exactly when there is a key.
        ledger: the ledger's file; default `ledger.sqlite` in the data folder.
        outputs: folder for finished videos; default `tfi_outputs` in the current folder.
        assets: where `asset` puts files for the live API, such as `s3://bucket/folder`; default
            `TFI_ASSET_STORE`.
        limits: other cadences and limits than the defaults.

    Returns:
        The resolved settings; nothing is opened or created yet.

    Raises:
        SettingsError: no key where one is needed, or an argument that is not of its kind.
    """
    api_key = keys.seal(api_key)  # before anything can fail: see `keys`
    local = None if local is None else arguments.flag("local", local)
    home = data_dir()
    # a key that was stored for the live API is nothing for a local service
    key = keystore.find(api_key, home, stored=local is not True)
    is_local, address = _service(local, base_url, key)
    if is_local and address == LOCAL_BASE_URL:
        key = None  # the service in this process has no business with the live API's key
    return Settings(
        base_url=address,
        local=is_local,
        api_key=key or ApiKey("local", source="local service"),
        data_dir=home,
        ledger_path=_file("ledger", ledger, home / "ledger.sqlite"),
        outputs_dir=arguments.folder("outputs", "tfi_outputs" if outputs is None else outputs),
        asset_store=_store(assets),
        limits=_limits(limits),
    )


def _service(local: bool | None, base_url: str | None, key: ApiKey | None) -> tuple[bool, str]:  # noqa: FBT001 - as `resolve` was told
    """Return whether a local service is meant, and the address."""
    if base_url is None and not local:
        base_url = os.getenv("TFI_BASE_URL") or None
    if local is False and key is None:
        raise SettingsError(
            "the live API needs a key",
            hint="call tfi.login() or set TFI_API_KEY; local=None uses the local service",
        )
    if local is None and key is None and base_url is not None:
        raise SettingsError(
            "there is an address (base_url or TFI_BASE_URL), but no key for it", hint=_TWO_WAYS
        )
    is_local = key is None if local is None else local
    usual = LOCAL_BASE_URL if is_local else LIVE_BASE_URL
    return is_local, service_address(usual if base_url is None else base_url)


def _file(name: str, given: str | Path | None, default: Path) -> Path:
    """Return a file's path: the given one, if it can be one."""
    if given is None:
        return default
    wanted = arguments.path(name, given)
    if wanted.is_dir():
        raise ArgumentError("is a folder", field=name, hint="name a file in it")
    return wanted


def _store(given: str | None) -> str | None:
    if given is not None and not isinstance(given, str):
        raise ArgumentError("must be text", field="assets", hint='such as "s3://bucket/folder"')
    return given or os.getenv("TFI_ASSET_STORE") or None


def _limits(given: Limits | None) -> Limits:
    if given is not None and not isinstance(given, Limits):
        raise ArgumentError("must be Limits", field="limits", hint=_LIMITS)
    return given or Limits()


def service_address(given: str, *, name: str = "base_url") -> str:
    """Return a service's address in the one spelling under which its jobs are kept.

    Args:
        given: scheme and host, with a port or a path if need be.
        name: the argument to be named in the error.

    Raises:
        ArgumentError: it is no address, or one to which a key would travel in clear text.
    """
    parts = _parts(given, name)
    host = (parts.hostname or "").lower()
    loopback = host in LOOPBACK_HOSTS or host.endswith(".localhost")
    if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
        raise ArgumentError(
            "must be https (http only on this machine)",
            field=name,
            hint="the key would travel in clear text otherwise",
        )
    return f"{parts.scheme}://{_place(parts)}{parts.path}"


def _parts(given: str, name: str) -> SplitResult:
    if isinstance(given, str) and given.strip().isprintable():
        try:
            parts = urlsplit(given.strip().rstrip("/"))
            _ = parts.port  # it is read, and may be none, when it is asked for
        except ValueError:  # a bracket that is not closed, a port that is no number
            pass
        else:
            if parts.hostname and not (parts.username or parts.query or parts.fragment):
                return parts
    raise ArgumentError(
        "must be scheme and host, without query or password",
        field=name,
        hint="such as https://host/path, or http://127.0.0.1:8765 for a served local service",
    )


def _place(parts: SplitResult) -> str:
    """Host and port in one spelling: jobs are kept under it, and must be found again by it."""
    host = (parts.hostname or "").lower().rstrip(".")
    host = f"[{host}]" if ":" in host else host
    usual = {"http": 80, "https": 443}[parts.scheme]
    return host if parts.port in {None, usual} else f"{host}:{parts.port}"
