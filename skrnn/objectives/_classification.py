"""Classes: one of several, or any number of several labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from skrnn._types import Floats, Integers
from skrnn.objectives._base import MiniBatch, Objective

__all__ = ["CrossEntropy", "MultilabelCrossEntropy", "log_probabilities_of", "softmax"]

_USUAL = 500.0  # whose exponentials, and sums of them, are numbers


def softmax(scores: Floats) -> Floats:
    """Probabilities on the last axis."""
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


def log_probabilities_of(classes: Integers, scores: Floats) -> Floats:
    """The logarithms of the probabilities (N,) that scores (N, K) give to one class each, by softmax.

    They are finite also where a probability is too small for a number. Scores of a usual size are not shifted.
    """
    rows = np.arange(len(scores))
    if scores.size and not (scores.max() < _USUAL and scores.min() > -_USUAL):
        scores = scores - scores.max(axis=1, keepdims=True)
    chosen = scores[rows, classes]
    return np.asarray(chosen - np.log(np.exp(scores).sum(axis=1)))


@dataclass(frozen=True)
class CrossEntropy(Objective):
    """Minus the log of the probability of the right class, by softmax. Targets are class numbers (n, 1)."""

    n_classes: int
    shrinks: ClassVar[bool] = False

    def n_outputs(self, n_targets: int) -> int:
        return self.n_classes

    def loss(self, outputs: Floats, batch: MiniBatch) -> tuple[Floats, Floats]:
        assert batch.targets is not None
        rows, classes = np.arange(len(outputs)), batch.targets[:, 0].astype(np.intp)
        shifted = outputs - outputs.max(axis=1, keepdims=True)
        exponentials = np.exp(shifted)
        totals = exponentials.sum(axis=1, keepdims=True)
        gradient = exponentials / totals
        gradient[rows, classes] -= 1
        return np.log(totals[:, 0]) - shifted[rows, classes], gradient

    def decode(self, outputs: Floats) -> Floats:
        return softmax(outputs)

    def strata(self, targets: Floats | None) -> Integers | None:
        assert targets is not None
        return targets[:, 0].astype(np.intp)


@dataclass(frozen=True)
class MultilabelCrossEntropy(Objective):
    """Mean binary cross-entropy over the labels; targets (n, n_labels) are 0 or 1."""

    shrinks: ClassVar[bool] = False

    def n_outputs(self, n_targets: int) -> int:
        return n_targets

    def loss(self, outputs: Floats, batch: MiniBatch) -> tuple[Floats, Floats]:
        assert batch.targets is not None
        # log(1 + exp(o)) - target * o, without overflow
        value = np.maximum(outputs, 0) + np.log1p(np.exp(-np.abs(outputs))) - batch.targets * outputs
        gradient = (self.decode(outputs) - batch.targets) / outputs.dtype.type(outputs.shape[1])
        return value.mean(axis=1), gradient

    def decode(self, outputs: Floats) -> Floats:
        small = np.exp(-np.abs(outputs))
        return np.asarray(np.where(outputs >= 0, 1, small) / (1 + small))
