"""What predictions depend on: features, lags, or both, by permutation and by partial dependence.

Breiman, "Random forests", Machine Learning 45, 2001; Friedman, "Greedy function approximation", Annals of Statistics
29(5), 2001, section 8.2. scikit-learn's functions of these names take tables alone, and know no lags.
"""

from __future__ import annotations

import warnings
from typing import Any, Literal

import numpy as np
from sklearn.metrics import check_scoring
from sklearn.utils import Bunch, _safe_indexing, check_random_state
from sklearn.utils.parallel import Parallel, delayed

from skrnn._constraints import Options, check_arguments, integers, reals
from skrnn._types import Array, Integers
from skrnn.inspection._grid import Cells
from skrnn.inspection._inside import given_windows, innermost
from skrnn.inspection._token_accuracy import token_accuracy, writes_tokens
from skrnn.inspection._words import InWords, label_of, listed
from skrnn.sequences import as_numbers

__all__ = ["Dependence", "Importances", "partial_dependence", "permutation_importance"]

_OVER = {
    "over": [Options({"features", "lags", "both"})],
    "n_repeats": [integers(1)],
    "max_samples": [integers(1), reals(0, 1, "right")],
    "scoring": [str, callable, None],
    "random_state": ["random_state"],
}
_GRID = {"feature": [integers(0)], "lag": [integers(0)], "grid_resolution": [integers(2)]}
_EDGES = (0.05, 0.95)  # quantiles between which a grid lies, as in scikit-learn


class Importances(InWords, Bunch):
    """What `permutation_importance` finds. Printed, it says what counts most."""

    def __str__(self) -> str:
        mean, flat = self.importances_mean, self.importances_mean.ravel()
        found = []
        for number in np.argsort(-flat, kind="stable"):
            if flat[number] > 0:
                found.append(f"{self._place(np.unravel_index(number, mean.shape))} ({flat[number]:.2g})")
        what = {"features": "features", "lags": "lags", "both": "features and lags"}[self.over]
        head = (
            f"Permutation importance of {what}, by how much a shuffle lowers the {self.measure} of {self.score:.3g}: "
        )
        return head + (f"{listed(found)}." if found else "none does.")

    def _place(self, place: Any) -> str:
        if self.over == "lags":
            return f"lag {place[0]}"
        feature = label_of(int(place[0]), self.feature_names)
        return feature if self.over == "features" else f"{feature} at lag {place[1]}"


class Dependence(InWords, Bunch):
    """What `partial_dependence` finds. Printed, it says between which values the mean prediction moves."""

    def __str__(self) -> str:
        average = np.asarray(self.average)
        low, high = np.argmin(average, axis=0), np.argmax(average, axis=0)
        moves = [
            f"from {np.min(column):.3g} (at {self.grid_values[i]:.3g}) to {np.max(column):.3g} (at "
            f"{self.grid_values[j]:.3g})"
            for column, i, j in zip(average.reshape(len(average), -1).T, np.ravel(low), np.ravel(high), strict=True)
        ]
        where = f"{label_of(self.feature, self.feature_names)} at lag {self.lag}"
        span = f"from {np.min(self.grid_values):.3g} to {np.max(self.grid_values):.3g}"
        return f"Mean prediction for {where}, {span}: {listed(moves)}."


def permutation_importance(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    over: Literal["features", "lags", "both"] = "both",
    scoring: Any = None,
    n_repeats: int = 5,
    max_samples: int | float = 1.0,
    n_jobs: int | None = None,
    random_state: Any = None,
) -> Importances:
    """By how much the score falls when a feature, a lag, or a feature at a lag is shuffled among the sequences.

    Parameters
    ----------
    estimator : fitted estimator
        Any with `score`, or with what ``scoring`` needs: also a Pipeline or a search. Its ``features_per_step`` says
        how a flat X folds into steps; without one, a column is a step. Behind a `SlidingWindow`, and in a
        `WindowForecaster`, what is shuffled are the windows.
    X : array-like of shape (n_samples, n_timesteps, n_features) or (n_samples, n_columns), or list of arrays
        Sequences. Lags count from the end of each; shorter ones are left out where they have no step. For a forecaster
        a series, or None: its history.
    y : array-like of shape (n_samples,) or None, default=None
        Targets; of a forecaster the windows' own.
    over : {"features", "lags", "both"}, default="both"
        What is shuffled at a time: a feature at all lags, a lag with all its features, or a feature at a lag.
    scoring : str, callable or None, default=None
        As in scikit-learn; None: the estimator's `score`, or, of an estimator that writes tokens (`RNNSeq2Seq`, or
        ``loss="ctc"``), whose score counts exact matches, the token accuracy: 1 less the edits from what is written to
        the target (Levenshtein, 1966) per token of the targets.
    n_repeats : int, default=5
        Shuffles of each; at least 1.
    max_samples : int or float in (0, 1], default=1.0
        How many sequences to look at, or which share of them, drawn without replacement: the time grows with them.
    n_jobs : int or None, default=None
        How many shuffles are scored at the same time, through joblib; -1: as many as there are processors.
    random_state : int, RandomState instance or None, default=None
        Of the shuffles.

    Returns
    -------
    result : Importances
        A Bunch: ``importances_mean`` and ``importances_std``, of shape (n_features,), (n_lags,) or (n_features,
        n_lags), and ``importances``, with a last axis of the repeats; ``score``, that of X as it is; ``over``;
        ``measure``, the name of the score; ``feature_names`` of a forecaster's windows, or None. A `UserWarning` says
        so where no shuffle changes the score.

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
    values = {"over": over, "n_repeats": n_repeats, "max_samples": max_samples}
    values |= {"scoring": scoring, "random_state": random_state}
    checked, rng = check_arguments("permutation_importance", _OVER, **values), check_random_state(random_state)
    asked = estimator
    estimator, X, y, width, names = given_windows(estimator, X, y)
    scorer, measure = _scorer(asked, estimator, scoring)
    cells = Cells(X, width)
    most = checked["max_samples"]
    most = int(most) if most > 1 or isinstance(max_samples, int) else max(1, round(most * cells.n_samples))
    if most < cells.n_samples:
        rows = rng.permutation(cells.n_samples)[:most]
        X, y = _safe_indexing(X, rows), None if y is None else _safe_indexing(y, rows)
        cells = Cells(X, width)
    whole = float(scorer(estimator, X, y))
    features, lags = range(cells.n_features), range(cells.n_lags)
    groups: list[list[tuple[int, int]]]
    if over == "features":
        groups = [[(feature, lag) for lag in lags] for feature in features]
    elif over == "lags":
        groups = [[(feature, lag) for feature in features] for lag in lags]
    else:
        groups = [[(feature, lag)] for feature in features for lag in lags]
    orders = [rng.permutation(cells.n_samples) for _ in range(checked["n_repeats"])]
    scores = Parallel(n_jobs=n_jobs)(
        delayed(_score_shuffled)(scorer, estimator, cells, places, order, y) for order in orders for places in groups
    )
    found = whole - np.reshape(scores, (len(orders), len(groups))).T
    if not found.any():
        warnings.warn(
            f"No shuffle changes the {measure}, {whole:.3g}: either the estimator does not look at X, or the score "
            "is too coarse to tell. Give a scoring that grades, such as 'neg_log_loss' for classes.",
            stacklevel=2,
        )
    shape = (cells.n_features, cells.n_lags) if over == "both" else (len(groups),)
    found = found.reshape(*shape, -1)
    return Importances(
        importances_mean=found.mean(axis=-1),
        importances_std=found.std(axis=-1),
        importances=found,
        score=whole,
        over=over,
        measure=measure,
        feature_names=names,
    )


def _scorer(asked: Any, estimator: Any, scoring: Any) -> tuple[Any, str]:
    """What scores the estimator inside the one that was asked, and its name."""
    if scoring is None and writes_tokens(innermost(estimator)):
        return token_accuracy, "token accuracy"
    if scoring is None and asked is not estimator and hasattr(asked, "scorer_"):  # a search, which has one of its own
        scorer = asked.scorer_
        return (scorer[asked.refit] if isinstance(scorer, dict) else scorer), "score"
    return check_scoring(estimator, scoring), scoring if isinstance(scoring, str) else "score"


def _score_shuffled(
    scorer: Any, estimator: Any, cells: Cells, places: list[tuple[int, int]], order: Integers, y: Any
) -> float:
    """The score where some features at some lags are in another order of the sequences."""
    shuffled = cells.changed({place: _shuffled(cells, place, order) for place in places})
    return float(scorer(estimator, shuffled, y))


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
) -> Dependence:
    """The mean prediction over all sequences, were a feature at a lag to have a given value in each.

    Parameters
    ----------
    estimator : fitted estimator
        Any with `predict_proba`, which counts if it is there, or `predict`; also a Pipeline or a search. Behind a
        `SlidingWindow`, and in a `WindowForecaster`, the windows are looked at.
    X : array-like of shape (n_samples, n_timesteps, n_features) or (n_samples, n_columns), or list of arrays
        Sequences; those without a step at the lag are left as they are. For a forecaster a series, or None: its
        history; predictions are then in the units of its regressor, a column for each step of the horizon.
    feature, lag : int, default=0
        Which value: the number of a feature, and how many steps before the last one; at least 0.
    grid_resolution : int, default=50
        Values between the 5 % and the 95 % quantile; at least 2.
    grid : array-like of shape (n_values,) or None, default=None
        The values themselves; None: see ``grid_resolution``.

    Returns
    -------
    result : Dependence
        A Bunch: ``grid_values`` of shape (n_values,); ``average`` of shape (n_values,), or (n_values, n_targets) or
        (n_values, n_classes); ``feature`` and ``lag``; ``feature_names`` of a forecaster's windows, or None.

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
    estimator, X, _, width, names = given_windows(estimator, X)
    cells = Cells(X, width)
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
    return Dependence(grid_values=grid, average=np.array(average), feature=feature, lag=lag, feature_names=names)
