"""The local service: the API as an app in this process, its queue, and its worker.

The app needs no port: `tfi_notebook.http.asgi_transport(service.app)` hands requests to it. The
same app can be served by uvicorn.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfi_notebook.errors import ServiceError, SettingsError
from tfi_notebook.local import require
from tfi_notebook.settings import LOCAL_BASE_URL

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Self

    from tfi_notebook.local.dialect import DialectName
    from tfi_notebook.local.store import Store

    AsgiApp = Callable[[Any, Any, Any], Awaitable[None]]


def create_app(
    store: Store,
    *,
    api_key: str,
    base_url: str,
    on_enqueued: Callable[[], None],
    allow_private_urls: bool = False,
    dialect: DialectName = "reference",
) -> AsgiApp:
    """Return the API as an ASGI app.

    Args:
        store: queue and files.
        api_key: what the header `x-api-key` must hold.
        base_url: address under which the app is reached; also the only host name it answers
            to, besides `tfi.localhost` and, for a loopback address, the names of loopback.
        on_enqueued: called after a job was queued; must return at once.
        allow_private_urls: also fetch pictures and sounds from loopback and private networks.
        dialect: which generation of the API's pages it speaks, `reference` or `current`.

    Raises:
        MissingExtraError: the packages of the extra `local` are not installed.
        SettingsError: there is no such dialect.
    """
    require()
    from tfi_notebook.local.dialect import dialect_of  # noqa: PLC0415 - after require
    from tfi_notebook.local.guard import Guard, allowed_hosts  # noqa: PLC0415 - the same
    from tfi_notebook.local.routes import Desk, build_app  # noqa: PLC0415 - the same
    from tfi_notebook.local.sources import Admission  # noqa: PLC0415 - the same

    base_url = base_url.rstrip("/")
    admission = Admission(store, base_url=base_url, allow_private_urls=allow_private_urls)
    desk = Desk(store, admission, api_key, base_url, on_enqueued, dialect_of(dialect))
    return Guard(build_app(desk), allowed_hosts(base_url))


class LocalService:
    """The API, its queue and its worker, on this machine. A context manager.

    Args:
        root: folder of the queue, the files and the finished videos.
        base_url: address under which the app is reached.
        api_key: what the header `x-api-key` must hold.
        allow_private_urls: also fetch pictures and sounds from loopback and private networks;
            default what the environment says, see `preferences`.
        dialect: which generation of the API's pages it speaks, `reference` or `current`.
        renderer: name of the renderer; default what the environment says, else `builtin`.
        executor: where frames are drawn, such as `dask:tcp://10.0.0.5:8786`; default what the
            environment says, else this machine's processes.

    Attributes:
        app: the ASGI app.
        store: queue and files.

    Raises:
        MissingExtraError: the packages of the extra `local` are not installed.
        ServiceError: the queue in the folder cannot be used.
        SettingsError: the folder cannot be used, there is no such dialect, or a preference of
            the environment is none.
    """

    def __init__(
        self,
        root: str | Path,
        *,
        base_url: str = LOCAL_BASE_URL,
        api_key: str = "local",
        allow_private_urls: bool | None = None,
        dialect: DialectName = "reference",
        renderer: str | None = None,
        executor: str | None = None,
    ) -> None:
        require()
        from tfi_notebook.local import preferences, retention  # noqa: PLC0415 - not for a client
        from tfi_notebook.local.process import WorkerProcess  # noqa: PLC0415 - the same

        if allow_private_urls is None:
            allow_private_urls = preferences.private_urls()
        preferences.max_bytes()  # a wrong one is told before anything is opened
        way = preferences.way(renderer, executor)
        self.store = _opened(Path(root).expanduser().resolve())
        with suppress(ServiceError, OSError):  # the end of the next job tries again
            retention.tidy(self.store)
        self._worker = WorkerProcess(self.store, way)
        self.app = create_app(
            self.store,
            api_key=api_key,
            base_url=base_url,
            on_enqueued=self.ensure_worker,
            allow_private_urls=allow_private_urls,
            dialect=dialect,
        )
        if self.store.has_work():
            self.ensure_worker()

    @property
    def worker_pid(self) -> int | None:
        """Process id of the worker, or None while there is none."""
        return self._worker.pid

    def ensure_worker(self) -> None:
        """Wake the worker process; start it if it does not run.

        Raises:
            ServiceError: the process cannot be started.
        """
        self._worker.ensure()

    def close(self) -> None:
        """End the worker and close the queue; unfinished jobs stay in it. May be repeated."""
        self._worker.close()
        self.store.close()

    def __enter__(self) -> Self:
        """Return the service itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


def _opened(root: Path) -> Store:
    from tfi_notebook.local.store import Store  # noqa: PLC0415 - after require

    try:
        return Store(root)
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
    raise SettingsError(
        f"the local service's folder cannot be used: {reason}",
        hint="check its space and rights, or set TFI_HOME to another folder",
    )
