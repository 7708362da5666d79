"""What predictions depend on: the mean prediction against a value, by feature and lag.

Friedman, "Greedy function approximation", Annals of Statistics 29(5), 2001, section 8.2. scikit-learn's function of
this name takes tables alone, and knows no lags.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from numbers import Number
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from skrnn._constraints import check_arguments, integers
from skrnn._types import Array, Doubles
from skrnn._warnings import warn_caller
from skrnn.estimators import reads_characters, writes_tokens
from skrnn.inspection._grid import Cells
from skrnn.inspection._inside import given_windows, innermost
from skrnn.inspection._words import InWords, label_of, listed
from skrnn.sequences import as_numbers

__all__ = ["Dependence", "partial_dependence"]

_GRID = {"feature": [integers(0)], "lag": [integers(0)], "grid_resolution": [integers(2)]}
_EDGES = (0.05, 0.95)  # quantiles between which a grid lies, as in scikit-learn
_ANSWERS = ("predict_proba", "decision_function", "predict")  # the first that is there


class Dependence(InWords, Bunch):
    """What `partial_dependence` finds. Printed, it says between which values the mean prediction moves."""

    def __str__(self) -> str:
        average = np.asarray(self.average)
        low, high = np.argmin(average, axis=0), np.argmax(average, axis=0)
        values = [repr(value) if self.categorical else f"{value:.3g}" for value in self.grid_values.tolist()]
        moves = [
            f"from {np.min(column):.3g} (at {values[i]}) to {np.max(column):.3g} (at {values[j]})"
            for column, i, j in zip(average.reshape(len(average), -1).T, np.ravel(low), np.ravel(high), strict=True)
        ]
        where = f"{label_of(self.feature, self.feature_names)} at lag {self.lag}"
        return f"Mean prediction for {where}, {self._span(values)}: {listed(moves)}."

    def _span(self, values: list[str]) -> str:
        if self.categorical:
            return f"of {len(values)} categories"
        return f"from {np.min(self.grid_values):.3g} to {np.max(self.grid_values):.3g}"


def partial_dependence(
    estimator: Any,
    X: Any,
    *,
    feature: int = 0,
    lag: int = 0,
    grid_resolution: int = 50,
    grid: Any = None,
) -> Dependence:
    """The mean prediction over all sequences, were a feature at a lag to have a given value in each.

    Parameters
    ----------
    estimator : fitted estimator
        Any with `predict_proba`, which counts if it is there, `decision_function` or `predict`; also a Pipeline or a
        search. Behind a `SlidingWindow`, and in a `WindowForecaster`, the windows are looked at; behind a
        `SequenceVectorizer`, the tokens, by their numbers.
    X : array-like of shape (n_samples, n_timesteps, n_features) or (n_samples, n_columns), or list of arrays
        Sequences; those without a step at the lag are left as they are. For a forecaster a series, or None: its
        history; predictions are then in the units of its regressor, a column for each step of the horizon.
    feature, lag : int, default=0
        Which value: the number of a feature, and how many steps before the last one; at least 0.
    grid_resolution : int, default=50
        How many values between the 5 % and the 95 % quantile; of categories (text, and what a network embeds) the most
        frequent ones, this many at most; at least 2.
    grid : array-like of shape (n_values,) or None, default=None
        The values themselves; None: see ``grid_resolution``.

    Returns
    -------
    result : Dependence
        A Bunch: ``grid_values`` of shape (n_values,); ``average`` of shape (n_values,), or (n_values, n_targets) or
        (n_values, n_classes), with an axis of the steps behind the first one where there is an answer per step;
        ``feature`` and ``lag``; whether the values are ``categorical``; ``feature_names`` of a forecaster's windows, or
        None. A `UserWarning` says so where X has one and the same value there, as the windows of a forecaster with
        ``level="last"`` have at lag 0.

    Raises
    ------
    ValueError, TypeError
        If an argument is not usable, or the estimator writes tokens.

    Examples
    --------
    >>> from skrnn import RNNRegressor
    >>> from skrnn.datasets import load_sine_wave
    >>> from skrnn.inspection import partial_dependence
    >>> X, y = load_sine_wave(return_X_y=True)
    >>> model = RNNRegressor(max_iter=2, random_state=0).fit(X, y)
    >>> partial_dependence(model, X, lag=1, grid=[-1.0, 0.0, 1.0]).average.shape
    (3,)
    """
    values = {"feature": feature, "lag": lag, "grid_resolution": grid_resolution}
    feature, lag, resolution = check_arguments("partial_dependence", _GRID, **values).values()
    estimator, X, _, width, names, of_features = given_windows(estimator, X)
    net, answer = innermost(estimator), _answer(estimator)
    cells = Cells(X, width, characters=reads_characters(net))
    if feature >= cells.n_features or lag >= cells.n_lags:
        raise ValueError(
            f"partial_dependence of feature={feature} at lag={lag}: X has {cells.n_features} feature(s) per step and "
            f"{cells.n_lags} step(s), both counted from 0."
        )
    known = [value for value in cells.get(feature, lag).tolist() if _is_known(value)]
    categories = list(of_features.get(feature, ()))
    categorical = bool(categories) or (not of_features and _is_category(net, feature))
    categorical = categorical or not all(isinstance(one, Number) for one in known)
    if categories:  # of a forecaster, whose windows hold their numbers
        known = [categories[int(code)] for code in known if 0 <= code < len(categories)]
    if grid is None or names is not None:
        _check_varies(known, f"{label_of(feature, names)} at lag {lag}", newest=names is not None and lag == 0)
    if grid is None:
        grid = _most_frequent(known, resolution) if categorical else _between(known, resolution)
    grid = np.asarray(grid if categorical else as_numbers(grid, "partial_dependence", "grid"))
    if grid.ndim != 1:
        raise ValueError(f"grid of partial_dependence must be one-dimensional, got an array of shape {grid.shape}.")
    average = []
    for value in grid:
        same = np.full(len(cells.rows(lag)), _code(value, categories) if categories else value)
        average.append(_mean(answer(cells.changed({(feature, lag): same}))))
    return Dependence(
        grid_values=grid,
        average=np.array(average),
        feature=feature,
        lag=lag,
        categorical=categorical,
        feature_names=names,
    )


def _code(category: Any, categories: list[Any]) -> int:
    """The number of a category; -1, as in windows, for one that was not there in `fit`."""
    return categories.index(category) if category in categories else -1


def _is_category(net: Any, feature: int) -> bool:
    """Whether a network embeds the values of a feature."""
    known = getattr(net, "categories_", None) if hasattr(net, "embedding_dim") else None
    return known is not None and known[feature] is not None


def _is_known(value: Any) -> bool:
    """Whether it equals itself: None, and what NaN and pandas' NA say to that, are no values."""
    return value is not None and isinstance(value == value, (bool, np.bool_)) and bool(value == value)


def _between(known: list[Any], resolution: int) -> Doubles:
    """Numbers from the lower to the upper edge of those that are known."""
    low, high = np.quantile(np.asarray(known, float), _EDGES)
    return np.linspace(low, high, resolution)


def _most_frequent(known: list[Any], most: int) -> Array:
    """The categories that are found most often, the most frequent first."""
    return np.array([value for value, _ in Counter(known).most_common(most)])


def _check_varies(known: list[Any], place: str, *, newest: bool) -> None:
    """Warn where nothing varies: no estimator has learnt from it, and no grid lies between its values.

    ``newest``: whether it is the newest value of a forecaster's windows.
    """
    different = set(known)
    if not different:
        raise ValueError(f"No value of {place} is known in X. Look at another lag or feature.")
    if len(different) == 1:
        reason = " A forecaster takes the level off each window, with level='last' the newest value." if newest else ""
        warn_caller(
            f"The value of {place} is {different.pop()} in every sequence of X, so that its dependence says nothing."
            f"{reason} Look at another lag or feature.",
            UserWarning,
        )


def _answer(estimator: Any) -> Callable[[Any], Any]:
    """What is averaged."""
    name = type(estimator).__name__
    if writes_tokens(innermost(estimator)):
        raise TypeError(f"partial_dependence averages numbers, and {name} writes tokens. Use permutation_importance.")
    method = next((method for method in _ANSWERS if hasattr(estimator, method)), None)
    if method is None:
        raise TypeError(f"partial_dependence asks for {', '.join(_ANSWERS)}, and {name} has none of them.")
    found: Callable[[Any], Any] = getattr(estimator, method)
    return found


def _mean(answers: Any) -> Any:
    """Over the sequences; of answers per step, at each step."""
    if isinstance(answers, list) and len({np.shape(answer) for answer in answers}) > 1:
        raise ValueError(
            "partial_dependence averages over the sequences, and these have answers of different lengths. Pass those "
            "of one length."
        )
    return np.mean(np.asarray(answers), axis=0)
