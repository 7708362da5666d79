"""A fit has random numbers of its own."""

from __future__ import annotations

import numpy as np
from sklearn.utils import check_random_state

__all__ = ["private_generator"]


def private_generator(random_state: int | np.random.RandomState | None, n_epochs: int) -> np.random.Generator:
    """The generator of a fit that goes on after this number of epochs; nothing else draws from it."""
    words = check_random_state(random_state).randint(np.iinfo(np.int32).max, size=4)
    return np.random.default_rng([*words, n_epochs])
