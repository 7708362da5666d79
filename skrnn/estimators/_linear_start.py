"""A network that starts from a simple model: offsets for its outputs, and a head that says nothing yet."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from skrnn._types import Array, Doubles, Singles
from skrnn.estimators._fitted import Fitted
from skrnn.estimators._own_start import OwnStart, fit_own_start
from skrnn.estimators._parameters import Parameters
from skrnn.estimators._training_data import FitData
from skrnn.networks import pinned_blas
from skrnn.objectives import AbsoluteError, Likelihood, MiniBatch, Objective
from skrnn.tasks import Task
from skrnn.training import Linear, NGrams, Shares, TrainingSet, fit_by_absolute_errors, fit_linear

__all__ = ["first_bias", "silenced", "started"]

_ROWS_FOR_ABSOLUTE_ERRORS = 500  # to learn from
_STANDARD_ERRORS = 2.0  # by which n-grams have to be better than nothing
_ROWS_FOR_SPREAD = 2_000  # of a training part, that say how large its errors are
_FARTHEST_SPREAD = 10.0  # outputs before softplus, which then is 5e-5 to 10
_LARGEST_FACTOR = 10.0  # of classes that are told apart without an error: log-odds of 20
_SHARE = 0.6  # of a linear model's log-odds that a network starts from: it should learn for itself, too
_SHARE_UNWATCHED = 4.0  # of MiniRocket's where no validation part says when the network spoils them


def started(
    data: FitData,
    task: Task,
    parameters: Parameters,
    before: Fitted | None,
    again: Callable[[Parameters], FitData] | None,
) -> tuple[FitData, Parameters]:
    """The data with what a simple model says as offsets, where the network starts from one: of an earlier fit or of
    ``init``.

    ``again`` prepares the data without one, for whose sake rows may be held out, if it turns out to know nothing;
    None: it is started from all the same.
    """
    linear = None if before is None else before.linear
    if linear is None and (before is not None or parameters.init is None):
        return data, parameters
    with pinned_blas():  # the bits of a product depend on the number of threads
        found = _with_offsets(data, task, linear, parameters.init, if_it_knows=again is not None)
    if found is None:
        assert again is not None
        parameters = replace(parameters, init=None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what there is to say of the data has been said
            found = again(parameters)
    return found, parameters


def _with_offsets(
    data: FitData, task: Task, linear: Linear | OwnStart | None, init: Any, *, if_it_knows: bool
) -> FitData | None:
    """The data with offsets; ``linear`` None: of the one of ``init``, fitted to the training part.

    None, with ``if_it_knows``: it knows no more of rows that it has not seen than their mean does.

    There a row's offset is what the model says without having seen it, so that the network learns from errors such as
    those on new rows. The model that predictions will use is then fitted to all rows, the validation part included
    unless that was given apart, and with ``refit`` the network learns what that one leaves of them.
    """
    training, validation, whole = data.training, data.validation, data.whole
    n_outputs, vocabulary = data.objective.n_outputs(training.n_targets), data.columns.vocabulary

    def offset(outputs: Array) -> Singles:
        return task.offsets(outputs, n_outputs).astype(np.float32)

    factor, robust = 1.0, False
    if linear is None:
        fitted, unseen = _fit(task, training, init, vocabulary)
        if if_it_knows and not _knows(task, training, unseen):
            return None
        if _may_be_robust(data, init):
            other = _fit(task, training, init, vocabulary, robust=True)
            robust = _error(data.objective, validation, other[0]) < _error(data.objective, validation, fitted)
            fitted, unseen = other if robust else (fitted, unseen)
        if data.scalings.targets is None:
            factor = _share(init, validation is not None) * _factor(data.objective, training, unseen)
        fitted, unseen = fitted.times(factor), unseen * factor
    else:
        fitted, unseen = linear, linear.outputs(training.batch, training.scaling)
    training, before = replace(training, offset=offset(unseen)), fitted
    if validation is not None:
        outputs = fitted.outputs(validation.batch, validation.scaling)
        validation = replace(validation, offset=offset(outputs))
        if linear is None and not data.apart:
            everything = _joined([training, data.gap, validation]) if whole is None else whole
            fitted, unseen = _fit(task, everything, init, vocabulary, robust, like=fitted if whole is None else None)
            fitted, unseen = fitted.times(factor), unseen * factor
        elif linear is not None and whole is not None:
            unseen = linear.outputs(whole.batch, whole.scaling)
    if whole is not None:
        whole = replace(whole, offset=offset(unseen))
    return replace(data, training=training, validation=validation, whole=whole, linear=fitted, linear_validated=before)


def silenced(weights: dict[str, Singles], bias: Singles | float) -> dict[str, Singles]:
    """The weights with a head that says one thing of all rows: the first outputs are the offsets and a bias."""
    zeros = {name: np.zeros_like(weights[name]) for name in ("head.weight", "head.bias")}
    zeros["head.bias"] += bias
    return {**weights, **zeros}


def first_bias(data: FitData) -> Singles | float:
    """What the head adds to the offsets at first: nothing, and of a distribution the spread that is likeliest for what
    the simple model leaves of rows that it has not seen, the same for all rows. A start from roots, whose squares are
    less than the mean by the variance of the roots, is brought to the likeliest mean, too.
    """
    objective, training = data.objective, data.training
    if not isinstance(objective, Likelihood) or training.offset is None:
        return 0.0
    rows = np.linspace(0, len(training.weights) - 1, min(len(training.weights), _ROWS_FOR_SPREAD)).astype(np.intp)
    part, weights = training.mini_batch(rows), training.weights[rows] / training.weights[rows].sum()
    assert part.offset is not None
    offset, free = part.offset.astype(np.float64), np.arange(part.offset.shape[1]) % objective.n_parameters > 0
    free |= objective.starts_from_roots

    def loss(values: Doubles) -> tuple[float, Doubles]:
        outputs = offset.copy()
        outputs[:, free] += values
        losses, slopes = objective.loss(outputs, part)
        return float(np.einsum("n,n->", weights, losses)), np.einsum("n,nk->k", weights, slopes[:, free])

    bias = np.zeros(offset.shape[1], np.float32)
    bounds = [(-_FARTHEST_SPREAD, _FARTHEST_SPREAD)] * int(free.sum())
    bias[free] = minimize(loss, np.zeros(len(bounds)), jac=True, method="L-BFGS-B", bounds=bounds).x
    return bias


def _fit(
    task: Task,
    data: TrainingSet,
    init: Any,
    vocabulary: tuple[int, ...],
    robust: bool = False,
    like: Linear | OwnStart | None = None,
) -> tuple[Linear | OwnStart, Doubles]:
    """The start that ``init`` says, and what it says of unseen rows; ``robust``: the linear one by absolute errors;
    ``like``: one of less rows, whose strength one of n-grams takes; then it says what it has seen.
    """
    data = _rooted(task, data)
    if not isinstance(init, str):
        return fit_own_start(init, task, data)
    assert isinstance(data.targets, np.ndarray)
    targets = task.linear_targets(data.targets)
    if robust:
        return fit_by_absolute_errors(data.batch, data.scaling, targets, data.weights, data.when)
    reads: Shares | NGrams | None = None
    if init == "minirocket":
        reads = Shares.fit(data.batch, data.scaling, data.weights)
    elif init == "ngrams":
        reads = NGrams.fit(data.batch, data.weights, vocabulary, targets.shape[1])
        if like is not None and isinstance(like.reads, NGrams):
            reads = replace(reads, strength=like.reads.strength)
    return fit_linear(data.batch, data.scaling, targets, data.gain, data.weights, reads, data.when)


def _rooted(task: Task, data: TrainingSet) -> TrainingSet:
    """The data with the roots of counts as targets."""
    if not task.starts_from_roots:
        return data
    assert isinstance(data.targets, np.ndarray)
    assert data.gain is not None
    return replace(data, targets=np.sqrt(data.targets / data.gain), gain=None)


def _knows(task: Task, data: TrainingSet, unseen: Doubles) -> bool:
    """Whether the squared errors of rows that a start has not seen are smaller than those of the mean, by more than
    chance would have it.
    """
    data = _rooted(task, data)
    assert isinstance(data.targets, np.ndarray)
    targets, weights = task.linear_targets(data.targets), data.weights / data.weights.sum()
    mean = np.nansum(weights[:, None] * targets, axis=0) / np.maximum(weights @ ~np.isnan(targets), 1e-300)
    gains = np.nansum((targets - mean) ** 2 - (targets - unseen) ** 2, axis=1)
    gain = float(weights @ gains)
    return gain > _STANDARD_ERRORS * float(np.sqrt(weights**2 @ (gains - gain) ** 2))


def _may_be_robust(data: FitData, init: Any) -> bool:
    """Whether a linear model by absolute errors may be better: the loss is one of these, and many rows can tell."""
    asked = isinstance(init, str) and init == "linear" and isinstance(data.objective, AbsoluteError)
    many = len(data.training.weights) >= _ROWS_FOR_ABSOLUTE_ERRORS
    return asked and many and data.validation is not None and data.training.gain is None


def _error(objective: Objective, data: TrainingSet | None, model: Linear | OwnStart) -> float:
    """The loss of what a start says of rows that it has not seen."""
    assert data is not None
    return _loss(objective, data, model.outputs(data.batch, data.scaling))


def _loss(objective: Objective, data: TrainingSet, outputs: Doubles) -> float:
    """The weighted sum of a loss that reads no inputs."""
    assert isinstance(data.targets, np.ndarray)
    everything = MiniBatch(np.empty((0, 0, 0)), data.batch.lengths, data.targets)
    return float(objective.loss(outputs, everything)[0] @ data.weights)


def _share(init: Any, watched: bool) -> float:
    """How much of the log-odds counts at the start."""
    if init == "linear":
        return _SHARE
    return _SHARE_UNWATCHED if init == "minirocket" and not watched else 1.0


def _factor(objective: Objective, data: TrainingSet, unseen: Doubles) -> float:
    """What makes log-odds of predictions of classes as 1 and -1: the factor with the smallest loss on unseen rows.

    It is near 0 where a linear model says nothing. (A temperature: Platt, "Probabilistic outputs for support vector
    machines", 1999, with one parameter.)
    """
    return float(
        minimize_scalar(
            lambda factor: _loss(objective, data, factor * unseen), bounds=(0.0, _LARGEST_FACTOR), method="bounded"
        ).x
    )


def _joined(found: list[TrainingSet | None]) -> TrainingSet:
    """The rows of the sets that there are, which lie in one table of steps."""
    sets = [part for part in found if part is not None]
    fields = ("starts", "lengths", "leading", "spans")
    starts, lengths, leading, spans = (np.concatenate([getattr(part.batch, name) for part in sets]) for name in fields)
    batch = replace(sets[0].batch, starts=starts, lengths=lengths, leading=leading, spans=spans)
    parts = ([getattr(part, name) for part in sets] for name in ("targets", "gain"))
    targets, gain = (None if values[0] is None else np.concatenate(values) for values in parts)
    weights = np.concatenate([part.weights * (part.unit / sets[0].unit) for part in sets])
    when = [part.when for part in sets if part.when is not None]
    joined = when[0]._replace(places=np.concatenate([each.places for each in when])) if when else None
    return TrainingSet(batch, sets[0].scaling, targets, gain, weights, when=joined)
