"""Warnings: what is right, but may not do what is meant. Each says why.

A warning is only given where its reason is known: from the local renderer, which is not TFI's
model, from what public models of this kind do, or from the picture and the sound themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tfi_notebook.contract.payloads import TalkingVideoPayload
from tfi_notebook.widgets.fields import VALUE
from tfi_notebook.widgets.sources import Picture, Sound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

FACE_SHARE_MIN: Final = 0.12
SOUND_MIN_S: Final = 2.0
LOCAL_ITERATIONS: Final = 20
"""Past it the local renderer gains nothing: see the table of docs/renderer.md."""
PUBLIC_ITERATIONS: Final = 30
"""Past it users of public models report no visible gain: see `contract.fields.IterationCount`."""
PUBLIC_STEP_PX: Final = 64
"""Sizes that public models of this kind (Sonic) round to."""

_EXPAND_DEFAULT: Final = TalkingVideoPayload.model_fields["expand_ratio"].default
_LIMIT_ROUNDING: Final = 0.005


@dataclass(frozen=True, slots=True)
class Case:
    """What the rules look at.

    Attributes:
        values: what is entered and right, by field.
        sources: what is known of pictures and sounds, by field.
        local: the payload goes to the local service.
    """

    values: Mapping[str, Any]
    sources: Mapping[str, Picture | Sound]
    local: bool

    def number(self, name: str) -> float | None:
        """Return a field's number; None where there is none."""
        value = self.values.get(name)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return value if is_number else None

    @property
    def face_crop(self) -> Picture | None:
        """The picture, if it is to be cut to a face that is known."""
        picture = self.sources.get("image_url")
        if not isinstance(picture, Picture) or picture.face is None:
            return None
        return picture if self.values.get("crop") is True else None


def advice(
    values: Mapping[str, Any], sources: Mapping[str, Picture | Sound], *, local: bool
) -> dict[str, str]:
    """Return the warnings, field → message.

    Args:
        values: what is entered and right, by field; fields that are wrong are left out.
        sources: what is known of pictures and sounds, by field.
        local: whether the payload goes to the local service.

    Example:
        >>> advice({"crop": False, "expand_ratio": 1.0}, {}, local=True)
        {'expand_ratio': 'without effect: there is no crop'}
    """
    case = Case(values, sources, local)
    told: dict[str, list[str]] = {}
    for rule in _RULES:
        for name, message in rule(case):
            told.setdefault(name, []).append(message)
    return {name: "; ".join(messages) for name, messages in told.items()}


def _size(case: Case) -> Iterator[tuple[str, str]]:
    size = case.number("output_size")
    if size is None:
        return
    if case.local and size % 2:
        yield "output_size", f"rendered as {size + 1:g}: video needs even sides"
    rounded = round(size / PUBLIC_STEP_PX) * PUBLIC_STEP_PX
    if not case.local and rounded != size:
        yield "output_size", f"public models of this kind give {rounded:g} (TFI does not say)"


def _enlarged(case: Case) -> Iterator[tuple[str, str]]:
    size, picture = case.number("output_size"), case.sources.get("image_url")
    if size is None or not isinstance(picture, Picture):
        return
    edges = picture.width_px, picture.height_px
    edge = min(edges) if case.face_crop else max(edges)
    if edge < size:
        yield "output_size", f"the picture has only {edge} px for it and is enlarged"


def _faces(case: Case) -> Iterator[tuple[str, str]]:
    for name, picture in case.sources.items():
        if not isinstance(picture, Picture):
            continue
        if picture.face is None:
            yield name, "no clear face was found in it; the local renderer refuses it"
            continue
        share = (picture.face[3] - picture.face[1]) / picture.height_px
        if share < FACE_SHARE_MIN:
            yield name, f"its face is {share:.0%} of its height: few pixels are left for a mouth"
        if picture.face_count > 1:
            yield (
                name,
                f"{picture.face_count} faces: the local renderer takes the largest clear one",
            )


def _sounds(case: Case) -> Iterator[tuple[str, str]]:
    for name, sound in case.sources.items():
        if isinstance(sound, Sound) and sound.silent:
            yield name, "is silent: there is nothing to move the mouth by"
        elif isinstance(sound, Sound) and sound.duration_s < SOUND_MIN_S:
            yield name, f"lasts {sound.duration_s:.1f} s: hardly long enough to judge lips by"


def _expand(case: Case) -> Iterator[tuple[str, str]]:
    ratio, picture = case.number("expand_ratio"), case.face_crop
    if ratio is None:
        return
    if case.values.get("crop") is False and ratio != _EXPAND_DEFAULT:
        yield "expand_ratio", "without effect: there is no crop"
    if picture is not None and picture.face is not None:
        x0, y0, x1, y1 = picture.face
        limit = (min(picture.width_px, picture.height_px) / max(x1 - x0, y1 - y0) - 1) / 2
        if ratio > max(limit, 0) + _LIMIT_ROUNDING:
            yield (
                "expand_ratio",
                f"past {max(limit, 0):.2f} the crop grows no more: the picture ends",
            )


def _iterations(case: Case) -> Iterator[tuple[str, str]]:
    count = case.number("iteration_count")
    if count is None:
        return
    if case.local and count > LOCAL_ITERATIONS:
        message = f"the local renderer gains nothing past {LOCAL_ITERATIONS}"
        yield "iteration_count", message
    if not case.local and count > PUBLIC_ITERATIONS:
        message = f"users of public models see no gain past {PUBLIC_ITERATIONS}; time grows with it"
        yield "iteration_count", message


def _ignored(case: Case) -> Iterator[tuple[str, str]]:
    for name in ("is_clone_required", "values"):
        if case.local and case.values.get(name):
            yield name, "without effect: the local renderer does not use it"


def _empty(case: Case) -> Iterator[tuple[str, str]]:
    for name, value in case.values.items():
        if name.startswith(VALUE) and value == "":
            yield name, "is empty; the template may need it"


_RULES: Final[tuple[Callable[[Case], Iterator[tuple[str, str]]], ...]] = (
    _size, _enlarged, _faces, _sounds, _expand, _iterations, _ignored, _empty,
)  # fmt: skip
