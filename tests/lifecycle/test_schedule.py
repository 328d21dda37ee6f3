from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.polling import MIX, classes, one_class, shared_budget
from tests.helpers.snapshots import snapshot
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.lifecycle.durations import Durations, Spread, fit
from tfi_notebook.lifecycle.schedule import pause_by_progress_s, ramp_s, schedule_for
from tfi_notebook.lifecycle.turns import Budget, Turns
from tfi_notebook.settings import Limits

LIMITS = Limits()
JOBS = 20_000


def lasting(median_s: float, sigma: float, count: int) -> list[float]:
    source = random.Random(3)
    return [median_s * math.exp(source.gauss(0, sigma)) for _ in range(count)]


# -- against a fixed interval, and against the bound -------------------------------------------


def test_results_are_seen_twice_as_soon_as_with_a_fixed_interval() -> None:
    assert one_class(0.25, JOBS, learned_from=100).to_fixed <= 0.55
    assert one_class(0.25, JOBS, learned_from=20).to_fixed <= 0.58


def test_a_mix_of_classes_gains_the_most() -> None:
    assert classes(MIX, JOBS, learned_from=20).to_fixed <= 0.50


def test_widely_scattered_durations_lose_nothing() -> None:
    for learned_from in (5, 20, 100):
        assert one_class(1.0, JOBS, learned_from).to_fixed <= 1.10


@pytest.mark.parametrize("sigma", [0.1, 0.25, 0.5, 1.0])
def test_a_known_class_comes_close_to_what_is_possible(sigma: float) -> None:
    outcome = one_class(sigma, JOBS, learned_from=None)
    assert 1.0 <= outcome.to_bound <= 1.3
    assert outcome.requests == pytest.approx(LIMITS.polls_per_job, rel=0.1)


def test_one_budget_goes_further_by_likelihood_than_in_turn() -> None:
    in_turn = shared_budget(300, 300, 6.0, in_turn=True)
    likely = shared_budget(300, 300, 6.0, in_turn=False)
    assert likely.staleness_s < 0.8 * in_turn.staleness_s
    assert likely.requests < 0.6 * in_turn.requests


# -- the shape of a schedule -------------------------------------------------------------------


def test_a_known_class_is_left_alone_until_its_end_is_near() -> None:
    times = schedule_for(Spread(60.0, 0.2, jobs=100), LIMITS).times_s
    assert times[0] > 35
    assert sum(45 < at < 80 for at in times) >= 8


def test_an_unknown_class_is_looked_at_early_and_often() -> None:
    times = schedule_for(Spread(), LIMITS).times_s
    assert times[:3] == (2.0, 5.0, 9.5)
    assert max(right - left for left, right in pairwise(times)) < 20


def test_a_wide_class_is_asked_at_a_fixed_interval() -> None:
    wide = Spread(60.0, 1.1, jobs=100)
    schedule = schedule_for(wide, LIMITS)
    assert schedule.times_s == ()
    assert schedule.pause_s(0) == schedule.pause_s(500) == pytest.approx(wide.mean_s / 7.5)


@given(
    median_s=st.floats(0.05, 20_000),
    sigma=st.floats(0.02, 1.5),
    jobs=st.integers(0, 1000),
    elapsed_s=st.floats(0, 1e6),
)
def test_no_pause_is_shorter_or_longer_than_allowed(
    median_s: float, sigma: float, jobs: int, elapsed_s: float
) -> None:
    schedule = schedule_for(Spread(median_s, sigma, jobs), LIMITS)
    gaps = [right - left for left, right in pairwise((0.0, *schedule.times_s))]
    assert all(gap >= LIMITS.poll_floor_s - 1e-6 for gap in gaps)
    assert all(gap <= LIMITS.poll_max_s + 1e-6 for gap in gaps[1:])
    assert gaps[:1] <= [LIMITS.poll_head_max_s + 1e-6]
    pause_s = schedule.pause_s(elapsed_s)
    assert LIMITS.poll_floor_s / 2 - 1e-6 <= pause_s <= LIMITS.poll_head_max_s


def test_a_request_a_little_early_or_late_keeps_to_the_plan() -> None:
    schedule = schedule_for(Spread(60.0, 0.2, jobs=100), LIMITS)
    second, third = schedule.times_s[1:3]
    for elapsed_s in (second - 0.1, second, second + 0.2):
        assert elapsed_s + schedule.pause_s(elapsed_s) == pytest.approx(third)


def test_a_job_that_outlasts_everything_known_is_asked_ever_more_rarely() -> None:
    schedule = schedule_for(Spread(60.0, 0.1, jobs=100), LIMITS)
    pauses = [schedule.pause_s(at) for at in (70, 300, 3_000, 30_000)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LIMITS.poll_max_s


def test_a_ramp_grows_to_its_longest() -> None:
    assert [ramp_s(LIMITS, step) for step in (0, 1, 2, 1000)] == [2.0, 3.0, 4.5, 30.0]
    assert ramp_s(LIMITS, 0, embedded=True) == LIMITS.local_poll_first_s
    assert ramp_s(LIMITS, 1000, embedded=True) == LIMITS.local_poll_max_s


def test_a_service_that_tells_its_progress_is_asked_by_it() -> None:
    assert pause_by_progress_s(60.0, 0.5, LIMITS) == 15.0
    assert pause_by_progress_s(60.0, 1.0, LIMITS) == LIMITS.poll_floor_s
    assert pause_by_progress_s(60.0, 0.001, LIMITS) == LIMITS.poll_max_s


# -- what is learned ---------------------------------------------------------------------------


def test_a_fit_finds_median_and_spread() -> None:
    spread = fit(lasting(90.0, 0.3, 200))
    assert spread.median_s == pytest.approx(90, rel=0.06)
    assert spread.sigma == pytest.approx(0.3, rel=0.12)


def test_a_few_jobs_leave_the_spread_wide() -> None:
    sigmas = [fit([60.0] * count).sigma for count in (0, 1, 3, 10, 100)]
    assert sigmas[0] == 0.8
    assert sigmas == sorted(sigmas, reverse=True)


def test_nights_without_a_kernel_are_not_taken_for_durations() -> None:
    clean = lasting(60.0, 0.2, 20)
    spread = fit([*clean, 30_000.0, 41_000.0])
    assert spread == fit(clean)


def test_classes_are_told_apart_and_fall_back_to_coarser_ones() -> None:
    durations = Durations()
    small, large = {"version": 5, "output_size": 256}, {"version": 5, "output_size": 1024}
    other = {"version": 6, "output_size": 1024}
    for duration in lasting(20.0, 0.1, 30):
        durations.learn(small, duration)
    for duration in lasting(200.0, 0.1, 30):
        durations.learn(large, duration)
    assert durations.spread(small).median_s == pytest.approx(20, rel=0.1)
    assert durations.spread(large).median_s == pytest.approx(200, rel=0.1)
    same_version = durations.spread(small | {"iteration_count": 40})
    assert same_version.jobs == 60
    assert durations.spread(other).jobs == 60
    assert durations.spread(other).sigma > 0.9
    assert Durations().spread(small) == Spread()


def test_sizes_and_iterations_close_together_are_one_class() -> None:
    durations = Durations()
    for _ in range(10):
        durations.learn({"version": 6, "output_size": 400, "iteration_count": 10}, 30.0)
        durations.learn({"version": 4, "output_size": 400, "iteration_count": 10}, 300.0)
    near = durations.spread({"version": 6, "output_size": 384, "iteration_count": 11})
    assert near.median_s == pytest.approx(30, rel=0.1)


def test_seconds_of_audio_tell_classes_apart_where_they_are_known() -> None:
    lengths = {"short": 5.0, "long": 60.0}
    durations = Durations(lambda body: lengths.get(str(body.get("audio_url"))))
    for _ in range(10):
        durations.learn({"version": 6, "audio_url": "short"}, 20.0)
        durations.learn({"version": 6, "audio_url": "long"}, 150.0)
    assert durations.spread({"version": 6, "audio_url": "short"}).median_s < 25
    assert durations.spread({"version": 6, "audio_url": "long"}).median_s > 120
    assert durations.spread({"version": 6, "audio_url": "?"}).jobs == 20


def test_a_service_that_changed_is_believed() -> None:
    durations = Durations()
    for duration in [*lasting(200.0, 0.2, 300), *lasting(20.0, 0.2, 200)]:
        durations.learn({"version": 6}, duration)
    assert durations.spread({"version": 6}).median_s == pytest.approx(20, rel=0.1)


def test_the_ledger_s_done_rows_are_learned_from_and_no_others() -> None:
    def row(key: str, took_s: float, **changes: object) -> object:
        done = {"status": JobStatus.DONE, "created_at": 1000.0, "finished_at": 1000.0 + took_s}
        return snapshot(key, **(done | changes))

    rows = [
        *(row(f"good-{number}", 40.0) for number in range(5)),
        row("elsewhere", 400.0, service="https://api.example.com"),
        row("failed", 1.0, status=JobStatus.FAILED),
        row("taken up by its id", 30.0, fingerprint="", body={}),
        row("clock set back", -3600.0),
        row("without an end", 0.0, finished_at=None),
    ]
    durations = Durations()
    durations.learn_rows(rows, "local")  # type: ignore[arg-type]
    learned = durations.spread(snapshot().body)
    assert learned.jobs == 5
    assert learned.median_s == pytest.approx(40, rel=0.05)
    assert durations.spread({}).jobs == 5


# -- whose turn it is --------------------------------------------------------------------------


def test_the_likeliest_goes_first_and_nobody_waits_for_ever() -> None:
    turns = Turns[str](lambda name, _now: {"a": 0.2, "b": 0.9, "c": 0.5}[name])
    for name in "abc":
        turns.add(name, due=10.0)
    assert [turns.take(20.0) for _ in range(4)] == ["b", "c", "a", None]
    turns.add("a", due=30.0)
    turns.add("b", due=900.0)
    assert turns.take(901.0) == "a"


@pytest.mark.parametrize("many", [10, 500])
def test_every_due_thing_is_taken_once(many: int) -> None:
    turns = Turns[int](lambda number, _now: number % 7 / 7)
    for number in range(many):
        turns.add(number, due=number * 0.01)
    now = 0.0
    taken: list[int] = []
    while len(taken) < many:
        now += 0.003
        if (item := turns.take(now)) is not None:
            assert item * 0.01 <= now
            taken.append(item)
    assert sorted(taken) == list(range(many))
    assert turns.next_due == math.inf


def test_a_budget_is_kept_over_any_stretch_of_time() -> None:
    budget, now = Budget(rate_per_s=5.0, burst=3.0), 100.0
    taken: list[float] = []
    while now < 160:
        if budget.take(now):
            taken.append(now)
        now += 0.01
    assert len(taken) == pytest.approx(60 * 5, abs=4)
    in_second = [sum(at <= other < at + 1 for other in taken) for at in taken]
    assert max(in_second) <= 5 + 3
    assert budget.wait_s(now) <= 0.2
