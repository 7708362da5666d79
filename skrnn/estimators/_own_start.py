"""A network that starts from an estimator of the user's own, in the place of a linear model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, clone, is_classifier, is_regressor
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.validation import has_fit_parameter

from skrnn._plain import is_size, require, require_fields
from skrnn._types import Array, Doubles, Floats, Integers
from skrnn.sequences import InputScaling, SequenceBatch
from skrnn.tasks import Task
from skrnn.training import NewestSteps, TrainingSet, both_ways

__all__ = ["OwnStart", "fit_own_start"]

_FOLDS = 5  # in which rows are left out, to learn what the estimator says of rows that it has not seen
_LEAST_PROBABILITY = 1e-3  # of a class, before its logarithm is taken
_ORDERS = 8  # an even number, in which the inputs join
_MOST_ASKED = 1 << 22  # values that an estimator is asked about at a time
_MOST_REPEATED = 1_000_000  # rows, where weights have to be repetitions


@dataclass(frozen=True, eq=False)
class OwnStart:
    """Fitted estimators, one for all classes or one per target, which read the newest steps of the scaled inputs.

    What they say counts ``factor`` times. ``n_classes`` is None where they predict numbers.
    """

    reads: NewestSteps
    estimators: tuple[BaseEstimator, ...]
    n_classes: int | None
    factor: float = 1.0

    init: ClassVar[str] = "estimator"

    @property
    def shape(self) -> tuple[int, int]:
        """How many features it reads, and how many outputs it has."""
        return self.reads.n_features, len(self.estimators) if self.n_classes is None else self.n_classes

    def outputs(self, batch: SequenceBatch, scaling: InputScaling) -> Doubles:
        """Predictions (n_samples, k) in the units of the loss, or log-odds."""
        parts = [self.of(features) for _, features in self.reads.chunks(batch, scaling)]
        return np.concatenate(parts)

    def of(self, features: Doubles) -> Doubles:
        """Predictions (n, k) from features (n, n_features)."""
        columns = [_said(one, _ask(one)(features), self.n_classes) for one in self.estimators]
        return self.factor * np.concatenate(columns, axis=1)

    def attributed(self, values: Floats, lengths: Integers, chosen: Integers) -> Doubles:
        """What each of the scaled inputs (B, T, F) adds to the ``chosen`` prediction (B,) of its row; (B, T, F).

        Nothing is known of the estimators but their predictions: these are Shapley values, from sampled orders in which
        the inputs take the places of zeros (Castro, Gómez & Tejada, Computers & Operations Research 36(5), 2009).
        """
        features, rng = self.reads.features(values, lengths), np.random.default_rng(0)
        found, n = np.zeros(features.shape), features.shape[1]
        size = max(1, _MOST_ASKED // ((n + 1) * n))
        for order in both_ways(rng, n, _ORDERS):
            present = np.argsort(order) < np.arange(n + 1)[:, None]  # (n + 1, n), one more in each row
            for begin in range(0, len(features), size):
                rows = slice(begin, begin + size)
                asked = np.where(present, features[rows, None], 0.0).reshape(-1, n)
                said = self.of(asked).reshape(-1, n + 1, self.shape[1])
                picked = np.take_along_axis(said, chosen[rows, None, None], axis=2)[:, :, 0]
                found[rows, order] += np.diff(picked, axis=1) / _ORDERS
        return self.reads.placed(found, values, lengths)

    def times(self, factor: float) -> OwnStart:
        """The same, counted so many times more."""
        return replace(self, factor=self.factor * factor)

    def plain(self) -> dict[str, Any]:
        """As builtins and the estimators, which are stored as they store themselves."""
        return {**vars(self), "reads": self.reads.n_steps, "estimators": list(self.estimators)}

    @classmethod
    def from_plain(cls, values: Any, n_inputs: int, vocabulary: tuple[int, ...] = ()) -> OwnStart:
        """The checked start of a stored state, of so many inputs per step; ``vocabulary``: as `NewestSteps` has it."""
        require_fields(values, cls, "linear")
        good = is_size(values["reads"]) and isinstance(values["factor"], float) and np.isfinite(values["factor"])
        good = good and isinstance(values["estimators"], list) and len(values["estimators"]) > 0
        good = good and (values["n_classes"] is None or is_size(values["n_classes"]))
        require(good and all(isinstance(one, BaseEstimator) for one in values["estimators"]), "init is no estimator")
        reads, estimators = NewestSteps(values["reads"], n_inputs, vocabulary), tuple(values["estimators"])
        widths = {getattr(one, "n_features_in_", reads.n_features) for one in estimators}
        require(widths == {reads.n_features}, f"init reads {sorted(widths)} features, not {reads.n_features}")
        return cls(reads, estimators, values["n_classes"], values["factor"])


def fit_own_start(estimator: Any, task: Task, data: TrainingSet) -> tuple[OwnStart, Doubles]:
    """The start, fitted, and what it says of each row without having seen it (n_samples, k)."""
    n_classes = _check_kind(estimator, task)
    reads = NewestSteps.fit(data.batch, data.scaling)
    features = np.concatenate([part for _, part in reads.chunks(data.batch, data.scaling)])
    assert isinstance(data.targets, np.ndarray)
    fitted, unseen = [], []
    for k in range(data.targets.shape[1]):
        targets = data.targets[:, k].astype(np.float64)
        gain = np.ones(len(targets)) if data.gain is None else data.gain[:, k].astype(np.float64)
        known = np.flatnonzero(~np.isnan(targets))
        y, weights = targets[known] / gain[known], data.weights[known] * gain[known] ** 2
        one, left_out = _fit_one(_fresh(estimator), features[known], y, weights, n_classes)
        said = np.empty((len(targets), left_out.shape[1]))
        said[known] = left_out
        if len(known) < len(targets):
            said[np.isnan(targets)] = _said(one, _ask(one)(features[np.isnan(targets)]), n_classes)
        fitted.append(one)
        unseen.append(said)
    return OwnStart(reads, tuple(fitted), n_classes), np.concatenate(unseen, axis=1)


def _check_kind(estimator: Any, task: Task) -> int | None:
    """A regressor for numbers, or a classifier for so many classes."""
    if task.form == "multilabel":
        raise InvalidParameterError(f"init={estimator!r} is for one class per sequence. Use 'linear' or None.")
    if task.known is None:
        if not is_regressor(estimator):
            raise InvalidParameterError(f"init={estimator!r} must be a regressor.")
        return None
    if not is_classifier(estimator) or not hasattr(estimator, "predict_proba"):
        raise InvalidParameterError(f"init={estimator!r} must be a classifier with predict_proba.")
    return len(task.known)


def _ask(estimator: Any) -> Callable[[Doubles], Array]:
    """The method that answers."""
    return getattr(estimator, "predict_proba" if is_classifier(estimator) else "predict")


def _said(estimator: Any, answers: Array, n_classes: int | None) -> Doubles:
    """Answers as outputs: numbers (n, 1), or logarithms of the probabilities of all classes (n, n_classes)."""
    if n_classes is None:
        return np.asarray(answers, np.float64).reshape(len(answers), 1)
    probabilities = np.zeros((len(answers), n_classes))
    probabilities[:, np.asarray(estimator.classes_, np.intp)] = answers
    return np.asarray(np.log(np.maximum(probabilities, _LEAST_PROBABILITY)))


def _fresh(estimator: Any) -> Any:
    """A copy, whose chance is fixed: the same rows give the same bits."""
    copy = clone(estimator)
    open_chances = (
        key for key, value in copy.get_params().items() if key.split("__")[-1] == "random_state" and value is None
    )
    return copy.set_params(**dict.fromkeys(open_chances, 0))


def _fit_one(estimator: Any, X: Doubles, y: Doubles, weights: Doubles, n_classes: int | None) -> tuple[Any, Doubles]:
    """Fitted to all rows, and what copies say of the rows that they have not seen."""
    X, y, params, first = _weighted(estimator, X, y, weights)
    estimator.fit(X, y, **params)
    counts = np.array([len(y)]) if n_classes is None else np.unique(y, return_counts=True)[1]
    folds = min(_FOLDS, int(counts.min()))
    if folds < 2:  # too few rows to leave some out
        return estimator, _said(estimator, _ask(estimator)(X), n_classes)[first]
    cv = (KFold if n_classes is None else StratifiedKFold)(folds, shuffle=True, random_state=0)
    method = "predict" if n_classes is None else "predict_proba"
    answers = cross_val_predict(clone(estimator), X, y, cv=cv, method=method, params=params)
    return estimator, _said(estimator, answers, n_classes)[first]


def _weighted(estimator: Any, X: Doubles, y: Doubles, weights: Doubles) -> tuple[Doubles, Doubles, dict[str, Any], Any]:
    """Rows, what goes with them into `fit`, and where among them each row stands first."""
    if np.ptp(weights) == 0:
        return X, y, {}, slice(None)
    if has_fit_parameter(estimator, "sample_weight"):
        return X, y, {"sample_weight": weights / weights.mean()}, slice(None)
    times = weights / weights.min()
    if np.abs(times - times.round()).max() > 1e-6 or times.sum() > _MOST_REPEATED:
        raise ValueError(
            f"init={estimator!r} takes no sample_weight in fit, and the weights are not whole numbers, which could be "
            "repetitions. Use an estimator that takes sample_weight, or leave the weights out."
        )
    whole = times.round().astype(np.intp)
    rows = np.repeat(np.arange(len(X)), whole)
    return X[rows], y[rows], {}, np.cumsum(whole) - whole
