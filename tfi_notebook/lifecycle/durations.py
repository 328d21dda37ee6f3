"""How long jobs take: learned per class of job, from the ledger and from jobs as they end.

Durations of one class are taken as log-normal. A class is what a job's duration depends on: the
kind of job and its template, the model's version, the size, the iterations and, where they are
known, the seconds of audio. A class that has seen too few jobs takes over from the next coarser.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tfi_notebook.contract.records import JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping

    from tfi_notebook.contract.snapshot import JobSnapshot

PRIOR_MEDIAN_S: Final = 60.0
PRIOR_SIGMA: Final = 0.8
PRIOR_SPREAD_JOBS: Final = 3.0
"""How many jobs the wide prior spread counts for."""
PRIOR_MEDIAN_JOBS: Final = 0.5
"""The same for the prior median, of which next to nothing is known."""
WARM_JOBS: Final = 5
"""From this many jobs on, a class speaks for itself."""

STRAY_SIGMA: Final = 1.0
"""Least sigma of the jobs that follow no experience."""

_STRAY_SHARE: Final = 0.03  # of all jobs: a service may change its ways
_TINY: Final = 1e-12
_SIZE_STEP: Final = 2**0.5
_ITERATION_STEP: Final = 1.5
_AUDIO_STEP: Final = 1.25
_LATEST: Final = 100  # durations kept of a class: a service that got faster is soon believed
_HALVINGS: Final = 30
_LONGEST_S: Final = 86_400.0
_REFIT_SHARE: Final = 0.1
_FAR_MADS: Final = 6.0  # four standard deviations of a normal
_NEVER_FAR: Final = math.log(4)


@dataclass(frozen=True, slots=True)
class Spread:
    """How long the jobs of one class take: a log-normal, with a few strays on top.

    Attributes:
        median_s: median duration in s.
        sigma: standard deviation of the durations' natural logarithm.
        jobs: how many jobs this was learned from.
    """

    median_s: float = PRIOR_MEDIAN_S
    sigma: float = PRIOR_SIGMA
    jobs: int = 0

    @property
    def mean_s(self) -> float:
        """Mean duration in s, strays aside."""
        return self.median_s * math.exp(self.sigma**2 / 2)

    def survival(self, elapsed_s: float) -> float:
        """Return the probability of taking longer than `elapsed_s`."""
        return sum(share * _survival(score) for share, score, _ in self._parts(elapsed_s))

    def density(self, elapsed_s: float) -> float:
        """Return the probability density at `elapsed_s`, per s."""
        return sum(share * _bell(score) / width for share, score, width in self._parts(elapsed_s))

    def ended_between(self, last_s: float, now_s: float) -> float:
        """Return the probability that a job has ended by `now_s`, if it had not at `last_s`.

        Example:
            >>> known = Spread(60.0, 0.2, jobs=100)
            >>> known.ended_between(5, 20) < 0.05 < 0.9 < known.ended_between(50, 90)
            True
        """
        before = max(self.survival(last_s), _TINY)
        return max(0.0, 1.0 - self.survival(now_s) / before)

    def middle_between(self, last_s: float, now_s: float) -> float:
        """Return the median end, in s, of jobs that have ended between the two times.

        The plain middle would be far off where a job had ended
        already when it was first looked at.

        Example:
            >>> round(Spread(60.0, 0.2, jobs=100).middle_between(0.0, 50.0))
            46
        """
        low, high = last_s, now_s
        half = (self.survival(low) + self.survival(high)) / 2
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if self.survival(middle) > half else (low, middle)
        return (low + high) / 2

    def _parts(self, elapsed_s: float) -> Iterator[tuple[float, float, float]]:
        """Give share, standard score and width of a unit score in s, for both kinds of jobs."""
        at = max(elapsed_s, _TINY)
        score = math.log(at / self.median_s)
        stray = max(STRAY_SIGMA, self.sigma)
        yield 1 - _STRAY_SHARE, score / self.sigma, self.sigma * at
        yield _STRAY_SHARE, score / stray, stray * at


def fit(durations_s: Iterable[float], prior: Spread | None = None) -> Spread:
    """Fit a log-normal to past durations, shrunk towards a prior.

    The conjugate estimate for a normal of unknown mean and variance (Gelman et al., "Bayesian
    Data Analysis", 3.3): the prior counts for `PRIOR_MEDIAN_JOBS` jobs in the median and for
    `PRIOR_SPREAD_JOBS` in the spread. Durations far from all others (a kernel that was away, a
    clock that jumped) are left out.

    Args:
        durations_s: durations of ended jobs in s, each above 0.
        prior: where to shrink the median to (a coarser class); None takes 60 s.

    Returns:
        The fitted spread; without durations, the prior's median and the wide sigma.

    Example:
        >>> fit([]).sigma
        0.8
        >>> round(fit([58, 60, 62] * 20 + [86_000]).median_s)
        60
    """
    guess = prior or Spread()
    logs = _without_outliers([math.log(duration) for duration in durations_s])
    if not logs:
        return Spread(guess.median_s)
    count, centre = len(logs), math.log(guess.median_s)
    mean = sum(logs) / count
    squares = sum((item - mean) ** 2 for item in logs)
    doubt = PRIOR_MEDIAN_JOBS * count / (PRIOR_MEDIAN_JOBS + count) * (mean - centre) ** 2
    variance = (PRIOR_SPREAD_JOBS * PRIOR_SIGMA**2 + squares + doubt) / (PRIOR_SPREAD_JOBS + count)
    median = (count * mean + PRIOR_MEDIAN_JOBS * centre) / (count + PRIOR_MEDIAN_JOBS)
    return Spread(math.exp(median), math.sqrt(variance), count)


class Durations:
    """What is known of the durations of one service's jobs.

    Args:
        audio_s: tells the seconds of audio of a request body, or None where nobody knows.
    """

    def __init__(self, audio_s: Callable[[Mapping[str, Any]], float | None] | None = None) -> None:
        self._audio_s = audio_s or (lambda _body: None)
        self._seen: dict[Hashable, deque[float]] = {}
        self._counts: dict[Hashable, int] = {}
        self._fits: dict[Hashable, tuple[int, Spread]] = {}

    def learn(self, body: Mapping[str, Any], duration_s: float) -> None:
        """Take note of a job that has ended well; impossible durations are ignored.

        Args:
            body: the request body.
            duration_s: from the submit to the end, in s.
        """
        if not body or not 0 < duration_s < _LONGEST_S:
            return
        for key in classes_of(body, self._audio_s(body)):
            self._seen.setdefault(key, deque(maxlen=_LATEST)).append(duration_s)
            self._counts[key] = self._counts.get(key, 0) + 1

    def learn_rows(self, rows: Iterable[JobSnapshot], service: str) -> None:
        """Take note of the ledger's rows of jobs that are done.

        Args:
            rows: rows in any order, of any service and status; only those that tell a duration
                of this service count.
            service: name of the service, as the ledger has it.
        """
        done = (row for row in rows if row.service == service and row.status is JobStatus.DONE)
        for row in sorted(done, key=lambda row: row.created_at):
            # one that was taken up by its id alone has no body, and no true beginning either
            if row.body and row.finished_at is not None:
                self.learn(row.body, row.finished_at - row.created_at)

    def spread(self, body: Mapping[str, Any]) -> Spread:
        """Return how long a job like this takes, by the finest class that knows enough.

        Args:
            body: the request body; an empty one belongs to the coarsest class.
        """
        keys = list(classes_of(body, self._audio_s(body)))
        warm = [key for key in keys if self._counts.get(key, 0) >= WARM_JOBS]
        return self._fit(warm[0] if warm else keys[-1], warm[1:2])

    def _fit(self, key: Hashable, coarser: list[Hashable]) -> Spread:
        """Fit a class, again only when it has grown by a tenth."""
        count = self._counts.get(key, 0)
        at, spread = self._fits.get(key, (-1, Spread()))
        if at < 0 or count > at * (1 + _REFIT_SHARE):
            prior = self._fit(coarser[0], []) if coarser else None
            spread = fit(self._seen.get(key, ()), prior)
            self._fits[key] = (count, spread)
        return spread


def classes_of(body: Mapping[str, Any], audio_s: float | None = None) -> Iterator[Hashable]:
    """Give the classes that a job belongs to, the finest first.

    Args:
        body: the request body, of either form.
        audio_s: seconds of audio, or None if unknown.

    Example:
        >>> len(list(classes_of({"version": 6, "output_size": 400}, audio_s=12.0)))
        4
    """
    kind = (body.get("job_type"), body.get("template_id"), body.get("version"))
    size = _bucket(body.get("output_size"), _SIZE_STEP)
    iterations = _bucket(body.get("iteration_count"), _ITERATION_STEP)
    audio = _bucket(audio_s, _AUDIO_STEP)
    if audio is not None:
        yield (kind, size, iterations, audio)
    yield (kind, size, iterations)
    yield (kind,)
    yield ()


def _bucket(value: object, step: float) -> int | None:
    """Round a number to a power of `step`; None for what is no number above 0."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        return None
    return round(math.log(value) / math.log(step))


def _without_outliers(logs: list[float]) -> list[float]:
    """Leave out what lies far from the median, by the scale of the median deviation."""
    if len(logs) < WARM_JOBS:
        return logs
    middle = statistics.median(logs)
    scale = statistics.median(abs(item - middle) for item in logs)
    reach = max(_FAR_MADS * scale, _NEVER_FAR)
    return [item for item in logs if abs(item - middle) <= reach]


def _survival(score: float) -> float:
    return math.erfc(score / math.sqrt(2)) / 2


def _bell(score: float) -> float:
    return math.exp(-(score**2) / 2) / math.sqrt(2 * math.pi)
