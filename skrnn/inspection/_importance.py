"""What a score depends on: features, lags, or both, by permutation.

Breiman, "Random forests", Machine Learning 45, 2001. scikit-learn's function of this name takes tables alone, and knows
no lags.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any, Literal

import numpy as np
from sklearn.metrics import check_scoring
from sklearn.utils import Bunch, _safe_indexing, check_random_state
from sklearn.utils.parallel import Parallel, delayed

from skrnn._constraints import Options, check_arguments, integers, reals
from skrnn._types import Array, Integers
from skrnn._warnings import warn_caller
from skrnn.estimators import reads_characters
from skrnn.inspection._grid import Cells
from skrnn.inspection._inside import given_windows, innermost
from skrnn.inspection._token_accuracy import token_accuracy, writes_tokens
from skrnn.inspection._words import InWords, label_of, listed

__all__ = ["Importances", "permutation_importance"]

_OVER = {
    "over": [Options({"features", "lags", "both"})],
    "n_repeats": [integers(1)],
    "max_samples": [integers(1), reals(0, 1, "right")],
    "scoring": [str, callable, None],
    "random_state": ["random_state"],
}


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
        `WindowForecaster`, what is shuffled are the windows; behind a `SequenceVectorizer`, the tokens.
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
        How many sequences to look at, at least 2, or which share of them, drawn without replacement: the time grows
        with them. Where y are classes, each has its share, and at least one sequence.
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
    estimator, X, y, width, names, _ = given_windows(estimator, X, y)
    scorer, measure = _scorer(asked, estimator, scoring)
    characters = reads_characters(innermost(estimator))
    cells = Cells(X, width, characters=characters)
    rows = _drawn(checked["max_samples"], cells.n_samples, _classes(estimator, y), rng)
    if len(rows) < cells.n_samples:
        X, y = _safe_indexing(X, rows), None if y is None else _safe_indexing(y, rows)
        cells = Cells(X, width, characters=characters)
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
        warn_caller(
            f"No shuffle changes the {measure}, {whole:.3g}: either the estimator does not look at X, or the score "
            "is too coarse to tell. Give a scoring that grades, such as 'neg_log_loss' for classes.",
            UserWarning,
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


def _classes(estimator: Any, y: Any) -> Array | None:
    """The number of the class of each sequence; None where y is something else."""
    if y is None or not hasattr(estimator, "classes_") or any(np.ndim(label) for label in y):
        return None
    return np.unique(np.asarray(y), return_inverse=True)[1]


def _drawn(max_samples: float, n_samples: int, classes: Array | None, rng: np.random.RandomState) -> Integers:
    """The sequences to look at; of each class its share, and at least one."""
    most = int(max_samples) if isinstance(max_samples, Integral) else round(max_samples * n_samples)
    if most >= n_samples > 1:
        return np.arange(n_samples)
    n_classes = 1 if classes is None else int(classes.max()) + 1
    if min(most, n_samples) < max(2, n_classes):
        raise ValueError(
            f"permutation_importance shuffles values among sequences: max_samples={max_samples} leaves "
            f"{min(most, n_samples)} of {n_samples}, and at least {max(2, n_classes)} are needed"
            + (", one of each class." if n_classes > 2 else ".")
        )
    order = rng.permutation(n_samples)
    if classes is not None:  # the place of each in its class, from 0 to 1: the first of each class come first
        place = np.empty(n_samples)
        for number in range(n_classes):
            members = order[classes[order] == number]
            place[members] = np.arange(len(members)) / len(members)
        order = order[np.argsort(place[order], kind="stable")]
    return order[:most]


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
