"""Where the key comes from, which service is meant, and every cadence and limit.

Four environment variables are read, and no others:

- `TFI_API_KEY`: the key of the live API. Without one, there or in another place that
  `tfi_notebook.keystore` looks into, everything runs against the local service.
- `TFI_BASE_URL`: another address than the public one (a proxy, a served local service).
- `TFI_HOME`: the folder for the ledger and the local service's files.
- `TFI_ASSET_STORE`: where `tfi.asset` puts files for the live API, such as `s3://bucket/folder`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from tfi_notebook import keys, keystore
from tfi_notebook.errors import SettingsError
from tfi_notebook.keys import ApiKey

__all__ = [
    "LIVE_BASE_URL",
    "LOCAL_BASE_URL",
    "LOOPBACK_HOSTS",
    "ApiKey",
    "Limits",
    "Settings",
    "data_dir",
    "find_key",
    "resolve",
]

LIVE_BASE_URL = "https://api.techforgeinnovate.com"
LOCAL_BASE_URL = "http://tfi.localhost"
"""Address of the in-process service. `.localhost` never leaves the machine (RFC 6761)."""

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


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
    parallel_downloads: int = 4
    disk_reserve_bytes: int = 100_000_000
    """Space that a download must leave free."""
    upload_max_bytes: int = 200_000_000
    asset_link_life_s: float = 6 * 3600.0
    """How long the live API can fetch a file from the asset store, from the submit on."""
    poll_first_s: float = 2.0
    poll_growth: float = 1.5
    poll_max_s: float = 30.0
    poll_floor_s: float = 0.5
    """Shortest pause between two status requests of one job."""
    poll_head_max_s: float = 120.0
    """Longest time without a status request, even where no end is expected yet."""
    polls_per_job: float = 8.0
    """Status requests that a job of one minute takes on average, once its class is known."""
    poll_budget_per_s: float = 10.0
    """Status requests per second over all jobs."""
    local_poll_budget_per_s: float = 100.0
    """The same for a service in this process."""
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
    connect_timeout_s: float = 10.0
    """Time for a connection; when it runs out, nothing was sent."""
    keepalive_s: float = 4.0
    """How long an idle connection is used again; servers close theirs after 5 s or more."""
    parallel_requests: int = 64
    """Most requests at the same time, submits and reads together."""
    parallel_first: int = 8
    """Requests at the same time to begin with; they grow while the service keeps up."""
    read_retry_s: float = 20.0
    """No repeat of a failed read begins later than this after the first try began."""
    read_tries: int = 3
    """Most tries of one read that fails; being told to slow down does not count."""
    submit_retry_s: float = 20.0
    """The same bound for a submit that was not sent, or that was turned away unread."""
    retry_first_s: float = 0.5
    """Longest pause before the first repeat; it doubles with every further one."""
    retry_max_s: float = 20.0
    retry_after_max_s: float = 60.0
    """Longest pause that the service's `Retry-After` can ask for."""
    retry_tokens: int = 40
    """Failures in a short time (half of this) after which failed reads are not repeated."""
    outage_failures: int = 6
    """Failures in a row, over all calls, after which the service counts as down."""
    probe_first_s: float = 1.0
    """Pause before the first look whether an outage has ended; it doubles with every look."""
    probe_max_s: float = 30.0


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
        return "local" if self.embedded else self.base_url


def data_dir() -> Path:
    """Return the folder for ledger and local service: `TFI_HOME`, else the user's data folder."""
    home = os.getenv("TFI_HOME")
    if home:
        return Path(home).expanduser().resolve()
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
        api_key: key of the live API; default from the first place of
            `tfi_notebook.keystore` that has one.
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
        SettingsError: `local=False` without a key, or a base URL that must not carry a key.
    """
    api_key = keys.seal(api_key)  # before anything can fail: see `keys`
    # a key that was stored for the live API is nothing for a local service
    key = keystore.find(api_key, data_dir(), stored=local is not True)
    is_local = _means_local(local, key)
    address = _address(base_url, is_local=is_local, forced=local is not None)
    if is_local and address == LOCAL_BASE_URL:
        key = None  # the service in this process has no business with the live API's key
    home = data_dir()
    return Settings(
        base_url=address,
        local=is_local,
        api_key=key or ApiKey("local", source="local service"),
        data_dir=home,
        ledger_path=_path(ledger) if ledger else home / "ledger.sqlite",
        outputs_dir=_path(outputs) if outputs else Path.cwd() / "tfi_outputs",
        asset_store=assets or os.getenv("TFI_ASSET_STORE") or None,
        limits=limits or Limits(),
    )


def _means_local(local: bool | None, key: ApiKey | None) -> bool:  # noqa: FBT001 - as `resolve` was told
    if local is False and key is None:
        raise SettingsError(
            "the live API needs a key",
            hint="call tfi.login() or set TFI_API_KEY; local=None uses the local service",
        )
    return key is None if local is None else local


def _address(base_url: str | None, *, is_local: bool, forced: bool) -> str:
    """The service's address. A local one has another than its own only where both were given."""
    if is_local:
        return _clean_base_url((base_url if forced else None) or LOCAL_BASE_URL)
    return _clean_base_url(base_url or os.getenv("TFI_BASE_URL") or LIVE_BASE_URL)


def _path(given: str | Path) -> Path:
    return Path(given).expanduser().resolve()


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
    return f"{parts.scheme}://{_place(parts)}{parts.path}"


def _place(parts: SplitResult) -> str:
    """Host and port in one spelling: jobs are kept under it, and must be found again by it."""
    host = (parts.hostname or "").lower().rstrip(".")
    host = f"[{host}]" if ":" in host else host
    usual = {"http": 80, "https": 443}[parts.scheme]
    return host if parts.port in {None, usual} else f"{host}:{parts.port}"
