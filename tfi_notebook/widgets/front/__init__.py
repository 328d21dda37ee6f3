"""What the browser gets: small ES modules and style sheets, without a build step."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent


@cache
def esm(*names: str) -> str:
    """Join files of this folder to the text of one ES module; the last one has the export.

    Args:
        names: file names, in the order in which they build on each other.

    Example:
        >>> "export default" in esm("actions.js")
        True
    """
    return _joined(names)


@cache
def css(*names: str) -> str:
    """Return the shared style sheet, followed by these of this folder."""
    return _joined(("base.css", *names))


def _joined(names: tuple[str, ...]) -> str:
    return "\n".join((_HERE / name).read_text(encoding="utf-8") for name in names)
