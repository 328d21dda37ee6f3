"""The model files are the ones their NOTICE names."""

from __future__ import annotations

import hashlib
import re

from tfi_notebook.media.nets import DETECTOR_FILE, MESH_468, MESH_478, MODELS_DIR


def test_every_model_has_the_sum_the_notice_tells() -> None:
    notice = (MODELS_DIR / "NOTICE").read_text(encoding="utf-8")
    told = dict(re.findall(r"^(\S+\.tflite)\s+md5 ([0-9a-f]{32})$", notice, re.MULTILINE))
    assert set(told) == {DETECTOR_FILE, MESH_478.file, MESH_468.file}
    for name, md5 in told.items():
        assert hashlib.md5((MODELS_DIR / name).read_bytes()).hexdigest() == md5
    assert "Apache License" in (MODELS_DIR / "LICENSE").read_text(encoding="utf-8")
