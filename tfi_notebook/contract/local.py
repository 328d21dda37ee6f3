"""What the local service has in place of an account, and what it tells of a payload's files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LOCAL_PROJECT_ID: Final = "10ca1000-0000-4000-8000-000000000001"
"""Id of the local service's one project. It means nothing to TFI's API."""

SAMPLE_PORTRAIT_PATH: Final = "/samples/portrait.png"
"""Path of the sample picture, behind the local service's base URL."""

SAMPLE_VOICE_PATH: Final = "/samples/voice.wav"
"""Path of the sample narration, behind the local service's base URL."""


class SourceFile(NamedTuple):
    """A picture or a sound that a payload names, once it is on this machine.

    Attributes:
        path: the file.
        media_type: what its server says that it is, such as `image/png`; empty if none was asked.
        found: `error` (code, message and hint of a `SourceError`, or nothing), `voice_s` of a
            sound; `is_unseen` where there are no decoders to look with.
    """

    path: Path
    media_type: str
    found: Mapping[str, Any]


def sample_fields(base_url: str) -> dict[str, str]:
    """Return the payload fields that need not be given to a local service: its samples.

    Args:
        base_url: address of the local service.
    """
    return {
        "image_url": base_url + SAMPLE_PORTRAIT_PATH,
        "audio_url": base_url + SAMPLE_VOICE_PATH,
        "project_id": LOCAL_PROJECT_ID,
    }
