"""A fit has random numbers of its own."""

from __future__ import annotations

from functools import lru_cache
from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state

__all__ = ["private_generators"]


def private_generators(
    random_state: int | np.random.RandomState | None, n_epochs: int, n_networks: int
) -> list[np.random.Generator]:
    """A generator for each network of a fit that goes on after this number of epochs; nothing else draws from them."""
    words = _of_seed(int(random_state)) if isinstance(random_state, Integral) else _words(random_state)
    return [np.random.default_rng([*words, n_epochs, *([number] if number else [])]) for number in range(n_networks)]


def _words(random_state: int | np.random.RandomState | None) -> tuple[int, ...]:
    """What a fit draws of the numbers of a user's generator."""
    return tuple(check_random_state(random_state).randint(np.iinfo(np.int32).max, size=4).tolist())


@lru_cache
def _of_seed(seed: int) -> tuple[int, ...]:
    """The same of a seed, with which a search makes many fits: a `RandomState` takes 0.2 ms to make."""
    return _words(seed)
