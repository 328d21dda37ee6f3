"""The three MediaPipe networks, run through OpenCV: one call each, plain arrays in and out.

The model files lie in `models/` with their licence and origin. OpenCV's networks are not
thread-safe, so each thread holds its own; nothing is loaded before the first call, and a
spawned process loads its own as well.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MODELS_DIR: Final = Path(__file__).parent / "models"
DETECTOR_FILE: Final = "face_detection_short_range.tflite"
DETECTOR_EDGE_PX: Final = 128
# Feature maps of the detector: cells per edge, anchors per cell.
_ANCHOR_GRIDS: Final = ((16, 2), (8, 6))
_OPENCV_WITH_ENGINES: Final = 5


@dataclass(frozen=True, slots=True)
class MeshModel:
    """One landmark network: its file, input edge, points and the names of its outputs."""

    file: str
    edge_px: int
    points: int
    outputs: tuple[str, str]


MESH_478: Final = MeshModel("face_landmarks_detector.tflite", 256, 478, ("Identity", "Identity_1"))
MESH_468: Final = MeshModel("face_landmark.tflite", 192, 468, ("conv2d_21", "conv2d_31"))

_per_thread = threading.local()


def detector_outputs(square: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Run the face detector on one square picture.

    Args:
        square: RGB (128, 128, 3).

    Returns:
        boxes (896, 16): centre x, y, width, height, then six points x, y (right eye, left
        eye, nose, mouth, ears), all in 0..1 of the square's edge; and scores (896,) in 0..1.
    """
    blob = np.asarray(square, np.float32) / 127.5 - 1.0
    raw, logits = _forward(DETECTOR_FILE, blob, DETECTOR_EDGE_PX, ("regressors", "classificators"))
    boxes = raw.reshape(-1, 16).astype(np.float64) / DETECTOR_EDGE_PX
    boxes[:, :2] += _anchors()
    boxes[:, 4:] += np.tile(_anchors(), 6)
    return boxes, _sigmoid(logits.reshape(-1).astype(np.float64))


def mesh_outputs(model: MeshModel, square: NDArray[np.uint8]) -> tuple[NDArray[np.float64], float]:
    """Run a landmark network on one upright square cut round a face.

    Args:
        model: `MESH_478` or `MESH_468`.
        square: RGB (model.edge_px, model.edge_px, 3).

    Returns:
        points (model.points, 3) in px of the square (z by the same scale, 0 at the head's
        middle, negative towards the camera), and the presence score in 0..1.
    """
    blob = np.asarray(square, np.float32) / 255.0
    points, presence = _forward(model.file, blob, model.edge_px, model.outputs)
    score = _sigmoid(presence.reshape(-1)[:1].astype(np.float64))[0]
    return points.reshape(model.points, 3).astype(np.float64), float(score)


def _forward(
    file: str, blob: NDArray[np.float32], edge_px: int, outputs: tuple[str, str]
) -> list[NDArray[np.float32]]:
    # A wrong input size kills the process under OpenCV 5's default engine, so it is checked.
    if blob.shape != (edge_px, edge_px, 3):
        raise ValueError(f"{file} takes {edge_px}x{edge_px} RGB, not {blob.shape}")
    net = _net(file)
    net.setInput(np.ascontiguousarray(blob.transpose(2, 0, 1)[None]))
    # One array per requested output; the published signature only knows the one-output form.
    result: Any = net.forward(list(outputs))
    return [np.asarray(part, np.float32) for part in result]


def _net(file: str) -> cv2.dnn.Net:
    nets: dict[str, cv2.dnn.Net] = _per_thread.__dict__.setdefault("nets", {})
    if file not in nets:
        read: Any = cv2.dnn.readNetFromTFLite
        nets[file] = read(str(MODELS_DIR / file), *_engine())
    return nets[file]


def _engine() -> tuple[int, ...]:
    # OpenCV 5's new engine gives one output only; OpenCV 4 takes no such argument at all.
    if int(cv2.__version__.split(".")[0]) < _OPENCV_WITH_ENGINES:
        return ()
    return (int(cv2.dnn.ENGINE_CLASSIC),)


@cache
def _anchors() -> NDArray[np.float64]:
    """Return the (896, 2) anchor centres in 0..1, in the detector's order."""
    grids = []
    for cells, per_cell in _ANCHOR_GRIDS:
        centres = (np.arange(cells) + 0.5) / cells
        x, y = np.meshgrid(centres, centres)
        grids.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), per_cell, axis=0))
    return np.concatenate(grids)


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1.0 / (1.0 + np.exp(-np.clip(x, -80.0, 80.0)))
