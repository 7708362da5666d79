"""A fit has random numbers of its own."""

from __future__ import annotations

import numpy as np
from sklearn.utils import check_random_state

__all__ = ["private_generators"]


def private_generators(
    random_state: int | np.random.RandomState | None, n_epochs: int, n_networks: int
) -> list[np.random.Generator]:
    """A generator for each network of a fit that goes on after this number of epochs; nothing else draws from them."""
    words = check_random_state(random_state).randint(np.iinfo(np.int32).max, size=4)
    return [np.random.default_rng([*words, n_epochs, *([number] if number else [])]) for number in range(n_networks)]
