"""A fit leaves no traces but its result."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

__all__ = ["all_or_nothing"]

Estimator = TypeVar("Estimator", bound=Any)
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
