"""Short names for arrays by what they hold, and for what floors beside each other both speak of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Doubles", "Flags", "Floats", "Integers", "Longs", "NetworkWeights", "Readout", "Singles"]

Array: TypeAlias = NDArray[Any]
Floats: TypeAlias = NDArray[np.floating[Any]]  # of either precision
Singles: TypeAlias = NDArray[np.float32]
Doubles: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.intp]
Longs: TypeAlias = NDArray[np.int64]  # times
Flags: TypeAlias = NDArray[np.bool_]

Readout: TypeAlias = Literal["last", "steps", "decoder", "tokens"]  # of which states outputs are made
NetworkWeights: TypeAlias = Mapping[str, Singles]  # by name, as torch names them
