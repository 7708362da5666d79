"""Classes: one of several, or any number of several labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from skrnn._types import Floats, Integers
from skrnn.objectives._base import MiniBatch, Objective

__all__ = ["CrossEntropy", "MultilabelCrossEntropy", "log_softmax", "softmax"]


def softmax(scores: Floats) -> Floats:
    """Probabilities on the last axis."""
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


def log_softmax(scores: Floats) -> Floats:
    """Their logarithms, which are finite also where a probability is too small for a number."""
    probabilities = softmax(scores)
    with np.errstate(divide="ignore"):
        logs = np.log(probabilities)
    if (probabilities > 0).all():
        return np.asarray(logs)
    shifted = scores - scores.max(axis=-1, keepdims=True)
    return np.where(probabilities > 0, logs, shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


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
