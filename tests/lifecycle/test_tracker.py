from __future__ import annotations

import asyncio
import math
import random
import statistics
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.faulty_server import FaultyServer, reply
from tests.helpers.snapshots import snapshot
from tests.helpers.virtual_time import run_virtually
from tfi_notebook import settings
from tfi_notebook.api.client import AsyncClient
from tfi_notebook.contract.records import JobRecord, JobStatus
from tfi_notebook.errors import ApiError, AuthError, LedgerError, NotFoundError, ServiceError
from tfi_notebook.lifecycle.durations import Durations
from tfi_notebook.lifecycle.tracker import Tracker

if TYPE_CHECKING:
    from collections.abc import Callable

    from tfi_notebook.contract.snapshot import JobSnapshot

DAY_S = 86_400.0
EPOCH = 1_700_000_000.0


def clock() -> float:
    return asyncio.get_running_loop().time()


@dataclass
class Service:
    """A service in virtual time: each job is queued, runs, and ends when its time is over."""

    lasts_s: dict[str, float] = field(default_factory=dict)
    round_trip_s: float = 0.1
    fault: Callable[[str], ApiError | None] = lambda _job_id: None
    progress: bool = False
    tells_s: float | None = None
    outage: str | None = None
    asked: list[tuple[float, str]] = field(default_factory=list)
    ends: dict[str, float] = field(default_factory=dict)
    is_back: asyncio.Event = field(default_factory=asyncio.Event)

    async def available(self) -> None:
        await self.is_back.wait()

    async def get_job(self, job_id: str) -> JobRecord:
        self.asked.append((clock(), job_id))
        await asyncio.sleep(self.round_trip_s)
        if error := self.fault(job_id):
            raise error
        left_s = self.ends[job_id] - clock()
        status = JobStatus.PROCESSING if left_s > 0 else JobStatus.DONE
        told = 1 - max(left_s, 0) / self.lasts_s[job_id] if self.progress else None
        record = JobRecord(job_id, status, status.value.upper(), progress=told)
        if self.tells_s is None:
            return record
        begun = datetime(2026, 11, 22, tzinfo=UTC)
        return replace(record, created_at=begun, updated_at=begun + timedelta(seconds=self.tells_s))

    def times(self, job_id: str) -> list[float]:
        return [at for at, asked in self.asked if asked == job_id]


class Bench:
    """A tracker on a virtual loop, its service, and all that it told."""

    def __init__(
        self, service: Service, limits: settings.Limits | None = None, **more: Any
    ) -> None:
        self.service = service
        self.wall_jump_s = 0.0
        self.told: list[tuple[float, JobSnapshot, bool]] = []
        self.ended: dict[str, float] = {}
        self.durations = Durations()
        more = {"api_key": "key", "base_url": "https://api.example.com"} | more
        self.settings = settings.resolve(**more, limits=limits)
        self.tracker = Tracker(
            service, self.settings, self.on_change, durations=self.durations, wall=self.wall
        )

    def wall(self) -> float:
        return EPOCH + clock() + self.wall_jump_s

    async def on_change(self, row: JobSnapshot, still_watched: bool) -> None:  # noqa: FBT001 - the tracker's callback
        self.told.append((clock(), row, still_watched))
        if not still_watched:
            self.ended[str(row.job_id)] = clock()

    def submit(self, job_id: str, lasts_s: float, **changes: Any) -> JobSnapshot:
        """Let a job begin now, and watch it."""
        self.service.lasts_s[job_id] = lasts_s
        self.service.ends.setdefault(job_id, clock() + lasts_s)
        fresh = {"job_id": job_id, "status": JobStatus.QUEUED, "created_at": self.wall()}
        row = snapshot(job_id, **(fresh | changes))
        self.tracker.watch(row)
        return row

    async def all_ended(self) -> None:
        while self.tracker.watched():  # noqa: ASYNC110 - the tracker tells no end; time is virtual
            await asyncio.sleep(0.25)

    def messages(self, job_id: str) -> list[str]:
        return [row.message for _, row, _ in self.told if row.job_id == job_id]

    def staleness_s(self, job_id: str) -> float:
        return self.ended[job_id] - self.service.ends[job_id]


def test_a_job_is_followed_to_its_end_and_only_changes_are_told() -> None:
    async def walk() -> None:
        bench = Bench(Service())
        row = bench.submit("a", 40.0)
        bench.tracker.watch(row)
        assert bench.tracker.watched() == {"a"}
        await bench.all_ended()
        assert [(row.status, watched) for _, row, watched in bench.told] == [
            (JobStatus.PROCESSING, True),
            (JobStatus.DONE, False),
        ]
        assert 5 <= len(bench.service.asked) <= 9
        assert bench.told[-1][1].finished_at == pytest.approx(bench.wall(), abs=0.2)

    run_virtually(walk())


def test_it_learns_from_the_jobs_that_end() -> None:
    async def walk() -> None:
        bench, source = Bench(Service()), random.Random(5)
        names = [f"job-{number}" for number in range(150)]
        for name in names:
            bench.submit(name, 60.0 * math.exp(source.gauss(0, 0.25)))
            await bench.all_ended()
        learned = bench.durations.spread(snapshot().body)
        assert learned.jobs == 100
        assert learned.median_s == pytest.approx(60, rel=0.1)
        assert 0.22 < learned.sigma < 0.33
        late = [bench.staleness_s(name) for name in names[50:]]
        asked = [len(bench.service.times(name)) for name in names[50:]]
        fixed_interval_s = statistics.mean(bench.service.lasts_s.values()) / statistics.mean(asked)
        assert statistics.mean(late) < 0.6 * fixed_interval_s / 2
        assert bench.service.times(names[-1])[0] - bench.ended[names[-2]] > 25

    run_virtually(walk())


def test_many_jobs_share_one_budget_and_all_end() -> None:
    async def walk() -> None:
        bench = Bench(Service(), settings.Limits(poll_budget_per_s=5.0))
        for number in range(200):
            bench.submit(f"job-{number}", 20.0 if number % 2 else 90.0)
        await bench.all_ended()
        assert len(bench.ended) == 200
        times = [at for at, _ in bench.service.asked]
        assert all(later - earlier > 0.99 for earlier, later in zip(times, times[7:], strict=False))

    run_virtually(walk())


def test_requests_that_fail_are_counted_shown_and_forgotten() -> None:
    async def walk() -> None:
        failing = [ServiceError("HTTP 500 https://x/y?token=secret")] * 3
        bench = Bench(Service(fault=lambda _: failing.pop() if failing else None))
        bench.submit("a", 20.0)
        await bench.all_ended()
        assert bench.messages("a")[:3] == [
            f"status not known ({count} failed): HTTP 500 https://x/y"
            for count in ("1 request", "2 requests", "3 requests")
        ]
        stale = [row.stale_since for _, row, _ in bench.told]
        assert stale[0] is not None
        assert stale[0] == stale[2]
        assert stale[3:] == [None] * len(stale[3:])
        assert bench.told[-1][1].status is JobStatus.DONE

    run_virtually(walk())


def test_watching_ends_after_too_many_failures_in_a_row_with_growing_pauses() -> None:
    async def walk() -> None:
        bench = Bench(Service(fault=lambda _: ServiceError("HTTP 500")))
        bench.submit("a", 20.0)
        await bench.all_ended()
        times = bench.service.times("a")
        assert len(times) == bench.settings.limits.soft_errors_max
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert gaps == sorted(gaps)
        assert gaps[-1] == pytest.approx(30.1)
        _, row, watched = bench.told[-1]
        assert (row.status, watched) == (JobStatus.QUEUED, False)
        assert row.message == "no longer watched: HTTP 500"

    run_virtually(walk())


@pytest.mark.parametrize("status_code", [401, 403])
def test_a_key_that_is_refused_ends_the_watching_at_once(status_code: int) -> None:
    async def walk() -> None:
        error = AuthError(f"job: HTTP {status_code}", status_code=status_code)
        bench = Bench(Service(fault=lambda _: error))
        bench.submit("a", 20.0)
        await bench.all_ended()
        assert len(bench.service.asked) == 1
        assert bench.messages("a") == [f"no longer watched: job: HTTP {status_code}"]

    run_virtually(walk())


def test_a_job_may_be_missing_only_shortly_after_its_submit() -> None:
    async def walk() -> None:
        missing = [NotFoundError("no such job")] * 2
        bench = Bench(Service(fault=lambda _: missing.pop() if missing else None))
        bench.submit("appears late", 20.0)
        await bench.all_ended()
        assert bench.told[-1][1].status is JobStatus.DONE

        bench.service.fault = lambda _: NotFoundError("no such job")
        bench.submit("never appears", 20.0)
        await bench.all_ended()
        asked = len(bench.service.times("never appears"))
        assert asked == bench.settings.limits.not_found_max

        bench.submit("was there", 20.0, created_at=bench.wall() - 61)
        await bench.all_ended()
        assert len(bench.service.times("was there")) == 1
        assert bench.messages("was there") == ["no longer watched: no such job"]

    run_virtually(walk())


def test_an_outage_pauses_the_watching_and_fails_no_job() -> None:
    async def walk() -> None:
        service = Service(round_trip_s=5.0)  # so that some requests are under way
        bench = Bench(service, settings.Limits(poll_budget_per_s=50.0, soft_errors_max=1))
        for number in range(312):
            bench.submit(f"job-{number}", 120.0)
        await asyncio.sleep(8)
        service.outage = "the service is down since 14:03:10 UTC"
        service.fault = lambda _: ServiceError("HTTP 503")
        await asyncio.sleep(6)
        before = len(service.asked)
        await asyncio.sleep(3_600)
        assert len(service.asked) == before
        newest = {row.job_id: row for _, row, _ in bench.told}
        text = "the service is down since 14:03:10 UTC; 312 jobs waiting"
        assert {row.message for row in newest.values()} == {text}
        assert len(newest) == 312
        bench.submit("late", 30.0)
        await asyncio.sleep(1)
        assert bench.messages("late") == [text.replace("312", "313")]

        service.outage, service.fault = None, lambda _: None
        service.is_back.set()
        await bench.all_ended()
        assert {row.status for _, row, watched in bench.told if not watched} == {JobStatus.DONE}
        assert len(bench.ended) == 313
        assert newest["job-0"].stale_since is not None
        assert bench.told[-1][1].stale_since is None

    run_virtually(walk())


def test_an_outage_is_not_told_of_a_job_whose_end_is_being_taken_in() -> None:
    async def walk() -> None:
        bench = Bench(Service())
        tell = bench.on_change

        async def download(row: JobSnapshot, still_watched: bool) -> None:  # noqa: FBT001 - the tracker's callback
            await tell(row, still_watched)
            await asyncio.sleep(300 if row.status is JobStatus.DONE else 0)

        bench.tracker._on_change = download
        bench.submit("a", 20.0)
        bench.submit("b", 900.0)
        await asyncio.sleep(60)
        assert bench.told[-1][1].status is JobStatus.DONE
        bench.service.outage = "the service is down"
        await asyncio.sleep(60)
        assert bench.messages("b")[-1] == "the service is down; 2 jobs waiting"
        bench.service.outage = None
        bench.service.is_back.set()
        await bench.all_ended()
        statuses = [row.status for _, row, _ in bench.told if row.job_id == "a"]
        assert statuses == [JobStatus.PROCESSING, JobStatus.DONE]

    run_virtually(walk())


@pytest.mark.parametrize("jump_s", [DAY_S, -DAY_S])
def test_a_clock_that_jumps_by_a_day_changes_no_request(jump_s: float) -> None:
    async def walk(jump_s: float) -> list[float]:
        bench = Bench(Service())
        for number in range(8):
            bench.submit(f"job-{number}", 60.0 + number)
        await asyncio.sleep(30)
        bench.wall_jump_s = jump_s
        await bench.all_ended()
        learned = bench.durations.spread(snapshot().body)
        assert learned.median_s == pytest.approx(63, rel=0.15)
        assert learned.jobs == 8
        return [at for at, _ in bench.service.asked]

    assert run_virtually(walk(jump_s)) == run_virtually(walk(0.0))


def test_a_slow_listener_delays_only_its_own_job() -> None:
    async def walk() -> None:
        bench = Bench(Service())
        tell = bench.on_change

        async def slow(row: JobSnapshot, still_watched: bool) -> None:  # noqa: FBT001 - the tracker's callback
            await tell(row, still_watched)
            await asyncio.sleep(500 if row.job_id == "slow" else 0)

        bench.tracker._on_change = slow
        for number in range(12):
            bench.submit(f"job-{number}", 30.0)
        bench.submit("slow", 30.0)
        while len(bench.ended) < 12:  # noqa: ASYNC110 - the same
            await asyncio.sleep(0.5)
        assert max(bench.staleness_s(name) for name in bench.ended) < 15
        assert bench.tracker.watched() == {"slow"}
        await bench.all_ended()
        assert bench.ended["slow"] > 500

    run_virtually(walk())


def test_a_change_that_could_not_be_written_down_comes_again() -> None:
    async def walk() -> None:
        bench = Bench(Service())
        tell, full = bench.on_change, [True]

        async def write(row: JobSnapshot, still_watched: bool) -> None:  # noqa: FBT001 - the tracker's callback
            if full and row.status is JobStatus.DONE:
                raise LedgerError("the disk is full")
            await tell(row, still_watched)

        bench.tracker._on_change = write
        bench.submit("a", 20.0)
        await asyncio.sleep(600)
        assert bench.tracker.watched() == {"a"}
        assert JobStatus.DONE not in {row.status for _, row, _ in bench.told}
        assert len(bench.service.asked) < 40  # in growing pauses
        full.clear()
        await bench.all_ended()
        assert bench.told[-1][1].status is JobStatus.DONE
        assert bench.durations.spread(snapshot().body).jobs == 1

    run_virtually(walk())


def test_what_an_earlier_kernel_has_left_is_asked_for_at_once_and_teaches_nothing() -> None:
    async def walk() -> None:
        bench = Bench(Service(ends={"old": clock() - 7 * 3_600}))
        bench.submit("old", 60.0, created_at=bench.wall() - 8 * 3_600)
        await bench.all_ended()
        assert clock() < 1_001
        assert bench.durations.spread(snapshot().body).jobs == 0

    run_virtually(walk())


def test_a_service_in_this_process_is_asked_often() -> None:
    async def walk() -> None:
        bench = Bench(Service(round_trip_s=0.001), api_key=None, base_url=None)
        assert bench.settings.embedded
        bench.submit("a", 20.0)
        await bench.all_ended()
        gaps = [later - earlier for earlier, later in pairwise(bench.service.times("a"))]
        assert max(gaps) < 0.6
        assert bench.staleness_s("a") < 0.6

    run_virtually(walk())


def test_progress_is_followed_where_it_is_told() -> None:
    async def walk() -> None:
        bench = Bench(Service(progress=True))
        bench.submit("a", 600.0)
        await bench.all_ended()
        assert bench.staleness_s("a") < 2
        assert len(bench.service.asked) < 40

    run_virtually(walk())


def test_closing_leaves_nothing_running() -> None:
    async def walk() -> None:
        bench = Bench(Service(round_trip_s=50.0))
        for number in range(20):
            bench.submit(f"job-{number}", 30.0)
        await asyncio.sleep(10)
        await bench.tracker.aclose()
        assert bench.tracker.watched() == frozenset()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtually(walk())


def test_a_duration_that_the_service_tells_is_believed_if_it_can_be_true() -> None:
    async def walk() -> None:
        bench = Bench(Service(tells_s=23.0))
        for number in range(5):
            bench.submit(f"told-{number}", 20.0)
            await bench.all_ended()
        assert bench.durations.spread(snapshot().body).median_s == pytest.approx(23, rel=0.02)
        bench.service.tells_s = 4_000.0
        for number in range(20):
            bench.submit(f"wrong-{number}", 20.0)
            await bench.all_ended()
        assert bench.durations.spread(snapshot().body).median_s == pytest.approx(20, rel=0.1)

    run_virtually(walk())


def test_an_outage_of_a_real_service_is_sat_out() -> None:
    """Over real sockets, with the real client and its own way to notice the end of an outage."""
    limits = settings.Limits(
        request_timeout_s=2.0, poll_first_s=0.02, poll_max_s=0.05, soft_errors_max=3,
        read_tries=1, outage_failures=2, probe_first_s=0.1, probe_max_s=0.1,
    )  # fmt: skip
    down = [True]
    told: list[JobSnapshot] = []

    def behave(_method: str, path: str, _body: bytes) -> bytes:
        if down:
            return reply(503, {})
        return reply(200, {"uuid": path.removeprefix("/jobs/"), "job_status": "SUCCESS"})

    async def walk(url: str) -> None:
        ended, waiting = asyncio.Event(), asyncio.Event()

        async def on_change(row: JobSnapshot, still_watched: bool) -> None:  # noqa: FBT001 - the tracker's callback
            told.append(row)
            if "3 jobs waiting" in row.message:
                waiting.set()
            if len({row.key for row in told if row.status is JobStatus.DONE}) == 3:
                ended.set()
            assert still_watched != row.status.is_final

        connection = settings.resolve("key", url, limits=limits)
        client = AsyncClient(connection)
        tracker = Tracker(client, connection, on_change)
        for name in "abc":
            tracker.watch(snapshot(name, status=JobStatus.QUEUED))
        async with asyncio.timeout(20):
            await waiting.wait()
            assert client.outage is not None
            down.clear()
            await ended.wait()
        await tracker.aclose()
        await client.aclose()

    with FaultyServer(behave) as server, asyncio.Runner() as runner:
        runner.run(walk(server.url))
