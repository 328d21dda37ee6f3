"""Where the key comes from, which service is meant, and every cadence and limit.

Three environment variables are read, and no others:

- `TFI_API_KEY`: the key of the live API. Without one everything runs against the local service.
- `TFI_BASE_URL`: another address than the public one (a proxy, a served local service).
- `TFI_HOME`: the folder for the ledger and the local service's files.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from tfi_notebook.errors import SettingsError

LIVE_BASE_URL = "https://api.techforgeinnovate.com"
LOCAL_BASE_URL = "http://tfi.localhost"
"""Address of the in-process service. `.localhost` never leaves the machine (RFC 6761)."""

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


class ApiKey:
    """A key that can be used but not seen: its repr is masked and it refuses to be pickled.

    Example:
        >>> key = ApiKey("secret-value", source="argument")
        >>> key
        <ApiKey from argument>
        >>> key.reveal()
        'secret-value'
    """

    __slots__ = ("_secret", "source")

    def __init__(self, secret: str, *, source: str) -> None:
        self._secret = secret
        self.source = source

    def reveal(self) -> str:
        """Return the key itself. Only the transport calls this, once per request."""
        return self._secret

    def __repr__(self) -> str:
        """Name the key's source and nothing of its text."""
        return f"<ApiKey from {self.source}>"

    def __reduce__(self) -> NoReturn:
        """Refuse pickling: a pickle would hold the key in clear."""
        raise TypeError("an ApiKey is not pickled")


@dataclass(frozen=True, slots=True)
class Limits:
    """Cadences and limits, each with its unit in its name."""

    request_timeout_s: float = 30.0
    """Total time of one API call, body included (not per read)."""
    submit_timeout_s: float = 60.0
    """Total time of one submit; a lost answer leaves the job `unknown`."""
    close_grace_s: float = 5.0
    """How long closing waits for the answers of submits that are under way."""
    json_max_bytes: int = 1_000_000
    download_timeout_s: float = 600.0
    download_max_bytes: int = 2_000_000_000
    upload_max_bytes: int = 200_000_000
    poll_first_s: float = 2.0
    poll_growth: float = 1.5
    poll_max_s: float = 30.0
    local_poll_first_s: float = 0.1
    local_poll_max_s: float = 0.5
    soft_errors_max: int = 20
    """Failed status requests in a row before a job's watching is given up."""
    not_found_max: int = 3
    """Answers `Job not found` in a row that are taken for delay after a submit."""
    board_interval_s: float = 0.5
    """Shortest time between two drawings of one board."""
    inline_video_max_bytes: int = 25_000_000
    """Larger videos are linked, not sent through the widget."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One resolved connection: which service, which key, which folders."""

    base_url: str
    local: bool
    api_key: ApiKey
    data_dir: Path
    ledger_path: Path
    outputs_dir: Path
    limits: Limits = field(default_factory=Limits)

    @property
    def embedded(self) -> bool:
        """True when the service runs in this process."""
        return self.local and self.base_url == LOCAL_BASE_URL

    @property
    def service_name(self) -> str:
        """Name under which the ledger keeps this service's jobs."""
        return "local" if self.embedded else self.base_url


def data_dir() -> Path:
    """Return the folder for ledger and local service: `TFI_HOME`, else the user's data folder."""
    home = os.environ.get("TFI_HOME")
    if home:
        return Path(home).expanduser().resolve()
    from platformdirs import user_data_path  # noqa: PLC0415 - not needed when TFI_HOME is set

    return user_data_path("tfi_notebook", appauthor=False)


def find_key(api_key: str | ApiKey | None = None) -> ApiKey | None:
    """Return the key from the argument or `TFI_API_KEY`, or None when there is neither."""
    if isinstance(api_key, ApiKey):
        return api_key
    if api_key is not None:
        return ApiKey(_clean_key(api_key, "api_key"), source="argument")
    from_env = os.environ.get("TFI_API_KEY", "").strip()
    return ApiKey(_clean_key(from_env, "TFI_API_KEY"), source="TFI_API_KEY") if from_env else None


def resolve(
    api_key: str | ApiKey | None = None,
    base_url: str | None = None,
    *,
    local: bool | None = None,
    ledger: str | Path | None = None,
    outputs: str | Path | None = None,
    limits: Limits | None = None,
) -> Settings:
    """Decide which service is meant and with which key.

    Args:
        api_key: key of the live API; default `TFI_API_KEY`.
        base_url: address of the API; default `TFI_BASE_URL`, else the public one.
        local: True forces the local service (with `base_url`: one that is served there), False
            the live API; None takes the live API exactly when there is a key.
        ledger: the ledger's file; default `ledger.sqlite` in the data folder.
        outputs: folder for finished videos; default `tfi_outputs` in the current folder.
        limits: other cadences and limits than the defaults.

    Returns:
        The resolved settings; nothing is opened or created yet.

    Raises:
        SettingsError: `local=False` without a key, or a base URL that must not carry a key.
    """
    key = find_key(api_key)
    address = base_url or os.environ.get("TFI_BASE_URL") or None
    is_local = key is None if local is None else local
    if not is_local and key is None:
        raise SettingsError(
            "the live API needs a key",
            hint="set TFI_API_KEY, or leave local=None to use the local service",
        )
    if is_local:
        address = (base_url if local else None) or LOCAL_BASE_URL
    home = data_dir()
    return Settings(
        base_url=_clean_base_url(address or LIVE_BASE_URL),
        local=is_local,
        api_key=key or ApiKey("local", source="local service"),
        data_dir=home,
        ledger_path=Path(ledger).expanduser().resolve() if ledger else home / "ledger.sqlite",
        outputs_dir=Path(outputs).expanduser().resolve() if outputs else Path.cwd() / "tfi_outputs",
        limits=limits or Limits(),
    )


def _clean_key(text: str, name: str) -> str:
    key = text.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise SettingsError(f"{name} is not a key", hint="paste the key alone, without quotes")
    return key


def _clean_base_url(url: str) -> str:
    parts = urlsplit(url.strip().rstrip("/"))
    host = (parts.hostname or "").lower()
    loopback = host in LOOPBACK_HOSTS or host.endswith(".localhost")
    if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
        raise SettingsError(
            "base_url must be https (http only on this machine)",
            hint="the key would travel in clear text otherwise",
        )
    if not host or parts.username or parts.query or parts.fragment:
        raise SettingsError("base_url must be scheme and host, such as https://host/path")
    return f"{parts.scheme}://{parts.netloc}{parts.path}"
