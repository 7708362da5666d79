"""A network that starts from a linear model: offsets for its outputs, and a head that says nothing yet."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from skrnn._types import Array, Singles
from skrnn.estimators._training_data import FitData
from skrnn.networks import NetworkSpec, initial_weights, pinned_blas
from skrnn.sequences import SequenceBatch
from skrnn.tasks import Task
from skrnn.training import Linear, TrainingResult, TrainingSet, fit_linear

__all__ = ["silent_start", "with_offsets"]


def with_offsets(data: FitData, task: Task, linear: Linear | None) -> FitData:
    """The data with what a linear model says as offsets; None: the model is fitted to the training part.

    There a row's offset is what the model says without having seen it, so that the network learns from errors such as
    those on new rows. The model that predictions will use is then fitted to all rows, the validation part included.
    """
    training, validation = data.training, data.validation
    n_outputs = data.objective.n_outputs(training.n_targets)

    def offset(outputs: Array) -> Singles:
        return task.offsets(outputs, n_outputs).astype(np.float32)

    with pinned_blas():  # the bits of a product depend on the number of threads
        if linear is None:
            fitted, unseen = _fit(training)
        else:
            fitted, unseen = linear, linear.outputs(training.batch, training.scaling)
        training = replace(training, offset=offset(unseen))
        if validation is not None:
            outputs = fitted.outputs(validation.batch, validation.scaling)
            validation = replace(validation, offset=offset(outputs))
            fitted = _fit(_joined(training, validation))[0] if linear is None else linear
    return replace(data, training=training, validation=validation, linear=fitted)


def silent_start(spec: NetworkSpec, rng: np.random.Generator) -> TrainingResult:
    """Fresh weights whose head is zero: the network's first outputs are the offsets."""
    weights = initial_weights(spec, rng)
    for name in ("head.weight", "head.bias"):
        weights[name] = np.zeros_like(weights[name])
    return TrainingResult(weights, {})


def _fit(data: TrainingSet) -> tuple[Linear, Array]:
    assert isinstance(data.targets, np.ndarray)
    return fit_linear(data.batch, data.scaling, data.targets, data.gain, data.weights)


def _joined(one: TrainingSet, other: TrainingSet) -> TrainingSet:
    """The rows of two sets that lie in one table of steps."""
    fields = ("starts", "lengths", "leading", "spans")
    rows = (np.concatenate([getattr(part.batch, name) for part in (one, other)]) for name in fields)
    batch = SequenceBatch(one.batch.steps, *rows)
    parts = ([getattr(part, name) for part in (one, other)] for name in ("targets", "gain", "weights"))
    targets, gain, weights = (None if values[0] is None else np.concatenate(values) for values in parts)
    assert weights is not None
    return TrainingSet(batch, one.scaling, targets, gain, weights)
