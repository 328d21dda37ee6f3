"""What kind of file it is: by its first bytes, by its name, by the word of its server. Pure."""

from __future__ import annotations

import re
from typing import Final

PICTURES: Final = ("PNG", "JPEG", "WebP", "BMP")
SOUNDS: Final = ("WAV", "MP3", "M4A", "FLAC", "OGG")
"""The kinds that TFI's documentation names; decoders here know more sounds."""

_SUFFIXES: Final = {
    "png": "PNG", "jpg": "JPEG", "jpeg": "JPEG", "webp": "WebP", "bmp": "BMP", "gif": "GIF",
    "wav": "WAV", "mp3": "MP3", "m4a": "M4A", "mp4": "M4A", "flac": "FLAC", "ogg": "OGG",
    "oga": "OGG", "opus": "OGG", "aac": "AAC", "webm": "WebM", "html": "HTML", "htm": "HTML",
    "svg": "SVG",
}  # fmt: skip
_MEDIA_TYPES: Final = {
    "mpeg": "MP3", "mp3": "MP3", "x-wav": "WAV", "wave": "WAV", "vnd.wave": "WAV",
    "x-m4a": "M4A", "x-flac": "FLAC", "x-ms-bmp": "BMP", "svg+xml": "SVG", "aac": "AAC",
}  # fmt: skip
_SIGNATURES: Final = (
    ("PNG", rb"\x89PNG\r\n\x1a\n"),
    ("JPEG", rb"\xff\xd8\xff"),
    ("WebP", rb"RIFF.{4}WEBP"),
    ("WAV", rb"RIFF.{4}WAVE|RIFX.{4}WAVE|RF64.{4}WAVE"),
    ("GIF", rb"GIF8[79]a"),
    ("BMP", rb"BM.{4}\x00{4}"),
    ("FLAC", rb"fLaC"),
    ("OGG", rb"OggS"),
    ("M4A", rb".{4}ftyp"),
    ("WebM", rb"\x1a\x45\xdf\xa3"),
    ("AAC", rb"\xff[\xf0\xf1\xf8\xf9]"),
    ("MP3", rb"ID3|\xff[\xe2-\xfb]"),
    ("SVG", rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?<svg[\s>]"),
    ("HTML", rb"(?i:(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html)[\s>])"),
)
_MARKS: Final = tuple((kind, re.compile(mark, re.DOTALL)) for kind, mark in _SIGNATURES)


def kind_of(data: bytes) -> str:
    r"""Return the kind of a file by how it begins; empty where that tells nothing.

    An MP4 counts as M4A: what is in it, the first bytes do not tell.

    Example:
        >>> kind_of(b"fLaC\0\0\0\x22"), kind_of(b"<!DOCTYPE html><html>"), kind_of(b"hello")
        ('FLAC', 'HTML', '')
    """
    return next((kind for kind, mark in _MARKS if mark.match(data)), "")


def kind_by_name(name: str) -> str:
    """Return the kind that a file's name promises; empty where it promises none.

    Example:
        >>> kind_by_name("me.JPG"), kind_by_name("download")
        ('JPEG', '')
    """
    _, dot, suffix = name.rpartition(".")
    return _SUFFIXES.get(suffix.lower(), "") if dot else ""


def kind_by_media_type(media_type: str) -> str:
    """Return the kind that a media type names; empty for one that stands for anything.

    Example:
        >>> kind_by_media_type("audio/mpeg"), kind_by_media_type("application/octet-stream")
        ('MP3', '')
    """
    word = media_type.rpartition("/")[2].lower()
    return _MEDIA_TYPES.get(word) or _SUFFIXES.get(word, "")
