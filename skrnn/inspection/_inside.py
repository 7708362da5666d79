"""What there is to look into: the network inside a Pipeline, a search or a forecaster, and what it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from skrnn.estimators import Opened, open_fitted
from skrnn.text import SequenceVectorizer
from skrnn.windowing import LagsToSequence, SlidingWindow

__all__ = [
    "Given",
    "chosen",
    "fitted_inside",
    "given_inside",
    "given_windows",
    "innermost",
    "open_inside",
    "unfitted_inside",
]


class Given(NamedTuple):
    """An estimator, its X and y, how X folds into steps, and the names of the features of a step, if they are known;
    and the categories of those features of which X holds the numbers.
    """

    estimator: Any
    X: Any
    y: Any
    features_per_step: int | str = 1
    names: list[str] | None = None
    categories: Mapping[int, Sequence[Any]] = MappingProxyType({})


def fitted_inside(estimator: Any) -> Any:
    """The last estimator inside a fitted search, Pipeline or forecaster; others are returned as they are.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        Before `fit`.
    """
    check_is_fitted(estimator)
    return innermost(estimator)


def given_inside(estimator: Any, X: Any, y: Any = None) -> Given:
    """The last estimator inside, with X and y as it gets them there; of a forecaster, windows and what follows them."""
    check_is_fitted(estimator)
    if _is_forecaster(estimator):
        found = _windows(estimator, X, y)
        return given_inside(found.estimator, found.X, found.y)._replace(names=found.names)
    inner = _inner(estimator)
    if inner is None:
        return Given(estimator, X, y)
    if hasattr(estimator, "steps") and len(estimator.steps) > 1:
        X = estimator[:-1].transform(X)
    return given_inside(inner, X, y)


def given_windows(estimator: Any, X: Any, y: Any = None) -> Given:
    """What is asked for predictions: the estimator with X, or behind the step that makes sequences, with these.

    Rows of a series have no lags, nor have texts, and those of a table from elsewhere stand in any order; their windows
    and their tokens have them.
    """
    if _is_forecaster(estimator):
        from skrnn.forecasting import coded_windows  # needs pandas

        windows = coded_windows(estimator, X, y)
        width = 1 if windows.X.ndim == 3 else len(windows.names)
        return Given(windows.regressor, windows.X, windows.y, width, windows.names, windows.categories)
    best = chosen(estimator)
    if best is not estimator:
        found = given_windows(best, X, y)
        return found if found.estimator is not best else found._replace(estimator=estimator)
    for number, step in enumerate(getattr(estimator, "named_steps", {}).values()):
        if isinstance(step, (SlidingWindow, LagsToSequence, SequenceVectorizer)):
            check_is_fitted(estimator)
            made = estimator[: number + 1].transform(X)
            flat = isinstance(step, SlidingWindow) and step.flatten
            return Given(estimator[number + 1 :], made, y, np.shape(made)[1] // step.window if flat else 1)
    return Given(estimator, X, y, _fold(estimator, X))


def open_inside(estimator: Any, X: Any, y: Any = None) -> tuple[Opened, list[str] | None]:
    """The network inside, opened with what it gets there, and the names of its features if they are known."""
    given = given_inside(estimator, X, y)
    return open_fitted(given.estimator, given.X, given.y), given.names


def unfitted_inside(estimator: Any, X: Any, y: Any = None) -> Given:
    """The last estimator inside, not fitted, with X and y as it gets them in `fit`.

    Steps in front are fitted anew; the windows are those of a fitted forecaster.
    """
    if _is_forecaster(estimator):
        found = _windows(estimator, X, y)
        return unfitted_inside(found.estimator, found.X, found.y)
    if hasattr(estimator, "steps"):
        if len(estimator.steps) > 1:
            X = clone(estimator[:-1]).fit_transform(X, y)
        return unfitted_inside(estimator.steps[-1][1], X, y)
    for name in ("best_estimator_", "estimator"):
        if hasattr(estimator, "cv") and hasattr(estimator, name):
            return unfitted_inside(getattr(estimator, name), X, y)
    return Given(clone(estimator), X, y)


def chosen(estimator: Any) -> Any:
    """What a search has chosen; others are returned as they are.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If a search has compared settings and kept no estimator.
    """
    searched = hasattr(estimator, "cv_results_") and hasattr(estimator, "refit")
    if searched and not hasattr(estimator, "best_estimator_"):
        raise NotFittedError(
            f"This {type(estimator).__name__} has kept no fitted estimator, since refit={estimator.refit!r}. Set "
            "refit=True, or fit clone(search.estimator).set_params(**search.best_params_) and pass that."
        )
    return getattr(estimator, "best_estimator_", estimator)


def innermost(estimator: Any) -> Any:
    """The last estimator inside, as far as it is known before `fit`."""
    inner = _inner(estimator)
    return estimator if inner is None else innermost(inner)


def _inner(estimator: Any) -> Any:
    """What a search has chosen, the last step of a Pipeline, or the regressor of a forecaster; None for others."""
    best = chosen(estimator)
    if best is not estimator:
        return best
    if hasattr(estimator, "steps"):
        return estimator.steps[-1][1]
    return estimator.estimator_ if _is_forecaster(estimator) else None


def _is_forecaster(estimator: Any) -> bool:
    return hasattr(estimator, "forecast") and hasattr(estimator, "future_times")


def _windows(forecaster: Any, data: Any, y: Any) -> Given:
    """The regressor of a forecaster, and the windows that it learns from."""
    from skrnn.forecasting import model_windows  # needs pandas

    found = model_windows(forecaster, data, y)
    return Given(found.regressor, found.X, found.y, names=found.names)


def _fold(estimator: Any, X: Any) -> int | str:
    """How a flat X folds into steps: as the estimator says, or the one inside that reads as many columns."""
    inner = innermost(estimator)
    whole = inner is estimator or getattr(inner, "n_features_in_", None) == (np.shape(X) or (0,))[-1]
    return getattr(inner, "features_per_step", 1) if whole else 1
