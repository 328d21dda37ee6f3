"""What is tried again, and what is not.

| outcome | reading call | call that is paid for |
|---|---|---|
| no connection, nothing sent | again | again: the server cannot have seen it |
| 429 | again, slower | again, slower: refused before any work |
| 503 with `Retry-After` | again, slower | again, slower: the same, said politely |
| other 5xx, connection lost, no answer in time | again, a few times | **never** |
| any other answer | returned | returned |

Each side has a bound on the time of its repeats. Reads that fail share one budget of repeats, so
that an outage is not answered with a storm; and after enough failures in a row over all calls the
service counts as down and is left alone.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tfi_notebook.api.limiter import Limiter, Priority
from tfi_notebook.api.outage import OutageWatch
from tfi_notebook.api.pace import AdaptiveLimit
from tfi_notebook.api.retry import RetryBudget, backoff_s, retry_after_s
from tfi_notebook.api.transport import SERVER_ERROR_MIN, Answer, Transport
from tfi_notebook.errors import (
    ApiError,
    BadResponseError,
    NotSentError,
    RateLimitedError,
    ServiceDownError,
    ServiceError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tfi_notebook.settings import Limits

TOO_MANY_REQUESTS = 429
SERVICE_UNAVAILABLE = 503
HEALTH_PATH = "/auth/credits"
"""A small read that every account may make: it is what an outage's end is looked for with."""


class Gate(Protocol):
    """What has to happen before a paid call may leave."""

    async def open(self) -> None:
        """Prepare a try that has its turn now; what this raises ends the call, and nothing is sent.

        It must raise neither `TimeoutError` nor `ServiceDownError`: those mean another turn.
        """

    def may_send(self) -> bool:
        """Tell right before the first byte whether it may leave; if not, there is a new try."""

    def was_not_taken(self) -> None:
        """Take note that the last try has not left, or was turned away unread."""


@dataclass(slots=True)
class _Call:
    """One logical call with all its tries."""

    method: str
    path: str
    arguments: dict[str, Any]
    paid: bool
    retry_s: float
    timeout_s: float
    gate: Gate | None = None
    tries: int = 0
    failures: int = 0
    last: bool = False
    """No further try is made after the one that is on now."""
    began: float | None = None
    """When it first came to its turn: waiting in one's own queue is no failure of the service."""

    @property
    def left_s(self) -> float:
        """Time in which a try may still begin."""
        now = time.monotonic()
        return (now if self.began is None else self.began) + self.retry_s - now


class Caller:
    """Makes logical calls out of a transport's single requests.

    Args:
        transport: sends one request at a time.
        limits: bounds of times, tries and requests under way.
    """

    def __init__(self, transport: Transport, limits: Limits) -> None:
        self._transport = transport
        self._limits = limits
        self._adaptive = AdaptiveLimit(limits.parallel_first, limits.parallel_requests)
        self._limiter = Limiter(self._adaptive)
        self._budget = RetryBudget(limits.retry_tokens)
        self._last_failed_read: tuple[str, Mapping[str, str] | None] | None = None
        self._looks = 0
        self.watch = OutageWatch(limits, self._look)

    @property
    def is_free(self) -> bool:
        """True while a request that comes now is sent at once."""
        return self.watch.outage is None and self._limiter.is_free

    async def read(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """Send a GET, repeat it where that helps, and return the last answer.

        Raises:
            ServiceDownError: the service counts as down; nothing was sent.
            NotSentError, ServiceError, BadResponseError: no usable answer came.
        """
        self.watch.check()
        call = _Call(
            "GET", path, {"params": params}, paid=False,
            retry_s=self._limits.read_retry_s, timeout_s=self._limits.request_timeout_s,
        )  # fmt: skip
        return await self._until_settled(call)

    async def write(self, path: str, gate: Gate | None = None, **arguments: Any) -> Answer:  # noqa: ANN401 - as of Transport.request
        """Send a POST that must not happen twice; repeat it only while it was not taken.

        Args:
            path: where to.
            gate: is asked before each try.
            **arguments: `params`, `json_body` or `content`, as of `Transport.request`.

        Raises:
            ServiceDownError, NotSentError: it was never sent.
            ServiceError, BadResponseError: it was sent, and its outcome is not known.
        """
        call = _Call(
            "POST", path, arguments, paid=True,
            retry_s=self._limits.submit_retry_s, timeout_s=self._limits.submit_timeout_s,
            gate=gate,
        )  # fmt: skip
        await self.watch.available(call.retry_s)
        return await self._until_settled(call)

    async def _until_settled(self, call: _Call) -> Answer:
        outcome = await self._first_try(call)
        while (pause_s := self._pause_s(call, outcome)) is not None:
            again = await self._try_again(call, pause_s)
            if again is None:
                break
            outcome = again
        if isinstance(outcome, ApiError):
            raise outcome
        return outcome

    async def _first_try(self, call: _Call) -> Answer | ApiError:
        """A submit stands in line as long as it takes, a read as long as it is worth."""
        if call.paid:
            return await self._try(call, Priority.SUBMIT)
        longest_s = call.retry_s + self._limits.retry_after_max_s
        if self._limiter.held_s > call.retry_s:
            return _not_its_turn(self._limiter.held_s)
        try:
            return await self._try(call, Priority.READ, longest_s)
        except TimeoutError:
            return _not_its_turn(longest_s)

    async def _try_again(self, call: _Call, pause_s: float) -> Answer | ApiError | None:
        """Pause and try; None when the call's time ran out, or the service went down, before."""
        await asyncio.sleep(pause_s)
        if not call.paid and self.watch.outage:
            return None
        try:
            await self.watch.available(call.left_s)
            priority = Priority.REPEAT if call.paid else Priority.READ
            # a service that is just back is worth a turn, though the time was spent on waiting
            turn_s = max(call.left_s, self._limits.connect_timeout_s if call.paid else 0.0)
            return await self._try(call, priority, turn_s)
        except (TimeoutError, ServiceDownError):
            return None

    async def _try(
        self, call: _Call, priority: Priority, turn_timeout_s: float | None = None
    ) -> Answer | ApiError:
        """Wait for a place, send once, and learn from the outcome; errors are returned."""
        async with self._limiter.slot(priority, turn_timeout_s):
            if call.began is None:
                call.began = time.monotonic()
            if self.watch.outage:  # it may have begun while this call stood in line
                return self.watch.refusal()
            call.tries += 1
            if call.gate:
                await call.gate.open()
            sent_at = time.monotonic()
            outcome = await self._send(call)
        if call.gate and self._may_repeat(call, outcome):
            call.gate.was_not_taken()
        self._learn(call, outcome, sent_at)
        return outcome

    async def _send(self, call: _Call) -> Answer | ApiError:
        try:
            return await self._transport.request(
                call.method, call.path, timeout_s=call.timeout_s,
                may_send=call.gate.may_send if call.gate else None, **call.arguments,
            )  # fmt: skip
        except ApiError as error:
            return error

    def _learn(self, call: _Call, outcome: Answer | ApiError, sent_at: float) -> None:
        if _refused(outcome):
            pause_s = self._asked_pause_s(outcome) or 0.0
            self._adaptive.throttled(sent_at, pause_s)
            self._limiter.hold(pause_s)
        if reason := _failure(outcome):
            call.failures += 1
            self._budget.failed()
            if not call.paid:
                self._last_failed_read = (call.path, call.arguments["params"])
            self.watch.failed(reason)
            return
        self.watch.succeeded()
        if not _refused(outcome):
            self._budget.succeeded()
            self._adaptive.succeeded(sent_at)

    def _pause_s(self, call: _Call, outcome: Answer | ApiError) -> float | None:
        """Return how long to wait before the next try, or None when there is to be none."""
        if call.last or not self._may_repeat(call, outcome):
            return None
        pause_s = backoff_s(
            max(call.tries, 1), first_s=self._limits.retry_first_s, max_s=self._limits.retry_max_s
        )
        asked_s = self._asked_pause_s(outcome)
        if asked_s is not None:
            pause_s = max(pause_s, asked_s + random.uniform(0, self._limits.retry_first_s))  # noqa: S311 - no secret hangs on it
        elif call.paid and pause_s > call.left_s > 0:
            call.last = True  # never sent so far: before it is given up, once more at the end
            return call.left_s
        return pause_s if pause_s <= call.left_s else None

    def _may_repeat(self, call: _Call, outcome: Answer | ApiError) -> bool:
        if _refused(outcome):
            return True
        if call.paid:
            return isinstance(outcome, (NotSentError, ServiceDownError))
        if isinstance(outcome, ServiceDownError):
            return False
        failed = bool(_failure(outcome))
        return failed and call.failures < self._limits.read_tries and self._budget.allows()

    def _asked_pause_s(self, outcome: Answer | ApiError) -> float | None:
        header = outcome.retry_after if isinstance(outcome, Answer) else None
        return retry_after_s(header, now=time.time(), max_s=self._limits.retry_after_max_s)

    async def _look(self) -> str:
        """Ask in turn for something small and for what failed last: either may be broken alone."""
        self._looks += 1
        path, params = self._last_failed_read or (HEALTH_PATH, None)
        if self._looks % 2:
            path, params = HEALTH_PATH, None
        call = _Call(
            "GET", path, {"params": params}, paid=False,
            retry_s=0.0, timeout_s=self._limits.request_timeout_s,
        )  # fmt: skip
        return _failure(await self._send(call))


def turned_away(answer: Answer) -> bool:
    """Tell whether the service refused before any work: 429, or 503 that says when to come back.

    A 503 without `Retry-After` may come from a proxy that has lost the answer.
    """
    if answer.status_code == SERVICE_UNAVAILABLE:
        return answer.retry_after is not None
    return answer.status_code == TOO_MANY_REQUESTS


def _not_its_turn(wait_s: float) -> RateLimitedError:
    return RateLimitedError(
        f"nothing was sent: it is not its turn within {wait_s:.0f} s, because there are too many "
        "requests or the service asks to slow down"
    )


def _refused(outcome: Answer | ApiError) -> bool:
    return isinstance(outcome, Answer) and turned_away(outcome)


def _failure(outcome: Answer | ApiError) -> str:
    """Return why the service counts as failing; empty when it has answered sensibly."""
    if isinstance(outcome, Answer):
        status = outcome.status_code
        return f"HTTP {status}" if status >= SERVER_ERROR_MIN else ""
    if isinstance(outcome, BadResponseError):
        return ""
    return outcome.message if isinstance(outcome, (NotSentError, ServiceError)) else ""
