"""How long jobs may still take, from what finished renderings on this machine have taken.

Jobs of one class (model version and size) take about the same time for each second of voice, so
the median over the newest of a class gives a job's own time. What waits before a job is shared
by as many renderings as run at once now.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from tfi_notebook.local.statements import AHEAD, EXPECT, PACES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tfi_notebook.local.database import Database

NEWEST: Final = 50
"""How many renderings of a class are looked at: what the machine did long ago says little."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is left of a job, in s, and how many finished jobs of its class say so."""

    left_s: float
    from_jobs: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What a job's row says beside what is kept of the job.

    Attributes:
        message: a remark for a person.
        queue_position: how many jobs wait before it; None unless it waits.
        outlook: what is left of it, where the history tells.
    """

    message: str
    queue_position: int | None = None
    outlook: Outlook | None = None

    def fields(self) -> dict[str, Any]:
        """Return it as fields of the row; None where nothing is known.

        Example:
            >>> Standing("queued locally", 0, Outlook(41.23, 12)).fields()["eta_s"]
            41.2
        """
        outlook = self.outlook
        return {
            "message": self.message,
            "queue_position": self.queue_position,
            "eta_s": round(outlook.left_s, 1) if outlook else None,
            "eta_from_jobs": outlook.from_jobs if outlook else None,
        }


class History:
    """What each job asked of this machine, and what the finished ones took.

    Args:
        database: the queue's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def expect(self, job_id: str, fields: Mapping[str, Any], voice_s: float) -> None:
        """Note a job's class and the length of its voice; one without a class has no outlook.

        Args:
            job_id: the job.
            fields: form A's fields of its body.
            voice_s: length of its narration.
        """
        version, size_px = fields.get("version"), fields.get("output_size")
        if isinstance(version, int) and isinstance(size_px, int):
            noted: dict[str, str | float] = {
                "id": job_id,
                "version": version,
                "size_px": size_px,
                "voice_s": voice_s,
            }
            self._database.run(EXPECT, noted)

    def took(self, job_id: str, wall_s: float) -> None:
        """Note how long a finished job's rendering has taken."""
        sql = "UPDATE renders SET wall_s = :wall_s WHERE job_id = :id"
        self._database.run(sql, {"id": job_id, "wall_s": wall_s})

    def outlook(self, job: Mapping[str, Any]) -> Outlook | None:
        """Tell what is left of a job that has not ended.

        Args:
            job: its columns.

        Returns:
            The outlook; None where its class, or one that waits before it, has no history.
        """
        sql = "SELECT version, size_px, voice_s FROM renders WHERE job_id = :id"
        mine = self._database.run(sql, {"id": job["id"]})
        paces = self._paces(mine[0]) if mine else []
        before_s = 0.0 if job["status"] == "STARTED" else self._before_s(job["id"])
        if not paces or before_s is None:
            return None
        own_s = median(paces) * mine[0]["voice_s"] * (1 - job["progress"])
        return Outlook(before_s + own_s, len(paces))

    def _before_s(self, job_id: str) -> float | None:
        total_s, running = 0.0, 0
        for group in self._database.run(AHEAD, {"id": job_id}):
            paces = self._paces(group)
            if not paces:
                return None
            total_s += median(paces) * group["voice_s"]
            running += group["running"]
        return total_s / max(1, running)

    def _paces(self, of: Mapping[str, Any]) -> list[float]:
        """Return seconds per second of voice of the newest finished jobs of a class."""
        wanted = {"version": of["version"], "size_px": of["size_px"], "newest": NEWEST}
        return [row["pace"] for row in self._database.run(PACES, wanted)]
