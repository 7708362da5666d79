"""What values parameters take, in scikit-learn's words: "must be an int in the range [1, inf). Got 0 instead."."""

from __future__ import annotations

from collections.abc import Mapping, Set
from numbers import Integral, Real
from operator import index
from typing import Any, Literal

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, is_regressor
from sklearn.utils._param_validation import HasMethods as _HasMethods
from sklearn.utils._param_validation import Interval as _Interval
from sklearn.utils._param_validation import InvalidParameterError, validate_parameter_constraints
from sklearn.utils._param_validation import StrOptions as Options
from sklearn.utils.validation import _check_feature_names_in

__all__ = [
    "JOBS",
    "HasMethods",
    "Learners",
    "NamedArrays",
    "Options",
    "Several",
    "Texts",
    "check_arguments",
    "counted_pair",
    "integers",
    "listed",
    "names_in",
    "plain",
    "prefixed_names",
    "reals",
    "several_integers",
    "sizes",
]

_MOST = 2**31 - 1  # rows, or steps, that anything can be gone through in
_MOST_JOBS = 1024


def integers(low: int, high: int | None = None) -> Any:
    """A constraint: an int of at least ``low``, and at most ``high`` if that is given; a bool is not an int here."""
    return _Integers(Integral, low, high, closed="left" if high is None else "both")


def sizes(low: int = 1) -> Any:
    """A constraint: an int that counts rows or steps, of which an array can be made."""
    return _Sizes(Integral, low, None, closed="left")


def several_integers(low: int) -> Any:
    """A constraint: a tuple or list of different ints of at least ``low``."""
    return _SeveralIntegers(Integral, low, None, closed="left")


def counted_pair() -> Any:
    """A constraint: a tuple or list of two ints, of at least 0 and at least 1."""
    return _CountedPair({"any"})


def reals(low: float, high: float | None, closed: Literal["left", "right", "both", "neither"]) -> Any:
    """A constraint: a number between two bounds."""
    return _Reals(Real, low, high, closed=closed)


def listed(caller: str, name: str, value: Any, *, hashable: bool = False) -> list[Any]:
    """The items of an argument that holds several, in their order.

    Raises
    ------
    TypeError
        If it holds none, or is a text, whose items are letters; with ``hashable`` if an item cannot be looked up.
    """
    if isinstance(value, (str, bytes, Mapping, Set)) or hasattr(value, "columns"):  # or in no order
        raise TypeError(f"{name} of {caller} must be a list, got a {type(value).__name__}.")
    try:
        items = iter(value)
    except TypeError:
        raise TypeError(f"{name} of {caller} must be a list, got a {type(value).__name__}.") from None
    found = list(items)
    for item in found if hashable else ():
        try:
            hash(item)
        except TypeError:
            raise TypeError(f"{name} of {caller} holds a {type(item).__name__}, which cannot name anything.") from None
    return found


def names_in(estimator: Any, input_features: Any) -> Any:
    """Names of the columns of X: those given, which have to be those of fit, or x0, x1, …."""
    if input_features is not None:
        listed(f"{type(estimator).__name__}.get_feature_names_out", "input_features", input_features)
    return _check_feature_names_in(estimator, input_features)


def prefixed_names(self: Any, input_features: Any = None) -> Any:
    """Names of the outputs: the class in lower case, and a number.

    Parameters
    ----------
    input_features : array-like of str, default=None
        Names of the columns of X, which are not used.

    Returns
    -------
    names : ndarray of str

    Raises
    ------
    sklearn.exceptions.NotFittedError
        Before `fit`.
    TypeError
        If ``input_features`` is no list.
    """
    if input_features is not None:
        listed(f"{type(self).__name__}.get_feature_names_out", "input_features", input_features)
    return ClassNamePrefixFeaturesOutMixin.get_feature_names_out(self, input_features)


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
    for name, value in values.items():
        counts = any(isinstance(one, _Sizes) for one in constraints[name])
        if counts and isinstance(value, Integral) and int(value) > _MOST:
            raise InvalidParameterError(
                f"The '{name}' parameter of {caller} must be at most {_MOST}, of which an array can be made. Got "
                f"{value!r} instead."
            )
    return {name: plain(value) for name, value in values.items()}


class HasMethods(_HasMethods):  # type: ignore[misc]  # scikit-learn has no types
    """A constraint: an object with these methods; a class has them too, and is none."""

    def is_satisfied_by(self, value: Any) -> bool:
        return not isinstance(value, type) and bool(super().is_satisfied_by(value))


class Learners(HasMethods):
    """A constraint: an object that learns and predicts; a regressor that can say how only after its `fit`, too, such as
    a `StackingRegressor` with its default final estimator.
    """

    def __init__(self) -> None:
        super().__init__(["fit", "predict"])

    def is_satisfied_by(self, value: Any) -> bool:
        if super().is_satisfied_by(value):
            return True
        later = not isinstance(value, type) and hasattr(value, "fit") and hasattr(value, "__sklearn_tags__")
        return later and bool(is_regressor(value))


class Several(Options):  # type: ignore[misc]  # scikit-learn has no types
    """A constraint: a tuple or list of different strings out of a set, at least one."""

    def is_satisfied_by(self, value: Any) -> bool:
        known = isinstance(value, (tuple, list)) and all(super(Several, self).is_satisfied_by(one) for one in value)
        return known and len(value) == len(set(value)) > 0

    def __str__(self) -> str:
        return f"a tuple or list of different ones, each {super().__str__()}"


class Texts(Options):  # type: ignore[misc]  # scikit-learn has no types
    """A constraint: a tuple or list of different strings, at least one."""

    def __init__(self) -> None:
        super().__init__({"any"})  # scikit-learn knows no constraint of strings without a choice

    def is_satisfied_by(self, value: Any) -> bool:
        listed = isinstance(value, (tuple, list)) and all(isinstance(one, str) for one in value)
        return listed and len(value) == len(set(value)) > 0

    def __str__(self) -> str:
        return "a tuple or list of different strings, at least one,"


class NamedArrays(Options):  # type: ignore[misc]  # scikit-learn has no types
    """A constraint: a dict, as `weights_` of a network is one."""

    def __init__(self) -> None:
        super().__init__({"any"})  # as above

    def is_satisfied_by(self, value: Any) -> bool:
        return isinstance(value, dict)

    def __str__(self) -> str:
        return "a dict of arrays, such as weights_ of a fitted network,"


class _CountedPair(Options):  # type: ignore[misc]  # scikit-learn has no types
    """A constraint: so many of each, and how many there are."""

    def is_satisfied_by(self, value: Any) -> bool:
        pair = isinstance(value, (tuple, list)) and len(value) == 2
        return pair and all(integers(low).is_satisfied_by(n) for low, n in enumerate(value))

    def __str__(self) -> str:
        return "a pair of ints, the first at least 0, the second at least 1"


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


class _Sizes(_Integers):
    """Integers that count rows or steps; `check_arguments` refuses those beyond all arrays."""


class _SeveralIntegers(_Integers):
    """A constraint: a tuple or list of different integers of an interval, at least one."""

    def is_satisfied_by(self, value: Any) -> bool:
        known = isinstance(value, (tuple, list)) and all(
            super(_SeveralIntegers, self).is_satisfied_by(n) for n in value
        )
        return known and len(value) == len(set(value)) > 0

    def __str__(self) -> str:
        return f"a tuple or list of different ones, each {super().__str__()}"


JOBS = [integers(-_MOST_JOBS, -1), integers(1, _MOST_JOBS), None]  # a constraint: how many at a time, as joblib has it
