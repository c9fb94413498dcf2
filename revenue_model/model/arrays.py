"""The types of array that pass between modules."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]  # a number per install
Rows = NDArray[np.int32]  # a row of a lookup table per install
Matrix = NDArray[np.float32]  # (installs, features), as the trees take them
