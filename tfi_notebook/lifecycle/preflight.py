"""Check sources: what becomes of a payload's URLs is looked at before anything is paid for.

A submit to the live API says nothing about the files: a job with a broken link or a silent sound
fails later, or costs credits for a video of nothing. So each file is fetched by the rules of the
local service and looked at as that one would look at it. What is found is told, never raised.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tfi_notebook.contract.payloads import TalkingVideoPayload
from tfi_notebook.display.checks import checks_table, checks_text
from tfi_notebook.errors import TfiError
from tfi_notebook.lifecycle.filechecks import State, judged, unreachable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from tfi_notebook.contract.links import HasBody
    from tfi_notebook.contract.local import SourceFile
    from tfi_notebook.contract.model import Payload
    from tfi_notebook.lifecycle.filechecks import Check, Finding

    Outgoing = Callable[[HasBody], Awaitable[HasBody]]
    LookUp = Callable[[str, str], Awaitable[SourceFile]]


class Preflight:
    """What was found about a payload's files; shows itself as a cell's last expression.

    Attributes:
        checks: one for each thing that was looked at, field by field.
        facts: field → `size_bytes`, `width_px`, `height_px`, `duration_s`, as far as known.
        found: field → name and bytes of its file, where that is usable and at most 25 MB.
    """

    def __init__(self, findings: Mapping[str, Finding]) -> None:
        self.checks: tuple[Check, ...] = tuple(
            check for finding in findings.values() for check in finding.checks
        )
        self.facts = {name: finding.facts for name, finding in findings.items()}
        self.found = {
            name: (finding.file_name, finding.data)
            for name, finding in findings.items()
            if finding.data is not None
        }

    @property
    def ok(self) -> bool:
        """True unless something is bad; warnings and what could not be checked do not count."""
        return not self.problems()

    def problems(self) -> dict[str, str]:
        """Return field → what is bad about its file; the first thing, where there are several."""
        return self._words(State.BAD)

    def warnings(self) -> dict[str, str]:
        """Return field → what is odd about its file, but no reason not to submit."""
        return self._words(State.WARN)

    def html(self) -> str:
        """Return the checks as a static table."""
        return checks_table(self._caption(), self._rows())

    def _repr_html_(self) -> str:
        return self.html()

    def __repr__(self) -> str:
        """Return the checks as text, a line for each."""
        return checks_text(self._caption(), self._rows())

    def _words(self, state: State) -> dict[str, str]:
        found: dict[str, str] = {}
        for check in self.checks:
            if check.state is state:
                found.setdefault(check.field, f"{check.name}: {check.words}")
        return found

    def _rows(self) -> list[tuple[str, str, str, str]]:
        return [(check.field, check.name, check.state.value, check.words) for check in self.checks]

    def _caption(self) -> str:
        counts = [(len(self.problems()), "problem"), (len(self.warnings()), "warning")]
        told = [f"{n} {word}{'s' * (n > 1)}" for n, word in counts if n]
        if not self.checks:
            return "sources checked: the payload names no files"
        return f"sources checked: {', '.join(told) or 'no problems'}"


@dataclass(frozen=True, slots=True)
class _OneUrl:
    """A body with one URL in it, so that what is wrong with its signing is wrong with it alone."""

    url: str

    def body(self) -> dict[str, Any]:
        return {"url": self.url}


async def preflight(
    payload: Payload, *, local: bool, outgoing: Outgoing, look_up: LookUp
) -> Preflight:
    """Look at every file that a payload names; see `Account.preflight`.

    Args:
        payload: a checked payload.
        local: whether the local service is meant: it renders no picture without a face.
        outgoing: signs the files of the asset store, as for a submit.
        look_up: gets a file and looks at it.
    """

    async def found(field: str, url: str) -> Finding:
        try:
            signed = (await outgoing(_OneUrl(url))).body()["url"]
            file = await look_up(signed, field.rpartition(".")[2])
        except TfiError as error:
            return unreachable(field, error)
        try:
            return await asyncio.to_thread(judged, field, url, file, needs_face=needs_face)
        except OSError:
            gone = TfiError("the file cannot be read any more", hint="look again")
        return unreachable(field, gone)

    needs_face = local or isinstance(payload, TalkingVideoPayload)
    urls = payload.urls()
    findings = await asyncio.gather(*(found(name, url) for name, url in urls.items()))
    return Preflight(dict(zip(urls, findings, strict=True)))
