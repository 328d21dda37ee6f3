"""What a form says of a field beside its title and description. Nothing is checked by it."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class About:
    """Metadata of a payload's field, to be put into its `Annotated` type.

    Attributes:
        source: from where it is known what the field means.
        offered: values to choose from → what they are called; any other can be typed.

    Example:
        >>> from tfi_notebook.contract.payloads import TalkingVideoPayload
        >>> TalkingVideoPayload.model_fields["project_id"].metadata[-1].source
        "TFI's reference page"
    """

    source: str
    offered: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


REFERENCE: Final = "TFI's reference page"
BOUNDED: Final = f"{REFERENCE}; limits: this toolkit's"
WORKERS: Final = f"{REFERENCE}; file types: TFI's public worker nodes"
LANGUAGES: Final = MappingProxyType(
    {
        "en": "English",
        "ar": "Arabic",
        "cs": "Czech",
        "da": "Danish",
        "de": "German",
        "el": "Greek",
        "es": "Spanish",
        "fi": "Finnish",
        "fr": "French",
        "he": "Hebrew",
        "hi": "Hindi",
        "hu": "Hungarian",
        "id": "Indonesian",
        "it": "Italian",
        "ja": "Japanese",
        "ko": "Korean",
        "nl": "Dutch",
        "no": "Norwegian",
        "pl": "Polish",
        "pt-BR": "Portuguese (Brazil)",
        "pt-PT": "Portuguese (Portugal)",
        "ro": "Romanian",
        "ru": "Russian",
        "sv": "Swedish",
        "th": "Thai",
        "tr": "Turkish",
        "uk": "Ukrainian",
        "vi": "Vietnamese",
        "zh": "Chinese",
    }
)
"""Common ones, to find a tag by its name. Which of them TFI's models speak is not documented."""
