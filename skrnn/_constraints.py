"""What values parameters take, in scikit-learn's words: "must be an int in the range [1, inf). Got 0 instead."."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from operator import index
from typing import Any, Literal

import numpy as np
from sklearn.utils._param_validation import HasMethods, validate_parameter_constraints
from sklearn.utils._param_validation import Interval as _Interval
from sklearn.utils._param_validation import StrOptions as Options

__all__ = ["HasMethods", "Options", "Several", "check_arguments", "integers", "plain", "reals", "several_integers"]


def integers(low: int, high: int | None = None) -> Any:
    """A constraint: an int of at least ``low``, and at most ``high`` if that is given; a bool is not an int here."""
    return _Integers(Integral, low, high, closed="left" if high is None else "both")


def several_integers(low: int) -> Any:
    """A constraint: a tuple or list of different ints of at least ``low``."""
    return _SeveralIntegers(Integral, low, None, closed="left")


def reals(low: float, high: float | None, closed: Literal["left", "right", "both", "neither"]) -> Any:
    """A constraint: a number between two bounds."""
    return _Reals(Real, low, high, closed=closed)


def plain(value: Any) -> Any:
    """A number of NumPy's as Python's, which does not wrap, overflow or round in what is computed of it."""
    if isinstance(value, Integral) and not isinstance(value, bool):
        return index(value)
    return float(value) if isinstance(value, np.floating) else value


def check_arguments(caller: str, constraints: Mapping[str, list[Any]], **values: Any) -> dict[str, Any]:
    """Check the arguments of a function, as `_validate_params` checks the parameters of an estimator.

    Unlike scikit-learn's decorator, this keeps the types of the function, and the checks inside the estimators that
    the function fits. They are returned as `plain` ones.
    """
    validate_parameter_constraints(constraints, values, caller_name=caller)
    return {name: plain(value) for name, value in values.items()}


class Several(Options):  # type: ignore[misc]  # scikit-learn has no types
    """A constraint: a tuple or list of different strings out of a set, at least one."""

    def is_satisfied_by(self, value: Any) -> bool:
        known = isinstance(value, (tuple, list)) and all(super(Several, self).is_satisfied_by(one) for one in value)
        return known and len(value) == len(set(value)) > 0

    def __str__(self) -> str:
        return f"a tuple or list of different ones, each {super().__str__()}"


class _Reals(_Interval):  # type: ignore[misc]  # scikit-learn has no types
    """An interval of numbers that NumPy knows."""

    def is_satisfied_by(self, value: Any) -> bool:
        try:
            return bool(super().is_satisfied_by(value))
        except TypeError:  # a fraction, of which NumPy cannot say whether it is NaN
            return False


class _Integers(_Interval):  # type: ignore[misc]  # scikit-learn has no types
    """An interval of integers without the booleans, which Python counts among them."""

    def is_satisfied_by(self, value: Any) -> bool:
        return not isinstance(value, bool) and bool(super().is_satisfied_by(value))


class _SeveralIntegers(_Integers):
    """A constraint: a tuple or list of different integers of an interval, at least one."""

    def is_satisfied_by(self, value: Any) -> bool:
        known = isinstance(value, (tuple, list)) and all(
            super(_SeveralIntegers, self).is_satisfied_by(n) for n in value
        )
        return known and len(value) == len(set(value)) > 0

    def __str__(self) -> str:
        return f"a tuple or list of different ones, each {super().__str__()}"
