"""A training set: targets in the units of the loss, weights of mean 1, and how often a category is read as unknown."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn.objectives import TargetScaling
from skrnn.sequences import InputScaling, SequenceBatch
from skrnn.training import TrainingSet

__all__ = ["make_set", "unknown_rates"]

Doubles = NDArray[np.float64]

_UNKNOWN = 0.25  # of a category that occurs n times, the part _UNKNOWN / (_UNKNOWN + n) is read as unknown


def make_set(
    estimator: Any,
    fitted: tuple[InputScaling, TargetScaling | None, tuple[NDArray[np.float32], ...]],
    batch: SequenceBatch,
    targets: Any,
    weights: Doubles,
) -> TrainingSet:
    """The set of these rows, with the scalings and rates ``fitted`` on the training part."""
    inputs, outputs, unknown = fitted
    if targets is None and estimator.embedding_dim is not None:
        targets = _next_categories(batch)  # what follows is in the sequence itself
    if isinstance(targets, SequenceBatch):
        return TrainingSet(batch, inputs, _step_targets(estimator, targets, weights, outputs), None, weights, unknown)
    factors = estimator._class_weights(targets, weights)
    weights = weights if factors is None else weights * factors
    if not weights.any():
        raise ValueError(
            "class_weight leaves no sequence of the training or of the validation part with a weight above 0. Give "
            "more classes a positive weight."
        )
    scale = len(weights) / weights.sum()
    weights = weights if scale == 1 else weights * scale
    gain = None
    if outputs is not None:
        values, gain = outputs.encode(targets, inputs, batch)
    else:
        values = None if targets is None else targets.astype(np.float32)
    return TrainingSet(batch, inputs, values, gain, weights, unknown)


def _next_categories(batch: SequenceBatch) -> SequenceBatch:
    """The first category of the following step as each step's target, with a weight of 0 where there is none known."""
    codes = batch.flat_steps()[:, 0]
    steps = np.zeros((len(codes), 2), np.float32)
    steps[:-1, 0] = codes[1:]
    steps[np.cumsum(batch.lengths) - 1, 0] = 0.0
    np.nan_to_num(steps, copy=False)
    steps[:, 1] = steps[:, 0] > 0
    return SequenceBatch.one_after_another(steps, batch.lengths)


def _step_targets(
    estimator: Any, targets: SequenceBatch, weights: Doubles, scaling: TargetScaling | None
) -> SequenceBatch:
    """Sequences of targets in the units of the loss; their step weights sum to 1 in the average row."""
    flat = targets.flat_steps()
    values, by_step = flat[:, :-1], flat[:, -1]
    counted = by_step > 0
    if getattr(estimator, "class_weight", None) is not None:
        by_row = np.repeat(weights, targets.lengths)[counted]
        by_step = by_step.copy()
        by_step[counted] *= estimator._class_weights(values[counted], by_step[counted] * by_row)
    ends = np.cumsum(targets.lengths)
    total = np.add.reduceat(by_step, ends - targets.lengths, dtype=np.float64) @ weights
    if not total > 0:
        raise ValueError(
            "No time step of the training or of the validation part has a target and a weight above 0. Give more steps "
            "a target, or more classes a positive weight."
        )
    steps = np.zeros(flat.shape, np.float32)
    steps[:, :-1] = values if scaling is None else scaling.encode(values, None, None)[0]
    steps[~counted, :-1] = 0.0
    steps[:, -1] = by_step * (weights.sum() / total)
    return SequenceBatch.one_after_another(steps, targets.lengths)


def unknown_rates(batch: SequenceBatch, categories: list[NDArray[Any]]) -> tuple[NDArray[np.float32], ...]:
    """How often each category is read as unknown in training: the rarer, the more.

    Kiperwasser & Goldberg, "Simple and accurate dependency parsing using bidirectional LSTM feature representations",
    TACL 4, 2016, section 5: a / (a + count) with a = 0.25.
    """
    uses, rates = batch.coverage(), []
    for f, values in enumerate(categories):
        numbers = np.nan_to_num(batch.steps[:, f]).astype(np.intp)
        counts = np.bincount(numbers, weights=uses, minlength=len(values) + 1)
        rates.append((_UNKNOWN / (_UNKNOWN + counts)).astype(np.float32))
    return tuple(rates)
