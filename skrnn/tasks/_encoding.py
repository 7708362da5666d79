"""Targets in the units of a loss, and sample weights of mean 1."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from skrnn._types import Array, Doubles, Singles
from skrnn.sequences import SequenceBatch

__all__ = ["Encoded", "encode_steps", "mean_one"]


class Encoded(NamedTuple):
    """Targets in the units of the loss, their gain, and sample weights with the class weights in them."""

    values: Singles | SequenceBatch | None
    gain: Singles | None
    sample_weights: Doubles


def mean_one(sample_weights: Doubles) -> Doubles:
    """Weights of rows, of which class weights are a part, with the mean 1."""
    if not sample_weights.any():
        raise ValueError(
            "class_weight leaves no sequence of the training or of the validation part with a weight above 0. Give "
            "more classes a positive weight."
        )
    scale = len(sample_weights) / sample_weights.sum()
    return sample_weights if scale == 1 else sample_weights * scale


def encode_steps(targets: SequenceBatch, values: Array, by_step: Array, sample_weights: Doubles) -> SequenceBatch:
    """Sequences of targets; their step weights sum to 1 in the average row.

    ``values`` (N, k) of all steps in the units of the loss, and their weights ``by_step`` (N,), take the place of those
    in ``targets``.
    """
    ends = np.cumsum(targets.lengths)
    total = np.add.reduceat(by_step, ends - targets.lengths, dtype=np.float64) @ sample_weights
    if not total > 0:
        raise ValueError(
            "No time step of the training or of the validation part has a target and a weight above 0. Give more steps "
            "a target, or more classes a positive weight."
        )
    steps = np.zeros((len(values), values.shape[1] + 1), np.float32)
    steps[:, :-1] = values
    steps[~(by_step > 0), :-1] = 0.0
    steps[:, -1] = by_step * (sample_weights.sum() / total)
    return SequenceBatch.one_after_another(steps, targets.lengths)
