"""What must hold for a picture and a sound, looked at in a process of its own.

`python -m tfi_notebook.local.checks DEADLINE_S` answers one line of JSON on standard output for
each line on standard input, until that ends: see `helper`. `checker` is its other side.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

from tfi_notebook.errors import AudioTooLongError, PictureTooLargeError, SourceError
from tfi_notebook.local.helper import answer_lines
from tfi_notebook.local.wire import wire_error

PICTURE_MAX_BYTES: Final = 50_000_000
SOUND_MAX_BYTES: Final = 200_000_000
MAX_BYTES: Final = {"image_url": PICTURE_MAX_BYTES, "audio_url": SOUND_MAX_BYTES}


def check_size(path: Path, field: str) -> None:
    """Check that a file is no larger than is read.

    Raises:
        PictureTooLargeError, AudioTooLongError: it is; `field` names its URL.
    """
    if path.stat().st_size <= MAX_BYTES[field]:
        return
    kind, what = (
        (PictureTooLargeError, "picture") if field == "image_url" else (AudioTooLongError, "sound")
    )
    raise kind(f"the {what}'s file is larger than {MAX_BYTES[field]:,} bytes", field=field)


def look(path: Path, field: str) -> dict[str, Any]:
    """Look at a file as what a field names.

    Args:
        path: the file.
        field: `image_url` for a picture with a face, `audio_url` for an audible sound.

    Returns:
        `error`, the fields of a `SourceError` or none; for a sound `voice_s`, its length; and
        `may_pass` if another time the same file may be usable.
    """
    try:
        check_size(path, field)
        return {"error": {}} | (_picture(path) if field == "image_url" else _sound(path))
    except SourceError as error:
        return {"error": wire_error(error)}
    except MemoryError:
        told = SourceError("the file unfolds into more than this machine's memory", field=field)
    except OSError as error:
        told = SourceError(f"the file cannot be read ({error.strerror})", field=field)
    return {"error": wire_error(told), "may_pass": True}


def _picture(path: Path) -> dict[str, Any]:
    from tfi_notebook.media.face import find_face  # noqa: PLC0415 - cv2 loads at the first check
    from tfi_notebook.media.frames import read_picture  # noqa: PLC0415 - the same

    find_face(read_picture(path, field="image_url"), field="image_url")
    return {}


def _sound(path: Path) -> dict[str, Any]:
    from tfi_notebook.media.audio import ANALYSIS_RATE_HZ, blocks  # noqa: PLC0415 - av, the same

    count = sum(len(part) for part in blocks(path, field="audio_url"))
    return {"voice_s": count / ANALYSIS_RATE_HZ}


def main(argv: list[str]) -> int:
    """Answer each request on standard input; end with it, or in the middle of a check that hangs.

    Args:
        argv: the longest time of one check in s, and nothing else.
    """
    answer_lines(float(argv[0]), _answer)
    return 0


def _answer(path: str, field: str) -> dict[str, Any]:
    return look(Path(path), field)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
