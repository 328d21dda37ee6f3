"""A payload that is right in every field, to be spoiled in one."""

from __future__ import annotations

from typing import Any

from tfi_notebook.contract.payloads import TalkingVideoPayload

GOOD: dict[str, Any] = {
    "image_url": "https://cdn.example.com/image.png",
    "audio_url": "https://cdn.example.com/audio.mp3",
    "project_id": "468ea7a0-66e1-4357-a760-236e54167f3e",
}


def good_payload(**changes: Any) -> TalkingVideoPayload:
    """Return a valid payload with some fields changed."""
    return TalkingVideoPayload(**(GOOD | changes))
