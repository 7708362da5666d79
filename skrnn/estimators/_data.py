"""From validated rows to a training set: the validation tail, the canonical form, and the statistics after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn.estimators._sets import make_set, unknown_rates
from skrnn.objectives import Objective, TargetScaling
from skrnn.sequences import InputScaling, SequenceBatch, canonical_rows, keep_used_categories
from skrnn.training import TrainingSet

__all__ = ["FitData", "prepare"]

Doubles = NDArray[np.float64]


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
    del canonical, kept  # with millions of windows, every array counts
    if scalings is not None:
        inputs, outputs = scalings
    else:
        if embeds:
            inputs = InputScaling.of_categories(batch.n_features)
        else:
            inputs = InputScaling.fit(estimator.scaling, distinct, merged)
        outputs = estimator._fit_target_scaling(distinct_targets, merged, inputs, distinct)
    unknown = unknown_rates(distinct, estimator.categories_) if embeds else ()
    training_set = make_set(estimator, (inputs, outputs, unknown), distinct, distinct_targets, merged)
    validation = None
    if held_out is not None:
        rest = np.flatnonzero(held_out & (weights > 0))
        parts = batch.take(rest), _take(targets, rest), weights[rest]
        validation = make_set(estimator, (inputs, outputs, unknown), *parts)
    return FitData(objective, inputs, outputs, training_set, validation)


def _take(targets: Any, rows: NDArray[np.intp]) -> Any:
    if isinstance(targets, SequenceBatch):
        return targets.take(rows)
    return None if targets is None else targets[rows]


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
