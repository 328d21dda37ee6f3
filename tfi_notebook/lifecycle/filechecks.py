"""What is found about one file of a payload, told as a list of checks. Pure but for reading it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from tfi_notebook.credentials import shown
from tfi_notebook.display import words
from tfi_notebook.errors import NotAPictureError
from tfi_notebook.http import redact
from tfi_notebook.media.headers import picture_header
from tfi_notebook.media.kinds import PICTURES, SOUNDS, kind_by_media_type, kind_by_name, kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tfi_notebook.contract.local import SourceFile
    from tfi_notebook.errors import TfiError

    Result = tuple["State", str]

FOUND_MAX_BYTES: Final = 25_000_000
"""Larger files are not handed on: whoever previews them would hold them in memory."""
SHORTEST_S: Final = 2.0
"""Renderers of this kind work in windows of 2 s, and fill a shorter one by repeating frames."""
_HEAD_BYTES: Final = 1_000_000

_NAMES: Final = {
    "image_url": ("reachable", "type", "size", "decodable", "face"),
    "audio_url": ("reachable", "type", "size", "decodable", "length", "sound"),
}
_NEEDS: Final = 'needs pip install "tfi-notebook[local]"'
_STOPS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "picture_too_large": ("size", ()),
    "not_a_picture": ("decodable", ("size",)),
    "no_face": ("face", ("size", "decodable")),
    "not_audio": ("decodable", ("size",)),
    "audio_too_long": ("length", ("size", "decodable")),
    "empty_audio": ("sound", ("size", "decodable")),
}
"""Code of what is wrong with a file → the check that it fails, and those that hold all the same."""


class State(StrEnum):
    """How a check stands."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        field: the payload's field, such as `audio_url` or `values.avatar.image_url`.
        name: `reachable`, `type`, `size`, `decodable`; `face`, or `length` and `sound`.
        state: how it stands.
        words: what was found, without any credential.
    """

    field: str
    name: str
    state: State
    words: str = ""


class Finding(NamedTuple):
    """All that was found about one file.

    Attributes:
        checks: in the order in which they build on each other.
        facts: `size_bytes`, `width_px`, `height_px`, `duration_s`, as far as they are known.
        file_name: a name for the file, with the suffix of what it is.
        data: the file; None if it is unusable or too large to be handed on.
    """

    checks: tuple[Check, ...]
    facts: Mapping[str, float]
    file_name: str = ""
    data: bytes | None = None


def unreachable(field: str, error: TfiError) -> Finding:
    """Return what is told of a file that there is none of."""
    first, *rest = _NAMES[_key(field)]
    hint = f"; {error.hint}" if error.hint else ""
    checks = [Check(field, first, State.BAD, redact(f"{error.message}{hint}"))]
    checks += [Check(field, name, State.NOT_CHECKED) for name in rest]
    return Finding(tuple(checks), {})


def judged(field: str, url: str, file: SourceFile, *, needs_face: bool) -> Finding:
    """Return what is told of a file; reads it, so it belongs into a thread.

    Args:
        field: the payload's field.
        url: what stands in it; only the name at the end of its path is used.
        file: the file, and what the decoders found.
        needs_face: whether a picture without a face is of no use here.

    Raises:
        OSError: the file cannot be read.
    """
    size_bytes = file.path.stat().st_size
    is_small = size_bytes <= FOUND_MAX_BYTES
    with file.path.open("rb") as stream:
        data = stream.read(FOUND_MAX_BYTES if is_small else _HEAD_BYTES)
    key, name, kind = _key(field), _file_name(url), kind_of(data)
    facts = {"size_bytes": float(size_bytes)} | _measures(key, data, file.found)
    told = {
        check: _content(check, file.found, facts, needs_face=needs_face) for check in _NAMES[key]
    }
    told["type"] = _type(key, kind, name, file)
    checks = tuple(Check(field, check, *result) for check, result in told.items())
    is_usable = is_small and all(check.state is not State.BAD for check in checks)
    known_as = f"{PurePosixPath(name).stem}.{kind.lower()}" if kind else name
    return Finding(checks, facts, known_as, data if is_usable else None)


def _key(field: str) -> str:
    """`audio_url` for `values.voice.audio_url`."""
    return field.rpartition(".")[2]


def _file_name(url: str) -> str:
    path = unquote(urlsplit(shown(url)).path)
    return words.readable(PurePosixPath(path).name, 60) or "file"


def _measures(key: str, data: bytes, found: Mapping[str, Any]) -> dict[str, float]:
    if key == "audio_url":
        return {"duration_s": float(found["voice_s"])} if "voice_s" in found else {}
    try:
        _, width, height = picture_header(data)
    except NotAPictureError:
        return {}
    return {"width_px": float(width), "height_px": float(height)}


def _content(
    check: str, found: Mapping[str, Any], facts: Mapping[str, float], *, needs_face: bool
) -> Result:
    """Say how a check stands by the one error that the decoders tell."""
    error = found["error"]
    failed, held = _STOPS.get(error.get("code"), ("decodable", ()))
    if error and check == failed:
        state = State.WARN if check == "face" and not needs_face else State.BAD
        return state, redact(f"{error['message']}; {error['hint']}".removesuffix("; "))
    if error and check not in ("reachable", *held):
        return State.NOT_CHECKED, ""
    if found.get("is_unseen") and check not in {"reachable", "size"}:
        return State.NOT_CHECKED, _NEEDS
    return _holds(check, facts)


def _holds(check: str, facts: Mapping[str, float]) -> Result:
    length_s = facts.get("duration_s", SHORTEST_S)
    if check == "length" and length_s < SHORTEST_S:
        return State.WARN, f"{length_s:.1f} s: renderers of this kind want {SHORTEST_S:g} s or more"
    edges = [f"{facts[name]:.0f}" for name in ("width_px", "height_px") if name in facts]
    pixels = f"{' x '.join(edges)} px, " if edges else ""
    told = {
        "reachable": "a file is there",
        "size": f"{pixels}{words.size(int(facts['size_bytes']))}",
        "face": "a face was found",
        "length": f"{length_s:.1f} s",
        "sound": "it is audible",
    }
    return State.OK, told.get(check, "")


def _type(key: str, kind: str, name: str, file: SourceFile) -> Result:
    """Compare what the file is with what its name and its server say."""
    wanted, what = (PICTURES, "picture") if key == "image_url" else (SOUNDS, "sound")
    if kind and kind not in wanted:
        is_fine = not file.found["error"] and not file.found.get("is_unseen")
        taken = (
            f"a {what} of kind {kind}, which TFI does not list" if is_fine else f"{kind}, no {what}"
        )
        return (State.WARN if is_fine else State.BAD), taken
    if not kind:
        return State.WARN, f"does not begin as a {what} of a known kind does"
    by_name, by_type = kind_by_name(name), kind_by_media_type(file.media_type)
    if by_type and by_type != kind:
        return State.WARN, f"{kind}, but its server calls it {file.media_type}"
    if by_name and by_name != kind:
        return State.WARN, f"{kind}, but its name ends as one of {by_name} does"
    return State.OK, kind
