"""The cross-entropy of an adaptive softmax, from the states in front of it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from skrnn._types import Array, Flags, Floats, Integers, Singles
from skrnn.networks import AdaptiveSoftmax
from skrnn.objectives import MiniBatch

__all__ = ["AdaptiveLoss"]


class AdaptiveLoss:
    """What `EveryStep` (and `EveryToken`) of `CrossEntropy` makes of scores, made of the states (B, T, H) that a head
    would read: there are no scores (B, T, K) of all classes at any time.

    ``gradients`` are those of the head's weights, after `score`.
    """

    def __init__(self, cutoffs: tuple[int, ...], weights: Mapping[str, Array]):
        self.softmax = AdaptiveSoftmax(cutoffs, weights)
        self.gradients = {name: np.zeros_like(weights[name]) for name in self.softmax.names}

    def score(self, states: Floats, batch: MiniBatch, share: Singles) -> tuple[float, Floats]:
        """The loss of a mini-batch, which is share @ losses, and its gradient with respect to the states."""
        scored, classes, weights = _targets(batch)
        weights *= share[np.nonzero(scored)[0]]
        losses, slope = self.softmax.backward(states[scored], classes, weights, self.gradients)
        gradient = np.zeros_like(states)
        gradient[scored] = slope
        return float(losses @ weights), gradient

    def draw(self, states: Floats, rng: np.random.Generator) -> Integers:
        """A class (B, T) behind each of the states (B, T, H), by their probabilities."""
        return self.softmax.draw(states.reshape(-1, states.shape[2]), rng).reshape(states.shape[:2])

    def losses(self, states: Floats, batch: MiniBatch) -> Floats:
        """The loss of each row (B,)."""
        scored, classes, weights = _targets(batch)
        losses = self.softmax.losses(states[scored], classes) * weights
        return np.bincount(np.nonzero(scored)[0], weights=losses, minlength=len(states)).astype(states.dtype)


def _targets(batch: MiniBatch) -> tuple[Flags, Integers, Floats]:
    """Which steps (B, T) count, their classes (N,), and what each counts (N,)."""
    assert batch.targets is not None
    assert batch.step_weights is not None
    scored = batch.step_weights > 0
    return scored, batch.targets[scored][:, 0].astype(np.intp), batch.step_weights[scored]
