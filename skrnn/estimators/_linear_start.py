"""A network that starts from a simple model: offsets for its outputs, and a head that says nothing yet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from skrnn._types import Array, Doubles, Singles
from skrnn.estimators._own_start import OwnStart, fit_own_start
from skrnn.estimators._training_data import FitData
from skrnn.networks import NetworkSpec, initial_weights, pinned_blas
from skrnn.objectives import AbsoluteError, MiniBatch, Objective
from skrnn.tasks import Task
from skrnn.training import Linear, Shares, TrainingResult, TrainingSet, fit_by_absolute_errors, fit_linear

__all__ = ["silent_start", "with_offsets"]

_ROWS_FOR_ABSOLUTE_ERRORS = 500  # to learn from
_LARGEST_FACTOR = 10.0  # of classes that are told apart without an error: log-odds of 20
_SHARE = 0.6  # of a linear model's log-odds that a network starts from: it should learn for itself, too
_SHARE_UNWATCHED = 4.0  # of MiniRocket's where no validation part says when the network spoils them


def with_offsets(data: FitData, task: Task, linear: Linear | OwnStart | None, init: Any) -> FitData:
    """The data with what a simple model says as offsets; None: the one of ``init``, fitted to the training part.

    There a row's offset is what the model says without having seen it, so that the network learns from errors such as
    those on new rows. The model that predictions will use is then fitted to all rows, the validation part included,
    and with ``refit`` the network learns what that one leaves of them.
    """
    training, validation, whole = data.training, data.validation, data.whole
    n_outputs = data.objective.n_outputs(training.n_targets)

    def offset(outputs: Array) -> Singles:
        return task.offsets(outputs, n_outputs).astype(np.float32)

    with pinned_blas():  # the bits of a product depend on the number of threads
        factor, robust = 1.0, None
        if linear is None:
            fitted, unseen = _fit(task, training, init)
            robust = _better_by_absolute_errors(data, task, fitted, init)
            if robust is not None:
                fitted, unseen = robust
            if data.scalings.targets is None:
                factor = _share(init, validation is not None) * _factor(data.objective, training, unseen)
            fitted, unseen = fitted.times(factor), unseen * factor
        else:
            fitted, unseen = linear, linear.outputs(training.batch, training.scaling)
        training = replace(training, offset=offset(unseen))
        if validation is not None:
            outputs = fitted.outputs(validation.batch, validation.scaling)
            validation = replace(validation, offset=offset(outputs))
            parts = [part for part in (training, data.gap, validation) if part is not None]
            if linear is None:
                everything = _joined(parts) if whole is None else whole
                fitted, unseen = _fit(task, everything, init) if robust is None else _fit_robust(task, everything)
                fitted, unseen = fitted.times(factor), unseen * factor
            elif whole is not None:
                unseen = linear.outputs(whole.batch, whole.scaling)
        if whole is not None:
            whole = replace(whole, offset=offset(unseen))
    return replace(data, training=training, validation=validation, whole=whole, linear=fitted)


def silent_start(spec: NetworkSpec, rng: np.random.Generator) -> TrainingResult:
    """Fresh weights whose head is zero: the network's first outputs are the offsets."""
    weights = initial_weights(spec, rng)
    for name in ("head.weight", "head.bias"):
        weights[name] = np.zeros_like(weights[name])
    return TrainingResult(weights, {})


def _fit(task: Task, data: TrainingSet, init: Any) -> tuple[Linear | OwnStart, Doubles]:
    assert isinstance(data.targets, np.ndarray)
    if not isinstance(init, str):
        return fit_own_start(init, task, data)
    reads = Shares.fit(data.batch, data.scaling, data.weights) if init == "minirocket" else None
    return fit_linear(data.batch, data.scaling, task.linear_targets(data.targets), data.gain, data.weights, reads)


def _fit_robust(task: Task, data: TrainingSet) -> tuple[Linear, Doubles]:
    assert isinstance(data.targets, np.ndarray)
    return fit_by_absolute_errors(data.batch, data.scaling, task.linear_targets(data.targets), data.weights)


def _better_by_absolute_errors(
    data: FitData, task: Task, squares: Linear | OwnStart, init: Any
) -> tuple[Linear, Doubles] | None:
    """For a loss of absolute errors, a model by these, if it has the smaller one in the validation part."""
    validation, many = data.validation, len(data.training.weights) >= _ROWS_FOR_ABSOLUTE_ERRORS
    asked = init == "linear" if isinstance(init, str) else False
    if (
        not (asked and many and isinstance(data.objective, AbsoluteError))
        or validation is None
        or validation.gain is not None
    ):
        return None
    assert isinstance(validation.targets, np.ndarray)
    robust = _fit_robust(task, data.training)
    truth = MiniBatch(np.empty((0, 0, 0)), validation.batch.lengths, validation.targets)  # such a loss reads no inputs
    error, before = (
        data.objective.loss(model.outputs(validation.batch, validation.scaling), truth)[0] @ validation.weights
        for model in (robust[0], squares)
    )
    return robust if error < before else None


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
    assert isinstance(data.targets, np.ndarray)
    everything = MiniBatch(np.empty((0, 0, 0)), data.batch.lengths, data.targets)  # a loss of classes reads no inputs

    def mean_loss(factor: float) -> float:
        return float(objective.loss(factor * unseen, everything)[0] @ data.weights)

    return float(minimize_scalar(mean_loss, bounds=(0.0, _LARGEST_FACTOR), method="bounded").x)


def _joined(sets: list[TrainingSet]) -> TrainingSet:
    """The rows of sets that lie in one table of steps."""
    fields = ("starts", "lengths", "leading", "spans")
    starts, lengths, leading, spans = (np.concatenate([getattr(part.batch, name) for part in sets]) for name in fields)
    batch = replace(sets[0].batch, starts=starts, lengths=lengths, leading=leading, spans=spans)
    parts = ([getattr(part, name) for part in sets] for name in ("targets", "gain", "weights"))
    targets, gain, weights = (None if values[0] is None else np.concatenate(values) for values in parts)
    assert weights is not None
    return TrainingSet(batch, sets[0].scaling, targets, gain, weights)
