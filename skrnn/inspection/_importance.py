"""What predictions depend on: features, lags, or both, by permutation and by partial dependence.

Breiman, "Random forests", Machine Learning 45, 2001; Friedman, "Greedy function approximation", Annals of Statistics
29(5), 2001, section 8.2. scikit-learn's functions of these names take tables alone, and know no lags.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from sklearn.metrics import check_scoring
from sklearn.utils import Bunch, check_random_state

from skrnn._constraints import Options, check_arguments, integers
from skrnn._types import Array, Integers
from skrnn.inspection._grid import Cells
from skrnn.sequences import as_numbers

__all__ = ["partial_dependence", "permutation_importance"]

_OVER = {"over": [Options({"features", "lags", "both"})], "n_repeats": [integers(1)]}
_OVER |= {"scoring": [str, callable, None], "random_state": ["random_state"]}
_GRID = {"feature": [integers(0)], "lag": [integers(0)], "grid_resolution": [integers(2)]}
_EDGES = (0.05, 0.95)  # quantiles between which a grid lies, as in scikit-learn


def permutation_importance(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    over: Literal["features", "lags", "both"] = "both",
    scoring: Any = None,
    n_repeats: int = 5,
    random_state: Any = None,
) -> Bunch:
    """By how much the score falls when a feature, a lag, or a feature at a lag is shuffled among the sequences.

    Parameters
    ----------
    estimator : fitted estimator
        Any with `score`, or with what ``scoring`` needs: also a Pipeline. Its ``features_per_step`` says how a flat X
        folds into steps; without one, a column is a step.
    X : array-like of shape (n_samples, n_timesteps, n_features) or (n_samples, n_columns), or list of arrays
        Sequences. Lags count from the end of each; shorter ones are left out where they have no step.
    y : array-like of shape (n_samples,)
        Targets.
    over : {"features", "lags", "both"}, default="both"
        What is shuffled at a time: a feature at all lags, a lag with all its features, or a feature at a lag.
    scoring : str, callable or None, default=None
        As in scikit-learn; None: the estimator's `score`.
    n_repeats : int, default=5
        Shuffles of each; at least 1.
    random_state : int, RandomState instance or None, default=None
        Of the shuffles.

    Returns
    -------
    result : Bunch
        ``importances_mean`` and ``importances_std``, of shape (n_features,), (n_lags,) or (n_features, n_lags), and
        ``importances``, with a last axis of the repeats; ``score``, that of X as it is; ``over``.

    Raises
    ------
    ValueError, TypeError
        If an argument is not usable.

    Examples
    --------
    >>> from skrnn import RNNRegressor
    >>> from skrnn.datasets import load_sine_wave
    >>> from skrnn.inspection import permutation_importance
    >>> X, y = load_sine_wave(return_X_y=True)
    >>> model = RNNRegressor(max_iter=2, random_state=0).fit(X, y)
    >>> permutation_importance(model, X, y, n_repeats=1).importances_mean.shape == (1, X.shape[1])
    True
    """
    given = {"over": over, "n_repeats": n_repeats, "scoring": scoring, "random_state": random_state}
    checked = check_arguments("permutation_importance", _OVER, **given)
    cells, rng = Cells(X, getattr(estimator, "features_per_step", 1)), check_random_state(random_state)
    scorer = check_scoring(estimator, scoring)
    whole = float(scorer(estimator, X, y))
    features, lags = range(cells.n_features), range(cells.n_lags)
    groups: list[list[tuple[int, int]]]
    if over == "features":
        groups = [[(feature, lag) for lag in lags] for feature in features]
    elif over == "lags":
        groups = [[(feature, lag) for feature in features] for lag in lags]
    else:
        groups = [[(feature, lag)] for feature in features for lag in lags]
    found = np.empty((len(groups), checked["n_repeats"]))
    for repeat in range(found.shape[1]):
        order = rng.permutation(cells.n_samples)
        for number, places in enumerate(groups):
            shuffled = cells.changed({place: _shuffled(cells, place, order) for place in places})
            found[number, repeat] = whole - float(scorer(estimator, shuffled, y))
    shape = (cells.n_features, cells.n_lags) if over == "both" else (len(groups),)
    found = found.reshape(*shape, -1)
    return Bunch(
        importances_mean=found.mean(axis=-1),
        importances_std=found.std(axis=-1),
        importances=found,
        score=whole,
        over=over,
    )


def _shuffled(cells: Cells, place: tuple[int, int], order: Integers) -> Array:
    """The values of a feature at a lag in the order of the sequences given, of those that have such a step."""
    rows = cells.rows(place[1])
    number = np.full(cells.n_samples, -1)
    number[rows] = np.arange(len(rows))
    taken = number[order]
    return cells.get(*place)[taken[taken >= 0]]


def partial_dependence(
    estimator: Any,
    X: Any,
    *,
    feature: int = 0,
    lag: int = 0,
    grid_resolution: int = 50,
    grid: Any = None,
) -> Bunch:
    """The mean prediction over all sequences, were a feature at a lag to have a given value in each.

    Parameters
    ----------
    estimator : fitted estimator
        Any with `predict_proba`, which counts if it is there, or `predict`; also a Pipeline.
    X : array-like of shape (n_samples, n_timesteps, n_features) or (n_samples, n_columns), or list of arrays
        Sequences; those without a step at the lag are left as they are.
    feature, lag : int, default=0
        Which value: the number of a feature, and how many steps before the last one; at least 0.
    grid_resolution : int, default=50
        Values between the 5 % and the 95 % quantile; at least 2.
    grid : array-like of shape (n_values,) or None, default=None
        The values themselves; None: see ``grid_resolution``.

    Returns
    -------
    result : Bunch
        ``grid_values`` of shape (n_values,); ``average`` of shape (n_values,), or (n_values, n_targets) or (n_values,
        n_classes); ``feature`` and ``lag``.

    Raises
    ------
    ValueError, TypeError
        If an argument is not usable.

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
    cells = Cells(X, getattr(estimator, "features_per_step", 1))
    if feature >= cells.n_features or lag >= cells.n_lags:
        raise ValueError(
            f"partial_dependence of feature={feature} at lag={lag}: X has {cells.n_features} feature(s) per step and "
            f"{cells.n_lags} step(s), both counted from 0."
        )
    if grid is None:
        known = np.asarray(cells.get(feature, lag), float)
        low, high = np.nanquantile(known, _EDGES)
        grid = np.linspace(low, high, resolution)
    predict = getattr(estimator, "predict_proba", estimator.predict)
    grid = np.asarray(as_numbers(grid, "partial_dependence", "grid"))
    if grid.ndim != 1:
        raise ValueError(f"grid of partial_dependence must be one-dimensional, got an array of shape {grid.shape}.")
    average = []
    for value in grid:
        same = np.full(len(cells.rows(lag)), value)
        average.append(np.mean(np.asarray(predict(cells.changed({(feature, lag): same}))), axis=0))
    return Bunch(grid_values=grid, average=np.array(average), feature=feature, lag=lag)
