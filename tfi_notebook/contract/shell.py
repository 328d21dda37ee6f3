"""A cURL command as a POSIX shell reads it, as far as it takes to find the body in it.

`shlex` knows neither `$'...'`, in which browsers write what they copy, nor lines that go on.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tfi_notebook.errors import PayloadError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE: Final = re.compile(
    r"""(?P<goes_on>\\\r?\n)
    |(?P<blank>\s+)
    |\$'(?P<ansi>(?:[^'\\]|\\.)*)'
    |'(?P<single>[^']*)'
    |\$?"(?P<double>(?:[^"\\]|\\.)*)"
    |\\(?P<escaped>.)
    |(?P<plain>[^\s'"\\$]+|\$)""",
    re.DOTALL | re.VERBOSE,
)
_IN_DOUBLE: Final = re.compile(r"\\(\r?\n|[\\\"$`])")
_IN_ANSI: Final = re.compile(
    r"\\(?:u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})|x([0-9a-fA-F]{1,2})|([0-7]{1,3})|(.))", re.DOTALL
)
_ANSI: Final = {
    "n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v",
    "e": "\x1b", "E": "\x1b", "\\": "\\", "'": "'", '"': '"', "?": "?",
}  # fmt: skip
_DATA: Final = re.compile(r"--(?:data(?:-raw|-binary|-ascii)?|json)|-[#fgikLsSv]*d", re.ASCII)
_ATTACHED: Final = re.compile(r"(--(?:data(?:-raw|-binary|-ascii)?|json)=|-d(?=.))", re.ASCII)
_HINT: Final = "the body must stand in the command, as in --data-raw '{...}'"


def body_argument(command: str) -> str:
    """Return the body that a cURL command sends.

    Args:
        command: the command, with whatever other options.

    Raises:
        PayloadError: it cannot be read, or has no body, more than one, or one in a file.
    """
    bodies = list(_bodies(_words(command)))
    if len(bodies) != 1:
        raise _refused("has no body" if not bodies else "has more than one body")
    option, body = bodies[0]
    if body.startswith("@") and "raw" not in option:
        raise _refused("takes its body from a file")
    return body


def _bodies(words: list[str]) -> Iterator[tuple[str, str]]:
    following = iter(words)
    for word in following:
        attached = _ATTACHED.match(word)
        if _DATA.fullmatch(word):
            body = next(following, None)
            if body is None:
                raise _refused(f"ends after {word}")
            yield word, body
        elif attached:
            yield attached[0], word[attached.end() :]


def _words(command: str) -> list[str]:
    """Split into words; quotes are taken away, variables stay as they are."""
    words: list[str] = []
    is_open, at = False, 0
    while at < len(command):
        piece = _PIECE.match(command, at)
        if piece is None:
            raise _refused("has a quote that is not closed")
        at = piece.end()
        if piece.lastgroup == "goes_on":
            continue
        if piece.lastgroup == "blank":
            is_open = False
        elif is_open:
            words[-1] += _meant(piece)
        else:
            words.append(_meant(piece))
            is_open = True
    return words


def _meant(piece: re.Match[str]) -> str:
    text = piece[piece.lastgroup or 0]
    if piece.lastgroup == "double":
        return _IN_DOUBLE.sub(lambda found: found[1] if len(found[1].strip()) else "", text)
    return _ansi(text) if piece.lastgroup == "ansi" else text


def _ansi(text: str) -> str:
    r"""Undo the escapes of `$'...'`; `\x` and octal ones are bytes of UTF-8."""
    found, at = bytearray(), 0
    for escape in _IN_ANSI.finditer(text):
        found += _bytes(text[at : escape.start()]) + _unescaped(escape)
        at = escape.end()
    try:
        plain = (found + _bytes(text[at:])).decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        raise _refused("holds bytes that are no text") from None
    # browsers write a character beyond U+FFFF as the two halves that JavaScript has of it
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _unescaped(escape: re.Match[str]) -> bytes:
    short, long, byte, octal, other = escape.groups()
    if short or long:
        return _bytes(chr(min(int(short or long, 16), 0x10FFFF)))
    if byte or octal:
        return bytes([(int(byte, 16) if byte else int(octal, 8)) & 0xFF])
    return _bytes(_ANSI.get(other, f"\\{other}"))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _refused(problem: str) -> PayloadError:
    return PayloadError({"payload": f"the command {problem}"}, hint=_HINT)
