"""Every cadence and limit of a connection, with its unit in its name."""

from __future__ import annotations

from dataclasses import dataclass, fields

from tfi_notebook import arguments
from tfi_notebook.errors import ArgumentError

_NEVER_ZERO = frozenset(
    [
        "parallel_downloads", "parallel_requests", "parallel_first", "read_tries", "poll_growth",
        "poll_budget_per_s", "local_poll_budget_per_s", "polls_per_job",
    ]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Limits:
    """Cadences and limits, each with its unit in its name."""

    request_timeout_s: float = 30.0
    """Total time of one API call, body included (not per read)."""
    submit_timeout_s: float = 60.0
    """Total time of one submit; a lost answer leaves the job `unknown`."""
    close_grace_s: float = 5.0
    """How long closing waits for the answers of submits that are under way."""
    sign_of_life_s: float = 60.0
    """How long other kernels take a submitting one for alive that gives no sign of life."""
    json_max_bytes: int = 1_000_000
    """Longest answer of the API that is read."""
    download_timeout_s: float = 600.0
    """Total time of one video's download."""
    download_max_bytes: int = 2_000_000_000
    """Largest video that is fetched."""
    parallel_downloads: int = 4
    """Videos that are fetched at the same time."""
    disk_reserve_bytes: int = 100_000_000
    """Space that a download must leave free."""
    upload_max_bytes: int = 200_000_000
    """Largest file that `asset` takes."""
    asset_link_life_s: float = 6 * 3600.0
    """How long the live API can fetch a file from the asset store, from the submit on."""
    poll_first_s: float = 2.0
    """Pause before the first status request where no duration is known."""
    poll_growth: float = 1.5
    """Factor by which these pauses grow."""
    poll_max_s: float = 30.0
    """Longest of these pauses."""
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
    """`poll_first_s` for a service in this process."""
    local_poll_max_s: float = 0.5
    """`poll_max_s` for a service in this process."""
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
    """Longest pause before any repeat."""
    retry_after_max_s: float = 60.0
    """Longest pause that the service's `Retry-After` can ask for."""
    retry_tokens: int = 40
    """Failures in a short time (half of this) after which failed reads are not repeated."""
    outage_failures: int = 6
    """Failures in a row, over all calls, after which the service counts as down."""
    probe_first_s: float = 1.0
    """Pause before the first look whether an outage has ended; it doubles with every look."""
    probe_max_s: float = 30.0
    """Longest pause between two such looks."""

    def __post_init__(self) -> None:
        """Refuse what is no number, is negative, or would let nothing through at all.

        Raises:
            ArgumentError: naming the limit.
        """
        for each in fields(self):
            name, value = each.name, getattr(self, each.name)
            kind = arguments.whole if isinstance(each.default, int) else arguments.number
            if kind(name, value) == 0 and name in _NEVER_ZERO:
                raise ArgumentError("must be more than 0", field=name)
