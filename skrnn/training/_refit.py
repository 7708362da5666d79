"""A second training on all rows, once a validation part has said how many epochs are best."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from skrnn.networks import NetworkSpec, initial_weights
from skrnn.objectives import Objective
from skrnn.training._config import Observer, TrainingConfig, TrainingResult, TrainingSet
from skrnn.training._loop import train
from skrnn.training._observers import Follower, Leader
from skrnn.training._shrinkage import between

__all__ = ["train_and_refit"]


def train_and_refit(
    spec: NetworkSpec,
    objective: Objective,
    data: TrainingSet,
    config: TrainingConfig,
    rng: np.random.Generator,
    *,
    validation: TrainingSet,
    whole: TrainingSet,
    start: TrainingResult | None = None,
    observer: Observer,
) -> TrainingResult:
    """As `train`, then the same again on the rows of ``whole``, for as many epochs as the best one's number.

    The validation part decides on the epoch, and on how much of what it adds to the start is kept, if anything; what it
    holds, often the newest rows, is learnt from only then. The curves are those of the first training. A training that
    its observer stops is not repeated, nor is one that keeps its start. Categories that only ``whole`` holds are
    unknown to the first training, and stay so where it is not repeated.
    """
    fresh = start is None or not start.loss_curve
    if start is None:
        start = TrainingResult(initial_weights(spec, rng), {})
    leader = Leader(observer)
    first = train(spec, objective, data, config, rng, validation=validation, start=start, observer=leader)
    if leader.stopped or first.best_epoch == 0:
        return _with_unknown(first, data) if fresh else first
    again = replace(config, stop_after=first.best_epoch)
    follower = observer if isinstance(observer, Follower) else None  # others count epochs
    second = train(spec, objective, whole, again, rng, start=start, observer=follower)
    weights = between(start, second, first.part).weights
    return replace(first, weights=weights, optimizer_state=second.optimizer_state, validated=first.weights)


def _with_unknown(result: TrainingResult, data: TrainingSet) -> TrainingResult:
    """Embeddings that nothing was learnt of become that of the unknown."""
    weights = dict(result.weights)
    for number, rate in enumerate(rate for rate in data.unknown if len(rate)):
        name = f"embedding.{number}.weight"
        weights[name] = np.where(rate[:, None] < 1, weights[name], weights[name][0])
    return replace(result, weights=weights)
