"""Where the frames of a job are drawn: the processes of this machine, or a cluster's workers.

The jobs themselves stay with this machine's processes, which own the queue, the files and the
joining. Only segments of frames travel, as plain bytes, so the workers need no common folder.
"""

from __future__ import annotations

from concurrent.futures import Executor, Future
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from tfi_notebook.errors import ArgumentError, MissingExtraError, RenderError
from tfi_notebook.http import redact

if TYPE_CHECKING:
    from collections.abc import Callable

DASK: Final = "dask:"
CONNECT_S: Final = 5.0


def checked(address: str) -> str:
    """Return where to render, if it is a place that can be meant; nobody is asked yet.

    Args:
        address: empty for this machine's processes, or `dask:` and a scheduler's address.

    Raises:
        ArgumentError: it is neither.
        MissingExtraError: `distributed` is not installed.

    Example:
        >>> checked("dask:tcp://10.0.0.5:8786")
        'dask:tcp://10.0.0.5:8786'
    """
    if address and not address.removeprefix(DASK).startswith(("tcp://", "tls://")):
        raise ArgumentError(
            "must be dask: and the address of a scheduler",
            field="executor",
            hint="such as dask:tcp://10.0.0.5:8786",
        )
    if address and find_spec("distributed") is None:
        raise MissingExtraError("rendering on a cluster", extra="cluster")
    return address


def opened(address: str) -> Executor | None:
    """Connect to where the frames are drawn, once for each process while the connection holds.

    Returns:
        The executor; None for the threads of this process.

    Raises:
        RenderError: no scheduler answers there.
    """
    if not address:
        return None
    kept = _OPEN.get(address)
    if kept is not None and kept.connected:
        return kept
    _OPEN[address] = made = _connected(address)
    return made


def _connected(address: str) -> DaskExecutor:
    from distributed import Client  # noqa: PLC0415 - an optional extra

    try:
        client = Client(  # type: ignore[no-untyped-call]
            address.removeprefix(DASK), timeout=CONNECT_S
        )
        return DaskExecutor(client)
    except OSError as error:
        reason = redact(str(error) or type(error).__name__, 200)
    raise RenderError(
        f"no scheduler answers: {reason}", hint="check the executor's address, and its machine"
    )


class DaskExecutor(Executor):
    """A `distributed.Client` as an executor that can also hand one thing to all workers.

    Args:
        client: a connected client; whoever opened it closes it.
    """

    def __init__(self, client: Any) -> None:  # noqa: ANN401 - distributed publishes no types
        self._client = client
        self._executor = client.get_executor()

    @property
    def connected(self) -> bool:
        """Whether its scheduler answers; it is asked, as the client learns a moment late."""
        return bool(self._client.status == "running") and self._workers() is not None

    @property
    def staffed(self) -> bool:
        """Whether a worker is there, and a scheduler to ask."""
        return bool(self._workers())

    def _workers(self) -> dict[str, int] | None:
        with suppress(OSError):
            workers: dict[str, int] = self._client.nthreads()
            return workers
        return None

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:  # noqa: ANN401 - as the base has it
        """Have a function called by a worker; if that one dies, by another."""
        called: Future[Any] = self._executor.submit(fn, *args, **kwargs)
        return called

    def share(self, data: bytes) -> Any:  # noqa: ANN401 - a future of distributed's own kind
        """Send `data` to each worker once; an argument of `submit` that stands for it."""
        return self._client.scatter(data, broadcast=True, hash=True)


_OPEN: Final[dict[str, DaskExecutor]] = {}
