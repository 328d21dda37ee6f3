"""What the browser gets: small ES modules and style sheets, without a build step."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent
# a sixth of what every panel would send; so no text of these files may go over several lines
_ONLY_READ = re.compile(r"^\s*//.*\n|^\s+", re.MULTILINE)


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
    """Join style sheets of this folder.

    A part that is also shown alone brings `base.css`; the others are on its page.
    """
    return _joined(names)


def _joined(names: tuple[str, ...]) -> str:
    text = "\n".join((_HERE / name).read_text(encoding="utf-8") for name in names)
    return _ONLY_READ.sub("", text)
