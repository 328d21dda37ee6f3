"""What the browser gets: small ES modules and style sheets, without a build step."""

from __future__ import annotations

import base64
import gzip
import re
from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent
_UNPACKED = """\
const bytes = Uint8Array.from(atob("{packed}"), (sign) => sign.charCodeAt(0));
const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
const text = await new Response(stream).text();
const url = URL.createObjectURL(new Blob([text], {{ type: "text/javascript" }}));
export default (await import(url)).default;
"""
_AIR = re.compile(r"/\*.*?\*/|(?<=[{};,:])\s+|\s+(?=[{}])", re.DOTALL)
"""What a style sheet does without: comments, and blanks that end nothing."""


@cache
def esm(*names: str) -> str:
    """Join files of this folder to one ES module, packed: its default export is the last one's.

    Every panel sends its modules anew, through a websocket that does not compress: packed they
    are less than half as long. Comments and indentation stay here; so no text in backticks may span
    lines.

    Args:
        names: file names, in the order in which they build on each other.

    Example:
        >>> "export default" in esm("actions.js")
        True
    """
    lines = map(str.strip, module(*names).splitlines())
    text = "\n".join(line for line in lines if line and not line.startswith("//"))
    packed = gzip.compress(text.encode(), mtime=0)
    return _UNPACKED.format(packed=base64.b64encode(packed).decode())


def module(*names: str) -> str:
    """Join files of this folder to the readable text of one ES module."""
    return _joined(names)


@cache
def css(*names: str) -> str:
    """Join style sheets of this folder, without comments and indentation.

    A part that is also shown alone brings `base.css`; the others are on its page.

    Example:
        >>> css("tabs.css")[:30]
        '.tfi-badge{margin-bottom:4px;}'
    """
    return _AIR.sub("", _joined(names))


def _joined(names: tuple[str, ...]) -> str:
    return "\n".join((_HERE / name).read_text(encoding="utf-8") for name in names)
