"""What there is to look into: the network inside a Pipeline, a search or a forecaster, and what it is given."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from skrnn.estimators import Opened, open_fitted
from skrnn.windowing import SlidingWindow

__all__ = ["Given", "fitted_inside", "given_inside", "given_windows", "innermost", "open_inside", "unfitted_inside"]


class Given(NamedTuple):
    """An estimator, its X and y, how X folds into steps, and the names of the features of a step, if they are known."""

    estimator: Any
    X: Any
    y: Any
    features_per_step: int | str = 1
    names: list[str] | None = None


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
    """What is asked for predictions: the estimator with X, or behind the step that makes windows, with the windows.

    Rows of a series have no lags; their windows have.
    """
    if _is_forecaster(estimator):
        return _windows(estimator, X, y)
    best = getattr(estimator, "best_estimator_", None)
    if best is not None:
        found = given_windows(best, X, y)
        return found if found.estimator is not best else found._replace(estimator=estimator)
    for number, step in enumerate(getattr(estimator, "named_steps", {}).values()):
        if isinstance(step, SlidingWindow):
            check_is_fitted(estimator)
            windows = estimator[: number + 1].transform(X)
            width = np.shape(windows)[1] // step.window if step.flatten else 1
            return Given(estimator[number + 1 :], windows, y, width)
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


def innermost(estimator: Any) -> Any:
    """The last estimator inside, as far as it is known before `fit`."""
    inner = _inner(estimator)
    return estimator if inner is None else innermost(inner)


def _inner(estimator: Any) -> Any:
    """What a search has chosen, the last step of a Pipeline, or the regressor of a forecaster; None for others."""
    if hasattr(estimator, "best_estimator_"):
        return estimator.best_estimator_
    if hasattr(estimator, "steps"):
        return estimator.steps[-1][1]
    return estimator.estimator_ if _is_forecaster(estimator) else None


def _is_forecaster(estimator: Any) -> bool:
    return hasattr(estimator, "forecast") and hasattr(estimator, "future_times")


def _windows(forecaster: Any, data: Any, y: Any) -> Given:
    """The regressor of a forecaster, and the windows that it learns from."""
    from skrnn.forecasting import model_windows  # needs pandas

    found = model_windows(forecaster, data, y)
    width = 1 if found.X.ndim == 3 else len(found.names)
    return Given(forecaster.estimator_, found.X, found.y, width, found.names)


def _fold(estimator: Any, X: Any) -> int | str:
    """How a flat X folds into steps: as the estimator says, or the one inside that reads as many columns."""
    inner = innermost(estimator)
    whole = inner is estimator or getattr(inner, "n_features_in_", None) == (np.shape(X) or (0,))[-1]
    return getattr(inner, "features_per_step", 1) if whole else 1
