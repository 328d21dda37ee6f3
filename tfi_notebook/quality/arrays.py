"""Short names for the arrays of this room."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Flags = NDArray[np.bool_]
Indices = NDArray[np.intp]
U8 = NDArray[np.uint8]
