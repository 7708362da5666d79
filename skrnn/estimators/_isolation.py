"""A fit leaves no traces but its result: all or nothing, and random numbers of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

__all__ = ["all_or_nothing", "private_generator"]

Estimator = TypeVar("Estimator", bound=BaseEstimator)
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Method = Callable[Concatenate[Estimator, Arguments], Result]


def all_or_nothing(method: Method[Estimator, Arguments, Result]) -> Method[Estimator, Arguments, Result]:
    """If the method raises anything, KeyboardInterrupt included, the estimator is as it was before the call."""

    @wraps(method)
    def wrapped(estimator: Estimator, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        before = dict(vars(estimator))
        try:
            return method(estimator, *args, **kwargs)
        except BaseException:
            vars(estimator).clear()
            vars(estimator).update(before)
            raise

    return wrapped  # type: ignore[return-value]  # wraps() knows the name of the first argument


def private_generator(random_state: int | np.random.RandomState | None, n_epochs: int) -> np.random.Generator:
    """The generator of a fit that goes on after this number of epochs; nothing else draws from it."""
    words = check_random_state(random_state).randint(np.iinfo(np.int32).max, size=4)
    return np.random.default_rng([*words, n_epochs])
