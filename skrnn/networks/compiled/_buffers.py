"""Memory that mini-batches of different shapes use one after the other: new memory costs as much as filling it."""

from __future__ import annotations

from math import prod

import numpy as np

from skrnn._types import Singles

__all__ = ["Buffer"]


class Buffer:
    """Numbers that are lent in any shape, and grow where it takes more; what stood in them does not last."""

    def __init__(self) -> None:
        self.flat = np.empty(0, np.float32)

    def of(self, *shape: int) -> Singles:
        """An array of this shape, which holds anything."""
        n = prod(shape)
        if n > self.flat.size:
            self.flat = np.empty(n, np.float32)
        return self.flat[:n].reshape(shape)
