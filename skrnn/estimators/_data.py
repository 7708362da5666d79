"""From validated rows to a training set: the validation tail, the canonical form, and the statistics after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn.objectives import Objective, TargetScaling
from skrnn.sequences import InputScaling, SequenceBatch, canonical_rows, keep_used_categories
from skrnn.training import TrainingSet

__all__ = ["FitData", "prepare"]

Doubles = NDArray[np.float64]

_UNKNOWN = 0.25  # of a category that occurs n times, the part _UNKNOWN / (_UNKNOWN + n) is read as unknown


@dataclass(frozen=True, eq=False)
class FitData:
    """Everything that `train` needs but the network and its parameters."""

    objective: Objective
    inputs: InputScaling
    outputs: TargetScaling | None
    training: TrainingSet
    validation: TrainingSet | None


def prepare(
    estimator: Any,
    batch: SequenceBatch,
    targets: Doubles | SequenceBatch | None,
    weights: Doubles,
    scalings: tuple[InputScaling, TargetScaling | None] | None,
) -> FitData:
    """Make the training set of an estimator; ``scalings`` are kept if given, else learnt from it."""
    held_out, kept = None, weights
    if estimator.early_stopping:
        objective = estimator._make_objective(batch.n_features)
        held_out = _tail(batch, targets, weights, estimator.validation_fraction, objective, type(estimator).__name__)
        kept = weights * ~held_out
    embeds = estimator.embedding_dim is not None
    if embeds and scalings is None:
        batch, estimator.categories_ = keep_used_categories(batch, estimator.categories_, kept > 0)
    objective = estimator._make_objective(batch.n_features)
    canonical = canonical_rows(batch, targets, kept)
    merged, distinct = canonical.weights, batch.take(canonical.rows)
    distinct_targets = _take(targets, canonical.rows)
    follows = embeds and targets is None  # what follows is a target that is in the sequence itself
    if follows:
        distinct_targets = _next_categories(distinct)
    del canonical, kept  # with millions of windows, every array counts
    if scalings is None:
        if embeds:
            inputs = InputScaling.of_categories(batch.n_features)
        else:
            inputs = InputScaling.fit(estimator.scaling, distinct, merged)
        outputs = estimator._fit_target_scaling(distinct_targets, merged, inputs, distinct)
    else:
        inputs, outputs = scalings

    unknown = _unknown_rates(distinct, estimator.categories_) if embeds else ()

    def make_set(batch: SequenceBatch, targets: Any, weights: Doubles) -> TrainingSet:
        if isinstance(targets, SequenceBatch):
            encoded = _step_targets(estimator, targets, weights, outputs)
            return TrainingSet(batch, inputs, encoded, None, weights, unknown)
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
            assert targets is not None
            values, gain = outputs.encode(targets, inputs, batch)
        else:
            values = None if targets is None else targets.astype(np.float32)
        return TrainingSet(batch, inputs, values, gain, weights, unknown)

    training_set = make_set(distinct, distinct_targets, merged)
    if held_out is None:
        return FitData(objective, inputs, outputs, training_set, None)
    rest = np.flatnonzero(held_out & (weights > 0))
    held_targets = _next_categories(batch.take(rest)) if follows else _take(targets, rest)
    validation = make_set(batch.take(rest), held_targets, weights[rest])
    return FitData(objective, inputs, outputs, training_set, validation)


def _next_categories(batch: SequenceBatch) -> SequenceBatch:
    """The first category of the following step as each step's target, with a weight of 0 where there is none known."""
    lengths = np.asarray(batch.lengths)
    starts = np.cumsum(lengths) - lengths
    codes = np.nan_to_num(batch.steps[batch.flat_positions(), 0]).astype(np.float64)
    following = np.append(codes[1:], 0.0)
    following[starts + lengths - 1] = 0.0
    steps = np.column_stack([following, following > 0])
    return SequenceBatch(steps, starts, lengths, np.zeros_like(lengths), lengths)


def _take(targets: Any, rows: NDArray[np.intp]) -> Any:
    if isinstance(targets, SequenceBatch):
        return targets.take(rows)
    return None if targets is None else targets[rows]


def _step_targets(
    estimator: Any, targets: SequenceBatch, weights: Doubles, scaling: TargetScaling | None
) -> SequenceBatch:
    """Sequences of targets in the units of the loss; their step weights sum to 1 in the average row."""
    positions = targets.flat_positions()
    values, by_step = targets.steps[positions, :-1], targets.steps[positions, -1]
    counted, by_row = by_step > 0, np.repeat(weights, targets.lengths)
    factors = estimator._class_weights(values[counted], (by_step * by_row)[counted])
    if factors is not None:
        by_step[counted] *= factors
    total = by_step @ by_row
    if not total > 0:
        raise ValueError(
            "No time step of the training or of the validation part has a target and a weight above 0. Give more steps "
            "a target, or more classes a positive weight."
        )
    by_step = by_step * (weights.sum() / total)
    if scaling is not None:
        values = scaling.encode(values, None, None)[0]
    steps = np.column_stack([np.where(counted[:, None], values, 0.0), by_step]).astype(np.float32)
    lengths = np.asarray(targets.lengths)
    return SequenceBatch(steps, np.cumsum(lengths) - lengths, lengths, np.zeros_like(lengths), lengths)


def _unknown_rates(batch: SequenceBatch, categories: list[NDArray[Any]]) -> tuple[NDArray[np.float32], ...]:
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


def _tail(
    batch: SequenceBatch, targets: Any, weights: Doubles, fraction: float, objective: Objective, name: str
) -> NDArray[np.bool_]:
    """Which rows validate: the last ``fraction`` of the weight, of each class if there are classes.

    A row that also stands further up, in the training part, is not held out: equal rows stay on one side. Where all
    rows are equal, as windows of a straight line are, there is nothing to keep apart.
    """
    strata = objective.strata(targets)
    groups = [np.arange(len(weights))] if strata is None else [np.flatnonzero(strata == s) for s in np.unique(strata)]
    held_out = np.zeros(len(weights), dtype=bool)
    for rows in groups:
        before, total = np.cumsum(weights[rows]) - weights[rows], weights[rows].sum()
        held_out[rows] = before >= (1 - fraction - 1e-9) * total
        counted = rows[weights[rows] > 0]
        if len(counted) > 1 and not held_out[counted].any():
            held_out[counted[-1]] = True  # little data: at least one row
    canonical = canonical_rows(batch, targets, weights, groups=True)
    assert canonical.group is not None
    first = np.full(len(canonical.rows), len(weights))
    counted = weights > 0
    np.minimum.at(first, canonical.group[counted], np.flatnonzero(counted))
    if len(canonical.rows) > 1:
        held_out[counted] = held_out[first[canonical.group[counted]]]
    part = held_out[counted]
    if part.all() or not part.any():
        raise ValueError(
            f"early_stopping=True needs different rows to train and to validate on, and n_samples={len(weights)} with "
            f"validation_fraction={fraction} leaves none of one kind. Give {name} more data, change "
            "validation_fraction, or set early_stopping=False."
        )
    return held_out
